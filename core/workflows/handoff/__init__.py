"""Handoffs: what one agent gives the next, as a checked message with a life of its own."""

from .faults import HandoffValidationError
from .lifecycle import HANDOFF_MOVES, HandoffStatus, is_overdue, moved, new_record
from .message import Context, HandoffContext, Metadata, Progress, Source, State, Target
from .protocol import HandoffProtocol

__all__ = [
    "HANDOFF_MOVES",
    "Context",
    "HandoffContext",
    "HandoffProtocol",
    "HandoffStatus",
    "HandoffValidationError",
    "Metadata",
    "Progress",
    "Source",
    "State",
    "Target",
    "is_overdue",
    "moved",
    "new_record",
]
