"""Propulsion: work that is pushed to handlers, by event type, priority and deadline.

Names are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.lazy import find_name

if TYPE_CHECKING:
    from .engine import (
        PropulsionEngine,
    )
    from .faults import (
        DeadPayloadUnknown,
        HandlerExists,
        PayloadInvalid,
        PermanentFault,
        PropulsionClosed,
        PropulsionElsewhere,
        PropulsionFull,
    )
    from .figures import (
        PropulsionStatistics,
    )
    from .hooks import (
        HookManager,
        HookType,
    )
    from .journal import (
        DeadPayload,
    )
    from .payload import (
        PropulsionPayload,
        PropulsionPriority,
        PropulsionResult,
    )
    from .ports import (
        AgentChooser,
        TeamChooser,
    )
    from .registering import (
        get_propulsion_engine,
        propulsion_handler,
        reset_propulsion_engine,
    )

_HOMES = {
    "AgentChooser": ".ports",
    "DeadPayload": ".journal",
    "DeadPayloadUnknown": ".faults",
    "HandlerExists": ".faults",
    "HookManager": ".hooks",
    "HookType": ".hooks",
    "PayloadInvalid": ".faults",
    "PermanentFault": ".faults",
    "PropulsionClosed": ".faults",
    "PropulsionElsewhere": ".faults",
    "PropulsionEngine": ".engine",
    "PropulsionFull": ".faults",
    "PropulsionPayload": ".payload",
    "PropulsionPriority": ".payload",
    "PropulsionResult": ".payload",
    "PropulsionStatistics": ".figures",
    "TeamChooser": ".ports",
    "get_propulsion_engine": ".registering",
    "propulsion_handler": ".registering",
    "reset_propulsion_engine": ".registering",
}

__all__ = [
    "AgentChooser",
    "DeadPayload",
    "DeadPayloadUnknown",
    "HandlerExists",
    "HookManager",
    "HookType",
    "PayloadInvalid",
    "PermanentFault",
    "PropulsionClosed",
    "PropulsionElsewhere",
    "PropulsionEngine",
    "PropulsionFull",
    "PropulsionPayload",
    "PropulsionPriority",
    "PropulsionResult",
    "PropulsionStatistics",
    "TeamChooser",
    "get_propulsion_engine",
    "propulsion_handler",
    "reset_propulsion_engine",
]


def __getattr__(name: str) -> Any:
    found = globals()[name] = find_name(__name__, name, _HOMES)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
