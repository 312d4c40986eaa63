"""How a session stands: its lifecycle, its activity, and what says so."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Lifecycle(StrEnum):
    """The life of a session's process."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    CRASHED = "crashed"
    LOST = "lost"


class Activity(StrEnum):
    """What a running session is doing."""

    WORKING = "working"
    NEEDS_APPROVAL = "needs_approval"
    NEEDS_ANSWER = "needs_answer"
    TURN_DONE = "turn_done"
    IDLE = "idle"
    LIMITED = "limited"
    ERRORED = "errored"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """What a status was read from, most trusted first."""

    ACP = "acp"
    OSC7501 = "osc7501"
    SIDE_CHANNEL = "side_channel"
    TITLE = "title"
    NOTIFICATION = "notification"
    SCREEN = "screen"
    SILENCE = "silence"
    PROCESS = "process"


class DialogKind(StrEnum):
    """What a waiting session asks for."""

    PERMISSION = "permission"
    QUESTION = "question"
    AUTH = "auth"
    TRUST = "trust"


class Choice(BaseModel):
    """One option of an open request: what it says and how it is named in an answer.

    ``meaning`` is ``allow_once``, ``allow_always`` or ``reject`` where the option is one of these.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    meaning: str | None = None


class Request(BaseModel):
    """An open request of a session: what is asked, and by which id an answer names it.

    On a terminal the id is made of the dialog's fingerprint and its appearance number.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    kind: DialogKind
    text: str
    choices: tuple[Choice, ...] = ()
    free_text: bool = False


class Status(BaseModel):
    """An activity with its source, its evidence and its start."""

    model_config = ConfigDict(frozen=True)

    activity: Activity = Activity.UNKNOWN
    source: Source = Source.PROCESS
    evidence: str = ""
    since: datetime
    request: Request | None = None


SHOWN = {
    Activity.WORKING: "working",
    Activity.NEEDS_APPROVAL: "needs approval",
    Activity.NEEDS_ANSWER: "needs answer",
    Activity.TURN_DONE: "done",
    Activity.IDLE: "idle",
    Activity.LIMITED: "limited",
    Activity.ERRORED: "error",
    Activity.UNKNOWN: "unknown",
}


def shown_status(lifecycle: Lifecycle, activity: Activity) -> str:
    """The word a person reads for a session's state."""
    if lifecycle is Lifecycle.RUNNING:
        return SHOWN[activity]
    return lifecycle.value
