"""The client: send a command, await its reply, follow events, watch screens."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from ..base.errors import Category, ErrorInfo, QuarterdeckError
from ..protocol.commands import Command, Payload, command
from ..protocol.events import Event
from ..protocol.screen import ScreenFrame
from ..protocol.wire import (
    Bye,
    ClientMessage,
    Follow,
    Frame,
    Goodbye,
    Hello,
    Input,
    Output,
    Reply,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
)
from .ports import Endpoint, LinkClosed
from .view import View

OUTGOING_LIMIT = 1000
TURN = 0.002
"""Seconds for which news are taken in before others have their turn: keys above all."""
UNEXPLAINED = ErrorInfo(
    code="internal", category=Category.SYSTEM, message="The engine refused and did not say why."
)


class CommandRefused(QuarterdeckError):
    """The engine answered a command with an error; ``error`` is what it said."""

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__(error.message, **error.details)
        self.error = error
        self.code = error.code  # type: ignore[misc]  # the engine's code, not one of ours
        self.category = error.category  # type: ignore[misc]
        self.recoverable = error.recoverable  # type: ignore[misc]

    def info(self) -> ErrorInfo:
        """What the engine said."""
        return self.error


class Client:
    """One front end's hold on an engine.

    Listeners are called in the loop, in the order of arrival, and must be quick:
    ``on_event(event)`` after ``view`` took it in, ``on_frame(frame)``, ``on_output(output)``,
    ``on_goodbye(goodbye)``, and ``on_closed(reason)`` once, when the link ends. One that raises
    is reported to the loop's exception handler and disturbs nothing else.
    """

    def __init__(self, endpoint: Endpoint, name: str = "client", *, host: bool = False) -> None:
        self._endpoint = endpoint
        self._name = name
        self._host = host
        self._waiting: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._outgoing: deque[ClientMessage] = deque()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self.client_id = ""
        self.view = View()
        self.on_event: Callable[[Event], None] = _ignore
        self.on_frame: Callable[[ScreenFrame], None] = _ignore
        self.on_output: Callable[[Output], None] = _ignore
        self.on_goodbye: Callable[[Goodbye], None] = _ignore
        self.on_closed: Callable[[str], None] = _ignore

    async def start(self, patience: float = 10.0) -> Welcome:
        """Greet the engine.

        :raises LinkClosed: if it does not greet back within ``patience`` seconds.
        """
        try:
            async with asyncio.timeout(patience):
                await self._endpoint.send(
                    Hello(client=self._name, pid=os.getpid(), host=self._host)
                )
                welcome = await self._endpoint.receive()
        except TimeoutError as error:
            raise LinkClosed(f"The engine did not answer within {patience:g} s.") from error
        if not isinstance(welcome, Welcome):
            reason = welcome.reason if isinstance(welcome, Goodbye) else "it did not greet back"
            raise LinkClosed(f"The engine refused the link: {reason}")
        self.client_id = welcome.client_id
        self.view.engine = welcome.engine
        self._tasks = [
            asyncio.create_task(self._receive(), name="client-receive"),
            asyncio.create_task(self._send(), name="client-send"),
        ]
        return welcome

    async def call(self, payload: Payload) -> dict[str, Any]:
        """The result of a command.

        :raises CommandRefused: if the engine answers with an error.
        :raises LinkClosed: if the link ends before the reply.
        """
        return await self.call_command(command(payload))

    async def call_command(self, sent: Command) -> dict[str, Any]:
        """The result of ``sent``; sending it again after a lost link gives the same reply.

        :raises CommandRefused: if the engine answers with an error.
        :raises LinkClosed: if the link ends before the reply.
        """
        if self._closed:
            raise LinkClosed("The link to the engine is closed.")
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sent.id, []).append(future)
        try:
            await self._endpoint.send(sent)
            return await future
        finally:
            self._forget(sent.id, future)

    async def follow(self, *topics: str, since: int | None = None, snapshot: bool = True) -> None:
        """Receive events from now on; see ``Follow``."""
        await self._endpoint.send(Follow(topics=topics, since=since, snapshot=snapshot))

    def watch(self, session_id: str, *, raw: bool = False) -> None:
        """Receive a session's screen from now on."""
        self.post(Watch(session_id=session_id, mode="bytes" if raw else "frames"))

    def unwatch(self, session_id: str) -> None:
        """Receive that screen no more."""
        self.post(Unwatch(session_id=session_id))

    def input(self, message: Input) -> bool:
        """Queue input for a session without waiting; False if the bounded queue is full.

        Of several sizes queued for one session the last one counts. On a closed link: False.
        """
        if self._closed:
            return False
        if isinstance(message, SizeInput):
            self._drop_sizes(message.session_id)
        if len(self._outgoing) >= OUTGOING_LIMIT:
            return False
        self.post(message)
        return True

    def post(self, message: ClientMessage) -> None:
        """Queue ``message`` behind everything queued before; on a closed link it is left out."""
        if self._closed:
            return
        self._outgoing.append(message)
        self._wake.set()

    async def close(self) -> None:
        """Leave; pending calls end with ``LinkClosed``."""
        if not self._closed:
            with contextlib.suppress(LinkClosed, TimeoutError):
                async with asyncio.timeout(1):
                    await self._endpoint.send(Bye())
        self._end("closed here")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._endpoint.close()

    def _drop_sizes(self, session_id: str) -> None:
        kept = [
            waiting
            for waiting in self._outgoing
            if not (isinstance(waiting, SizeInput) and waiting.session_id == session_id)
        ]
        self._outgoing = deque(kept)

    async def _send(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    await self._endpoint.send(self._outgoing.popleft())
        except QuarterdeckError as error:
            self._end(error.message)

    async def _receive(self) -> None:
        now = asyncio.get_running_loop().time
        turn_ends = now() + TURN
        try:
            while True:
                message = await self._endpoint.receive()
                if (
                    type(message) is Event
                ):  # thousands a second: to match models would cost the most
                    self._take_event(message)
                else:
                    self._dispatch(message)
                if now() >= turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = now() + TURN
        except QuarterdeckError as error:
            self._end(error.message)

    def _dispatch(self, message: Any) -> None:
        match message:
            case Reply():
                self._reply(message)
            case Frame(frame=frame):
                _call(self.on_frame, frame)
            case Output():
                _call(self.on_output, message)
            case Goodbye():
                _call(self.on_goodbye, message)
            case _:
                pass

    def _take_event(self, event: Event) -> None:
        try:
            self.view.apply(event)
        except Exception as error:  # noqa: BLE001  # as in _call, which would cost more than the work
            _report(error)
        try:
            self.on_event(event)
        except Exception as error:  # noqa: BLE001  # as above
            _report(error)

    def _reply(self, reply: Reply) -> None:
        for future in self._waiting.get(reply.command_id or "", ()):
            if future.done():
                continue
            if reply.ok:
                future.set_result(reply.result)
            else:
                future.set_exception(CommandRefused(reply.error or UNEXPLAINED))

    def _forget(self, command_id: str, future: asyncio.Future[dict[str, Any]]) -> None:
        """Wait for ``future`` no more, and take note of an error that nobody awaited."""
        futures = self._waiting[command_id]
        futures.remove(future)
        if not futures:
            del self._waiting[command_id]
        if future.done() and not future.cancelled():
            future.exception()

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._outgoing.clear()
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(LinkClosed(f"The link to the engine ended: {reason}"))
        _call(self.on_closed, reason)


def _ignore(_: Any) -> None:
    """Listen to nothing."""


def _call(listener: Callable[[Any], None], news: Any) -> None:
    """Tell ``listener``; what it raises goes to the loop's exception handler."""
    try:
        listener(news)
    except Exception as error:  # noqa: BLE001  # whatever a listener does, the link goes on
        _report(error)


def _report(error: Exception) -> None:
    context = {"message": "A listener of the client failed.", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
