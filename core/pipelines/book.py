"""The book of payloads: what was propelled and what became of it, in memory and as lines of a log.

Nothing here waits or does I/O but for the log, which takes lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..protocol.pipeline_views import PayloadStatus
from .entries import ENDED as _ENDS
from .entries import Attempt, Entry, Origin, moment, stamp
from .figures import Lane, Work

KEPT = 2_000
MOST_DEAD = 10_000
LONGEST_RESULT = 64 * 1024
"""Characters of JSON that are kept of a result; all of it lies with what made it."""

Heard = Callable[[Entry], None]
Forgotten = Callable[[Entry], None]


class Lines(Protocol):
    """Takes the lines of the book; ``core.base.batches.BatchLog`` is one."""

    def add(self, entry: str, /) -> Any:
        """Append one; the future that it gives ends when it is on disk."""
        ...


class NoLines:
    """Keeps nothing."""

    def add(self, entry: str, /) -> Any:  # the port's signature
        """Forget it."""


class Book:
    """All payloads that have not ended or are dead, and the newest of those that have ended.

    ``heard`` is told of every change, ``forgotten`` of payloads that are known no more.
    """

    def __init__(self, *, kept: int = KEPT, most_dead: int = MOST_DEAD) -> None:
        self.entries: dict[str, Entry] = {}
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.works: dict[tuple[str, str], Work] = {}
        self.lines: Lines = NoLines()
        self.heard: Heard = lambda _: None
        self.forgotten: Forgotten = lambda _: None
        self._bounds = {True: most_dead, False: kept}
        self._over: dict[bool, dict[str, None]] = {True: {}, False: {}}
        self._shown: dict[str, PayloadStatus] = {}

    # ---- reading -----------------------------------------------------------------------------

    def get(self, payload_id: str) -> Entry | None:
        """A payload."""
        return self.entries.get(payload_id)

    def lane(self, pipeline: str, event: str) -> Lane:
        """The figures of an event type."""
        return self.lanes.setdefault((pipeline, event), Lane())

    def work(self, pipeline: str, handler: str) -> Work:
        """The figures of a handler."""
        return self.works.setdefault((pipeline, handler), Work())

    def open_of(self, pipeline: str) -> list[Entry]:
        """The payloads of a pipeline that have not ended."""
        return [
            one
            for one in self.entries.values()
            if one.origin.pipeline == pipeline and not one.ended
        ]

    def newest(self) -> Iterator[Entry]:
        """All payloads, newest first."""
        return reversed(self.entries.values())

    # ---- what happens ------------------------------------------------------------------------

    def enter(self, origin: Origin, handlers: Iterable[str]) -> Any:
        """A payload is propelled to these handlers; the future of its line."""
        names = list(handlers)
        written = self._say("p", origin.to_json(), names)
        self._enter(origin, names)
        return written

    def begin(self, entry: Entry, attempt: Attempt) -> None:
        """A handler begins; a line says so where a deadline might else end it after a crash.

        Or where a workflow does it, which goes on by itself.
        """
        lasts = entry.origin.deadline is not None or attempt.workflow_id is not None
        if lasts and attempt.handler not in entry.begun:
            self._say("b", entry.id, attempt.handler, stamp(attempt.started_at))
            entry.begun[attempt.handler] = attempt.started_at
        entry.attempts.append(attempt)
        entry.due.pop(attempt.handler, None)
        self._stand(entry, attempt.handler, PayloadStatus.RUNNING)

    def interrupt(self, entry: Entry, handler: str) -> None:
        """A handler's work was cut off, and is to be begun again."""
        running = entry.running(handler)
        if running is not None:
            entry.attempts.remove(running)
            self._stand(entry, handler, PayloadStatus.QUEUED)

    def finish(self, entry: Entry, attempt: Attempt, due: datetime | None = None) -> Any:
        """An attempt has ended, as it says; ``due`` is when another one comes, where one does."""
        attempt.result = bounded(attempt.result)
        written = self._say("a", entry.id, attempt.to_json(), stamp(due))
        self._finish(entry, attempt, due)
        return written

    def close(
        self, entry: Entry, handler: str, status: PayloadStatus, at: datetime, why: str
    ) -> Any:
        """A handler's work ends without an attempt that says so: expired, cancelled, never begun."""
        written = self._say("e", entry.id, handler, status.value, stamp(at), why)
        self._close(entry, handler, status, at, why)
        return written

    def cancel(self, entry: Entry) -> Any:
        """A payload is to end; what works on it is being stopped."""
        written = self._say("c", entry.id)
        entry.cancelling = True
        self.heard(entry)
        return written

    def ask(self, entry: Entry) -> None:
        """A person was asked about a dead payload, or about another one of its lane."""
        if not entry.asked and entry.status is PayloadStatus.DEAD:
            self._say("q", entry.id)
            entry.asked = True

    def reopen(self, entry: Entry, handlers: Iterable[str]) -> Any:
        """A dead payload is tried again by these handlers."""
        names = list(handlers)
        written = self._say("r", entry.id, names)
        self._reopen(entry, names)
        return written

    def remove(self, entry: Entry) -> Any:
        """A payload is known no more."""
        written = self._say("d", entry.id)
        self._remove(entry)
        return written

    def forget_figures(self, pipeline: str) -> None:
        """Drop the figures of a pipeline's lanes and handlers; not in the log: a fold leaves them out."""
        for key in [one for one in self.lanes if one[0] == pipeline]:
            if not self.lanes[key].open and not self.lanes[key].dead:
                del self.lanes[key]
        for key in [one for one in self.works if one[0] == pipeline]:
            if not self.works[key].running and not self.works[key].waiting:
                del self.works[key]

    # ---- the log -----------------------------------------------------------------------------

    def take(self, line: str) -> None:
        """Take in a line of the log."""
        match json.loads(line):
            case ["p", origin, names]:
                self._enter(Origin.from_json(origin), names)
            case ["l", pipeline, event, given]:
                self.lane(pipeline, event).take(given)
            case ["w", pipeline, handler, given]:
                self.work(pipeline, handler).take(given)
            case [_, payload_id, *_] as told:
                if (entry := self.entries.get(payload_id)) is not None:
                    self._take_about(entry, told)

    def _take_about(self, entry: Entry, told: Sequence[Any]) -> None:
        match told:
            case ["a", _, given, due]:
                attempt = Attempt.from_json(given)
                entry.attempts.append(attempt)
                self._finish(entry, attempt, moment(due))
            case ["e", _, handler, status, at, why]:
                self._close(entry, handler, PayloadStatus(status), moment(at), why)
            case ["r", _, names]:
                self._reopen(entry, names)
            case ["b", _, handler, *since]:
                entry.begun[handler] = moment(since[0]) if since else None
            case ["c", _]:
                entry.cancelling = True
            case ["q", _]:
                entry.asked = True
            case ["d", _]:
                self._remove(entry)
            case _:
                msg = f"the book of payloads holds an entry of another version: {told[:1]}"
                raise ValueError(msg)

    def whole(self) -> Iterator[str]:
        """The lines that say all that stands; figures last, since they hold what came of the lines."""
        for entry in self.entries.values():
            yield from self._lines_of(entry)
        for (pipeline, event), lane in self.lanes.items():
            yield _line("l", pipeline, event, lane.to_json())
        for (pipeline, handler), work in self.works.items():
            yield _line("w", pipeline, handler, work.to_json())

    def count(self) -> int:
        """How many lines that are, about."""
        return 2 * len(self.entries) + len(self.lanes) + len(self.works)

    @staticmethod
    def _lines_of(entry: Entry) -> Iterator[str]:
        yield _line("p", entry.origin.to_json(), list(entry.handlers))
        last: dict[str, Attempt] = {}
        for one in entry.attempts:
            if one.status is not PayloadStatus.RUNNING:
                last[one.handler] = one
                yield _line("a", entry.id, one.to_json(), stamp(entry.due.get(one.handler)))
        for handler, status in entry.handlers.items():
            said = last[handler].status if handler in last else PayloadStatus.QUEUED
            if said is PayloadStatus.DEAD and status is not PayloadStatus.DEAD:
                yield _line("r", entry.id, [handler])
                said = PayloadStatus.QUEUED
            if status is not said and status in _CLOSED:
                at = stamp(entry.ended_at or entry.origin.created_at)
                yield _line("e", entry.id, handler, status.value, at, entry.error or "")
        if entry.asked:
            yield _line("q", entry.id)
        if not entry.ended:
            for handler, since in entry.begun.items():
                yield _line("b", entry.id, handler, stamp(since))
            if entry.cancelling:
                yield _line("c", entry.id)

    def _say(self, *parts: Any) -> Any:
        return self.lines.add(_line(*parts))

    # ---- what lines mean ---------------------------------------------------------------------

    def _enter(self, origin: Origin, names: list[str]) -> None:
        entry = Entry(origin, dict.fromkeys(names, PayloadStatus.QUEUED))
        self.entries[entry.id] = entry
        for name in names:
            self.work(origin.pipeline, name).shift(PayloadStatus.QUEUED, 1)
        if not names:
            entry.ended_at = origin.created_at
        self._settle(entry)

    def _finish(self, entry: Entry, attempt: Attempt, due: datetime | None) -> None:
        self.work(entry.origin.pipeline, attempt.handler).note(attempt)
        if attempt.status in {PayloadStatus.DEAD, PayloadStatus.RETRYING}:
            self.lane(entry.origin.pipeline, entry.origin.event).failed += 1
            entry.error = attempt.error
        if due is not None:
            entry.due[attempt.handler] = due
        self._end(entry, attempt.handler, attempt.status, attempt.ended_at)

    def _close(
        self, entry: Entry, handler: str, status: PayloadStatus, at: datetime | None, why: str
    ) -> None:
        entry.error = why or entry.error
        running = entry.running(handler)
        if running is not None:
            running.status, running.ended_at, running.error = status, at, why or None
        self._end(entry, handler, status, at)

    def _end(self, entry: Entry, handler: str, status: PayloadStatus, at: datetime | None) -> None:
        entry.begun.pop(handler, None)
        if status is not PayloadStatus.RETRYING:
            entry.due.pop(handler, None)
            others = (one for name, one in entry.handlers.items() if name != handler)
            if all(one in _ENDS for one in others):
                entry.ended_at = at
        self._stand(entry, handler, status)

    def _reopen(self, entry: Entry, names: list[str]) -> None:
        entry.ended_at = entry.error = None
        entry.cancelling = entry.asked = False
        self._over[True].pop(entry.id, None)
        for name in names:
            self._stand(entry, name, PayloadStatus.QUEUED)

    def _remove(self, entry: Entry) -> None:
        self.entries.pop(entry.id, None)
        for over in self._over.values():
            over.pop(entry.id, None)
        for name, status in entry.handlers.items():
            self.work(entry.origin.pipeline, name).shift(status, -1)
        shown = self._shown.pop(entry.id, None)
        if shown is not None:
            self.lane(entry.origin.pipeline, entry.origin.event).leave(entry, shown)
        self.forgotten(entry)

    def _stand(self, entry: Entry, handler: str, status: PayloadStatus) -> None:
        work = self.work(entry.origin.pipeline, handler)
        work.shift(entry.handlers.get(handler), -1)
        entry.handlers[handler] = status
        work.shift(status, 1)
        self._settle(entry)

    def _settle(self, entry: Entry) -> None:
        """Let the lane know how a payload stands now; one that has ended may make another give way."""
        status, before = entry.status, self._shown.get(entry.id)
        if status is not before:
            lane = self.lane(entry.origin.pipeline, entry.origin.event)
            if before is not None:
                lane.leave(entry, before)
            lane.come(entry, status)
            self._shown[entry.id] = status
        self.heard(entry)
        if status in _ENDS:
            self._trim(entry, dead=status is PayloadStatus.DEAD)

    def _trim(self, entry: Entry, *, dead: bool) -> None:
        over = self._over[dead]
        over[entry.id] = None
        while len(over) > self._bounds[dead]:
            self._remove(self.entries[next(iter(over))])


_CLOSED = frozenset({PayloadStatus.EXPIRED, PayloadStatus.CANCELLED, PayloadStatus.DEAD})


_as_text = json.JSONEncoder(separators=(",", ":")).encode


def _line(*parts: Any) -> str:
    return _as_text(parts)


def bounded(result: Any) -> Any:
    """The result, or the beginning of its text where it is long."""
    if result is None or isinstance(result, bool | int | float):
        return result
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if len(text) <= LONGEST_RESULT:
        return result
    return f"{text[:LONGEST_RESULT]} ... ({len(text)} characters in all)"
