"""Who lets attempts begin, and hears of their ends."""

from __future__ import annotations

from typing import Protocol

from ..base.errors import QuarterdeckError
from ..safety.budgets import Usage
from .machine.gating import Gate
from .machine.run import Run


class Pass(Protocol):
    """Leave to carry out one attempt."""

    @property
    def refusal(self) -> QuarterdeckError | None:
        """Why it is refused for good, if it is."""
        ...

    def report(self, usage: Usage) -> None:
        """What the attempt has spent in all."""
        ...


class Guard(Gate, Protocol):
    """A gate that hands out passes."""

    def begins(self, run: Run, task: int, *, adopted: bool) -> Pass | None:
        """The pass of an attempt that begins, or goes on; ``None`` if it needs none."""
        ...

    async def ended(self, given: Pass, error: BaseException | None) -> None:
        """The attempt has ended, with this error if any; its end is recorded after this returns."""
        ...
