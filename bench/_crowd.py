"""A dashboard over an engine that only talks: so many updates and log lines a second, for so long.

    python -m bench._crowd UPDATES LINES SECONDS REPORT

Runs in a terminal; writes its figures to the file REPORT when the time is over. What comes is made
before the clock starts, so that the figures are the dashboard's: client, view, lists, frames.
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

from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.commands import Command
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.protocol.views import EngineView, SessionView, StateView
from quarterdeck.core.protocol.wire import Follow, Hello, Reply, Welcome
from quarterdeck.tui.app import QuarterdeckApp

SESSIONS = 40
TICK = 0.005
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

    def __init__(self, updates: int, lines: int, seconds: float) -> None:
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
                sessions=tuple(self.sessions), attention=(), preferences={"welcomed": True},
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


async def main(updates: int, lines: int, seconds: float, report: Path) -> None:
    talker = Talker(updates, lines, seconds)
    gc.freeze()
    app = QuarterdeckApp(talker, directory="/")  # type: ignore[arg-type]  # as much as is needed
    lags: list[float] = []

    async def measure() -> None:
        await talker.following.wait()
        await asyncio.sleep(1.5)
        watch = asyncio.create_task(_lag(lags))
        began, used, frames = time.perf_counter(), time.process_time(), app.bridge.pacer.flushes
        await talker.talk()
        took = time.perf_counter() - began
        figures = {
            "cpu": (time.process_time() - used) / took * 100,
            "frames": (app.bridge.pacer.flushes - frames) / took,
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
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
