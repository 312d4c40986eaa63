"""Identifiers: ULIDs, sortable by time, unique without coordination."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from itertools import count

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(one + other for one in _DIGITS for other in _DIGITS)
_ROOM = 1 << 20


def new_id() -> str:
    """A fresh ULID as its 26 characters of Crockford base 32."""
    return str(ULID())


def is_id(text: str) -> bool:
    """Whether ``text`` is a well-formed ULID (upper case, in range)."""
    return _ULID.fullmatch(text) is not None


class Ids:
    """ULIDs in growing order, at a tenth of the price: those of one millisecond are counted.

    Of a millisecond's 80 random bits the upper 60 are drawn anew, and the lower 20 count up; a
    million in one millisecond draws again. ``seconds`` is the time since 1970. Threads may share it.
    """

    __slots__ = ("_seconds", "_state")

    def __init__(self, seconds: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Draw anew with the next one: a child process must not go on with its parent's."""
        self._state: tuple[int, str, Iterator[int]] = (-1, "", count())

    def new(self) -> str:
        """The next one; in one thread above all before it, even if the clock was set back."""
        now = int(self._seconds() * 1000)
        millisecond, head, numbers = self._state
        if now > millisecond:
            head, numbers = self._begin(now)
        number = next(numbers)
        if number >= _ROOM:
            head, numbers = self._begin(self._state[0] + 1)
            number = next(numbers)
        return f"{head}{_PAIRS[number >> 10]}{_PAIRS[number & 1023]}"

    def _begin(self, millisecond: int) -> tuple[str, Iterator[int]]:
        whole = (millisecond << 60) | secrets.randbits(60)
        head = "".join(_PAIRS[whole >> place & 1023] for place in range(100, -10, -10))
        numbers = count()
        self._state = (millisecond, head, numbers)
        return head, numbers


_IDS = Ids()
os.register_at_fork(after_in_child=_IDS.reset)

next_id = _IDS.new
"""A fresh ULID, above every one that this thread made so before it."""
