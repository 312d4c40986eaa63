"""What a piece of work will probably cost: what is configured, else the mean of the last ones."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from ...safety.budgets import BudgetUnit, Usage
from ...settings.safety import BudgetSettings

KEPT = 20
"""Pieces of work of one kind that the mean is made of."""
KINDS = 1000


class Estimates:
    """Remembers what work of each kind has cost."""

    def __init__(self, budgets: Iterable[BudgetSettings]) -> None:
        self._given: dict[BudgetUnit, float] = {}
        for one in budgets:
            if one.estimate is not None:
                unit = BudgetUnit(one.unit)
                self._given[unit] = max(one.estimate, self._given.get(unit, 0.0))
        self._seen: OrderedDict[str, deque[Usage]] = OrderedDict()

    def learn(self, kind: str, usage: Usage) -> None:
        """Work of this kind has cost so much."""
        if kind not in self._seen and len(self._seen) >= KINDS:
            self._seen.popitem(last=False)
        self._seen.setdefault(kind, deque(maxlen=KEPT)).append(usage)

    def of(self, kind: str, turns: float) -> Usage:
        """What the next one will cost; a turn at least is certain where it is one."""
        return Usage(
            cost=self._one(kind, BudgetUnit.COST),
            tokens=self._one(kind, BudgetUnit.TOKENS),
            turns=max(turns, self._given.get(BudgetUnit.TURNS, 0.0)) if turns else 0.0,
            wall_seconds=self._one(kind, BudgetUnit.WALL_SECONDS),
            estimated=True,
        )

    def _one(self, kind: str, unit: BudgetUnit) -> float:
        if unit in self._given:
            return self._given[unit]
        seen = self._seen.get(kind)
        return sum(one.of(unit) for one in seen) / len(seen) if seen else 0.0
