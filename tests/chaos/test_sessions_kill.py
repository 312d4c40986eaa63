"""``kill -9`` of the engine, of keepers and of agents at random moments: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.rig import alive, kill_leftovers, until

from quarterdeck.core.sessions.keeper.places import find_keepers

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("sessions_runner.py")
LIVING = {"starting", "running", "stopping"}
ENDED = {"exited", "crashed", "lost"}


@dataclass
class Known:
    """What was acknowledged of one session, and what is in doubt because it was asked for."""

    created: bool = False
    id: str = ""
    pid: int | None = None
    doomed: bool = False
    deleted: bool = False
    disturbed: bool = False


@dataclass
class Engine:
    """One life of the engine, from its start to its violent end."""

    process: asyncio.subprocess.Process
    known: dict[str, Known]
    first: dict[str, Any] = field(default_factory=dict)
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    number: int = 0
    reading: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert line, "the engine did not start"
        self.first = json.loads(line)
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            with contextlib.suppress(ValueError):  # cut off in the middle
                answer = json.loads(line)
                self.waiting.pop(answer["number"]).set_result(answer)
        for future in self.waiting.values():
            future.cancel()

    def ask(self, do: str, name: str = "", **fields: Any) -> asyncio.Future[dict[str, Any]]:
        assert self.process.stdin is not None
        self.number += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.waiting[self.number] = future
        wish = {"number": self.number, "do": do, "name": name, **fields}
        self.process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._note(do, name, future)
        return future

    def _note(self, do: str, name: str, future: asyncio.Future[dict[str, Any]]) -> None:
        """Keep book: what was asked for is in doubt, what was answered is certain."""
        if do in {"stop", "restart", "start"}:
            self.known[name].disturbed = True
        if do == "delete":
            self.known[name].doomed = True
        future.add_done_callback(lambda done: self._answered(do, name, done))

    def _answered(self, do: str, name: str, future: asyncio.Future[dict[str, Any]]) -> None:
        if future.cancelled() or not future.result()["ok"]:
            return
        result = future.result()["result"]
        if do == "create":
            self.known[name].created = True
            self.known[name].id, self.known[name].pid = result["id"], result["pid"]
        elif do == "delete":
            self.known[name].deleted = True

    async def kill(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        if self.reading is not None:
            await self.reading

    async def state(self) -> dict[str, Any]:
        answer = await self.ask("state")
        result: dict[str, Any] = answer["result"]
        return result

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await asyncio.wait_for(self.process.wait(), 30) == 0
        assert self.reading is not None
        await self.reading


class World:
    """A state directory, and the engines that come and go over it."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.dice = random.Random(seed)  # noqa: S311  # the same at every run
        self.engines: list[Engine] = []
        self.known: dict[str, Known] = {}
        self.sequence = self.epoch = 0

    async def engine(self) -> Engine:
        """The next engine; what holds after every start is looked at."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(RUNNER),
            str(self.place / "state"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "XDG_RUNTIME_DIR": str(self.place / "run"),
            },
        )
        engine = Engine(process, self.known)
        self.engines.append(engine)
        await engine.begin()
        await self.check(engine)
        return engine

    async def check(self, engine: Engine) -> None:
        state = engine.first
        assert state["epoch"] > self.epoch
        assert state["sequence"] >= self.sequence
        self.epoch, self.sequence = state["epoch"], state["sequence"]
        views = {view["name"]: view for view in state["views"]}
        for name, known in self.known.items():
            if known.deleted:
                assert name not in views, f"{name} was deleted and is back"
            elif known.created and not known.doomed:
                assert name in views, f"{name} was acknowledged and is gone"
                if not known.disturbed:
                    assert views[name]["pid"] == known.pid
                    assert alive(known.pid)
            elif name not in views:
                known.deleted = True  # never was, or its deletion got through
        for name, view in views.items():
            self.known[name].created = True
            self.known[name].id, self.known[name].pid = view["id"], view["pid"]
            self.known[name].doomed = False
            self.known[name].disturbed = view["lifecycle"] != "running"
        await self.only_what_is_known_lives(engine)

    async def only_what_is_known_lives(self, engine: Engine) -> None:
        """No keeper without a living session, no process of a session that is gone."""
        left: object = None
        for _ in range(200):
            state = await engine.state()
            living = {
                state["keys"][view["id"]] for view in state["views"] if view["lifecycle"] in LIVING
            }
            found = find_keepers(self.place / "state")
            kept = {one.places.key for one in found if one.lives}
            gone = processes() - {view["id"] for view in state["views"]}
            if kept == living and not gone:
                return
            left = f"keepers {kept}, living {living}, processes of the deleted {gone}"
            await asyncio.sleep(0.05)
        raise AssertionError(left)

    def disturb(self, engine: Engine) -> None:
        """Ask for something, without waiting."""
        names = [name for name, one in self.known.items() if one.created and not one.doomed]
        do = self.dice.choice(["create", "create", "type", "answer", "stop", "restart", "delete"])
        if do == "create" or not names:
            name = f"s{len(self.known)}"
            self.known[name] = Known()
            agent = self.dice.choice(["shell", "practice-approver", "practice-worker"])
            prompt = {"prompt": "Begin"} if agent != "shell" else {}
            engine.ask("create", name, agent=agent, **prompt)
            return
        name = self.dice.choice(names)
        fields = {"type": {"text": f"echo {name}"}, "answer": {"choice": "allow_once"}}
        engine.ask(do, name, **fields.get(do, {}))

    async def control(self, engine: Engine) -> None:
        """Every living session does what it is told."""
        views = {view["name"]: view for view in (await engine.state())["views"]}
        for name, view in views.items():
            if view["lifecycle"] == "running" and view["agent"] == "shell":
                token = f"{self.dice.random()}"[2:8]
                await engine.ask("type", name, text=f"echo a{token}z")
                await self.shows(engine, name, f"\na{token}z")
        answers = await asyncio.gather(*(engine.ask("stop", name) for name in views))
        for answer, view in zip(answers, views.values(), strict=True):
            assert answer["ok"], answer
            assert answer["result"]["lifecycle"] in {*ENDED, "created"}
            assert not alive(view["pid"])

    async def shows(self, engine: Engine, name: str, text: str) -> None:
        for _ in range(400):
            if text in (await engine.ask("text", name))["result"]:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{name} does not obey")


def processes() -> set[str]:
    """The ids of sessions of which a process lives that is not being reaped."""
    found = set()
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and alive(int(path.name)):
                variables = (path / "environ").read_bytes().split(b"\0")
                found |= {
                    one.partition(b"=")[2].decode()
                    for one in variables
                    if one.startswith(b"QUARTERDECK_SESSION=") and _ours(variables)
                }
    return found


def _ours(variables: list[bytes]) -> bool:
    mark = os.environ["QD_CHAOS"].encode()
    return b"QD_CHAOS=" + mark in variables or any(mark in one for one in variables)


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    place = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    monkeypatch.setenv("QD_CHAOS", place.name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "run"))
    for name in ("run", "state"):
        (place / name).mkdir(mode=0o700)
    world = World(place, seed=getattr(request, "param", 1))
    yield world
    for engine in world.engines:
        await engine.kill()
    left = kill_leftovers(place / "state")
    shutil.rmtree(place, ignore_errors=True)
    assert not left


@pytest.mark.parametrize("world", [11, 12], indirect=True)
async def test_engines_that_are_killed_at_any_moment_lose_nothing(world: World) -> None:
    for _ in range(4):
        engine = await world.engine()
        for _ in range(world.dice.randrange(3, 9)):
            world.disturb(engine)
            await asyncio.sleep(world.dice.random() * 0.08)
        await asyncio.sleep(world.dice.random() * 0.3)
        await engine.kill()
    engine = await world.engine()
    await world.control(engine)
    await world.only_what_is_known_lives(engine)
    await engine.end()
    assert not processes()


async def test_keepers_and_agents_that_are_killed_take_nobody_along(world: World) -> None:
    engine = await world.engine()
    for number in range(6):
        world.known[f"s{number}"] = Known()
    await asyncio.gather(*(engine.ask("create", name, agent="shell") for name in world.known))
    views = {view["name"]: view for view in (await engine.state())["views"]}
    os.kill(views["s0"]["keeper_pid"], signal.SIGKILL)
    os.kill(views["s1"]["pid"], signal.SIGKILL)
    await until_lifecycle(engine, {"s0": "lost", "s1": "crashed"})
    await engine.kill()
    os.kill(views["s2"]["keeper_pid"], signal.SIGKILL)
    os.kill(views["s3"]["pid"], signal.SIGKILL)
    os.kill(views["s4"]["pid"], signal.SIGKILL)
    await until(lambda: not alive(views["s4"]["pid"]))
    os.kill(views["s4"]["keeper_pid"], signal.SIGKILL)
    for name in ("s0", "s1", "s2", "s3", "s4"):
        world.known[name].disturbed = True
    engine = await world.engine()
    wanted = {"s0": "lost", "s1": "crashed", "s2": "lost", "s3": "crashed", "s4": "crashed"}
    await until_lifecycle(engine, {**wanted, "s5": "running"})
    state = await engine.state()
    assert {item["session_id"] for item in state["items"] if item["kind"] == "failure"} == {
        views[name]["id"] for name in wanted
    }
    for name in ("s0", "s2"):
        assert (await engine.ask("start", name))["ok"]
    await world.control(engine)
    await engine.end()
    assert not processes()


async def until_lifecycle(engine: Engine, wanted: dict[str, str]) -> None:
    views: dict[str, str] = {}
    for _ in range(400):
        views = {view["name"]: view["lifecycle"] for view in (await engine.state())["views"]}
        if all(views[name] == lifecycle for name, lifecycle in wanted.items()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{views}, not {wanted}")
