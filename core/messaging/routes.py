"""Which subscriptions a topic meets, and what went to all of them at once."""

from __future__ import annotations

from .subscription import Subscription
from .trie import PatternTrie, Recent

MOST = 2 * 1024
"""Routes that are known at a time; then all are forgotten."""


class Route(list[Subscription]):
    """The subscriptions of a topic that is published to again and again.

    A message that goes along it is counted once, in advance, as delivered to all of ``subs``; a
    subscription that does not get it, or not yet, takes that back.
    """

    __slots__ = ("sent", "subs")

    def __init__(self, subs: list[Subscription]) -> None:
        super().__init__(subs)
        self.subs = subs
        self.sent = 0

    def take_back(self, last: int) -> None:
        """The last so many subscriptions have not got a message that was sent."""
        for sub in self[-last:]:
            sub.delivered -= 1


class Routes:
    """The subscriptions by pattern and by topic. ``sent`` is how many messages went along routes."""

    def __init__(self) -> None:
        self._trie: PatternTrie[Subscription] = PatternTrie()
        self.recent: Recent[list[Subscription]] = Recent(self._trie.match)
        self._made: list[Route] = []
        self.sent = 0

    def add(self, pattern: str, sub: Subscription) -> None:
        """Put a subscription under a pattern."""
        self._trie.add(pattern, sub)
        self._forget()

    def remove(self, pattern: str, sub: Subscription) -> None:
        """Take it away again."""
        self._trie.remove(pattern, sub)
        self._forget()

    def under(self, pattern: str) -> tuple[Subscription, ...]:
        """The subscriptions under this very pattern."""
        return self._trie.under(pattern)

    def find(self, topic: str) -> list[Subscription]:
        """The subscriptions that a topic meets, for messages that are counted one by one.

        :raises TopicInvalid: if nothing can be published there.
        """
        found = self.recent.find(topic)
        return found.subs if isinstance(found, Route) else found

    def route(self, topic: str, subs: list[Subscription]) -> Route:
        """The route of a topic whose answer is remembered."""
        if len(self._made) >= MOST:
            self._forget()
        route = self.recent.latest[topic] = Route(subs)
        self._made.append(route)
        return route

    def settle(self) -> None:
        """Count for each subscription what went along routes so far."""
        for route in self._made:
            sent, route.sent = route.sent, 0
            self.sent += sent
            for sub in route if sent else ():
                sub.delivered += sent

    def _forget(self) -> None:
        self.settle()
        self._made.clear()
        self.recent.clear()
