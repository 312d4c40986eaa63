"""Requests that wait for their answer."""

from __future__ import annotations

import asyncio
from typing import Any

from .faults import MessageInvalid, RequestFailed
from .messages import Message, MessageType


class Request:
    """One request: who waits, and how many handlers may still answer."""

    __slots__ = ("answer", "errors", "left", "topic")

    def __init__(self, topic: str, handlers: int) -> None:
        self.topic = topic
        self.left = handlers
        self.errors: list[str] = []
        self.answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def failed(self, error: str) -> None:
        """One handler will not answer; when none is left, nobody waits any longer."""
        self.left -= 1
        self.errors.append(error)
        if self.left <= 0 and not self.answer.done():
            self.answer.set_exception(
                RequestFailed(
                    f"Every handler of the request on {self.topic!r} failed: "
                    f"{'; '.join(self.errors)}.",
                    topic=self.topic,
                )
            )


class Requests:
    """The open requests of a bus, by correlation id."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self.late = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, correlation_id: str, request: Request) -> None:
        """Wait for its answer."""
        self._open[correlation_id] = request

    def close(self, correlation_id: str) -> None:
        """Wait no longer."""
        self._open.pop(correlation_id, None)

    def answer(self, message: Message) -> None:
        """Hand an answer to whoever waits; the first counts, later ones are counted as late."""
        request = self._open.get(message.correlation_id or "")
        if request is None or request.answer.done():
            self.late += 1
        else:
            request.answer.set_result(message)

    def failed(self, correlation_id: str | None, error: str) -> None:
        """Note that one handler failed for good."""
        request = self._open.get(correlation_id or "")
        if request is not None:
            request.failed(error)


def answer_to(
    request: Message,
    payload: Any,
    sender_id: str,
    message_type: MessageType = MessageType.RESPONSE,
) -> Message:
    """The answer to a request.

    :raises MessageInvalid: if it is none.
    """
    if request.reply_to is None:
        raise MessageInvalid(
            f"The message {request.message_id} on {request.topic!r} is no request: it has no reply_to."
        )
    return Message(
        sender_id=sender_id or request.recipient_id or "",
        recipient_id=request.sender_id,
        message_type=message_type,
        topic=request.reply_to,
        payload=payload,
        priority=request.priority,
        correlation_id=request.correlation_id,
    )
