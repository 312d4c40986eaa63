"""The figures of an engine."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.priority import Priority


@dataclass(slots=True)
class Figures:
    """What an engine counts of its runs; handlers' attempts but for the first, which counts payloads."""

    propelled: int = 0
    successful: int = 0
    failed: int = 0
    retried: int = 0
    expired: int = 0
    cancelled: int = 0
    dead_lost: int = 0


@dataclass(frozen=True, slots=True)
class PropulsionStatistics:
    """An engine's figures. ``propelled`` counts payloads, ``successful`` and ``failed`` handlers' results."""

    propelled: int
    successful: int
    failed: int
    retried: int
    expired: int
    cancelled: int
    dead: int
    dead_lost: int
    queued: int
    backing_off: int
    running: int
    kept_results: int
    handlers: int
    depths: dict[Priority, int]
