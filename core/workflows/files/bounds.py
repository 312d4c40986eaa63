"""How much a template may do: steps, time, and the size of what it makes.

Jinja compiles templates to Python, so that nothing ends a loop from outside. Loops, calls and
lookups therefore count their steps, and whatever can make much out of little is measured before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from .faults import TemplateTooLong

MOST_STEPS = 200_000
MOST_SECONDS = 2.0
MOST_CHARACTERS = 1_000_000
LARGEST_NUMBER = 10**18
_TIME_IS_ASKED = 0xFF


class Spent:
    """What one rendering has used up so far."""

    __slots__ = ("_ends", "_now", "_steps")

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now = now
        self._ends = now() + seconds
        self._steps = 0

    def step(self) -> None:
        """One more.

        :raises TemplateTooLong: if that was too many, or the time is over.
        """
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TemplateTooLong(f"The template takes more than {MOST_STEPS} steps.")
        if not self._steps & _TIME_IS_ASKED and self._now() > self._ends:
            raise TemplateTooLong("The template takes too long.")


_spent: ContextVar[Spent | None] = ContextVar("spent", default=None)


class Bounded:
    """While it is entered, what is rendered counts against one budget."""

    def __init__(
        self, seconds: float = MOST_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._spent = Spent(seconds, now)

    def __enter__(self) -> None:
        self._token = _spent.set(self._spent)

    def __exit__(self, *_: object) -> None:
        _spent.reset(self._token)


def step() -> None:
    """Count a step of the rendering under way, if there is one."""
    spent = _spent.get()
    if spent is not None:
        spent.step()


def counted(items: Iterable[Any]) -> Iterator[Any]:
    """``items``, each of which is a step."""
    for item in items:
        step()
        yield item


def check_size(size: float) -> None:
    """Nothing, if something of ``size`` characters or items may be made.

    :raises TemplateTooLong: if not.
    """
    if size > MOST_CHARACTERS:
        raise TemplateTooLong(
            f"The template makes more than {MOST_CHARACTERS} characters or items."
        )


def check_product(left: Any, right: Any) -> None:
    """Nothing, if ``left * right`` stays small enough."""
    for one, times in ((left, right), (right, left)):
        if isinstance(one, str | bytes | list | tuple) and isinstance(times, int):
            check_size(len(one) * times)
    _check_number(left, right, lambda one, other: abs(one * other))


def check_power(base: Any, exponent: Any) -> None:
    """Nothing, if ``base ** exponent`` stays a number of ordinary size."""
    if isinstance(exponent, int | float) and abs(exponent) > 64:
        raise TemplateTooLong("The template makes a number that is too large.")
    _check_number(base, exponent, lambda one, other: abs(float(one)) ** float(other))


def check_sum(left: Any, right: Any) -> None:
    """Nothing, if ``left + right`` stays small enough."""
    if isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
        check_size(len(left) + len(right))


def _check_number(left: Any, right: Any, made: Callable[[Any, Any], float]) -> None:
    if isinstance(left, int) and isinstance(right, int | float):
        try:
            large = made(left, right) > LARGEST_NUMBER
        except (OverflowError, ZeroDivisionError):
            large = True
        if large:
            raise TemplateTooLong("The template makes a number that is too large.")


class Amount:
    """Counts the values and characters of one result."""

    def __init__(self) -> None:
        self._size = 0

    def add(self, size: int) -> None:
        """So much more.

        :raises TemplateTooLong: if that is too much.
        """
        self._size += size
        check_size(self._size)


def plain(value: Any, amount: Amount | None = None, depth: int = 0) -> Any:
    """``value`` as JSON knows it, copied: mappings, lists, text, numbers, booleans, nothing.

    :raises TypeError: for anything else.
    :raises TemplateTooLong: if it is too large.
    """
    amount = Amount() if amount is None else amount
    amount.add(1)
    if depth > 100:
        raise TypeError("it is nested too deeply")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"it gives {value}, which is no JSON")
        return value
    if isinstance(value, str):
        amount.add(len(value))
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one, amount, depth + 1) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(one, amount, depth + 1) for one in counted(value)]
    raise TypeError(f"it gives a {type(value).__name__}, which is no JSON")
