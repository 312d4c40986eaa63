"""Who has the last word before an attempt begins: what may not begin now waits, without a slot."""

from __future__ import annotations

from typing import Protocol

from .run import Run


class Gate(Protocol):
    """Asked for every attempt that has a slot. Quick, and without I/O.

    What is told to wait is asked about again after ``Machine.readmit``.
    """

    def admits(self, run: Run, task: int) -> bool:
        """Whether the next attempt of the task may begin now."""
        ...

    def reason(self, run: Run, task: int) -> str:
        """Why a task that was told to wait does; empty if it was not."""
        ...

    def left(self, run: Run, task: int) -> None:
        """An attempt that was admitted is over, or never begins."""
        ...

    def withdrawn(self, run: Run, task: int) -> None:
        """A task that was told to wait does not want to begin any more."""
        ...
