"""Doubles for the engine room's tests: a session service, screens, and metrics that remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.events import (
    AttentionClosed,
    AttentionRaised,
    Cause,
    Event,
    EventPayload,
    Metadata,
    SessionCreated,
    SessionDeleted,
    SessionUpdated,
    StatusChanged,
)
from quarterdeck.core.protocol.screen import Run, ScreenFrame
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status
from quarterdeck.core.protocol.views import AgentView, Check, HealthStatus, SessionView
from quarterdeck.core.protocol.wire import Input
from quarterdeck.core.sessions.faults import ItemUnknown, SessionUnknown
from quarterdeck.core.sessions.ports import Recorder
from quarterdeck.core.sessions.records import RemoveSession, SaveItem, SaveSession, SessionRecord
from quarterdeck.core.telemetry.ports import NullMetrics
from quarterdeck.state.memory import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def session_view(name: str = "probe", **changes: Any) -> SessionView:
    """A running session."""
    values: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "agent": "shell",
        "cwd": "/tmp",
        "lifecycle": Lifecycle.RUNNING,
        "status": Status(activity=Activity.WORKING, since=NOW),
        "cols": 80,
        "lines": 24,
        "created_at": NOW,
        "version": 1,
    }
    return SessionView(**{**values, **changes})


def attention_item(session_id: str, **changes: Any) -> AttentionItem:
    """An open approval."""
    values: dict[str, Any] = {
        "item_id": new_id(),
        "kind": AttentionKind.APPROVAL,
        "session_id": session_id,
        "request_id": "r1",
        "title": "run: ls",
        "created_at": NOW,
    }
    return AttentionItem(**{**values, **changes})


def event(payload: EventPayload, sequence: int = 0) -> Event:
    """``payload`` as an event with this number."""
    return Event(
        type=payload.type, metadata=Metadata(timestamp=NOW, sequence=sequence), payload=payload
    )


def status_changed(view: SessionView, activity: Activity = Activity.IDLE) -> StatusChanged:
    """The session's activity became another one."""
    status = Status(activity=activity, since=NOW)
    return StatusChanged(
        session_id=view.id,
        old_lifecycle=view.lifecycle,
        old_activity=view.status.activity,
        lifecycle=view.lifecycle,
        status=status,
        session=view.model_copy(update={"status": status}),
    )


class FakeScreen:
    """A screen whose lines are set by the test."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.generation = 1
        self.text = "ready"
        self.asked: list[int] = []
        self.repaints = 0
        self._watchers: list[Callable[[], None]] = []
        self._taps: list[Callable[[bytes, bool], None]] = []

    def write(self, text: str) -> None:
        self.text = text
        self.generation += 1
        for changed in list(self._watchers):
            changed()

    def output(self, data: bytes, *, ended: bool = False) -> None:
        for tap in list(self._taps):
            tap(data, ended)

    def frame(self, since: int) -> ScreenFrame | None:
        self.asked.append(since)
        if since == self.generation:
            return None
        return ScreenFrame(
            session_id=self.session_id,
            generation=self.generation,
            base=since,
            full=since == 0,
            cols=20,
            lines=1,
            rows={0: (Run(self.text),)},
        )

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    def tap(self, output: Callable[[bytes, bool], None]) -> Callable[[], None]:
        self._taps.append(output)
        return lambda: self._taps.remove(output)

    def repaint(self) -> bytes:
        self.repaints += 1
        return b"<repaint " + self.text.encode() + b">"

    @property
    def watched(self) -> int:
        return len(self._watchers) + len(self._taps)


@dataclass
class FakeSessions:
    """A ``SessionService`` that keeps sessions in a dict and does what the test tells it.

    ``calls`` lists what was begun, in order. ``gates`` hold an operation (by its name, such as
    ``start``, or ``start:NAME``) until they are set; ``faults`` let it fail once.
    """

    recorder: Recorder
    store: MemoryStore
    known: dict[str, SessionView] = field(default_factory=dict)
    open_items: dict[str, AttentionItem] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    faults: dict[str, list[BaseException]] = field(default_factory=dict)
    screens: dict[str, FakeScreen] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    focused: dict[str, str | None] = field(default_factory=dict)
    closed: list[bool] = field(default_factory=list)
    loaded: list[int] = field(default_factory=list)
    found: list[Check] = field(default_factory=list)
    crash_starts: bool = False
    checkpoints: int = 0
    tidied: int = 0

    def gate(self, name: str) -> asyncio.Event:
        """Hold the operation ``name`` from now on, until the event is set."""
        return self.gates.setdefault(name, asyncio.Event())

    def fail(self, name: str, *errors: BaseException) -> None:
        """Let the next calls of ``name`` raise these."""
        self.faults.setdefault(name, []).extend(errors)

    def add(self, name: str = "probe", **changes: Any) -> SessionView:
        """A session that is there from the start."""
        view = session_view(name, **changes)
        self.known[view.id] = view
        return view

    def raise_item(self, session_id: str, **changes: Any) -> AttentionItem:
        """An open item, told to the world."""
        item = attention_item(session_id, **changes)
        self.open_items[item.item_id] = item
        self.recorder.record([SaveItem(item)], [AttentionRaised(item=item)])
        return item

    async def _begin(self, name: str, about: str) -> None:
        self.calls.append((name, about))
        shown = self.known[about].name if about in self.known else about
        for key in (name, f"{name}:{shown}"):
            if key in self.gates:
                await self.gates[key].wait()
        planned = self.faults.get(name)
        if planned:
            raise planned.pop(0)

    def _save(
        self, view: SessionView, *events: EventPayload, cause: Cause | None
    ) -> Awaitable[None]:
        self.known[view.id] = view
        record = SessionRecord(
            id=view.id,
            name=view.name,
            agent=view.agent,
            cwd=view.cwd,
            created_at=view.created_at,
            status=view.status,
            lifecycle=view.lifecycle,
            version=view.version,
        )
        return self.recorder.record([SaveSession(record)], events, cause)

    async def _change(self, view: SessionView, cause: Cause | None, **changes: Any) -> SessionView:
        new = view.model_copy(update={**changes, "version": view.version + 1})
        changed = SessionUpdated(session=new, changed=tuple(changes))
        await self._save(new, changed, cause=cause)
        return new

    # The service

    async def load(self, epoch: int) -> None:
        await self._begin("load", str(epoch))
        self.loaded.append(epoch)
        for record in await self.store.sessions():
            self.known[record.id] = session_view(
                record.name,
                id=record.id,
                agent=record.agent,
                lifecycle=Lifecycle.LOST
                if record.lifecycle is Lifecycle.RUNNING
                else record.lifecycle,
                version=record.version,
            )

    async def close(self, *, stop_sessions: bool) -> None:
        await self._begin("close", "")
        self.closed.append(stop_sessions)

    async def checkpoint(self) -> None:
        await self._begin("checkpoint", "")
        self.checkpoints += 1

    async def tidy(self) -> None:
        await self._begin("tidy", "")
        self.tidied += 1

    async def checks(self) -> list[Check]:
        await self._begin("checks", "")
        text = f"{sum(view.living for view in self.known.values())} living"
        return self.found or [Check(name="sessions", status=HealthStatus.HEALTHY, message=text)]

    def views(self) -> list[SessionView]:
        return list(self.known.values())

    def view(self, session_id: str) -> SessionView:
        if session_id not in self.known:
            raise SessionUnknown(f"There is no session {session_id}.", session_id=session_id)
        return self.known[session_id]

    def agents(self) -> list[AgentView]:
        return [AgentView(name="shell", title="Shell", command=("sh",))]

    def items(self, *, snoozed: bool = True) -> list[AttentionItem]:
        return [i for i in self.open_items.values() if snoozed or i.snoozed_until is None]

    async def create(self, wish: c.CreateSession, cause: Cause) -> SessionView:
        view = session_view(wish.name, agent=wish.agent, lifecycle=Lifecycle.CREATED)
        self.calls.append(("create", wish.name))
        await self._save(view, SessionCreated(session=view), cause=cause)
        if not wish.start:
            return view
        return await self.start(c.StartAgent(session_id=view.id), cause)

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        view = self.view(wish.session_id)
        await self._begin("delete", view.id)
        del self.known[view.id]
        gone = SessionDeleted(session_id=view.id, name=view.name)
        await self.recorder.record([RemoveSession(view.id)], [gone], cause)

    async def merge(
        self, wish: c.MergeSession, cause: Cause
    ) -> tuple[SessionView, Mapping[str, Any]]:
        view = self.view(wish.session_id)
        await self._begin("merge", view.id)
        return await self._change(view, cause), {"into": wish.into}

    async def update(self, wish: c.UpdateSession, cause: Cause) -> SessionView:
        view = self.view(wish.session_id)
        await self._begin("update", view.id)
        given = wish.updates.model_dump(exclude_none=True, include={"name", "priority"})
        return await self._change(view, cause, **given)

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        view = self.view(wish.session_id)
        await self._begin("start", view.id)
        lifecycle = Lifecycle.CRASHED if self.crash_starts else Lifecycle.RUNNING
        new = await self._change(view, cause, lifecycle=lifecycle)
        self.done.append(("start", view.id))
        return new

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        view = self.view(wish.session_id)
        await self._begin("stop", view.id)
        return await self._change(view, cause, lifecycle=Lifecycle.EXITED)

    async def restart(self, wish: c.RestartAgent, cause: Cause) -> SessionView:
        return await self.start(c.StartAgent(session_id=wish.session_id), cause)

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        self.view(wish.session_id)
        await self._begin("prompt", wish.text)
        self.done.append(("prompt", wish.text))
        return {"delivery": "verified"}

    async def keys(self, wish: c.SendKeys, cause: Cause) -> None:
        await self._begin("keys", ",".join(wish.keys))

    async def resize(self, wish: c.Resize, cause: Cause) -> None:
        await self._begin("resize", f"{wish.cols}x{wish.lines}")

    async def answer(self, wish: c.Answer, cause: Cause) -> Mapping[str, Any]:
        await self._begin("answer", wish.request_id)
        return {"delivery": "verified"}

    async def answer_item(self, wish: c.AnswerItem, cause: Cause) -> Mapping[str, Any]:
        await self._begin("answer_item", wish.item_id)
        item = self._close_item(wish.item_id)
        await self.recorder.record([SaveItem(item)], [AttentionClosed(item=item)], cause)
        return {"item": item.model_dump(mode="json")}

    async def snooze(self, wish: c.SnoozeItem, cause: Cause) -> AttentionItem:
        await self._begin("snooze", wish.item_id)
        item = self._item(wish.item_id).model_copy(update={"snoozed_until": NOW})
        self.open_items[item.item_id] = item
        return item

    async def resolve(self, wish: c.ResolveItem, cause: Cause) -> AttentionItem:
        await self._begin("resolve", wish.item_id)
        return self._close_item(wish.item_id)

    def _item(self, item_id: str) -> AttentionItem:
        if item_id not in self.open_items:
            raise ItemUnknown(f"There is no open item {item_id}.", item_id=item_id)
        return self.open_items[item_id]

    def _close_item(self, item_id: str) -> AttentionItem:
        item = self._item(item_id)
        del self.open_items[item_id]
        return item.model_copy(update={"closed_at": datetime.now(UTC)})

    def next_actionable(self, wish: c.NextActionable) -> AttentionItem | None:
        return next(iter(self.open_items.values()), None)

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        await self._begin("screen", wish.session_id)
        return {"lines": [self.screens[wish.session_id].text]}

    async def search(self, wish: c.SearchScreen) -> Mapping[str, Any]:
        return {"matches": []}

    async def logs(self, wish: c.ReadLog) -> Mapping[str, Any]:
        return {"text": ""}

    def explain(self, wish: c.ExplainSession) -> Mapping[str, Any]:
        return {"session": self.view(wish.session_id).name}

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        return {"entries": []}

    def focus(self, client_id: str, session_id: str | None) -> None:
        self.focused[client_id] = session_id

    def input(self, message: Input) -> None:
        self.view(message.session_id)
        self.inputs.append(message)

    def screen_source(self, session_id: str) -> FakeScreen:
        self.view(session_id)
        return self.screens.setdefault(session_id, FakeScreen(session_id))

    async def owner(self, wish: c.Payload) -> str | None:
        if isinstance(wish, c.OnSession):
            return wish.session_id
        if isinstance(wish, c.AnswerItem | c.SnoozeItem | c.ResolveItem):
            return self._item(wish.item_id).session_id
        return None


class CountingMetrics(NullMetrics):
    """Remembers every figure."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.durations: list[tuple[str, float]] = []
        self.errors: list[tuple[str, str]] = []
        self.counters: dict[str, float] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.gauges: dict[str, float] = {}
        self.observed: list[tuple[str, float]] = []

    def record_command(self, command_type: str) -> None:
        self.commands.append(command_type)

    def record_command_duration(self, command_type: str, seconds: float) -> None:
        self.durations.append((command_type, seconds))

    def record_error(self, operation: str, error: Any) -> None:
        self.errors.append((operation, error.code))

    def record_session_count(self, count: int) -> None:
        self.gauges["sessions_active"] = count

    def increment_counter(
        self, name: str, tags: Mapping[str, str] | None = None, by: float = 1
    ) -> None:
        self.counters[name] = self.counters.get(name, 0) + by
        self.tags.append((name, dict(tags or {})))

    def set_gauge(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        self.gauges[name] = value

    def observe(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        self.observed.append((name, value))
