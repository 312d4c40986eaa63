"""What a bus can be told; the defaults are the third document's where it has any."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..base.retry import RetryPolicy
from ..base.urgency import AGEING_SECONDS


@dataclass(frozen=True, slots=True)
class MessageBusConfig:
    """How a bus behaves.

    ``max_queue_size`` bounds each subscription's queue and what is on its way to all of them;
    ``max_retries`` counts the attempts after the first, each as long after the one before as
    ``back_off`` says (its own count of attempts is not used). ``max_handlers_per_topic`` bounds the
    subscriptions under one pattern. ``wait_seconds`` is the longest that a publisher waits for a
    subscriber that asked for it, ``drain_seconds`` the longest that ``close`` waits for handlers.
    Messages on topics that one of the patterns ``persist`` covers are kept until they are delivered.
    """

    max_queue_size: int = 10_000
    enable_dead_letter: bool = True
    max_retries: int = 3
    max_handlers_per_topic: int = 100
    back_off: RetryPolicy = field(default_factory=lambda: RetryPolicy(1, 0.1, 30.0))
    max_dead_letters: int = 10_000
    wait_seconds: float = 5.0
    drain_seconds: float = 10.0
    ageing_seconds: float | None = AGEING_SECONDS
    persist: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least = {
            "max_queue_size": 1, "max_retries": 0, "max_handlers_per_topic": 1,
            "max_dead_letters": 1, "wait_seconds": 0, "drain_seconds": 0,
        }  # fmt: skip
        for name, value in least.items():
            if getattr(self, name) < value:
                msg = f"{name} is at least {value}, not {getattr(self, name)}"
                raise ValueError(msg)
