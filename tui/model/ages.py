"""Ages as short words, and how long each word stays true."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400
SECONDS_SHOWN_BELOW = 600


def age_of(since: datetime, now: datetime) -> float:
    """Seconds from ``since`` to ``now``; 0 if the clock went back."""
    return max(0.0, (now - since).total_seconds())


def age_text(age: float) -> str:
    """``0:42`` up to ten minutes, then ``12m``, ``3h``, ``2d``."""
    if age < SECONDS_SHOWN_BELOW:
        return f"{int(age) // MINUTE}:{int(age) % MINUTE:02}"
    for unit, sign in ((DAY, "d"), (HOUR, "h")):
        if age >= unit:
            return f"{int(age) // unit}{sign}"
    return f"{int(age) // MINUTE}m"


def age_lasts(age: float) -> float:
    """Seconds until ``age_text`` says something else."""
    if age < SECONDS_SHOWN_BELOW:
        step = 1
    elif age < HOUR:
        step = MINUTE
    else:
        step = HOUR if age < DAY else DAY
    return step - age % step
