"""What becomes of deliveries: answers, dead letters, and the bus's own events about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.clock import Clock
from ..base.ids import next_id
from .dead_letters import DeadLetter, DeadLetters, Reason
from .keeping import Keeper
from .messages import Message
from .requests import Requests, answer_to
from .subscription import Subscription

OWN = "bus."
"""Topics of the bus's own events; what goes wrong with those is counted, and told no further."""


class Endings:
    """Told by a bus's workers how each delivery ended. ``publish`` sends on what follows from that.

    ``letters`` is ``None`` where dead letters are not kept.
    """

    def __init__(
        self,
        letters: DeadLetters | None,
        requests: Requests,
        keeper: Keeper | None,
        clock: Clock,
        publish: Callable[[Message], object],
    ) -> None:
        self._letters = letters
        self._requests = requests
        self._keeper = keeper
        self._clock = clock
        self._publish = publish
        self.closed = False
        self.silent = True  # nobody has published yet

    def answered(self, sub: Subscription, message: Message, result: Any) -> None:
        """A handler has ended; what it returned answers a request."""
        if self._keeper is not None:
            self._keeper.ended(message, sub.key)
        if message.reply_to is not None and result is not None:
            self._answer(answer_to(message, result, sub.subscriber_id))

    def _answer(self, answer: Message) -> None:
        """Hand an answer to whoever asked, and to those who listen on its topic."""
        self._requests.answer(answer)
        if not self.closed:
            self._publish(answer)

    def died(
        self, sub: Subscription, message: Message, reason: Reason, error: str, attempts: int
    ) -> None:
        """The subscription does not get the message: a dead letter, unless the next start brings it."""
        if message.correlation_id is not None:
            self._requests.failed(message.correlation_id, error)
        if reason is Reason.CLOSED and self._keeper is not None and self._keeper.is_kept(message):
            return
        letter = DeadLetter(
            next_id(), message, sub.subscriber_id, sub.pattern, reason, error, attempts,
            self._clock.now(),
        )  # fmt: skip
        if self._letters is not None:
            self._letters.add(letter)
        if self._keeper is not None:
            if self._letters is not None:
                self._keeper.died(letter)
            self._keeper.ended(message, sub.key)
        self._tell("dead_letter", message, {
            "dead_letter_id": letter.dead_letter_id, "subscriber_id": sub.subscriber_id,
            "topic": message.topic, "reason": reason.value, "error": error,
        })  # fmt: skip

    def dropped(self, sub: Subscription, message: Message) -> None:
        """A message gave way to a newer one."""
        if self._keeper is not None:
            self._keeper.ended(message, sub.key)

    def overflows(self, sub: Subscription) -> None:
        """A subscription's queue has become full."""
        self._tell("overflow", None, {
            "subscriber_id": sub.subscriber_id, "pattern": sub.pattern, "policy": sub.policy.value,
            "waiting": sub.held, "dropped": sub.dropped,
        })  # fmt: skip

    def _tell(self, name: str, about: Message | None, payload: dict[str, Any]) -> None:
        """An event of the bus itself; none about its own events, which could go on for ever."""
        if self.closed or self.silent or (about and about.topic.startswith(OWN)):
            return
        self._publish(Message(sender_id="bus", topic=OWN + name, payload=payload))
