"""All links of the engine, and what goes to each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..protocol.events import Event, SystemWarning
from ..protocol.wire import Goodbye
from ..telemetry.ports import MetricsCollector
from .connections import Connection
from .journal import Journal


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """Figures of the links: how many, events dropped so far, and the fullest outbox."""

    clients: int
    dropped: int
    fullest: int


class Hub:
    """Passes events on to every link, and says goodbye to all; ``left`` hears of a client's end."""

    def __init__(
        self, journal: Journal, metrics: MetricsCollector, left: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._left = left
        self._links: dict[str, Connection] = {}
        self._dropped = 0

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._links.values()))

    def add(self, link: Connection) -> None:
        """Pass events on to ``link``, too."""
        self._links[link.client.client_id] = link

    def remove(self, link: Connection) -> None:
        """Pass nothing more on to ``link``."""
        self._links.pop(link.client.client_id, None)
        self._left(link.client.client_id)

    def deliver(self, event: Event) -> None:
        """Put ``event`` into every link's outbox; called in the order of the journal."""
        for link in self:
            was_behind = link.outbox.behind
            dropped = link.outbox.add_event(event)
            link.notify()
            if dropped:
                self._count(dropped)
            if link.outbox.behind and not was_behind:
                self._warn(link)

    def _count(self, dropped: int) -> None:
        self._dropped += dropped
        self._metrics.increment_counter("events_dropped", by=dropped)

    def _warn(self, link: Connection) -> None:
        name = link.client.name or "a client"
        text = f"{name} is too slow for the events; it gets a fresh snapshot in their place."
        details = {"client_id": link.client.client_id, "client": name}
        self._journal.announce(SystemWarning(code="client_behind", message=text, details=details))

    def heir(self) -> Connection | None:
        """The link that could take the engine's work over: a host in another process, the oldest."""
        hosts = (link for link in self if link.client.host and not link.client.local)
        return next(hosts, None)

    def farewell(self, reason: str, heir: Connection | None = None, *, asked: bool = False) -> None:
        """Say goodbye to all; ``heir`` is asked to take over, nobody is if the stop was ``asked``."""
        for link in self:
            link.farewell(Goodbye(reason=reason, takeover=link is heir, asked=asked))

    def statistics(self) -> HubStatistics:
        """The figures of the moment."""
        sizes = (link.outbox.statistics() for link in self)
        fullest = max((s.pending_events + s.pending_replies for s in sizes), default=0)
        return HubStatistics(len(self._links), self._dropped, fullest)
