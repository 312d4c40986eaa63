"""Changes as SQLite's statements."""

from __future__ import annotations

from ..encoding import Encoder, Statement
from .statements import load_statements

_CHANGES = {
    **load_statements("changes"),
    **load_statements("workflow_changes"),
    **load_statements("batch_changes"),
}
_ENCODER = Encoder(_CHANGES)

ADD_EVENT = _CHANGES["add_event"]
ENTER_ENGINE = _CHANGES["enter_engine"]
REFUSALS = _ENCODER.refusals
"""By statement, the fault it means if it changed no row."""

statements_of = _ENCODER.statements_of
weight_of = _ENCODER.weight_of

__all__ = ["ADD_EVENT", "ENTER_ENGINE", "REFUSALS", "Statement", "statements_of", "weight_of"]
