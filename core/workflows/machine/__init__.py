"""The scheduler machine: it owns all decisions about all instances, and does no I/O.

Events go in as calls, each with the time; decisions come out of ``take`` and ``drain``.
"""

from .decisions import Drained, Outcome, Start, Stop, StopReason
from .machine import Machine
from .run import Run, TaskState
from .snapshots import restore, snapshot

__all__ = [
    "Drained",
    "Machine",
    "Outcome",
    "Run",
    "Start",
    "Stop",
    "StopReason",
    "TaskState",
    "restore",
    "snapshot",
]
