"""The figures of a bus."""

from __future__ import annotations

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


def figures_of(sub: Subscription) -> tuple[int, ...]:
    """What is summed up over subscriptions, former ones included."""
    return sub.delivered, sub.failed, sub.retried, sub.dropped, sub.coalesced, sub.expired
