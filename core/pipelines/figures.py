"""Figures of lanes and handlers, kept as things happen, so that looking at them costs nothing."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..base.priority import Priority
from ..protocol.pipeline_views import PayloadStatus
from .entries import ENDED, Attempt, Entry

MINUTES = 30
RUNS = 20
_TOTALS = ("completed", "failed", "expired")
_COUNTS = ("succeeded", "failed", "retried")


@dataclass(slots=True)
class Lane:
    """One event type. ``failed`` counts attempts, ``dead`` payloads that lie there now."""

    depths: Counter[Priority] = field(default_factory=Counter)
    waiting: dict[str, datetime] = field(default_factory=dict)
    running: int = 0
    retrying: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    dead: int = 0
    minutes: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MINUTES))

    @property
    def open(self) -> int:
        """Payloads that have not ended."""
        return len(self.waiting) + self.running + self.retrying

    def come(self, entry: Entry, status: PayloadStatus) -> None:
        """A payload stands so from now on."""
        self._shift(entry, status, 1)
        if status is PayloadStatus.QUEUED:
            self.waiting[entry.id] = entry.origin.created_at
        elif status is PayloadStatus.COMPLETED:
            self.completed += 1
            self._note_minute(entry.ended_at)
        elif status is PayloadStatus.EXPIRED:
            self.expired += 1

    def leave(self, entry: Entry, status: PayloadStatus) -> None:
        """It stood so."""
        self._shift(entry, status, -1)
        if status is PayloadStatus.QUEUED:
            self.waiting.pop(entry.id, None)

    def _shift(self, entry: Entry, status: PayloadStatus, by: int) -> None:
        if status is PayloadStatus.QUEUED:
            self.depths[entry.origin.priority] += by
        elif status is PayloadStatus.RUNNING:
            self.running += by
        elif status is PayloadStatus.RETRYING:
            self.retrying += by
        elif status is PayloadStatus.DEAD:
            self.dead += by

    def _note_minute(self, at: datetime | None) -> None:
        minute = int(at.timestamp() // 60) if at is not None else 0
        if self.minutes and self.minutes[-1][0] == minute:
            self.minutes[-1] = (minute, self.minutes[-1][1] + 1)
        else:
            self.minutes.append((minute, 1))

    def per_minute(self, now: datetime) -> tuple[int, ...]:
        """Completions in each of the last minutes, the running one last."""
        here, counted = int(now.timestamp() // 60), dict(self.minutes)
        return tuple(counted.get(minute, 0) for minute in range(here - MINUTES + 1, here + 1))

    def oldest(self) -> datetime | None:
        """When the payload was created that has waited longest."""
        return next(iter(self.waiting.values()), None)

    def to_json(self) -> dict[str, Any]:
        """What outlives payloads that are forgotten."""
        return {name: getattr(self, name) for name in _TOTALS} | {"minutes": list(self.minutes)}

    def take(self, given: dict[str, Any]) -> None:
        """Go on from what ``to_json`` gave."""
        for name in _TOTALS:
            setattr(self, name, given[name])
        self.minutes.clear()
        self.minutes.extend((int(minute), int(count)) for minute, count in given["minutes"])


@dataclass(slots=True)
class Work:
    """One handler; ``seconds`` are those of its last runs."""

    running: int = 0
    waiting: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RUNS))
    last_error: str | None = None

    def shift(self, status: PayloadStatus | None, by: int) -> None:
        """One more payload, or one less, stands so with this handler."""
        if status is PayloadStatus.RUNNING:
            self.running += by
        elif status is not None and status not in ENDED:
            self.waiting += by

    def note(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        if attempt.status is PayloadStatus.COMPLETED:
            self.succeeded += 1
        elif attempt.status in {PayloadStatus.DEAD, PayloadStatus.RETRYING}:
            self.failed += 1
            self.retried += attempt.status is PayloadStatus.RETRYING
            self.last_error = attempt.error
        if attempt.started_at is not None and attempt.ended_at is not None:
            self.seconds.append((attempt.ended_at - attempt.started_at).total_seconds())

    @property
    def average(self) -> float | None:
        """The average of its last runs."""
        return sum(self.seconds) / len(self.seconds) if self.seconds else None

    def to_json(self) -> dict[str, Any]:
        """What outlives payloads that are forgotten."""
        found = {name: getattr(self, name) for name in _COUNTS}
        return found | {"seconds": list(self.seconds), "last_error": self.last_error}

    def take(self, given: dict[str, Any]) -> None:
        """Go on from what ``to_json`` gave."""
        for name in _COUNTS:
            setattr(self, name, given[name])
        self.seconds.clear()
        self.seconds.extend(given["seconds"])
        self.last_error = given["last_error"]
