"""Kept replies: a command that is sent again gets the reply it got, and is not run twice."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..protocol.wire import Reply, encode
from ..telemetry.logs import logger
from .journal import Journal
from .ports import Store
from .records import Change, ReplyRecord, SaveReply

REPLIES_KEPT = 10_000

Answer = Callable[[Reply], None]

_log = logger("engine.replies")


@dataclass(frozen=True, slots=True)
class ReplyStatistics:
    """Figures of the kept replies: held in memory, being worked out, and given again so far."""

    held: int
    running: int
    repeated: int


class KeptReplies:
    """The replies of the last 10 000 commands, in memory over the store.

    ``claim`` says whether a command is new. Whoever claims a new one ends it with ``finish``;
    those who sent it meanwhile get the same reply.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        *,
        limit: int = REPLIES_KEPT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._journal = journal
        self._limit = limit
        self._clock = clock
        self._held: OrderedDict[str, Reply] = OrderedDict()
        self._running: dict[str, list[Answer]] = {}
        self._repeated = 0

    def claim(self, command_id: str, answer: Answer) -> bool:
        """Whether the command is new; if not, ``answer`` gets the first one's reply, now or later."""
        held = self._held.get(command_id)
        if held is not None:
            self._held.move_to_end(command_id)
            self._repeated += 1
            answer(held)
            return False
        waiting = self._running.get(command_id)
        if waiting is not None:
            self._repeated += 1
            waiting.append(answer)
            return False
        self._running[command_id] = [answer]
        return True

    async def recall(self, command_id: str) -> Reply | None:
        """The reply that an earlier engine gave to the command, if it is still kept."""
        body = await self._store.reply(command_id)
        if body is None:
            return None
        self._repeated += 1
        return Reply.model_validate(json.loads(body))

    async def keep(self, reply: Reply, *beside: Change) -> None:
        """Make ``reply`` durable, and ``beside`` in the same transaction.

        A failure is logged, since the command was carried out.
        """
        if reply.command_id is None:
            return
        body = encode(reply).decode()
        record = ReplyRecord(reply.command_id, self._clock.now(), body)
        try:
            await self._journal.record([SaveReply(record), *beside], [])
        except QuarterdeckError as error:
            _log.error("a reply could not be kept", error, command=reply.command_id)

    def finish(self, command_id: str, reply: Reply, *, remember: bool = True) -> None:
        """Give ``reply`` to all who sent the command; ``remember`` it for those who will."""
        if remember:
            self._held[command_id] = reply
            if len(self._held) > self._limit:
                self._held.popitem(last=False)
        for answer in self._running.pop(command_id, ()):
            answer(reply)

    def statistics(self) -> ReplyStatistics:
        """The figures of the moment."""
        return ReplyStatistics(len(self._held), len(self._running), self._repeated)
