"""What can be refused or fail around sessions: one class for each cause."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, SystemFault, ValidationFault


class SessionUnknown(ValidationFault):
    """No session has this id."""

    code = "session_unknown"


class ItemUnknown(ValidationFault):
    """No open attention item has this id."""

    code = "item_unknown"


class AgentUnknown(ValidationFault):
    """No agent has this name."""

    code = "agent_unknown"


class NameTaken(BusinessFault):
    """Another session has this name."""

    code = "name_taken"


class SessionLimit(ResourceFault):
    """As many sessions live as the settings allow."""

    code = "session_limit"


class SessionLiving(BusinessFault):
    """A living session is deleted only with force."""

    code = "session_living"


class NotRunning(BusinessFault):
    """The session has no process to do this with."""

    code = "not_running"


class DirectoryMissing(ValidationFault):
    """The session's directory is not there, or is none."""

    code = "directory_missing"


class NotResumable(BusinessFault):
    """The agent has no way to resume, or its own session id was never seen."""

    code = "not_resumable"


class RequestGone(BusinessFault):
    """The request that was to be answered is no longer open."""

    code = "request_gone"


class PromptStalled(BusinessFault):
    """A prompt was typed, and the agent did not react in time."""

    code = "prompt_stalled"


class AnswerStalled(BusinessFault):
    """An answer was typed, and its dialog is still there."""

    code = "answer_stalled"


class ItemNotAnswerable(BusinessFault):
    """The attention item asks nothing; it can be resolved or snoozed."""

    code = "item_not_answerable"


class InputStalled(BusinessFault):
    """The program leaves what is typed unread."""

    code = "input_stalled"


class ScreenBehind(BusinessFault):
    """A program writes faster than its screen can be read, so that nothing can be typed safely."""

    code = "screen_behind"


class StopFailed(SystemFault):
    """Processes of a session are left after SIGKILL."""

    code = "stop_failed"
    recoverable = True
