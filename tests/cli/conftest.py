"""A fake engine that speaks the real protocol on a real socket, and the command line beside it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.cli.main import run
from quarterdeck.core.base.errors import ErrorInfo, QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.topics import topic_matches
from quarterdeck.core.engine.lock import Holder, StateLock
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.events import (
    Event,
    EventPayload,
    Metadata,
    SessionDeleted,
    StatusChanged,
)
from quarterdeck.core.protocol.preferences import check_preference, with_defaults
from quarterdeck.core.protocol.status import (
    Activity,
    Choice,
    DialogKind,
    Lifecycle,
    Request,
    Source,
    Status,
)
from quarterdeck.core.protocol.validation import CommandFault, parse_command
from quarterdeck.core.protocol.views import (
    AgentView,
    Check,
    EngineView,
    HealthStatus,
    HealthView,
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

SINCE = datetime.now(UTC) - timedelta(minutes=3)
CHOICES = (
    Choice(key="1", label="Yes", meaning="allow_once"),
    Choice(key="2", label="Yes, always", meaning="allow_always"),
    Choice(key="3", label="No", meaning="reject"),
)


def session_view(name: str, **changes: Any) -> SessionView:
    """A running session."""
    activity = changes.pop("activity", Activity.WORKING)
    request = changes.pop("request", None)
    status = Status(
        activity=activity,
        source=Source.SCREEN,
        evidence="spinner",
        since=SINCE,
        request=request,
    )
    fields: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "agent": "claude",
        "cwd": "/home/ada/shop",
        "lifecycle": Lifecycle.RUNNING,
        "status": status,
        "pid": 4242,
        "keeper_pid": 4241,
        "cols": 120,
        "lines": 40,
        "created_at": SINCE,
        "started_at": SINCE,
        "title": "shop",
        "version": 3,
    }
    return SessionView(**(fields | changes))


def asking() -> Request:
    """An open permission dialog."""
    return Request(
        request_id="r-1", kind=DialogKind.PERMISSION, text="Run npm install?", choices=CHOICES
    )


def attention_item(session: SessionView, **changes: Any) -> AttentionItem:
    """An open approval of ``session``."""
    fields: dict[str, Any] = {
        "item_id": new_id(),
        "kind": AttentionKind.APPROVAL,
        "session_id": session.id,
        "request_id": "r-1",
        "title": f"{session.name}: run npm install",
        "text": "Run npm install?",
        "choices": CHOICES,
        "created_at": SINCE,
    }
    return AttentionItem(**(fields | changes))


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

    def wait_for(self, what: Callable[[], Any], patience: float = 20.0) -> None:
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
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # ---- the other side --------------------------------------------------------------------

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _leave(self, reason: str) -> None:
        self._to_all(encode(Goodbye(reason=reason)))
        await self._stop()

    async def _stop(self) -> None:
        self._server.close()
        self.path.unlink(missing_ok=True)
        self._lock.release()
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.close()
        if self._links:
            await asyncio.wait(self._links)

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
            or any(topic_matches(topic, event.type) for topic in topics)
        ):
            writer.write(encode(event))

    def _to_all(self, line: bytes) -> None:
        for writer in self._writers:
            writer.write(line)


def engine_view(state_dir: Path) -> EngineView:
    """What the fake engine says of itself."""
    return EngineView(
        engine_id=new_id(),
        pid=os.getpid(),
        version="0.1.0",
        protocol=1,
        state_dir=str(state_dir),
        store="memory://",
        headless=True,
        started_at=SINCE,
    )


@dataclass
class Answers:
    """The fake engine's own handlers."""

    engine: FakeEngine

    def to(self, payload: c.Payload) -> dict[str, Any]:
        """The result of a command."""
        found: dict[str, Any] = getattr(self, payload.type.replace(".", "_"))(payload)
        return found

    def _session(self, session_id: str) -> dict[str, Any]:
        return {"session": self.engine.sessions[session_id].model_dump(mode="json")}

    def session_list(self, wish: c.ListSessions) -> dict[str, Any]:
        views = [view for view in self.engine.sessions.values() if _passes(view, wish)]
        return {"sessions": [view.model_dump(mode="json") for view in views]}

    def session_create(self, wish: c.CreateSession) -> dict[str, Any]:
        state = Lifecycle.RUNNING if wish.start else Lifecycle.CREATED
        view = self.engine.add(wish.name, agent=wish.agent, cwd=wish.cwd, lifecycle=state)
        return self._session(view.id)

    def session_update(self, wish: c.UpdateSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        changes = {"name": wish.updates.name}
        self.engine.sessions[view.id] = view.model_copy(update=changes)
        return self._session(view.id)

    def session_delete(self, wish: c.DeleteSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        if view.living and not wish.force:
            raise CommandFault("session_living", f"{view.name} is running; stop it first.")
        del self.engine.sessions[view.id]
        return {}

    def agent_start(self, wish: c.StartAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.RUNNING)

    def agent_stop(self, wish: c.StopAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.EXITED, exit_signal=15)

    def agent_restart(self, wish: c.RestartAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.RUNNING)

    def _move(self, session_id: str, **changes: Any) -> dict[str, Any]:
        view = self.engine.sessions[session_id]
        self.engine.sessions[session_id] = view.model_copy(update=changes)
        return self._session(session_id)

    def session_prompt(self, wish: c.Prompt) -> dict[str, Any]:
        return {"delivery": "verified" if wish.verify else "unverified"}

    def session_keys(self, _wish: c.SendKeys) -> dict[str, Any]:
        return {}

    def session_answer(self, wish: c.Answer) -> dict[str, Any]:
        return {"answer": wish.choice or wish.text}

    def session_screen(self, wish: c.ReadScreen) -> dict[str, Any]:
        start = 50 if wish.start is None else wish.start
        count = 3 if wish.count is None else wish.count
        text = [f"line {number}" if number < 52 else "" for number in range(start, start + count)]
        return {
            "session_id": wish.session_id,
            "cols": 120,
            "lines": 3,
            "history": 50,
            "start": start,
            "rows": [[[line, 2, 0x1000000 | 0x102030, 1]] for line in text if line]
            if wish.styled
            else None,
            "text": None if wish.styled else text,
            "cursor": {"x": 0, "y": 2},
            "title": "shop",
        }

    def session_search(self, wish: c.SearchScreen) -> dict[str, Any]:
        match = {"line": 7, "column": 2, "cells": len(wish.text), "text": f"a {wish.text}"}
        return {"session_id": wish.session_id, "matches": [match] if wish.ignore_case else []}

    def session_logs(self, wish: c.ReadLog) -> dict[str, Any]:
        text = "\x1b[1mpast\x1b[0m\r\n" if wish.raw else "past\n"
        return {"session_id": wish.session_id, "text": text}

    def session_explain(self, wish: c.ExplainSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        return {
            "session_id": view.id,
            "name": view.name,
            "lifecycle": view.lifecycle,
            "status": view.status.model_dump(mode="json"),
            "explanation": {"rule": "claude.spinner", "claims": [{"source": "screen"}], "seen": []},
        }

    def session_history(self, wish: c.SessionHistory) -> dict[str, Any]:
        entry = {
            "at": SINCE.isoformat(),
            "lifecycle": "running",
            "activity": "working",
            "source": "screen",
            "evidence": "spinner",
        }
        return {"session_id": wish.session_id, "entries": [entry] * min(wish.limit, 2)}

    def attention_list(self, wish: c.ListAttention) -> dict[str, Any]:
        items = [one for one in self.engine.items.values() if wish.snoozed or not one.snoozed_until]
        return {"items": [item.model_dump(mode="json") for item in items]}

    def nav_next_actionable(self, _wish: c.NextActionable) -> dict[str, Any]:
        item = next(iter(self.engine.items.values()), None)
        return {"item": None if item is None else item.model_dump(mode="json")}

    def attention_answer(self, wish: c.AnswerItem) -> dict[str, Any]:
        self._close(wish.item_id, ItemState.ANSWERED)
        return {"answer": wish.choice or wish.text}

    def attention_snooze(self, wish: c.SnoozeItem) -> dict[str, Any]:
        item = self.engine.items[wish.item_id]
        until = datetime.now(UTC) + timedelta(seconds=wish.seconds) if wish.seconds else None
        new = item.model_copy(update={"snoozed_until": until})
        self.engine.items[wish.item_id] = new
        return {"item": new.model_dump(mode="json")}

    def attention_resolve(self, wish: c.ResolveItem) -> dict[str, Any]:
        return self._close(wish.item_id, ItemState.RESOLVED)

    def _close(self, item_id: str, state: ItemState) -> dict[str, Any]:
        item = self.engine.items.pop(item_id).model_copy(update={"state": state})
        return {"item": item.model_dump(mode="json")}

    def agent_list(self, _wish: c.ListAgents) -> dict[str, Any]:
        agents = (
            AgentView(name="claude", title="Claude Code", command=("claude",), has_rules=True,
                      path="/usr/bin/claude"),
            AgentView(name="codex", title="Codex", command=("codex",), found=False),
        )  # fmt: skip
        return {"agents": [agent.model_dump(mode="json") for agent in agents]}

    def events_list(self, wish: c.ListEvents) -> dict[str, Any]:
        events = [one for one in self.engine.kept if one.metadata.sequence > (wish.after or 0)]
        if wish.topic:
            events = [one for one in events if topic_matches(wish.topic, one.type)]
        if wish.session_id:
            events = [one for one in events if one.metadata.session_id == wish.session_id]
        return {"events": [event.dump() for event in events[-wish.limit :]]}

    def system_health(self, _wish: c.HealthCheck) -> dict[str, Any]:
        found = HealthView(
            status=self.engine.health,
            active_sessions=len(self.engine.sessions),
            rate_limiters=1,
            worker_count=3,
            max_sessions=10,
            uptime_seconds=12.5,
            checks=(Check(name="store", status=self.engine.health, message="writes"),),
            terminal_backend="rust",
        )
        return {"health": found.model_dump(mode="json")}

    def system_shutdown(self, _wish: c.Shutdown) -> dict[str, Any]:
        self.engine.later(self.engine._leave("shutdown"))
        return {"stopping": True}

    def ui_preferences(self, _wish: c.GetPreferences) -> dict[str, Any]:
        return {"preferences": dict(self.engine.preferences)}

    def ui_set_preference(self, wish: c.SetPreference) -> dict[str, Any]:
        self.engine.preferences[wish.key] = check_preference(wish.key, wish.value)
        return {"key": wish.key, "value": self.engine.preferences[wish.key]}


def _passes(view: SessionView, wish: c.ListSessions) -> bool:
    checks = (
        wish.agent in {None, view.agent},
        wish.lifecycle in {None, view.lifecycle},
        wish.activity in {None, view.status.activity},
        wish.text is None or wish.text in view.name,
        wish.needs_attention in {None, view.status.request is not None},
    )
    return all(checks)


@dataclass
class Outcome:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)

    @property
    def fault(self) -> ErrorInfo:
        """The error object on standard error."""
        return ErrorInfo.model_validate(json.loads(self.err)["error"])


CommandLine = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch home, from which no setting of the machine's user is read."""
    for name in list(os.environ):
        if name.startswith(("QUARTERDECK_", "XDG_")):
            monkeypatch.delenv(name)
    scratch = tmp_path / "home"
    scratch.mkdir()
    monkeypatch.setenv("HOME", str(scratch))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(scratch)
    return scratch


@pytest.fixture
def state_dir(tmp_path: Path, home: Path) -> Path:
    """A state directory."""
    scratch = tmp_path / "state"
    scratch.mkdir(mode=0o700)
    return scratch


@pytest.fixture
def engine(state_dir: Path) -> Iterator[FakeEngine]:
    """A fake engine for the state directory."""
    fake = FakeEngine(state_dir / "s")
    yield fake
    fake.close()


@pytest.fixture
def qd(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs a command line on the state directory, in this process."""

    def call(*words: str) -> Outcome:
        code = run(["--state-dir", str(state_dir), *words])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call
