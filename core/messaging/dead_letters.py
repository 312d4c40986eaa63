"""Dead letters: messages that a subscriber did not get, and why."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..base.topics import topic_matches
from .faults import DeadLetterUnknown
from .messages import Message


class Reason(StrEnum):
    """Why a message became a dead letter."""

    FAILED = "failed"
    QUEUE_FULL = "queue_full"
    EXPIRED = "expired"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that one subscription did not get."""

    dead_letter_id: str
    message: Message
    subscriber_id: str
    pattern: str
    reason: Reason
    error: str
    attempts: int
    at: datetime

    @property
    def key(self) -> str:
        """The subscription that it was for, across restarts."""
        return f"{self.subscriber_id} {self.pattern}"


class DeadLetters:
    """A bounded collection; when it is full the oldest gives way, and is counted."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._letters: OrderedDict[str, DeadLetter] = OrderedDict()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(list(self._letters.values()))

    def add(self, letter: DeadLetter) -> DeadLetter | None:
        """Keep one; the one that gave way for it."""
        self._letters[letter.dead_letter_id] = letter
        if len(self._letters) <= self._bound:
            return None
        self.lost += 1
        return self._letters.popitem(last=False)[1]

    def take(self, dead_letter_id: str) -> DeadLetter:
        """Take one out.

        :raises DeadLetterUnknown: if there is none of this id.
        """
        letter = self._letters.pop(dead_letter_id, None)
        if letter is None:
            raise DeadLetterUnknown(
                f"There is no dead letter {dead_letter_id}: it was replayed or discarded, or gave "
                "way to newer ones.",
                dead_letter_id=dead_letter_id,
            )
        return letter

    def find(self, topic: str | None, subscriber_id: str | None) -> list[DeadLetter]:
        """Those on topics that the pattern ``topic`` covers, of one subscriber, oldest first."""
        return [
            letter
            for letter in self._letters.values()
            if (topic is None or topic_matches(topic, letter.message.topic))
            and (subscriber_id is None or letter.subscriber_id == subscriber_id)
        ]
