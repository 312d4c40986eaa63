"""What a client is still to receive: a machine without I/O."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from ..messaging.trie import PatternTrie, Recent
from ..protocol.events import Event
from ..protocol.wire import Reply


class Snapshot(Enum):
    """Where a client fell behind: a snapshot is to be made now, as it takes it."""

    DUE = auto()


Item = Event | Reply | Snapshot


@dataclass(frozen=True, slots=True)
class OutboxStatistics:
    """Figures of an outbox: what waits, and what became of the rest.

    ``merged`` events were replaced by a newer one of the same key; ``dropped`` ones by a snapshot,
    which happened ``gaps`` times.
    """

    pending_events: int
    pending_replies: int
    merged: int
    dropped: int
    gaps: int
    behind: bool


class Outbox:
    """Events and replies for one client, in order, at most ``limit`` events.

    An event that may coalesce takes the place of an unsent one of the same type and key, at the
    end, so that sequence numbers still only grow; not across a reply, so that what a command led
    to is still told before its reply. A client for which more events would have to wait is
    behind: its events give way to one snapshot, made when it takes it, and all events until then
    are contained in that. Replies are never dropped; whoever lets clients send commands bounds them.
    """

    def __init__(self, limit: int) -> None:
        """Begin with nothing followed.

        :raises ValueError: if ``limit`` is below 1.
        """
        if limit < 1:
            raise ValueError(f"An outbox holds at least 1 event, not {limit}")
        self._limit = limit
        self._queue: OrderedDict[int, Event | Reply] = OrderedDict()
        self._history: deque[Event] = deque()
        self._opening: Event | None = None
        self._latest: dict[tuple[str, str], int] = {}
        self._ticket = 0
        self._events = 0
        self._topics: tuple[str, ...] | None = None
        self._patterns: PatternTrie[str] = PatternTrie()
        self._wanted: Recent[bool] = Recent(self._matches)
        self._behind = False
        self._held = False
        self._merged = 0
        self._dropped = 0
        self._gaps = 0

    # Following

    def follow(self, topics: Iterable[str], snapshot: Event | None = None) -> None:
        """Let events in whose topic or type these patterns cover (none: all), after ``snapshot``.

        That one is of the present moment, so that what comes after it is newer than it.
        """
        self._topics = tuple(topics)
        self._patterns = PatternTrie()
        for pattern in self._topics:
            self._patterns.add(pattern, pattern)
        self._wanted.clear()
        self._opening = snapshot or self._opening

    def hold(self) -> None:
        """Give no events out until ``replay``; they are still let in."""
        self._held = True

    def replay(self, history: Iterable[Event] | None) -> None:
        """Give these events out first, then go on; ``None``: they are gone, or too many.

        Then a snapshot is due in place of them and of all that came since.
        """
        self._held = False
        if history is None:
            self._fall_behind()
        else:
            self._history.extend(event for event in history if self._wants(event))

    # Letting in

    def add_reply(self, reply: Reply) -> None:
        """Let a reply in."""
        self._put(reply)
        self._latest.clear()

    def add_event(self, event: Event) -> int:
        """Let an event in, if it is followed; the number of events dropped by that."""
        if not self._wants(event):
            return 0
        if self._behind:
            self._dropped += 1
            return 1
        if event.payload.coalesce:
            event = self._merge(event)
        if self._events >= self._limit:
            return self._fall_behind(event)
        ticket = self._put(event)
        self._events += 1
        if event.payload.coalesce:
            self._latest[event.type, event.payload.key()] = ticket
        return 0

    def _wants(self, event: Event) -> bool:
        if not self._topics:
            return self._topics is not None
        return self._wanted.find(event.type) or self._wanted.find(event.topic)

    def _matches(self, topic: str) -> bool:
        return bool(self._patterns.match(topic))

    def _put(self, item: Event | Reply) -> int:
        self._ticket += 1
        self._queue[self._ticket] = item
        return self._ticket

    def _merge(self, event: Event) -> Event:
        """``event`` with what an unsent one of its key had to tell, which is taken out."""
        ticket = self._latest.pop((event.type, event.payload.key()), None)
        older = None if ticket is None else self._queue.pop(ticket, None)
        if not isinstance(older, Event):
            return event
        self._events -= 1
        self._merged += 1
        return event.model_copy(update={"payload": event.payload.merged(older.payload)})

    def _fall_behind(self, *more: Event) -> int:
        """Drop all events, and ``more``; their number."""
        replies = [(t, item) for t, item in self._queue.items() if isinstance(item, Reply)]
        dropped = len(self._queue) - len(replies) + len(more)
        self._dropped += dropped
        self._gaps += 1
        self._queue = OrderedDict(replies)
        self._latest.clear()
        self._events = 0
        self._opening = None
        self._behind = True
        return dropped

    # Giving out

    @property
    def behind(self) -> bool:
        """Whether events were dropped whose snapshot was not taken yet."""
        return self._behind

    def take(self) -> Item | None:
        """The next item; ``None`` if there is none to give."""
        if self._held:
            return self._take_reply()
        if self._history:
            return self._history.popleft()
        if self._opening is not None:
            opening, self._opening = self._opening, None
            return opening
        if self._behind:
            self._behind = False
            return Snapshot.DUE
        if not self._queue:
            return None
        ticket, item = self._queue.popitem(last=False)
        if isinstance(item, Event):
            self._events -= 1
            if item.payload.coalesce:
                self._forget(item, ticket)
        return item

    def _take_reply(self) -> Reply | None:
        for ticket, item in self._queue.items():
            if isinstance(item, Reply):
                del self._queue[ticket]
                return item
        return None

    def _forget(self, event: Event, ticket: int) -> None:
        key = (event.type, event.payload.key())
        if self._latest.get(key) == ticket:
            del self._latest[key]

    def statistics(self) -> OutboxStatistics:
        """The figures of the moment."""
        return OutboxStatistics(
            self._events,
            len(self._queue) - self._events,
            self._merged,
            self._dropped,
            self._gaps,
            self._behind,
        )
