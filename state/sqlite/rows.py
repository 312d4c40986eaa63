"""Changes as SQLite's statements."""

from __future__ import annotations

from ..encoding import Encoder, Statement
from .statements import load_statements
from .turns import ADD_TURN

_CHANGES = {
    **load_statements("changes"),
    **load_statements("workflow_changes"),
    **load_statements("batch_changes"),
    **load_statements("audit_changes"),
    "add_turn": ADD_TURN,
}
_ENCODER = Encoder(_CHANGES)

ADD_EVENT = _CHANGES["add_event"]
ENTER_ENGINE = _CHANGES["enter_engine"]
REFUSALS = _ENCODER.refusals
"""By statement, the fault it means if it changed no row."""

BEHIND_TURNS = frozenset(
    _CHANGES[name]
    for name in (
        "save_workflow", "update_workflow", "update_workflow_guarded", "move_workflow", "save_task",
        "save_task_guarded", "check_lease", "remove_task", "add_history", "save_attempt",
        "remove_workflow",
    )
)  # fmt: skip
"""The statements that change what turns change, so that turns before them must be folded first."""

statements_of = _ENCODER.statements_of
weight_of = _ENCODER.weight_of

__all__ = [
    "ADD_EVENT",
    "ADD_TURN",
    "BEHIND_TURNS",
    "ENTER_ENGINE",
    "REFUSALS",
    "Statement",
    "statements_of",
    "weight_of",
]
