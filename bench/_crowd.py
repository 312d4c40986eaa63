"""A dashboard over an engine that only talks: so many updates and log lines a second, for so long.

    python -m bench._crowd UPDATES LINES SECONDS REPORT [deck | wide | bare]

Runs in a terminal; writes its figures to the file REPORT when the time is over. What comes is made
before the clock starts, so that the figures are the dashboard's: client, view, lists, frames. ``deck`` is
the deck as it opens, whose narrow list has no room for steps and titles; ``wide`` is minimal mode,
where each line shows them; ``bare`` is no dashboard, but the least that shows as many lines: a list
drawn line by line over a dict of the newest step of each session, 30 frames a second.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.commands import Command
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.protocol.views import EngineView, SessionView, StateView
from quarterdeck.core.protocol.wire import Follow, Hello, Reply, Welcome
from quarterdeck.tui.app import QuarterdeckApp

SESSIONS = 40
TICK = 0.005
FRAME = 1 / 30
LINES_SHOWN = 12
"""What minimal mode has room for in 36 lines."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _session(number: int) -> SessionView:
    status = Status(activity=Activity.WORKING, source=Source.OSC7501, since=NOW)
    return SessionView(
        id=f"01J{'S'}{number:022d}", name=f"crowd{number}", agent="shell", cwd="/", repo="",
        lifecycle=Lifecycle.RUNNING, status=status, cols=80, lines=24, created_at=NOW,
    )  # fmt: skip


def _event(number: int, payload: e.EventPayload) -> e.Event:
    metadata = e.Metadata.model_construct(
        event_id=f"e{number}", timestamp=NOW, source="engine", sequence=number,
        command_id=None, correlation_id=None, causation_id=None, session_id=None,
    )  # fmt: skip
    return e.Event.model_construct(type=payload.type, metadata=metadata, payload=payload)


class Talker:
    """Connector and endpoint in one."""

    hosting = False

    def __init__(self, updates: int, lines: int, seconds: float, *, wide: bool = False) -> None:
        self.preferences = {"welcomed": True, "minimal": wide}
        self.sessions = [_session(number) for number in range(SESSIONS)]
        self.messages: deque[Any] = deque()
        self.wake = asyncio.Event()
        self.following = asyncio.Event()
        self.rate = updates + lines
        self.stream = list(self._all(updates, lines, seconds))

    def _all(self, updates: int, lines: int, seconds: float) -> Iterator[e.Event]:
        changes = [
            e.StatusProgress(session_id=s.id, progress=n % 100, title=f"step {n}")
            for n in range(50)
            for s in self.sessions
        ]
        told = [e.SystemInfo(code="step", message=f"line {n} of the log") for n in range(1000)]
        share, owed = updates / max(1, self.rate), 0.0
        for number in range(int(self.rate * seconds)):
            owed += share
            if owed >= 1:
                owed -= 1
                yield _event(number + 2, changes[number % len(changes)])
            else:
                yield _event(number + 2, told[number % 1000])

    async def connect(self) -> Talker:
        return self

    async def release(self, *, stop_sessions: bool = False) -> None:
        """Nothing to let go of."""

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, message: Any) -> None:
        if isinstance(message, Hello):
            engine = EngineView.model_construct(
                engine_id="bench", pid=0, version="0", protocol=1, started_at=NOW, state_dir="",
                store="none", headless=False,
            )  # fmt: skip
            self._say(Welcome.model_construct(client_id="c", engine=engine))
        elif isinstance(message, Follow):
            state = StateView.model_construct(
                sessions=tuple(self.sessions), attention=(), preferences=self.preferences,
                engine=None, sequence=1,
            )  # fmt: skip
            self._say(_event(1, e.StateSnapshot.model_construct(state=state)))
            self.following.set()
        elif isinstance(message, Command):
            self._say(Reply(command_id=message.id, ok=True, result={"events": [], "health": None}))

    async def receive(self) -> Any:
        while not self.messages:
            self.wake.clear()
            await self.wake.wait()
        return self.messages.popleft()

    def _say(self, message: Any) -> None:
        self.messages.append(message)
        self.wake.set()

    async def talk(self) -> None:
        """Say everything, evenly."""
        began, said = time.perf_counter(), 0
        while said < len(self.stream):
            due = min(len(self.stream), int((time.perf_counter() - began) * self.rate))
            self.messages.extend(self.stream[said:due])
            said = due
            self.wake.set()
            await asyncio.sleep(TICK)


async def _lag(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.002)
        lags.append((time.perf_counter() - began - 0.002) * 1000)


class BareList(ScrollView):
    """One line for each session, painted anew when its step is another."""

    DEFAULT_CSS = f"BareList {{ height: {LINES_SHOWN}; }}"

    def __init__(self, talker: Talker) -> None:
        super().__init__()
        self.names = {session.id: session.name for session in talker.sessions}
        self.ids = list(self.names)
        self.steps: dict[str, e.StatusProgress] = {}
        self.shown: dict[str, e.StatusProgress] = {}
        self.virtual_size = Size(80, len(self.ids))

    def show_frame(self) -> None:
        """Repaint the lines in view that changed."""
        for y, session_id in enumerate(self.ids[: self.size.height]):
            step = self.steps.get(session_id)
            if step is not self.shown.get(session_id):
                self.refresh_line(y)
        self.shown = dict(self.steps)

    def render_line(self, y: int) -> Strip:
        """Name, progress, title."""
        session_id = self.ids[y]
        step = self.shown.get(session_id)
        text = f"{step.progress}% {step.title}" if step is not None else ""
        line = f"{self.names[session_id]:30} shell working {text}"
        return Strip([Segment(line.ljust(self.size.width), self.rich_style)])


class BareApp(App[None]):
    """The list alone, with frames as long as there is something new."""

    frames = 0

    def __init__(self, talker: Talker) -> None:
        super().__init__()
        self.talker = talker
        self.list = BareList(talker)

    def compose(self) -> ComposeResult:
        """The list."""
        yield self.list

    def on_mount(self) -> None:
        """Take in what comes."""
        self.talker.following.set()
        self.run_worker(self._receive())
        self.set_interval(FRAME, self._frame)

    async def _receive(self) -> None:
        steps = self.list.steps
        while True:
            step = (await self.talker.receive()).payload
            steps[step.session_id] = step

    def _frame(self) -> None:
        self.frames += 1
        self.list.show_frame()


async def _lag(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.002)
        lags.append((time.perf_counter() - began - 0.002) * 1000)


async def main(updates: int, lines: int, seconds: float, report: Path, kind: str = "deck") -> None:
    talker = Talker(updates, lines, seconds, wide=kind == "wide")
    gc.freeze()
    app = BareApp(talker) if kind == "bare" else QuarterdeckApp(talker, directory="/")  # type: ignore[arg-type]  # as much as is needed
    lags: list[float] = []

    def frames() -> int:
        return app.frames if isinstance(app, BareApp) else app.bridge.pacer.flushes

    async def measure() -> None:
        await talker.following.wait()
        await asyncio.sleep(1.5)
        watch = asyncio.create_task(_lag(lags))
        began, used, painted = time.perf_counter(), time.process_time(), frames()
        await talker.talk()
        took = time.perf_counter() - began
        figures = {
            "cpu": (time.process_time() - used) / took * 100,
            "frames": (frames() - painted) / took,
            "lag": quantiles(lags, n=100)[-1],
            "behind": len(talker.messages),
        }
        watch.cancel()
        report.write_text(json.dumps(figures))
        app.exit()

    measuring = asyncio.create_task(measure())
    await app.run_async()
    measuring.cancel()


if __name__ == "__main__":
    what, where = sys.argv[1:4], sys.argv[4]
    asyncio.run(main(int(what[0]), int(what[1]), float(what[2]), Path(where), *sys.argv[5:]))
