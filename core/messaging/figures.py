"""The figures of a bus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .subscription import Subscription, SubscriptionStatistics


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """A bus's figures. Deliveries count once for each subscription."""

    published: int
    unrouted: int
    delivered: int
    failed: int
    retried: int
    dropped: int
    coalesced: int
    expired: int
    dead_letters: int
    dead_letters_lost: int
    late_answers: int
    open_requests: int
    waiting: int
    subscriptions: tuple[SubscriptionStatistics, ...]


Sums = tuple[int, int, int, int, int, int]


def figures_of(sub: Subscription) -> Sums:
    """What is summed up over subscriptions, former ones included."""
    return sub.delivered, sub.failed, sub.retried, sub.dropped, sub.coalesced, sub.expired


def sums(former: Iterable[int], subs: Iterable[Subscription]) -> Sums:
    """Those of all subscriptions, with what former ones came to."""
    delivered, failed, retried, dropped, coalesced, expired = map(
        sum, zip(former, *map(figures_of, subs), strict=True)
    )
    return delivered, failed, retried, dropped, coalesced, expired
