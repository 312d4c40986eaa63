"""Which bucket a command draws from, and the refusal when that is empty."""

from __future__ import annotations

from ...base.clock import SYSTEM_CLOCK, Clock
from ...protocol.crew_views import LimitView
from ...safety.limiter import BucketCache, CacheStatistics
from ...telemetry.logs import logger
from ...telemetry.ports import MetricsCollector
from ..faults import RateLimited
from .looking import bucket_views

CLIENT_RATE = 100
CLIENT_BURST = 200
LIMITERS_KEPT = 10_000

_log = logger("engine.limits")


class CommandLimits:
    """Token buckets: one for each session, and one for each client's other commands."""

    def __init__(
        self,
        rate: float,
        burst: float,
        metrics: MetricsCollector,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._metrics = metrics
        self._caches = {
            "session": BucketCache(rate, burst, limit=LIMITERS_KEPT, clock=clock),
            "client": BucketCache(CLIENT_RATE, CLIENT_BURST, limit=LIMITERS_KEPT, clock=clock),
        }

    def __len__(self) -> int:
        return sum(len(cache) for cache in self._caches.values())

    def check(self, session_id: str | None, client_id: str, command_type: str) -> None:
        """Take a token: the session's, or the client's where the command is about no session.

        :raises RateLimited: if there is none; ``retry_after`` says when there will be.
        """
        scope, key = ("client", client_id) if session_id is None else ("session", session_id)
        cache = self._caches[scope]
        wait = cache.take(key)
        if not wait:
            return
        self._metrics.increment_counter("rate_limit_hits", {"scope": scope})
        statistics = cache.statistics()
        _log.debug(
            "rate limit hit",
            scope=scope,
            key=key,
            command=command_type,
            retry_after=wait,
            buckets=statistics.size,
            refused=statistics.refused,
        )
        raise RateLimited(
            f"{command_type} was refused: this {scope} sends commands faster than "
            f"{cache.rate:g} a second. Try again in {wait:.2f} s.",
            retry_after=round(wait, 3),
            scope=scope,
        )

    def forget_session(self, session_id: str) -> None:
        """Drop the bucket of a session that is gone."""
        self._caches["session"].forget(session_id)

    def forget_client(self, client_id: str) -> None:
        """Drop the bucket of a client that has left."""
        self._caches["client"].forget(client_id)

    def evict_idle(self) -> int:
        """Drop the buckets that are full again; their number."""
        return sum(cache.evict_idle() for cache in self._caches.values())

    def views(self) -> tuple[LimitView, ...]:
        """Both kinds of buckets, as front ends see them."""
        return tuple(
            view
            for scope, cache in self._caches.items()
            for view in bucket_views(f"commands of each {scope}", cache)
        )

    def statistics(self) -> dict[str, CacheStatistics]:
        """The figures of both kinds of buckets."""
        return {scope: cache.statistics() for scope, cache in self._caches.items()}
