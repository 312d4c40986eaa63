"""A state machine as data: a table of legal moves, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from .errors import BusinessFault

S = TypeVar("S")


class IllegalTransition(BusinessFault):
    """A move that the table doesn't have."""

    code = "illegal_transition"


class StateTable(Generic[S]):
    """The legal moves of one kind of thing."""

    def __init__(self, kind: str, moves: Mapping[S, frozenset[S]]) -> None:
        self.kind = kind
        self._moves = moves

    def targets(self, state: S) -> frozenset[S]:
        """Where ``state`` may go; empty for a terminal one."""
        return self._moves.get(state, frozenset())

    def allows(self, old: S, new: S) -> bool:
        """Whether ``old`` may become ``new``."""
        return new in self.targets(old)

    def check(self, old: S, new: S) -> S:
        """``new``, if ``old`` may become it.

        :raises IllegalTransition: if not; the message names both states.
        """
        if self.allows(old, new):
            return new
        legal = ", ".join(sorted(str(target) for target in self.targets(old))) or "nothing"
        raise IllegalTransition(
            f"A {self.kind} that is {old} can't become {new}; from {old} it can become: {legal}.",
            old=str(old),
            new=str(new),
        )
