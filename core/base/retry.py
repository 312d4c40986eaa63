"""The one retry policy: how many attempts, and how long to wait between them."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off.

    ``max_attempts`` counts every attempt, the first included. Delays are in seconds:
    ``min(initial_delay * exponential_base ** (attempt - 1), max_delay)`` after attempt 1, 2, ...,
    each lengthened by up to ``jitter`` times itself.
    """

    max_attempts: int = 3
    initial_delay: float = 1.0
    max_delay: float = 60.0
    exponential_base: float = 2.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            msg = f"max_attempts counts the first attempt too, so it is at least 1, not {self.max_attempts}"
            raise ValueError(msg)
        if min(self.initial_delay, self.max_delay, self.jitter) < 0 or self.exponential_base <= 0:
            msg = "delays and jitter can't be negative, and exponential_base is above 0"
            raise ValueError(msg)

    def delay(self, attempt: int, random: Random | None = None) -> float:
        """Seconds to wait after ``attempt`` (1 is the first) has failed."""
        if not self.initial_delay:
            return 0.0
        try:
            grown = self.initial_delay * self.exponential_base ** (attempt - 1)
        except OverflowError:
            grown = self.max_delay
        base = min(grown, self.max_delay)
        if random is None or not self.jitter:
            return base
        return base * (1 + self.jitter * random.random())

    def allows(self, attempt: int) -> bool:
        """Whether another attempt may follow ``attempt``."""
        return attempt < self.max_attempts
