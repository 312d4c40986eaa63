"""Gates in front of dispatch: runs that may not begin yet wait aside, and hold no slot."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from ..base.priority import Priority
from ..base.urgency import AGEING_SECONDS, UrgencyQueue
from .machine import Machine, Plain, Run, State


class Gates(Protocol):
    """Says which event types may begin; called in the loop, and quick."""

    def reason(self, event_type: str) -> str | None:
        """Why its runs may not begin now, in words for people; ``None``: they may."""
        ...

    def begun(self, event_type: str) -> None:
        """One of its runs has begun."""
        ...

    def ended(self, event_type: str) -> None:
        """One that had begun is not at work any more: it has ended, or waits for another attempt."""
        ...


class GatedMachine(Machine):
    """A machine that asks ``gates`` before a run begins.

    What may not begin lies in a queue of its event type, in the same order and with its age, and
    comes back one by one: the cost of an end is that of the event types, not of what waits.
    """

    hears_ends = True

    def __init__(self, limit: int, gates: Gates, *, ageing: float | None = AGEING_SECONDS) -> None:
        super().__init__(limit, ageing=ageing)
        self.take = self._take_open
        self._gates = gates
        self._ageing = ageing
        self._held: dict[str, UrgencyQueue[Run]] = {}
        self._aside: set[Run] = set()
        self._at_work: set[Run] = set()
        self._places: dict[Run, tuple[int, float]] = {}
        self.postponed: dict[Run, float] = {}
        """Runs of a former engine that are not to be begun before a time (monotonic)."""
        self.going_on: set[Run] = set()
        """Runs that a former engine began: they come first, and pass gates, which count them."""
        self.held_back: Callable[[Run], None] = _unheard
        """Told of runs that are put aside."""
        self._sequence = 0
        self._now = 0.0

    @property
    def pending(self) -> int:
        """Payloads whose handlers have not ended: queued, held back, at work, backing off."""
        return self.queued + self.held + self.running + self.backing_off

    @property
    def held(self) -> int:
        """How many wait before a gate."""
        return len(self._aside)

    def enter(self, run: Run, now: float) -> None:
        """Queue it; one that is postponed when its time has come."""
        self._stop(run, now)
        due = self.postponed.pop(run, now)
        if due > now:
            super().back_off(run, due)
            return
        self._sequence += 1
        self._places[run] = (self._sequence, now)
        run.state = State.QUEUED
        self._push(run)

    def _take_open(self, now: float) -> Run | Plain | None:
        """The next whose gates are open."""
        self._now = now
        self.wake(now)
        while (run := self._queue.pop(now)) is not None:
            if isinstance(run, tuple):
                return run
            if run.state is not State.QUEUED:
                self._ended -= 1
                self._let_in(run.event_type)  # it came in the place of another that waits
                continue
            if run not in self.going_on and self._gates.reason(run.event_type) is not None:
                self._put_aside(run)
                continue
            return run
        return None

    def begin(self, run: Run) -> bool:
        """A run that was taken begins."""
        begun = super().begin(run)
        self.going_on.discard(run)
        self._places.pop(run, None)
        self._at_work.add(run)
        self._gates.begun(run.event_type)
        self._let_in(run.event_type)
        return begun

    def end(self, run: Run, state: State) -> bool:
        """It has ended so; ``False`` if it had already."""
        self._places.pop(run, None)
        self.postponed.pop(run, None)
        self.going_on.discard(run)
        if run in self._aside:
            self._aside.remove(run)
            run.state = state
            return True
        ended = super().end(run, state)
        self._stop(run, self._now)
        return ended

    def back_off(self, run: Run, due: float) -> None:
        """Let it wait for its next attempt; the gates are open to others meanwhile."""
        super().back_off(run, due)
        self._stop(run, self._now)

    def reopen(self, now: float) -> None:
        """Let in what the gates held back, where they are open now."""
        self._now = now
        for event_type in list(self._held):
            self._let_in(event_type)

    def _push(self, run: Run) -> None:
        sequence, since = self._places[run]
        if run in self.going_on:
            self._queue.push(run, Priority.CRITICAL, since, -inf, sequence=sequence)
        else:
            self._queue.push(run, run.payload.priority, since, _deadline(run), sequence=sequence)

    def _put_aside(self, run: Run) -> None:
        held = self._held.setdefault(run.event_type, UrgencyQueue(self._ageing))
        sequence, since = self._places[run]
        held.push(run, run.payload.priority, since, _deadline(run), sequence=sequence)
        self._aside.add(run)
        self.held_back(run)

    def _let_in(self, event_type: str) -> None:
        """Bring the next one of an event type back, if its gates are open."""
        held = self._held.get(event_type)
        if held is None or self._gates.reason(event_type) is not None:
            return
        while (run := held.pop(self._now)) is not None:
            if run in self._aside:
                self._aside.remove(run)
                self._push(run)
                return
        del self._held[event_type]

    def _stop(self, run: Run, now: float) -> None:
        if run in self._at_work:
            self._at_work.remove(run)
            self._gates.ended(run.event_type)
            self.reopen(now)


def _deadline(run: Run) -> float:
    deadline = run.payload.deadline
    return inf if deadline is None else deadline.timestamp()


def _unheard(_run: Run) -> None:
    """Nobody wants to know."""
