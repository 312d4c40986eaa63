"""What a status is made of: everything that is observed of a session, as plain values.

The session turns its terminal's signals, its keeper's messages and its clock into these; nothing
here knows where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ...protocol.status import Activity, DialogKind, Request


class Moment(NamedTuple):
    """A point in time on both clocks: monotonic seconds, and aware UTC."""

    at: float
    stamp: datetime


class ReportState(StrEnum):
    """The states of OSC 7501, the Program Status Protocol."""

    IDLE = "idle"
    WORKING = "working"
    DONE = "done"
    BLOCKED = "blocked"
    ERROR = "error"
    CLEAR = "clear"


class ClearCause(StrEnum):
    """What takes reports back: a full reset all of them, a shell's prompt those of live work."""

    RESET = "reset"
    PROMPT_MARK = "prompt_mark"


class ChannelSource(StrEnum):
    """Who else speaks for the agent: its own protocol, or a file, stream or hook beside it."""

    ACP = "acp"
    SIDE_CHANNEL = "side_channel"


@dataclass(frozen=True, slots=True)
class Input:
    """Base of all inputs; ``when`` never goes back."""

    when: Moment


@dataclass(frozen=True, slots=True)
class ProgramReport(Input):
    """One report of the program's status; ``id`` is its path, empty for the root."""

    state: ReportState
    kind: DialogKind | None = None
    message: str = ""
    id: str = ""
    app: str = ""


@dataclass(frozen=True, slots=True)
class ReportsCleared(Input):
    """The terminal was reset, or a shell drew its prompt."""

    cause: ClearCause


@dataclass(frozen=True, slots=True)
class ChannelReport(Input):
    """A status from the agent's protocol or side channel.

    It counts for ``fresh_for`` seconds (``None``: until the next one). A ``request`` that it names
    keeps its id, and is answered by the channel rather than by keys.
    """

    source: ChannelSource
    activity: Activity
    evidence: str
    fresh_for: float | None = None
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class TitleSeen(Input):
    """The program set its terminal's title."""

    title: str


@dataclass(frozen=True, slots=True)
class AttentionSignal(Input):
    """A bell (``protocol`` "bell") or a notification: it wants attention, and no more is known."""

    protocol: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ScreenSettled(Input):
    """The screen's plain lines, top to bottom, when its output paused or a frame was complete.

    One comes after every burst of output, also when the lines are the same as before.

    These are the lines of the buffer's bottom, never of a scrolled view. ``cursor_line`` counts
    from 0 at the first of ``lines``; ``None`` if it is not known or not shown.
    """

    lines: tuple[str, ...]
    cursor_line: int | None = None


@dataclass(frozen=True, slots=True)
class OutputSeen(Input):
    """The program wrote something."""


@dataclass(frozen=True, slots=True)
class TypedInput(Input):
    """A person typed into the session."""


@dataclass(frozen=True, slots=True)
class PromptSubmitted(Input):
    """A prompt was delivered, its Enter included."""


@dataclass(frozen=True, slots=True)
class RequestAnswered(Input):
    """The keys that answer a request were typed."""

    request_id: str


@dataclass(frozen=True, slots=True)
class FocusChanged(Input):
    """Whether anyone has the session in focus now."""

    focused: bool


@dataclass(frozen=True, slots=True)
class ForegroundSeen(Input):
    """Which process group owns the terminal: the session's own program, or one it started."""

    own: bool
    program: str = ""


@dataclass(frozen=True, slots=True)
class ProcessStarted(Input):
    """The session's process runs.

    ``resumed``: it has been running, and an engine takes it up again; else everything observed
    before belongs to the past.
    """

    resumed: bool = False


@dataclass(frozen=True, slots=True)
class ProcessExited(Input):
    """The session's process ended; ``how`` says it in words."""

    how: str = ""


@dataclass(frozen=True, slots=True)
class TimePassed(Input):
    """The moment asked for by ``StatusDetector.wake_at`` has come, or another one."""


Observation = (
    ProgramReport
    | ReportsCleared
    | ChannelReport
    | TitleSeen
    | AttentionSignal
    | ScreenSettled
    | OutputSeen
    | TypedInput
    | PromptSubmitted
    | RequestAnswered
    | FocusChanged
    | ForegroundSeen
    | ProcessStarted
    | ProcessExited
    | TimePassed
)
"""Everything that a detector takes."""
