"""A client's link, whatever carries it: messages in, an outbox and watched screens out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..client.ports import LinkClosed
from ..protocol.commands import Command
from ..protocol.events import Event, Metadata, StateSnapshot
from ..protocol.views import EngineView, StateView
from ..protocol.wire import (
    PROTOCOL,
    Bye,
    ClientMessage,
    Follow,
    Frame,
    Goodbye,
    Hello,
    KeyInput,
    MouseInput,
    Output,
    PasteInput,
    RawInput,
    Reply,
    ServerMessage,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
)
from ..telemetry.logs import logger
from ..telemetry.ports import MetricsCollector
from .context import ClientState, Job, sent_id
from .faults import HelloRequired, ProtocolUnsupported, ShuttingDown
from .journal import Journal
from .outbox import Outbox, Snapshot
from .ports import SessionService, Store
from .queue import CommandQueue, QueueClosed
from .screens import Screens

OLDEST_PROTOCOL = 1
REPLY_WINDOW = 1000
"""Commands of one client whose replies it has not taken; more of them wait."""

_log = logger("engine.connections")


class Registry(Protocol):
    """Who keeps the list of links."""

    def add(self, link: Connection) -> None:
        """A link was greeted."""
        ...

    def remove(self, link: Connection) -> None:
        """A link has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Switchboard:
    """What links work with; ``limit`` bounds the events that wait for one client."""

    queue: CommandQueue[Job]
    journal: Journal
    store: Store
    sessions: SessionService
    links: Registry
    metrics: MetricsCollector
    clock: Clock
    limit: int
    engine: Callable[[], EngineView]
    state: Callable[[], StateView]


class Connection:
    """One client's link.

    The carrier hands what comes in to ``handle``, one message at a time, and sends what ``next``
    gives. A client that sends commands faster than they are taken, or does not take its replies,
    waits in ``handle``.
    """

    def __init__(self, board: Switchboard, *, local: bool) -> None:
        self._board = board
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._owed = 0
        self._first: deque[ServerMessage] = deque()
        self._drawn: deque[Frame | Output] = deque()
        self._draw_next = False
        self._goodbye: Goodbye | None = None
        self._greeted = False
        self._leaving = ""
        self._closed = ""
        self.client = ClientState(new_id(), local=local)
        self.outbox = Outbox(board.limit)
        self.screens = Screens(self.notify, clock=board.clock)

    @property
    def closed(self) -> bool:
        """Whether the link has ended."""
        return bool(self._closed)

    def notify(self) -> None:
        """Something may have come to be sent."""
        self._wake.set()

    # Coming in

    async def handle(self, message: ClientMessage | Mapping[str, Any]) -> None:
        """Take a message in; waits while the client is ahead of the engine or of itself.

        :raises LinkClosed: if the link has ended.
        """
        self._check_open()
        if isinstance(message, Hello):
            self._hello(message)
            return
        if isinstance(message, Bye):
            self.end("the client left")
            return
        if not self._greeted:
            self._turn_away(HelloRequired("A link begins with Hello."))
            return
        if isinstance(message, Command | Mapping):
            await self._command(message)
        else:
            await self._other(message)

    async def refuse(self, error: QuarterdeckError) -> None:
        """Answer something that is no command, or none that can be read."""
        await self._take_place()
        self._answer(Reply(command_id=None, ok=False, error=error.info()))

    def _hello(self, hello: Hello) -> None:
        if self._greeted:
            self._turn_away(HelloRequired("A link says Hello once."))
            return
        if hello.protocol < OLDEST_PROTOCOL:
            self._turn_away(
                ProtocolUnsupported(
                    f"This engine speaks the protocols {OLDEST_PROTOCOL} to {PROTOCOL}, not "
                    f"{hello.protocol}. Update the older of the two programs."
                )
            )
            return
        client = self.client
        client.name, client.pid, client.host = hello.client[:100], hello.pid, hello.host
        spoken = {"protocol": min(hello.protocol, PROTOCOL)}
        engine = self._board.engine().model_copy(update=spoken)
        self._greeted = True
        self._board.links.add(self)
        self._first.append(Welcome(client_id=client.client_id, engine=engine))
        self.notify()
        _log.info("client attached", client=client.name, id=client.client_id, local=client.local)

    def _turn_away(self, error: QuarterdeckError) -> None:
        _log.warning("a link was refused", why=error.message)
        self._board.metrics.increment_counter("links_refused", {"reason": error.code})
        self.farewell(Goodbye(reason=error.message))

    async def _command(self, raw: Command | Mapping[str, Any]) -> None:
        await self._take_place()
        job = Job(raw, self.client, self._answer, self._board.clock.monotonic())
        try:
            await self._board.queue.put(job)
        except QueueClosed:
            error = ShuttingDown("The engine is stopping and takes no more commands.").info()
            self._answer(Reply(command_id=sent_id(raw), ok=False, error=error))

    async def _other(self, message: Any) -> None:
        match message:
            case Follow():
                await self._follow(message)
            case Watch():
                await self._watch(message)
            case Unwatch():
                self.screens.unwatch(message.session_id)
            case KeyInput() | PasteInput() | RawInput() | MouseInput() | SizeInput():
                self._input(message)
            case _:
                assert_never(message)

    def _input(self, message: KeyInput | PasteInput | RawInput | MouseInput | SizeInput) -> None:
        try:
            self._board.sessions.input(message)
        except QuarterdeckError as error:
            self._board.metrics.increment_counter("input_dropped")
            _log.debug("input dropped", session=message.session_id, why=error.message)

    async def _watch(self, wish: Watch) -> None:
        try:
            source = self._board.sessions.screen_source(wish.session_id)
        except QuarterdeckError as error:
            await self.refuse(error)
            return
        self.screens.watch(wish.session_id, source, wish.mode)

    async def _take_place(self) -> None:
        """Wait until fewer replies than the window are owed or lie untaken; then one more is."""
        while self._owed >= REPLY_WINDOW:
            self._room.clear()
            await self._room.wait()
            self._check_open()
        self._owed += 1

    def _answer(self, reply: Reply) -> None:
        if not self._closed:
            self.outbox.add_reply(reply)
            self.notify()

    def _check_open(self) -> None:
        if self._closed:
            raise LinkClosed(f"The link to the engine ended: {self._closed}.")

    # Following

    async def _follow(self, wish: Follow) -> None:
        snapshot = self._snapshot() if wish.snapshot else None
        if wish.since is None:
            self.outbox.follow(wish.topics, snapshot)
            self.notify()
            return
        self.outbox.hold()
        self.outbox.follow(wish.topics, snapshot)
        history: list[Event] | None = None
        try:
            history = await self._history(wish.since, self._board.journal.delivered)
        except QuarterdeckError as error:
            _log.error("kept events can't be read", error)
        finally:
            self.outbox.replay(history)
            self.notify()

    async def _history(self, since: int, upto: int) -> list[Event] | None:
        """The events after ``since`` up to ``upto``; ``None`` if some are gone or they are too many."""
        if since == upto:
            return []
        if since > upto or upto - since > self._board.limit:
            return None
        records = await self._board.store.events(after=since, limit=upto - since)
        if not records or records[0].sequence != since + 1:
            return None
        history = []
        for number, record in enumerate(records, 1):
            if record.sequence <= upto:
                history.append(Event.parse(json.loads(record.body)))
            if number % 100 == 0:
                await asyncio.sleep(0)
        return history

    # Going out

    async def next(self) -> ServerMessage:
        """The next message for the client.

        :raises LinkClosed: once the link has ended and everything before was given.
        """
        while True:
            message = self._ready()
            if message is not None:
                return message
            self._check_open()
            self._wake.clear()
            await self._news(self.screens.due())

    async def _news(self, seconds: float | None) -> None:
        """Wait for something to send, for ``seconds`` at most."""
        if seconds is None:  # the way of every lone command: a deadline that never comes costs, too
            await self._wake.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _ready(self) -> ServerMessage | None:
        """What can be sent now: screens and the rest take turns, the goodbye comes last."""
        if self._first:
            return self._first.popleft()
        self._draw_next = not self._draw_next
        order = (self._screen, self._post) if self._draw_next else (self._post, self._screen)
        for take in order:
            message = take()
            if message is not None:
                return message
        if self._goodbye is not None:
            goodbye, self._goodbye = self._goodbye, None
            self.end(goodbye.reason)
            return goodbye
        return None

    def _screen(self) -> ServerMessage | None:
        if not self._drawn and self.screens.due() == 0.0:
            self._drawn.extend(self.screens.take())
        return self._drawn.popleft() if self._drawn else None

    def _post(self) -> ServerMessage | None:
        item = self.outbox.take()
        if item is Snapshot.DUE:
            return self._snapshot()
        if isinstance(item, Reply):
            self._owed -= 1
            self._room.set()
            if self._leaving and not self._owed:
                self.end(self._leaving)
        return item

    def _snapshot(self) -> Event:
        payload = StateSnapshot(state=self._board.state())
        stamp = self._board.clock.now()
        metadata = Metadata(timestamp=stamp, sequence=payload.state.sequence)
        return Event(type=payload.type, metadata=metadata, payload=payload)

    # Ending

    def insist_on_hello(self) -> None:
        """Turn away a client that has not greeted."""
        if not self._greeted and not self._closed:
            self._turn_away(HelloRequired("No Hello came in time."))

    def leave(self, reason: str) -> None:
        """End the link once the client has the replies that it is owed."""
        if self._owed and self._goodbye is None:
            self._leaving = reason
        else:
            self.end(reason)

    def farewell(self, goodbye: Goodbye) -> None:
        """End the link once all that waits was given, ``goodbye`` last."""
        if not self._closed and self._goodbye is None:
            self._goodbye = goodbye
            self.notify()

    def end(self, reason: str) -> None:
        """End the link now; a second time does nothing."""
        if self._closed:
            return
        self._closed = reason or "it was closed"
        self.screens.close()
        if self._greeted:
            self._board.links.remove(self)
            with contextlib.suppress(QuarterdeckError):
                self._board.sessions.focus(self.client.client_id, None)
            _log.info("client left", id=self.client.client_id, why=self._closed)
        self._room.set()
        self.notify()


class LocalEndpoint:
    """A link from within this process: objects pass as they are. A ``core.client`` endpoint."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def send(self, message: ClientMessage) -> None:
        """Hand ``message`` over; waits while the engine is behind.

        :raises LinkClosed: if the link has ended.
        """
        await self._connection.handle(message)

    async def receive(self) -> ServerMessage:
        """The next message.

        :raises LinkClosed: once the link has ended and everything before was received.
        """
        return await self._connection.next()

    async def close(self) -> None:
        """End the link; a second time does nothing."""
        self._connection.end("the client closed it")
