"""The one priority concept."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """Urgency of work; the lower number goes first."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3
    BACKGROUND = 4


HIGHEST_BY_AGE = int(Priority.HIGH)
"""The level up to which waiting raises; CRITICAL is never reached by that."""
