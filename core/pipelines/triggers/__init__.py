"""What propels by itself: watched folders, schedules, hooks of git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .making import triggers_of
    from .memory import FileMemory
    from .ports import Memory, Propel, Trigger

__all__ = ["FileMemory", "Memory", "Propel", "Trigger", "triggers_of"]

_HOMES = {
    "FileMemory": ".memory",
    "triggers_of": ".making",
    **dict.fromkeys(("Memory", "Propel", "Trigger"), ".ports"),
}


def __getattr__(name: str) -> Any:
    from ...base.lazy import find_name  # noqa: PLC0415  # start-up time: few pipelines have any

    return find_name(__name__, name, _HOMES)
