"""The one rate limiter: token buckets, and a bounded cache of them by key."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from heapq import nsmallest

from ..base.clock import SYSTEM_CLOCK, Clock

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class BucketStatistics:
    """A bucket's figures: ``tokens`` are those of the moment."""

    rate: float
    burst: float
    tokens: float
    granted: int
    refused: int


class TokenBucket:
    """Grants ``rate`` tokens a second in the long run, and up to ``burst`` at once.

    Over any stretch of ``t`` seconds it grants ``burst + rate * t`` at most. It starts full.
    """

    __slots__ = ("_clock", "_granted", "_refused", "_stamp", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float, clock: Clock = SYSTEM_CLOCK) -> None:
        """Begin full.

        :raises ValueError: if ``rate`` is not above 0, or ``burst`` below 1.
        """
        if rate <= 0 or burst < 1:
            raise ValueError(f"A bucket needs a rate above 0 and a burst of 1, not {rate}, {burst}")
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._stamp = clock.monotonic()
        self._granted = 0
        self._refused = 0

    def take(self, tokens: float = 1.0) -> float:
        """0.0 if ``tokens`` were granted, else the seconds until they will be there.

        :raises ValueError: if that many never will be.
        """
        if tokens > self.burst:
            raise ValueError(f"{tokens} tokens are more than the burst of {self.burst}")
        self._refill()
        missing = tokens - self._tokens
        if missing <= _ROUNDING:
            self._tokens = max(0.0, self._tokens - tokens)
            self._granted += 1
            return 0.0
        self._refused += 1
        return missing / self.rate

    def full(self) -> bool:
        """Whether it is as a new one would be."""
        self._refill()
        return self._tokens >= self.burst

    def statistics(self) -> BucketStatistics:
        """The figures of the moment."""
        self._refill()
        return BucketStatistics(self.rate, self.burst, self._tokens, self._granted, self._refused)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if now > self._stamp:
            self._tokens = min(self.burst, self._tokens + (now - self._stamp) * self.rate)
        self._stamp = now


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """A cache's figures: buckets held and at most held, and what it did so far."""

    size: int
    limit: int
    granted: int
    refused: int
    evicted: int


class BucketCache:
    """A token bucket for each key, at most ``limit`` of them: the longest unused goes first."""

    def __init__(
        self, rate: float, burst: float, *, limit: int = 10_000, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Begin empty.

        :raises ValueError: if ``rate`` is not above 0, or ``burst`` or ``limit`` below 1.
        """
        if limit < 1:
            raise ValueError(f"A cache holds at least 1 bucket, not {limit}")
        self._model = TokenBucket(rate, burst, clock)
        self._clock = clock
        self._limit = limit
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._granted = 0
        self._refused = 0
        self._evicted = 0

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def rate(self) -> float:
        """Tokens a second of each bucket."""
        return self._model.rate

    @property
    def burst(self) -> float:
        """Tokens of a full bucket."""
        return self._model.burst

    def take(self, key: str, tokens: float = 1.0) -> float:
        """See ``TokenBucket.take``, for the bucket of ``key``."""
        wait = self._bucket(key).take(tokens)
        if wait:
            self._refused += 1
        else:
            self._granted += 1
        return wait

    def tokens(self, key: str) -> float:
        """How many tokens ``key`` has at present; asking makes no bucket."""
        bucket = self._buckets.get(key)
        return self._model.burst if bucket is None else bucket.statistics().tokens

    def lowest(self, count: int) -> list[tuple[str, BucketStatistics]]:
        """The keys with the fewest tokens left, and how their buckets stand; full ones are left out."""
        found = ((key, bucket.statistics()) for key, bucket in self._buckets.items())
        used = [one for one in found if one[1].tokens < one[1].burst]
        return nsmallest(count, used, key=lambda one: one[1].tokens)

    def forget(self, key: str) -> None:
        """Drop the bucket of ``key``, whose owner is gone."""
        self._buckets.pop(key, None)

    def evict_idle(self) -> int:
        """Drop the buckets that are full again, which changes nothing for their keys."""
        idle = [key for key, bucket in self._buckets.items() if bucket.full()]
        for key in idle:
            del self._buckets[key]
        self._evicted += len(idle)
        return len(idle)

    def statistics(self) -> CacheStatistics:
        """The figures of the moment."""
        return CacheStatistics(
            len(self._buckets), self._limit, self._granted, self._refused, self._evicted
        )

    def _bucket(self, key: str) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        if len(self._buckets) >= self._limit:
            self._buckets.popitem(last=False)
            self._evicted += 1
        bucket = TokenBucket(self._model.rate, self._model.burst, self._clock)
        self._buckets[key] = bucket
        return bucket
