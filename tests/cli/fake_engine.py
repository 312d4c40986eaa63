"""A fake engine that speaks the real protocol on a real socket."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.cli.fake_answers import Answers
from tests.cli.fake_views import SINCE, attention_item, engine_view, session_view

from quarterdeck.core.base.errors import Category, ErrorInfo, QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.listening import close_server
from quarterdeck.core.engine.lock import Holder, StateLock
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.events import (
    Event,
    EventPayload,
    Metadata,
    SessionDeleted,
    StatusChanged,
)
from quarterdeck.core.protocol.preferences import with_defaults
from quarterdeck.core.protocol.status import (
    Activity,
)
from quarterdeck.core.protocol.topics import covers
from quarterdeck.core.protocol.validation import parse_command
from quarterdeck.core.protocol.views import (
    HealthStatus,
    SessionView,
)
from quarterdeck.core.protocol.wire import (
    Follow,
    Goodbye,
    Hello,
    Output,
    Reply,
    Welcome,
    decode_client,
    encode,
)


class FakeEngine:
    """Serves one socket from a thread of its own.

    ``asked`` has every command's payload in order, ``came`` every other message. A handler in
    ``handlers`` replaces the engine's own for a type of command.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sessions: dict[str, SessionView] = {}
        self.items: dict[str, AttentionItem] = {}
        self.kept: list[Event] = []
        self.preferences: dict[str, Any] = with_defaults({})
        self.asked: list[c.Payload] = []
        self.came: list[Any] = []
        self.handlers: dict[str, Callable[[Any], dict[str, Any] | None]] = {}
        self.health = HealthStatus.HEALTHY
        self.greeting = "welcome"
        self.arrived = threading.Condition()
        self._writers: dict[asyncio.StreamWriter, list[str] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lock = StateLock(path.parent)
        self._lock.acquire(Holder(os.getpid(), new_id(), str(path), SINCE))
        self._server: asyncio.Server = self._in_loop(
            asyncio.start_unix_server(self._serve, str(path), limit=8 * 1024 * 1024)
        )

    # ---- what a test does ------------------------------------------------------------------

    def add(self, name: str, **changes: Any) -> SessionView:
        """A session more."""
        view = session_view(name, **changes)
        self.sessions[view.id] = view
        return view

    def raise_item(self, session: SessionView, **changes: Any) -> AttentionItem:
        """An attention item more."""
        item = attention_item(session, **changes)
        self.items[item.item_id] = item
        return item

    def push(self, payload: EventPayload, session_id: str | None = None) -> Event:
        """Keep an event and send it to whoever follows its type."""
        event = Event(
            type=payload.type,
            metadata=Metadata(sequence=len(self.kept) + 1, session_id=session_id),
            payload=payload,
        )
        self.kept.append(event)
        self._loop.call_soon_threadsafe(self._spread, event)
        return event

    def change(self, view: SessionView, activity: Activity, **changes: Any) -> SessionView:
        """Give a session another status, and tell it."""
        status = view.status.model_copy(update={"activity": activity})
        new = view.model_copy(update={"status": status, **changes})
        self.sessions[view.id] = new
        changed = StatusChanged(
            session_id=view.id,
            old_lifecycle=view.lifecycle,
            old_activity=view.status.activity,
            lifecycle=new.lifecycle,
            status=status,
            session=new,
        )
        self.push(changed, view.id)
        return new

    def delete(self, view: SessionView) -> None:
        """Take a session away, and tell it."""
        del self.sessions[view.id]
        self.push(SessionDeleted(session_id=view.id, name=view.name), view.id)

    def output(self, session_id: str, data: bytes, *, ended: bool = False) -> None:
        """Send a session's bytes to everybody."""
        message = Output(session_id=session_id, data=data, ended=ended)
        self._loop.call_soon_threadsafe(self._to_all, encode(message))

    def wait_for(self, what: Callable[[], Any], patience: float = 60.0) -> None:
        """Wait until ``what`` holds, looked at whenever something has come."""
        with self.arrived:
            assert self.arrived.wait_for(what, patience), f"came: {self.came}, asked: {self.asked}"

    def cut(self) -> None:
        """Break every link, as an engine that was killed does; new ones are taken."""
        self._in_loop(self._cut())

    def leave(self, reason: str) -> None:
        """Say goodbye to everybody and be gone."""
        self._in_loop(self._leave(reason))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """From a handler: do ``work`` once the reply is sent."""
        self._tasks.add(self._loop.create_task(work))

    def close(self) -> None:
        """Stop serving; a second time does nothing."""
        if not self._loop.is_closed():
            self._in_loop(self._stop())
            self._in_loop(self._end_links())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # ---- the other side --------------------------------------------------------------------

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _leave(self, reason: str) -> None:
        self._lock.release()
        self.path.unlink(missing_ok=True)
        self._to_all(encode(Goodbye(reason=reason)))
        await self._stop()

    async def _stop(self) -> None:
        await close_server(self._server)
        self.path.unlink(missing_ok=True)
        self._lock.release()
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.close()
        if self._links:
            await asyncio.wait(self._links)

    async def _end_links(self) -> None:
        """End those too that were being taken while the server closed."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.sleep(0)
            for writer in list(self._writers):
                writer.close()
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers[writer] = None
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        try:
            while line := await reader.readline():
                await self._take(decode_client(line), writer)
        except OSError:
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            del self._writers[writer]

    async def _take(self, message: Any, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, dict):
            self._command(message, writer)
        elif isinstance(message, Hello):
            self._greet(writer)
        elif isinstance(message, Follow):
            self._writers[writer] = list(message.topics)
            for event in self.kept if message.since is not None else ():
                if event.metadata.sequence > (message.since or 0):
                    self._send_event(writer, event)
        self._note(message)
        with suppress(OSError):
            await writer.drain()

    def _note(self, message: Any) -> None:
        with self.arrived:
            if not isinstance(message, dict):
                self.came.append(message)
            self.arrived.notify_all()

    def _greet(self, writer: asyncio.StreamWriter) -> None:
        if self.greeting == "welcome":
            writer.write(encode(Welcome(client_id=new_id(), engine=engine_view(self.path.parent))))
        elif self.greeting == "refuse":
            writer.write(encode(Goodbye(reason="it is shutting down")))
        elif self.greeting == "old":
            error = ErrorInfo(
                code="protocol_unsupported", category=Category.VALIDATION, message="Too old."
            )
            writer.write(encode(Reply(command_id=None, ok=False, error=error)))

    def _command(self, raw: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        try:
            _, payload = parse_command(raw)
            self.asked.append(payload)
            result = self._handle(payload)
        except QuarterdeckError as error:
            writer.write(encode(Reply(command_id=raw.get("id"), ok=False, error=error.info())))
        else:
            if result is not None:
                writer.write(encode(Reply(command_id=raw["id"], ok=True, result=result)))

    def _handle(self, payload: c.Payload) -> dict[str, Any] | None:
        own = self.handlers.get(payload.type)
        return own(payload) if own is not None else Answers(self).to(payload)

    def _spread(self, event: Event) -> None:
        for writer, topics in self._writers.items():
            if topics is not None:
                self._send_event(writer, event)

    def _send_event(self, writer: asyncio.StreamWriter, event: Event) -> None:
        topics = self._writers[writer]
        if (
            topics is None
            or not topics
            or any(covers(topic, event.topic, event.type) for topic in topics)
        ):
            writer.write(encode(event))

    def _to_all(self, line: bytes) -> None:
        for writer in self._writers:
            writer.write(line)
