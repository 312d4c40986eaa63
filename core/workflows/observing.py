"""Who is told what is on disk, as soon as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from .records import WorkflowChange

if TYPE_CHECKING:
    from .instance import Instance


class Observer(Protocol):
    """Follows the instances that an orchestrator drives; quick, and raises nothing."""

    def taken(self, instance: Instance) -> None:
        """This engine drives the instance from now on."""
        ...

    def kept(self, instance: Instance, changes: Sequence[WorkflowChange]) -> None:
        """One transaction of the instance is on disk; told in the order of its versions."""
        ...

    def let_go(self, instance: Instance) -> None:
        """This engine does not drive the instance any more."""
        ...


class Nobody:
    """An observer that looks away."""

    def taken(self, instance: Instance) -> None:
        """Nothing."""

    def kept(self, instance: Instance, changes: Sequence[WorkflowChange]) -> None:
        """Nothing."""

    def let_go(self, instance: Instance) -> None:
        """Nothing."""
