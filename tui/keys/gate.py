"""The gate for keys: one at a time, each where the one before has led."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from ..pace import Alarm
from .strokes import Stroke

HELD_AT_MOST = 65536
ROUNDS = 3
"""A key, the message that it makes, and the message that this one makes."""
OVERDUE = 1.0
SETTLING = 0.01
"""Seconds after the last stroke, when what it changed has been painted."""


class Station(Protocol):
    """One of the message queues that a key goes through."""

    @property
    def message_queue_size(self) -> int:
        """How much waits there."""
        ...

    def call_later(self, callback: Callable[[], None]) -> bool:
        """Call when all that waits there now is done; false if it takes no more."""
        ...


class Way(Protocol):
    """Where keys go, as things stand."""

    def stations(self) -> Sequence[Station]:
        """The queues that a key goes through now, the last one of all included."""
        ...

    def at_rest(self) -> bool:
        """Whether the screen on top is there in full."""
        ...

    def deliver(self, strokes: deque[Stroke]) -> None:
        """Take one stroke or more off the left and send them on their way."""
        ...

    def overflow(self) -> None:
        """Say that more was typed than can be held."""
        ...


class Gate:
    """Holds strokes back while what the one before began, a dialog that opens or closes, goes on.

    A stroke that comes while all is at rest goes through at once. Else each waits until every
    queue on the way was gone through often enough, at most ``overdue`` seconds. The same is done
    after the last one, ``settling`` seconds later: what waits in the queues from then on is none
    of its work, and holds no stroke back.
    """

    def __init__(self, way: Way, overdue: float = OVERDUE, settling: float = SETTLING) -> None:
        self._way = way
        self._strokes: deque[Stroke] = deque()
        self._round = 0
        self._turn = 0
        self._overdue = overdue
        self._settling = settling
        self._settled = False
        self._alarm = Alarm(self._arrived)  # something hangs: what is typed must not hang with it
        self._pause = Alarm(self._go_through)

    @property
    def held(self) -> int:
        """How many strokes are held back."""
        return len(self._strokes)

    def take(self, strokes: Iterable[Stroke]) -> None:
        """Strokes in their order."""
        for stroke in strokes:
            if len(self._strokes) >= HELD_AT_MOST:
                self._way.overflow()
                break
            self._strokes.append(stroke)
        if not self._alarm.pending:
            self._go_on()

    def close(self) -> None:
        """Let nothing through any more."""
        self._strokes.clear()
        self._alarm.set(None)
        self._pause.set(None)

    def _go_on(self) -> None:
        """Deliver what can be, begin to wait for what can't."""
        while self._strokes and self._quiet():
            self._deliver()
        if self._strokes:
            self._wait()

    def _quiet(self) -> bool:
        return self._way.at_rest() and (
            self._settled or not any(station.message_queue_size for station in self._way.stations())
        )

    def _deliver(self) -> None:
        self._settled = False
        self._pause.set(self._settling)
        self._way.deliver(self._strokes)

    def _wait(self) -> None:
        self._alarm.set(self._overdue)
        self._go_through()

    def _go_through(self) -> None:
        """Begin to pass through the queues."""
        self._pause.set(None)
        self._turn += 1
        self._round = 0
        self._next_round(self._turn)

    def _next_round(self, turn: int) -> None:
        self._round += 1
        if self._round > ROUNDS and self._way.at_rest():
            self._settled = True
            self._arrived()
            return
        self._hop(turn, tuple(self._way.stations()), 0)

    def _hop(self, turn: int, stations: Sequence[Station], place: int) -> None:
        """Pass through the queues one after the other; those that close are left out."""
        if turn != self._turn:
            return
        if place == len(stations):
            self._next_round(turn)
        elif not stations[place].call_later(partial(self._hop, turn, stations, place + 1)):
            following = stations[place + 1 :]
            if following:  # else the last one of all ends, and nothing goes on
                self._hop(turn, following, 0)

    def _arrived(self) -> None:
        self._turn += 1
        self._alarm.set(None)
        if self._strokes:
            self._deliver()
        if self._strokes:
            self._wait()
