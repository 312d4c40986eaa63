"""A scripted engine: answers commands and pushes events and frames as a test's scenario says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.tui.crew_answers import execute
from tests.tui.fleet import Fleet
from tests.tui.lanes import Lanes

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import Category, ErrorInfo, QuarterdeckError
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.preferences import with_defaults
from quarterdeck.core.protocol.screen import Cursor, Modes, Row, Run, ScreenFrame
from quarterdeck.core.protocol.status import Activity, Choice, Lifecycle, Source, Status
from quarterdeck.core.protocol.validation import parse_payload
from quarterdeck.core.protocol.views import (
    AgentView,
    Check,
    EngineView,
    HealthStatus,
    HealthView,
    NoticeView,
    SessionView,
    StateView,
)
from quarterdeck.core.protocol.wire import (
    Bye,
    ClientMessage,
    Follow,
    Frame,
    Goodbye,
    Hello,
    Input,
    KeyInput,
    MouseInput,
    PasteInput,
    RawInput,
    Reply,
    ServerMessage,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALLOW = (
    Choice(key="1", label="Yes", meaning="allow_once"),
    Choice(key="2", label="Yes, and don't ask again", meaning="allow_always"),
    Choice(key="3", label="No, tell it what to do instead", meaning="reject"),
)
INPUTS = (KeyInput, PasteInput, RawInput, MouseInput, SizeInput)


def ulid(kind: str, number: int) -> str:
    """A well-formed id that is the same in every run; ``kind`` is one letter."""
    return f"01J{kind}{number:022d}"


class CrewEndpoint:
    """One link to the crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._messages: deque[ServerMessage] = deque()
        self._wake = asyncio.Event()
        self.closed = False
        self.following = False

    async def send(self, message: ClientMessage) -> None:
        if self.closed:
            raise LinkClosed("The engine is gone.")
        self._crew.take(self, message)

    async def receive(self) -> ServerMessage:
        while not self._messages:
            if self.closed:
                raise LinkClosed("The engine closed the link.")
            self._wake.clear()
            await self._wake.wait()
        return self._messages.popleft()

    async def close(self) -> None:
        self.end()

    def push(self, message: ServerMessage) -> None:
        self._messages.append(message)
        self._wake.set()

    def end(self) -> None:
        self.closed = True
        self._wake.set()


class Crew:
    """Engine, store and agents in one, without any of them; also the connector to itself."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(START)
        self.host = True
        self.parting = False
        self.sessions: dict[str, SessionView] = {}
        self.items: dict[str, AttentionItem] = {}
        self.preferences: dict[str, Any] = {"welcomed": True}
        self.agents: tuple[AgentView, ...] = ()
        self.notices: tuple[NoticeView, ...] = ()
        self.health = self.healthy()
        self.commands: list[c.Payload] = []
        self.inputs: list[Input] = []
        self.watched: set[str] = set()
        self.screens: dict[str, ScreenFrame] = {}
        self.past: dict[str, list[Row]] = {}
        self.delivery = "verified"
        self.kept_events: list[e.Event] = []
        self.endpoints: list[CrewEndpoint] = []
        self.released: list[bool] = []
        self.connects = 0
        self.unreachable: QuarterdeckError | None = None
        self.refusals: dict[str, ErrorInfo] = {}
        self.held: set[str] = set()
        self.waiting: list[Callable[[], None]] = []
        self._sequence = 0
        self._numbers = {"S": 0, "T": 0, "E": 0, "W": 0, "P": 0}
        self.fleet = Fleet(self)
        self.lanes = Lanes(self)

    # ---- the connector's side

    @property
    def hosting(self) -> bool:
        return self.host

    async def connect(self) -> CrewEndpoint:
        self.connects += 1
        if self.unreachable is not None:
            raise self.unreachable
        endpoint = CrewEndpoint(self)
        self.endpoints.append(endpoint)
        return endpoint

    async def release(self, *, stop_sessions: bool = False) -> None:
        self.released.append(stop_sessions)

    # ---- the scenario's side

    def now(self) -> datetime:
        return self.clock.now()

    def next_id(self, kind: str) -> str:
        self._numbers[kind] += 1
        return ulid(kind, self._numbers[kind])

    def ago(self, seconds: float) -> datetime:
        return self.now() - timedelta(seconds=seconds)

    def add(
        self,
        name: str,
        agent: str = "claude",
        activity: Activity = Activity.IDLE,
        *,
        lifecycle: Lifecycle = Lifecycle.RUNNING,
        repo: str = "/home/ann/shop",
        since: float = 42,
        **more: Any,
    ) -> SessionView:
        """Put a session into the state; ``tell`` or a link makes it known."""
        session = SessionView(
            id=self.next_id("S"),
            name=name,
            agent=agent,
            cwd=more.pop("cwd", repo or "/tmp/loose"),
            repo=repo,
            lifecycle=lifecycle,
            status=Status(activity=activity, source=Source.OSC7501, since=self.ago(since)),
            cols=more.pop("cols", 80),
            lines=more.pop("lines", 24),
            created_at=self.ago(since),
            **more,
        )
        self.sessions[session.id] = session
        return session

    def item(
        self,
        session: SessionView,
        kind: AttentionKind = AttentionKind.APPROVAL,
        title: str = "run: npm i",
        *,
        age: float = 42,
        choices: Sequence[Choice] | None = None,
        **more: Any,
    ) -> AttentionItem:
        """Put an attention item into the state."""
        item_id = self.next_id("T")
        default = ALLOW if kind is AttentionKind.APPROVAL else ()
        item = AttentionItem(
            item_id=item_id,
            kind=kind,
            session_id=session.id,
            request_id=more.pop("request_id", f"request-{item_id[-2:]}"),
            title=title,
            choices=tuple(choices) if choices is not None else default,
            created_at=self.ago(age),
            **more,
        )
        self.items[item.item_id] = item
        return item

    def create(self, *args: Any, **more: Any) -> SessionView:
        """Add a session and tell everyone."""
        session = self.add(*args, **more)
        self.tell(e.SessionCreated(session=session))
        return session

    def change(self, session: SessionView, **changes: Any) -> SessionView:
        """Change a session's fields and tell everyone."""
        changed = self.sessions[session.id].model_copy(update=changes)
        self.sessions[session.id] = changed
        self.tell(e.SessionUpdated(session=changed, changed=tuple(changes)))
        return changed

    def act(
        self,
        session: SessionView,
        activity: Activity,
        lifecycle: Lifecycle = Lifecycle.RUNNING,
        **changes: Any,
    ) -> SessionView:
        """Change a session's status and tell everyone."""
        old = self.sessions[session.id]
        status = Status(activity=activity, source=Source.OSC7501, since=self.now())
        update = {"lifecycle": lifecycle, "status": status, **changes}
        new = old.model_copy(update=update)
        self.sessions[session.id] = new
        self.tell(
            e.StatusChanged(
                session_id=new.id,
                old_lifecycle=old.lifecycle,
                old_activity=old.status.activity,
                lifecycle=new.lifecycle,
                status=status,
                session=new,
            )
        )
        return new

    def delete(self, session: SessionView) -> None:
        """Remove a session and tell everyone."""
        self.sessions.pop(session.id, None)
        for item in [item for item in self.items.values() if item.session_id == session.id]:
            self.close_item(item, ItemState.EXPIRED)
        self.tell(e.SessionDeleted(session_id=session.id, name=session.name))

    def raise_item(self, *args: Any, **more: Any) -> AttentionItem:
        """Add an item and tell everyone."""
        item = self.item(*args, **more)
        self.tell(e.AttentionRaised(item=item))
        return item

    def update_item(self, item: AttentionItem, **changes: Any) -> AttentionItem:
        """Change an item and tell everyone."""
        changed = self.items[item.item_id].model_copy(update=changes)
        self.items[item.item_id] = changed
        self.tell(e.AttentionUpdated(item=changed))
        return changed

    def close_item(self, item: AttentionItem, state: ItemState = ItemState.ANSWERED) -> None:
        """Close an item and tell everyone."""
        if self.items.pop(item.item_id, None) is not None:
            closed = item.model_copy(update={"state": state})
            self.tell(e.AttentionClosed(item=closed))

    def event(self, payload: e.EventPayload, session_id: str | None = None) -> e.Event:
        """An event with the next sequence number."""
        self._sequence += 1
        metadata = e.Metadata(
            event_id=self.next_id("E"),
            timestamp=self.now(),
            sequence=self._sequence,
            session_id=session_id,
        )
        return e.Event(type=payload.type, metadata=metadata, payload=payload)

    def tell(self, payload: e.EventPayload, session_id: str | None = None) -> e.Event:
        """Send an event to every link that follows."""
        event = self.event(payload, session_id)
        for endpoint in self.endpoints:
            if endpoint.following and not endpoint.closed:
                endpoint.push(event)
        return event

    def draw(
        self,
        session: SessionView,
        lines: Sequence[str | Row],
        *,
        cursor: Cursor | None = None,
        modes: Modes | None = None,
        past: Sequence[str] = (),
        cols: int = 80,
        height: int = 24,
    ) -> None:
        """Give a session a whole screen, and send it to whoever watches."""
        rows = {y: row_of(line) for y, line in enumerate(lines)}
        before = self.screens.get(session.id)
        self.past[session.id] = [row_of(line) for line in past]
        frame = ScreenFrame(
            session_id=session.id,
            generation=before.generation + 1 if before else 1,
            full=True,
            cols=cols,
            lines=height,
            rows=rows,
            cursor=cursor or Cursor(0, max(0, len(lines) - 1)),
            modes=modes or Modes(),
            history=len(past),
        )
        self.screens[session.id] = frame
        self._send_frame(frame)

    def redraw(self, session: SessionView, lines: dict[int, str | Row], **more: Any) -> None:
        """Change some lines of a session's screen."""
        before = self.screens[session.id]
        rows = {y: row_of(line) for y, line in lines.items()}
        frame = before.model_copy(
            update={
                "generation": before.generation + 1,
                "base": before.generation,
                "full": False,
                "rows": rows,
                **more,
            }
        )
        whole = {"full": True, "rows": {**before.rows, **rows}}
        self.screens[session.id] = frame.model_copy(update=whole)
        self._send_frame(frame)

    def _send_frame(self, frame: ScreenFrame) -> None:
        if frame.session_id in self.watched:
            for endpoint in self.endpoints:
                if not endpoint.closed:
                    endpoint.push(Frame(frame=frame))

    def drop(self) -> None:
        """End every link without a word."""
        for endpoint in self.endpoints:
            endpoint.end()
        self.watched.clear()

    def goodbye(
        self, reason: str = "it was told to", *, takeover: bool = False, asked: bool = False
    ) -> None:
        """Take leave, then end every link."""
        for endpoint in self.endpoints:
            if not endpoint.closed:
                endpoint.push(Goodbye(reason=reason, takeover=takeover, asked=asked))
        self.drop()

    def refuse(self, command: str, code: str, message: str, **details: Any) -> None:
        """Answer commands of a type with an error from now on."""
        self.refusals[command] = ErrorInfo(
            code=code, category=Category.BUSINESS, message=message, details=details
        )

    def sent(self, kind: type[c.Payload]) -> list[Any]:
        """The payloads of a type that were sent so far."""
        return [payload for payload in self.commands if isinstance(payload, kind)]

    def keys(self) -> list[str]:
        """Every key that was typed into sessions."""
        return [key for sent in self.inputs if isinstance(sent, KeyInput) for key in sent.keys]

    def sizes(self) -> list[tuple[int, int]]:
        """Every size that was asked for."""
        return [(sent.cols, sent.lines) for sent in self.inputs if isinstance(sent, SizeInput)]

    def healthy(self, **changes: Any) -> HealthView:
        """A health report."""
        facts: dict[str, Any] = {
            "status": HealthStatus.HEALTHY,
            "active_sessions": 4,
            "rate_limiters": 2,
            "worker_count": 3,
            "max_sessions": 10,
            "uptime_seconds": 3 * 3600 + 720,
            "checks": (
                Check(name="store", status=HealthStatus.HEALTHY),
                Check(name="keepers", status=HealthStatus.HEALTHY),
            ),
            "loop_lag_ms": 0.4,
            "clients": 1,
        }
        return HealthView(**{**facts, **changes})

    # ---- the engine's side

    def take(self, endpoint: CrewEndpoint, message: ClientMessage) -> None:
        """One message of a front end."""
        match message:
            case Hello():
                endpoint.push(Welcome(client_id=ulid("C", self.connects), engine=self._engine()))
            case Follow():
                endpoint.following = True
                endpoint.push(self._snapshot())
            case Watch(session_id=session_id):
                self.watched.add(session_id)
                if session_id in self.screens:
                    endpoint.push(Frame(frame=self.screens[session_id]))
            case Unwatch(session_id=session_id):
                self.watched.discard(session_id)
            case c.Command():
                self._command(endpoint, message)
            case Bye():
                endpoint.end()
            case _ if isinstance(message, INPUTS):
                self.inputs.append(message)

    def answer_held(self) -> None:
        """Answer the commands that were held back."""
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            answer()

    def _command(self, endpoint: CrewEndpoint, command: c.Command) -> None:
        payload = parse_payload(command.type, command.payload)
        self.commands.append(payload)

        def answer() -> None:
            endpoint.push(self._reply(command, payload))

        if command.type in self.held:
            self.waiting.append(answer)
        else:
            answer()

    def _reply(self, command: c.Command, payload: c.Payload) -> Reply:
        error = self.refusals.get(command.type)
        if error is not None:
            return Reply(command_id=command.id, ok=False, error=error)
        return Reply(command_id=command.id, ok=True, result=execute(self, payload))

    def _engine(self) -> EngineView:
        return EngineView(
            engine_id=ulid("G", 1), pid=4711, version="0.1.0", protocol=1, state_dir="/state",
            store="sqlite", headless=not self.host, started_at=START,
        )  # fmt: skip

    def _snapshot(self) -> e.Event:
        state = StateView(
            sequence=self._sequence,
            engine=self._engine(),
            sessions=tuple(self.sessions.values()),
            attention=tuple(self.items.values()),
            preferences=with_defaults(self.preferences),
            agents=self.agents,
            health=self.health,
            notices=self.notices,
            workflows=tuple(ship.line for ship in reversed(self.fleet.ships.values())),
            pipelines=tuple(self.lanes.pipelines.values()),
            halt=self.lanes.load.halt,
        )
        return e.Event(
            type="system.state_snapshot",
            metadata=e.Metadata(),
            payload=e.StateSnapshot(state=state),
        )


def row_of(line: str | Row) -> Row:
    if isinstance(line, str):
        return (Run(line),) if line else ()
    return line


def agent(name: str, *, found: bool = True, practice: bool = False) -> AgentView:
    """An agent as the engine tells of it."""
    path = f"/usr/bin/{name}" if found else None
    return AgentView(
        name=name, title=name.title(), command=(name,), found=found, path=path, practice=practice
    )
