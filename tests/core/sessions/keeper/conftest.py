"""A yard of real keepers, all of which end with their test, and a tap on what they send."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.sessions.keeper.child import Orders
from quarterdeck.core.sessions.keeper.items import (
    Exited,
    Gone,
    Item,
    Lost,
    Output,
    Resized,
    Stream,
    Superseded,
)
from quarterdeck.core.sessions.keeper.keeper import Keeper
from quarterdeck.core.sessions.keeper.link import KeeperLink
from quarterdeck.core.sessions.keeper.places import KeeperPlaces, keeper_lives, make_folder
from quarterdeck.core.sessions.keeper.spawn import (
    ChildSpec,
    KeeperHandle,
    places_for,
    spawn_keeper,
)
from quarterdeck.core.sessions.keeper.tree import birth

PATIENCE = 60.0


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Return once ``condition`` holds, or what it awaits; fail after a deadline."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await _value(condition):  # noqa: ASYNC110  # others' changes are not told
                await asyncio.sleep(0.003)
    except TimeoutError:
        pytest.fail(f"it never came to this: {what or inspect.getsource(condition).strip()}")


async def _value(condition: Callable[[], Any]) -> Any:
    value = condition()
    return await value if inspect.isawaitable(value) else value


class Tap:
    """Takes the items of a link as they come."""

    def __init__(self, link: KeeperLink) -> None:
        self.link = link
        self.items: list[Item] = []
        self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async for item in self.link.items():
            self.items.append(item)

    def out(self, stream: Stream = Stream.OUT) -> bytes:
        """All output of a stream so far."""
        return b"".join(
            item.data for item in self.items if isinstance(item, Output) and item.stream is stream
        )

    def of(self, kind: type[Any]) -> list[Any]:
        """The items of one kind."""
        return [item for item in self.items if isinstance(item, kind)]

    @property
    def exited(self) -> Exited | None:
        """How the child ended."""
        return next(iter(self.of(Exited)), None)

    @property
    def ended(self) -> Superseded | Gone | None:
        """How the link ended."""
        return next(iter(self.of(Superseded) + self.of(Gone)), None)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """The sizes the terminal had."""
        return [(item.cols, item.rows) for item in self.of(Resized)]

    @property
    def lost(self) -> list[int]:
        """Where the stream went on after a loss."""
        return [item.offset for item in self.of(Lost)]

    async def until_text(self, text: bytes) -> None:
        """Wait until ``text`` was written."""
        await until(lambda: text in self.out(), f"{text!r} in the output")

    async def until_size(self, size: int) -> None:
        """Wait until so much was written."""
        await until(lambda: len(self.out()) >= size, f"{size} bytes")

    async def until_exit(self) -> Exited:
        """Wait for the child's end."""
        await until(lambda: self.exited, "an exit")
        assert self.exited
        return self.exited

    async def overfill(self) -> None:
        """Write, without waiting for long, to a child that reads nothing, until that is refused."""
        for _ in range(100):
            writing = asyncio.create_task(self.link.write(b"x" * 30_000))
            await asyncio.wait([writing], timeout=0.01)
            if writing.done():
                writing.result()
            writing.cancel()
            await asyncio.wait([writing])

    async def close(self) -> None:
        """Let go of the link."""
        await self.link.detach()
        await self._task


class Yard:
    """Starts keepers for one test."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.handles: list[KeeperHandle] = []
        self.taps: list[Tap] = []

    until = staticmethod(until)

    async def until_over(self, *places: KeeperPlaces) -> None:
        """Wait until no keeper lives at ``places``."""
        await until(lambda: not any(keeper_lives(each) for each in places), "a keeper's end")

    async def until_gone(self, *pids: int) -> None:
        """Wait until none of the processes lives."""
        await until(lambda: all(birth(pid) == -1 for pid in pids), "the end of processes")

    def places(self, key: str = "one.1") -> KeeperPlaces:
        """The places of a key."""
        return places_for(self.state_dir, key)

    def spec(self, *argv: str, **options: Any) -> ChildSpec:
        """A child in the state directory, with a plain environment."""
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", **options.pop("env", {})}
        cwd = options.pop("cwd", str(self.state_dir))
        return ChildSpec(argv, cwd, env, **{"session_id": "one", "grace": 0.3, **options})

    async def start(self, *argv: str, key: str = "one.1", **options: Any) -> KeeperHandle:
        """Start a keeper and its child."""
        handle = await spawn_keeper(self.spec(*argv, **options), self.places(key))
        self.handles.append(handle)
        return handle

    async def python(self, program: str, *arguments: str, **options: Any) -> KeeperHandle:
        """Start a keeper with a Python program as its child."""
        return await self.start(sys.executable, "-I", "-S", "-c", program, *arguments, **options)

    async def tap(self, key: str = "one.1", epoch: int = 1, **options: Any) -> Tap:
        """Link to a keeper and take all it sends."""
        tap = Tap(await KeeperLink.connect(self.places(key), epoch=epoch, **options))
        self.taps.append(tap)
        return tap

    async def close(self) -> None:
        """End all keepers with their children."""
        for tap in self.taps:
            await tap.close()
        for handle in self.handles:
            if keeper_lives(handle.places):
                os.kill(handle.keeper_pid, signal.SIGTERM)
        await self.until_over(*(handle.places for handle in self.handles))


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    runtime = tempfile.mkdtemp(prefix="qd", dir="/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    yield tmp_path
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
async def yard(state_dir: Path) -> AsyncIterator[Yard]:
    yard = Yard(state_dir)
    yield yard
    await yard.close()


class Harness:
    """A keeper that runs in a thread of the test's own process."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self._wake, self._alarm = os.pipe()
        os.set_blocking(self._wake, False)
        self._threads: list[threading.Thread] = []
        self.keeper: Keeper

    def open(self, *argv: str, key: str = "in.1", **options: Any) -> Keeper:
        """Start a keeper's child; the keeper doesn't serve yet."""
        places = self.yard.places(key)
        make_folder(places)
        orders = Orders(self.yard.spec(*argv, **options).orders(places))
        self.keeper = Keeper(orders, self._wake)
        self.keeper.open(0o022)
        return self.keeper

    def run(self) -> None:
        """Serve; the child's end is told as the signal would."""
        self._threads = [threading.Thread(target=self._serve)]
        self._threads.append(threading.Thread(target=self._watch_child))
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        try:
            self.keeper.run()
        finally:
            self.keeper.leave()

    def _watch_child(self) -> None:
        with contextlib.suppress(ChildProcessError):  # the keeper saw it first
            os.waitid(os.P_PID, self.keeper.child.pid, os.WEXITED | os.WNOWAIT)
        self.signal(signal.SIGCHLD)

    def signal(self, number: int) -> None:
        """What the keeper's process would be told by a signal."""
        os.write(self._alarm, bytes([number]))

    @property
    def served(self) -> bool:
        """Whether the keeper still serves."""
        return self._threads[0].is_alive()

    async def close(self) -> None:
        """End the keeper and its child."""
        if self._threads:
            self.signal(signal.SIGTERM)
            await until(lambda: not self.served, "the keeper's end")
            for thread in self._threads:
                thread.join()
        os.close(self._wake)
        os.close(self._alarm)


@pytest.fixture
async def harness(yard: Yard) -> AsyncIterator[Harness]:
    harness = Harness(yard)
    yield harness
    for tap in yard.taps:
        await tap.close()
    await harness.close()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk with room for files, but not for what they hold."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root can mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
