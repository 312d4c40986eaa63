"""The scheduler machine: it owns all decisions about all instances, and does no I/O.

Events go in as calls, each with the time; decisions come out of ``take`` and ``drain``.
"""

from .decisions import Drained, Start, Stop
from .machine import Machine
from .places import Placed, Places, Want
from .reasons import Outcome, StopReason
from .run import Run, TaskState
from .snapshots import restore, snapshot

__all__ = [
    "Drained",
    "Machine",
    "Outcome",
    "Placed",
    "Places",
    "Run",
    "Start",
    "Stop",
    "StopReason",
    "TaskState",
    "Want",
    "restore",
    "snapshot",
]
