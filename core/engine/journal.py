"""The journal: what changed and what happened, on disk first and then told, in one order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..protocol.events import Cause, Event, EventPayload, Metadata, SystemError_, SystemInfo
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector, NullMetrics, error_code
from ..telemetry.redaction import Redactor
from .auditing import event_entry, is_audited
from .faults import CommitFailed
from .hiding import without_secrets
from .ports import Store
from .records import AddEvent, Change, EventRecord

Listener = Callable[[Event], None]

_log = logger("engine.journal")
_NOBODY = Cause()


@dataclass(slots=True)
class _Entry:
    """Events that wait for their commit, if ``kept``; ``settled`` when it ended, either way."""

    events: list[Event]
    done: asyncio.Future[None]
    kept: bool
    since: float
    settled: bool = False
    failed: BaseException | None = None


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """Figures of a journal: sequence numbers given and delivered, and what became of commits.

    ``oldest`` is how many seconds the first of the pending ones has waited.
    """

    assigned: int
    delivered: int
    pending: int
    oldest: float
    committed: int
    failed: int
    failing: str


class Journal:
    """Makes changes durable, then tells the world; implements ``sessions.ports.Recorder``.

    Texts of what went wrong lose their secrets first. Durable events are numbered in the order of
    the calls; a number whose commit failed is left out. Events that are not durable have the number 0 and keep their place in the order. Listeners
    hear an event as soon as its commit has ended and all earlier ones were told, and before
    whoever awaits the commit goes on; they must be quick.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock = SYSTEM_CLOCK,
        metrics: MetricsCollector | None = None,
        redactor: Redactor | None = None,
        source: str = "engine",
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics or NullMetrics()
        self._redactor = redactor or Redactor()
        self._source = source
        self._queue: deque[_Entry] = deque()
        self._delivering = False
        self._heard: list[Listener] = []
        self._recorded: list[Listener] = []
        self._guards: list[Callable[[BaseException], None]] = []
        self._assigned = 0
        self._delivered = 0
        self._committed = 0
        self._failed = 0
        self._failing = ""

    @property
    def delivered(self) -> int:
        """The sequence number up to which every event was delivered, or failed to be kept."""
        return self._delivered

    @property
    def failing(self) -> str:
        """The code of the last commit's failure; empty if it went well."""
        return self._failing

    async def open(self) -> None:
        """Go on numbering where the store stands."""
        self._assigned = self._delivered = await self._store.last_sequence()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` every event once it is kept, until the returned function is called."""
        self._heard.append(listener)
        return lambda: self._heard.remove(listener)

    def preview(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` every event as it is recorded, before anybody else can know of it."""
        self._recorded.append(listener)
        return lambda: self._recorded.remove(listener)

    def guard(self, fatal: Callable[[BaseException], None]) -> Callable[[], None]:
        """Tell ``fatal`` what nothing can be kept after, until the returned function is called."""
        self._guards.append(fatal)
        return lambda: self._guards.remove(fatal)

    def record(
        self,
        changes: Sequence[Change],
        events: Sequence[EventPayload],
        cause: Cause | None = None,
    ) -> Awaitable[None]:
        """Journal ``changes`` and the durable ones of ``events``, then deliver all events.

        Takes effect in the order of the calls; the awaitable ends when all is on disk, and need
        not be awaited.

        :raises QuarterdeckError: from the awaitable, if the store refused; the events are dropped.
        """
        made = [self._event(payload, cause or _NOBODY, payload.durable) for payload in events]
        for event in made:
            _tell(self._recorded, event)
        rows = [_row(event) for event in made if event.metadata.sequence]
        bound = [event_entry(row.event) for row in rows if is_audited(row.event.type)]
        return self._enter(made, [*changes, *rows, *bound])

    def announce(self, payload: EventPayload, cause: Cause | None = None) -> None:
        """Deliver an event in its order without keeping it, whatever its kind."""
        self._enter([self._event(payload, cause or _NOBODY, False)], [])

    async def settled(self) -> None:
        """Return once everything recorded so far is on disk or has failed."""
        if self._queue:
            await asyncio.wait([self._queue[-1].done])

    def statistics(self) -> JournalStatistics:
        """The figures of the moment."""
        now = self._clock.monotonic()
        return JournalStatistics(
            assigned=self._assigned,
            delivered=self._delivered,
            pending=len(self._queue),
            oldest=now - self._queue[0].since if self._queue else 0.0,
            committed=self._committed,
            failed=self._failed,
            failing=self._failing,
        )

    # Making events

    def _event(self, given: EventPayload, cause: Cause, keep: bool) -> Event:
        payload = without_secrets(given, self._redactor)
        sequence = 0
        if keep:
            self._assigned += 1
            sequence = self._assigned
        event_id = new_id()
        metadata = Metadata(
            event_id=event_id,
            command_id=cause.command_id,
            correlation_id=cause.correlation_id or cause.command_id or event_id,
            causation_id=cause.causation_id or cause.command_id,
            timestamp=self._clock.now(),
            source=self._source,
            session_id=_session_of(payload),
            sequence=sequence,
        )
        return Event(type=payload.type, metadata=metadata, payload=payload)

    # Committing and delivering

    def _enter(self, events: list[Event], changes: Sequence[Change]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = _Entry(events, done, bool(changes), self._clock.monotonic())
        self._queue.append(entry)
        if changes:
            self._commit(entry, changes)
        else:
            entry.settled = True
            self._deliver()
        return done

    def _commit(self, entry: _Entry, changes: Sequence[Change]) -> None:
        try:
            commit = self._store.commit(changes)
        except Exception as error:  # noqa: BLE001  # told to whoever awaits, like any other failure
            entry.settled, entry.failed = True, error
            self._deliver()
        else:
            commit.add_done_callback(lambda ended: self._ended(entry, ended))

    def _ended(self, entry: _Entry, commit: asyncio.Future[None]) -> None:
        entry.settled = True
        if commit.cancelled():
            entry.failed = CommitFailed("The store gave up a change while it was closed.")
        else:
            entry.failed = commit.exception()
        self._deliver()

    def _deliver(self) -> None:
        """Tell what is settled, from the head of the queue; not within a listener's call."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._queue and self._queue[0].settled:
                self._settle(self._queue.popleft())
        finally:
            self._delivering = False

    def _settle(self, entry: _Entry) -> None:
        if entry.failed is not None:
            self._fail(entry, entry.failed)
            return
        for event in entry.events:
            self._delivered = event.metadata.sequence or self._delivered
            self._metrics.increment_counter("events", {"type": event.type})
            _tell(self._heard, event)
        if not entry.done.done():
            entry.done.set_result(None)
        self._committed += entry.kept
        if self._failing and entry.kept:
            self._recovered()

    def _fail(self, entry: _Entry, error: BaseException) -> None:
        for event in entry.events:
            self._delivered = event.metadata.sequence or self._delivered
        self._failed += 1
        self._metrics.increment_counter("commit_failures", {"code": error_code(error)})
        _log.error("a change could not be kept", error, dropped=[e.type for e in entry.events])
        fault = _as_fault(error)
        if not entry.done.done():
            entry.done.set_exception(fault)
            entry.done.exception()  # whoever does not await it does not want it reported again
        if fault.code != self._failing:
            self._failing = fault.code
            self.announce(SystemError_(error=fault.info()))
        if fault.fatal:
            for fatal in list(self._guards):
                fatal(fault)

    def _recovered(self) -> None:
        self._failing = ""
        _log.info("changes are kept again")
        text = "Changes are kept on disk again."
        self.announce(SystemInfo(code="store_recovered", message=text))


def _as_fault(error: BaseException) -> QuarterdeckError:
    if isinstance(error, QuarterdeckError):
        return error
    return CommitFailed(f"A change could not be kept: {type(error).__name__}: {error}")


def _tell(listeners: list[Listener], event: Event) -> None:
    for listener in list(listeners):
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  # one listener's fault is not the others'
            _log.error("a listener failed", error, type=event.type)


def _session_of(payload: EventPayload) -> str | None:
    """The session that an event is about."""
    for name in _session_fields(type(payload)):
        found = getattr(payload, name)
        if found is not None:
            inner = found if isinstance(found, str) else getattr(found, "session_id", None)
            return str(inner or getattr(found, "id", "")) or None
    return None


@cache
def _session_fields(kind: type[EventPayload]) -> tuple[str, ...]:
    """Those of its fields that may say which session, in the order in which they are asked."""
    return tuple(name for name in ("session_id", "session", "item") if name in kind.model_fields)


def _row(event: Event) -> AddEvent:
    body = json.dumps(event.dump(), separators=(",", ":"), ensure_ascii=False)
    return AddEvent(
        EventRecord(
            sequence=event.metadata.sequence,
            type=event.type,
            at=event.metadata.timestamp,
            session_id=event.metadata.session_id,
            # Half surrogate pairs, as in file names that are no UTF-8, become JSON escapes.
            body=body.encode(errors="backslashreplace").decode(),
        )
    )
