"""Faults of the command line itself, and the engine's as they come over the socket."""

from __future__ import annotations

from typing import Any

from ..core.base.errors import Category, ErrorInfo, QuarterdeckError
from .exits import FAILED, NO_ENGINE, USAGE

CODES = {
    "usage": "The command line can't be read as written.",
    "not_a_terminal": "The command needs a terminal, and there is none.",
    "no_engine": "No engine runs for the state directory.",
    "no_store": "Nothing was ever kept in the state directory.",
    "store_moved_aside": "The database was damaged; it is kept aside, and a fresh one was begun.",
    "engine_silent": "The engine runs but does not answer in time.",
    "link_closed": "The engine left before it answered.",
    "link_broken": "The engine sent what is no message.",
    "session_unknown": "No session has this name or id.",
    "ambiguous_session": "Several sessions have this name or begin with this id.",
    "item_unknown": "No attention item has this id.",
    "ambiguous_item": "Several attention items begin with this id.",
    "agent_unknown": "No agent has this name.",
    "unknown_preference": "No preference has this name.",
    "directory_missing": "The session's directory is not there, or is none.",
    "nothing_asked": "The session has no open request that could be answered.",
    "session_ended": "The session ended, so that the state waited for can't come.",
    "not_running": "The session has no process that could be attached to.",
    "timed_out": "The state waited for did not come in time.",
    "unreadable": "A file can't be read.",
    "unwritable": "A file can't be written.",
    "os_error": "The operating system refused something.",
    "exists": "A file is there already and is not overwritten.",
    "unknown_isolation": "The settings name an isolation that is not there.",
    "workflow_unknown": "No workflow has this id.",
    "ambiguous_workflow": "Several workflows begin with this id.",
    "payload_unknown": "No payload has this id.",
    "ambiguous_payload": "Several payloads begin or end with this id.",
    "proposal_unknown": "No proposal has this id.",
    "saga_unknown": "No saga has this id.",
    "schedule_unknown": "No schedule has this name.",
    "workflow_over": "The workflow has ended, so that it can't go on by itself.",
    "engine_differs": "An engine runs for the state directory, with another store or executor.",
    "detached_alone": "No engine could be started in the background to go on.",
    "not_confirmed": "What was asked for needs a yes, and there was none.",
    "demo_failed": "The practice crew did not do all that the demo expects.",
}
"""Every code of the command line with its cause."""

_EXIT = {"usage": USAGE, "not_a_terminal": USAGE, "no_engine": NO_ENGINE}
_CATEGORY = {
    "usage": Category.VALIDATION,
    "not_a_terminal": Category.VALIDATION,
    "no_engine": Category.RESOURCE,
    "engine_silent": Category.RESOURCE,
    "link_closed": Category.RESOURCE,
    "link_broken": Category.SYSTEM,
    "os_error": Category.SYSTEM,
    "unknown_isolation": Category.VALIDATION,
    "unwritable": Category.RESOURCE,
    "unreadable": Category.RESOURCE,
}


class CliFault(QuarterdeckError):
    """A command that can't be carried out; ``code`` is one of ``CODES``."""

    category = Category.BUSINESS

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.code = code  # type: ignore[misc]  # one class for a family of codes, each in CODES
        self.category = _CATEGORY.get(code, Category.BUSINESS)  # type: ignore[misc]

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return _EXIT.get(self.code, FAILED)


class Refused(CliFault):
    """The engine answered a command with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = ErrorInfo.model_validate(error)
        super().__init__(self.error.code, self.error.message, **self.error.details)

    @property
    def exit_code(self) -> int:
        """Always 1: the command line was right, the engine refused."""
        return FAILED

    def info(self) -> ErrorInfo:
        """What the engine said."""
        return self.error
