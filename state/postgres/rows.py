"""Changes as PostgreSQL's statements: as everywhere, with the engine's home where it belongs."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.engine.records import Change
from ..encoding import Encoder, Statement
from .statements import load_statements
from .texts import to_kept

_HOMED = {
    **load_statements("changes"),
    **load_statements("batch_changes"),
    **load_statements("audit_changes"),
}
ENTER_ENGINE = _HOMED.pop("enter_engine")
_CHANGES = {**_HOMED, **load_statements("workflow_changes")}
_ENCODER = Encoder(_CHANGES)
_OF_HOME = frozenset(_HOMED.values())

ALL = tuple(_CHANGES.values())
ADD_EVENT = _CHANGES["add_event"]
REFUSALS = _ENCODER.refusals


def statements_of(changes: Sequence[Change], home: str) -> list[Statement]:
    """The statements that make ``changes`` for the engine at ``home``.

    :raises ValueError: if a stamp has no time zone.
    :raises TypeError: if a value can't be JSON.
    """
    return [
        (sql, (*map(to_kept, values), home) if sql in _OF_HOME else tuple(map(to_kept, values)))
        for sql, values in _ENCODER.statements_of(changes)
    ]
