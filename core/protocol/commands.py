"""Commands: do this. An envelope with an id, a type and a timestamp around a typed payload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from ..base.ids import new_id
from ..base.priority import Priority
from .crew_commands import CREW_PAYLOADS
from .payload import Payload as Payload
from .pipeline_commands import PIPELINE_PAYLOADS
from .rules import TEXT_LIMIT, Argument, Environment, Id, SessionName, Stamp, TopicPattern
from .status import Activity, Lifecycle
from .workflow_commands import WORKFLOW_PAYLOADS
from .workspace import BranchName, WorktreeWish

MIN_COLS, MAX_COLS = 2, 1000
MIN_LINES, MAX_LINES = 1, 1000

Cols = Annotated[int, Field(ge=MIN_COLS, le=MAX_COLS)]
Lines = Annotated[int, Field(ge=MIN_LINES, le=MAX_LINES)]
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]


class OnSession(Payload):
    """A payload about one session."""

    session_id: Id


class CreateSession(Payload):
    """Create a session, and start it unless told not to; its size is the configured one unless given."""

    type: ClassVar[str] = "session.create"
    name: SessionName
    agent: str
    cwd: str | None = None
    args: tuple[Argument, ...] | None = None
    env: Environment = Field(default_factory=dict)
    prompt: Text | None = None
    start: bool = True
    priority: Priority = Priority.NORMAL
    cols: Cols | None = None
    lines: Lines | None = None
    worktree: WorktreeWish | None = None


class DeleteSession(OnSession):
    """Remove a session; a living one only with ``force``, which stops it first.

    Its worktree goes with it if nothing in it would be lost; with ``discard`` in any case, with
    ``keep_worktree`` in none. A branch that is not merged stays.
    """

    type: ClassVar[str] = "session.delete"
    force: bool = False
    keep_worktree: bool = False
    discard: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> DeleteSession:
        if self.keep_worktree and self.discard:
            raise PydanticCustomError(
                "worktree_both_ways", "A worktree is either kept or discarded, not both.", {}
            )
        return self


class MergeSession(OnSession):
    """Merge a session's branch into the branch ``into`` (the one it was made from).

    With ``delete_branch`` it is deleted then; its worktree stays at the same commit.
    """

    type: ClassVar[str] = "session.merge"
    into: BranchName | None = None
    delete_branch: bool = False


class SessionUpdates(BaseModel):
    """What can be changed on a session; at least one field must be given."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: SessionName | None = None
    priority: Priority | None = None
    env: Environment | None = None
    args: tuple[Argument, ...] | None = None


class UpdateSession(OnSession):
    """Change properties of a session."""

    type: ClassVar[str] = "session.update"
    updates: SessionUpdates

    @model_validator(mode="after")
    def _not_empty(self) -> UpdateSession:
        if not self.updates.model_fields_set:
            raise PydanticCustomError("updates_empty", "Nothing to update was given.", {})
        return self


class ListSessions(Payload):
    """The sessions that pass every given filter."""

    type: ClassVar[str] = "session.list"
    lifecycle: Lifecycle | None = None
    activity: Activity | None = None
    agent: str | None = None
    text: str | None = None
    needs_attention: bool | None = None


class StartAgent(OnSession):
    """Start a session's process; ``resume`` continues the agent's own former conversation."""

    type: ClassVar[str] = "agent.start"
    resume: bool = False


class StopAgent(OnSession):
    """Stop a session's process tree: SIGTERM, and SIGKILL after ``grace`` seconds."""

    type: ClassVar[str] = "agent.stop"
    grace: Annotated[float, Field(ge=0, le=300)] | None = None


class RestartAgent(OnSession):
    """Stop a session's process tree and start it anew."""

    type: ClassVar[str] = "agent.restart"
    grace: Annotated[float, Field(ge=0, le=300)] | None = None


class SetFocus(Payload):
    """Which session this client's person looks at; ``None``: none."""

    type: ClassVar[str] = "nav.focus"
    session_id: Id | None = None


class NextActionable(Payload):
    """The attention item after (or before) ``current``, snoozed ones skipped, wrapping."""

    type: ClassVar[str] = "nav.next_actionable"
    current: Id | None = None
    backwards: bool = False


class ToggleMinimal(Payload):
    """Switch this client's minimal mode."""

    type: ClassVar[str] = "ui.toggle_minimal"


class SetPreference(Payload):
    """Keep one preference of the user; ``None`` puts the default back."""

    type: ClassVar[str] = "ui.set_preference"
    key: str
    value: JsonValue = None


class GetPreferences(Payload):
    """Every preference in force."""

    type: ClassVar[str] = "ui.preferences"


class HealthCheck(Payload):
    """How the engine is."""

    type: ClassVar[str] = "system.health"


class Shutdown(Payload):
    """Stop the engine; sessions go on under their keepers unless ``stop_sessions``."""

    type: ClassVar[str] = "system.shutdown"
    stop_sessions: bool = False


class Prompt(OnSession):
    """Type a prompt into a session and submit it, if its state allows.

    Where words stand in its input box already it is refused, or added to them with ``over_draft``.
    """

    type: ClassVar[str] = "session.prompt"
    text: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]
    verify: bool = True
    over_draft: bool = False


class SendKeys(OnSession):
    """Press named keys (``enter``, ``ctrl+c``, ``a``), or type ``text`` as it stands."""

    type: ClassVar[str] = "session.keys"
    keys: tuple[str, ...] = ()
    text: Text | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> SendKeys:
        if not self.keys and not self.text:
            raise PydanticCustomError("keys_empty", "No keys and no text were given.", {})
        return self


class Resize(OnSession):
    """Give a session's terminal another size."""

    type: ClassVar[str] = "session.resize"
    cols: Cols
    lines: Lines


class Answer(OnSession):
    """Answer the open request ``request_id``.

    ``choice`` is a choice's key or one of allow_once, allow_always, reject; ``text`` is free text.
    """

    type: ClassVar[str] = "session.answer"
    request_id: str
    choice: str | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Answer:
        if self.choice is None and self.text is None:
            raise PydanticCustomError("answer_empty", "An answer names a choice or has text.", {})
        return self


class ReadScreen(OnSession):
    """A session's screen; ``start`` (from 0, the oldest kept line) and ``count`` read history.

    ``styled`` returns rows of runs instead of text.
    """

    type: ClassVar[str] = "session.screen"
    start: Annotated[int, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    styled: bool = False


class SearchScreen(OnSession):
    """Where ``text`` stands in a session's scrollback and screen, newest first."""

    type: ClassVar[str] = "session.search"
    text: Annotated[str, Field(min_length=1, max_length=1000)]
    ignore_case: bool = True


class ReadLog(OnSession):
    """The last ``limit`` bytes of a session's output, escape sequences removed unless ``raw``."""

    type: ClassVar[str] = "session.logs"
    limit: Annotated[int, Field(ge=1, le=4_000_000)] = 65_536
    raw: bool = False


class ExplainSession(OnSession):
    """Which rule or signal gave a session its status, on what text."""

    type: ClassVar[str] = "session.explain"


class SessionHistory(OnSession):
    """A session's former statuses, newest first."""

    type: ClassVar[str] = "session.history"
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100


class ListAttention(Payload):
    """The attention queue in its order."""

    type: ClassVar[str] = "attention.list"
    snoozed: bool = True


class AnswerItem(Payload):
    """Answer an attention item; see ``Answer``."""

    type: ClassVar[str] = "attention.answer"
    item_id: Id
    choice: str | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> AnswerItem:
        if self.choice is None and self.text is None:
            raise PydanticCustomError("answer_empty", "An answer names a choice or has text.", {})
        return self


class SnoozeItem(Payload):
    """Put an attention item aside for so many seconds; 0 brings it back."""

    type: ClassVar[str] = "attention.snooze"
    item_id: Id
    seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = 600


class ResolveItem(Payload):
    """Take an attention item off the queue without an answer."""

    type: ClassVar[str] = "attention.resolve"
    item_id: Id


class ListAgents(Payload):
    """The agents that can be started, and whether their command is there."""

    type: ClassVar[str] = "agent.list"


class ListEvents(Payload):
    """Kept events after a sequence number, oldest first, or the newest ones; of one topic pattern."""

    type: ClassVar[str] = "events.list"
    after: Annotated[int, Field(ge=0)] | None = None
    topic: TopicPattern | None = None
    session_id: Id | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 200


class VerifyEvents(Payload):
    """Whether the audit log holds, and the first record that does not fit; ``head`` was noted before."""

    type: ClassVar[str] = "events.verify"

    head: str | None = None


class GetState(Payload):
    """The whole state a front end shows, with the sequence number it stands at."""

    type: ClassVar[str] = "system.state"


_PAYLOADS: tuple[type[Payload], ...] = (
    CreateSession, DeleteSession, MergeSession, UpdateSession, ListSessions,
    StartAgent, StopAgent, RestartAgent,
    SetFocus, NextActionable, ToggleMinimal, SetPreference, GetPreferences,
    HealthCheck, Shutdown, GetState,
    Prompt, SendKeys, Resize, Answer, ReadScreen, SearchScreen, ReadLog,
    ExplainSession, SessionHistory,
    ListAttention, AnswerItem, SnoozeItem, ResolveItem,
    ListAgents, ListEvents, VerifyEvents,
)  # fmt: skip

PAYLOADS: dict[str, type[Payload]] = {
    kind.type: kind for kind in (*_PAYLOADS, *WORKFLOW_PAYLOADS, *PIPELINE_PAYLOADS, *CREW_PAYLOADS)
}
"""Every command's payload by its type."""


class Command(BaseModel):
    """One command as it is sent; ``id`` is a ULID, and a repeated one gets the recorded reply."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["command"] = "command"
    id: Id
    type: str
    timestamp: Stamp
    payload: dict[str, Any] = Field(default_factory=dict)


def command(payload: Payload) -> Command:
    """A command around ``payload``, with a fresh id and the present time."""
    return Command(
        id=new_id(),
        type=payload.type,
        timestamp=datetime.now(UTC),
        payload=payload.model_dump(mode="json", exclude_unset=True),
    )
