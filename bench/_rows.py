"""Rows of figures, and interleaved measuring."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

ROUNDS = 5


def row(
    name: str,
    value: float | None,
    unit: str,
    *,
    reference: float | None = None,
    must: float | None = None,
    goal: float | None = None,
    higher: bool = False,
    ratio: float | None = None,
) -> dict[str, Any]:
    """One row; the ratio is ``value`` over ``reference`` where both are there."""
    if ratio is None and value is not None and reference:
        ratio = value / reference
    return {
        "name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio,
        "must": must, "goal": goal, "higher": higher,
    }  # fmt: skip


def interleaved(
    ours: Callable[[], float], reference: Callable[[], float], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """Medians of both and of their ratios, measured in turns."""
    pairs = [(ours(), reference()) for _ in range(rounds)]
    return (
        median(pair[0] for pair in pairs),
        median(pair[1] for pair in pairs),
        median(pair[0] / pair[1] for pair in pairs),
    )
