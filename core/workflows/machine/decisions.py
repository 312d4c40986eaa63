"""What comes out of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .reasons import StopReason
from .run import Run

Start = tuple[Run, int, int]
"""Begin this attempt of this task of this run."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End this attempt, and report its end; its slot is held until then.

    After a ``SIGNAL`` the task has ended already, and nothing is to be reported.
    """

    run: Run
    task: int
    attempt: int
    reason: StopReason


class Drained(NamedTuple):
    """What has changed since it was last asked for.

    ``changed`` has for each run the tasks that changed, each once, in the order of their first
    change; a run whose own status changed is in ``runs``, one that ended in ``ended``.
    """

    changed: list[tuple[Run, list[int]]]
    runs: list[Run]
    stops: list[Stop]
    ended: list[Run]
