"""Messages on chosen topics, kept until each of their subscriptions has had them; dead letters too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..base.batches import BatchLog, BatchStore
from .dead_letters import DeadLetter, Reason
from .messages import Message

LOG = "messages"


class Keeper:
    """What a store knows of messages: which subscriptions still want which, and dead letters.

    ``begin`` first, in the loop that uses it. A message's payload must be JSON.
    """

    def __init__(
        self, store: BatchStore, letters: Callable[[], Iterable[DeadLetter]], log: str = LOG
    ) -> None:
        self._store = store
        self._name = log
        self._letters = letters
        self._log: BatchLog | None = None
        self._wanted: dict[str, tuple[Message, set[str]]] = {}
        self.found: list[DeadLetter] = []

    async def begin(self) -> None:
        """Read what was left."""
        log = BatchLog(self._store, self._name, whole=self._whole, count=self._count)
        found: dict[str, DeadLetter] = {}
        for line in await log.load():
            self._fold(json.loads(line), found)
        self.found = list(found.values())
        self._log = log

    def keep(self, message: Message, keys: Iterable[str]) -> asyncio.Future[None]:
        """Keep a message for these subscriptions.

        :raises TypeError: if its payload can't be JSON.
        """
        wanted = set(keys)
        line = json.dumps(["m", message.to_dict(), sorted(wanted)])
        self._wanted[message.message_id] = (message, wanted)
        return self._add(line)

    def ended(self, message: Message, key: str) -> None:
        """One subscription has had it, one way or another."""
        kept = self._wanted.get(message.message_id)
        if kept is None or key not in kept[1]:
            return
        kept[1].discard(key)
        if not kept[1]:
            del self._wanted[message.message_id]
        self._add(json.dumps(["d", message.message_id, key]))

    def died(self, letter: DeadLetter) -> None:
        """A kept message has become a dead letter."""
        if letter.message.message_id in self._wanted:
            self._add(_letter_line(letter))

    def forget(self, dead_letter_id: str) -> None:
        """A dead letter was replayed or discarded."""
        self._add(json.dumps(["u", dead_letter_id]))

    def waiting_for(self, key: str) -> list[Message]:
        """The messages that a subscription still wants, oldest first."""
        return [message for message, keys in self._wanted.values() if key in keys]

    def is_kept(self, message: Message) -> bool:
        """Whether somebody still wants it."""
        return message.message_id in self._wanted

    async def settled(self) -> None:
        """Wait until all of this is on disk."""
        if self._log is not None:
            await self._log.settled()

    def _add(self, line: str) -> asyncio.Future[None]:
        if self._log is None:
            msg = "begin() first"
            raise RuntimeError(msg)
        return self._log.add(line)

    def _fold(self, entry: list[Any], letters: dict[str, DeadLetter]) -> None:
        match entry:
            case ["m", given, keys]:
                message = Message.from_dict(given)
                self._wanted[message.message_id] = (message, set(keys))
            case ["d", message_id, key]:
                kept = self._wanted.get(message_id)
                if kept is not None:
                    kept[1].discard(key)
                    if not kept[1]:
                        del self._wanted[message_id]
            case ["x", given]:
                letter = _letter(given)
                letters[letter.dead_letter_id] = letter
            case ["u", dead_letter_id]:
                letters.pop(dead_letter_id, None)
            case _:
                msg = f"the log {self._name!r} holds an entry of another version: {entry[:1]}"
                raise ValueError(msg)

    def _count(self) -> int:
        return len(self._wanted) + sum(1 for _ in self._letters())

    def _whole(self) -> Iterator[str]:
        for message, keys in self._wanted.values():
            yield json.dumps(["m", message.to_dict(), sorted(keys)])
        for letter in self._letters():
            yield _letter_line(letter)


def _letter_line(letter: DeadLetter) -> str:
    given = {name: getattr(letter, name) for name in letter.__slots__}
    return json.dumps(
        ["x", {**given, "message": letter.message.to_dict(), "at": letter.at.isoformat()}],
        default=str,
    )


def _letter(given: dict[str, Any]) -> DeadLetter:
    letter = DeadLetter(**given)
    return replace(
        letter,
        message=Message.from_dict(given["message"]),
        reason=Reason(given["reason"]),
        at=datetime.fromisoformat(given["at"]),
    )
