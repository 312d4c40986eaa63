"""Asking for one thing at a time: of what is wanted meanwhile, the last wish counts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Asking(Generic[K]):
    """Calls ``ask`` with a key whenever another one is wanted, never twice at once.

    Whoever asked calls ``answered`` once the answer has come, or won't. ``got`` is what was asked for last and answered.
    """

    def __init__(self, ask: Callable[[K], None]) -> None:
        self._ask = ask
        self.got: K | None = None
        self.asked: K | None = None
        self._wanted: K | None = None

    def want(self, key: K) -> None:
        """Ask for ``key``, unless it is what is there, or on its way."""
        if self.asked is not None:
            self._wanted = key if key != self.asked else None
        elif key != self.got:
            self.asked = key
            self._ask(key)

    def answered(self) -> None:
        """The answer has come, or won't: go on with what was wanted meanwhile."""
        self.got, self.asked = self.asked, None
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self.want(wanted)

    def forget(self) -> None:
        """Whatever is there is not true any more: ask again when it is wanted."""
        self.got = None
