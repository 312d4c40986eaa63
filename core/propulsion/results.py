"""What came of handlers' calls, as long as it is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Any

from .payload import PropulsionResult

Outcome = tuple[str, str, Any, float, float]
"""A success: payload, handler, what it returned, when it began and when it ended (monotonic)."""


class Results:
    """The latest results by payload and handler, a bounded number of them.

    Successes are noted as tuples, and made into results when somebody asks.
    """

    def __init__(self, bound: int, monotonic: Callable[[], float]) -> None:
        self._bound = bound
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[str, str], PropulsionResult] = OrderedDict()
        self._fresh: list[PropulsionResult | Outcome] = []
        self.note: Callable[[Outcome], None] = self._fresh.append
        """Keep the success of a payload that was no run; ``trim`` is to be called soon after."""
        self._added = 0
        self._folded = 0

    def __len__(self) -> int:
        self._fold()
        return len(self._kept)

    @property
    def noted(self) -> int:
        """How many successes were noted so far."""
        return self._folded + len(self._fresh) - self._added

    def add(self, result: PropulsionResult) -> None:
        """Keep one; the oldest gives way."""
        self._fresh.append(result)
        self._added += 1
        self.trim()

    def trim(self) -> None:
        """Forget what so many fresh ones make of no account."""
        surplus = len(self._fresh) - self._bound
        if surplus >= self._bound:
            self._kept.clear()
            self._folded += surplus
            del self._fresh[:surplus]

    def get(self, payload_id: str, handler_name: str) -> PropulsionResult | None:
        """The result, if it is still kept."""
        self._fold()
        return self._kept.get((payload_id, handler_name))

    def clear(self) -> None:
        """Forget all."""
        self._fold()
        self._kept.clear()

    def _fold(self) -> None:
        self.trim()
        kept = self._kept
        for one in self._fresh:
            result = one if isinstance(one, PropulsionResult) else self.made(one)
            kept[result.payload_id, result.handler_name] = result
            if len(kept) > self._bound:
                kept.popitem(last=False)
        self._folded += len(self._fresh)
        self._fresh.clear()

    def made(self, outcome: Outcome) -> PropulsionResult:
        """A success as a result."""
        payload_id, name, value, started, ended = outcome
        stamp = datetime.fromtimestamp(time() - (self._monotonic() - ended), UTC)
        return PropulsionResult(
            payload_id, True, name, value, None, (ended - started) * 1000, stamp
        )
