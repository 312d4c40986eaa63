"""A real cluster for tests: a scheduler and workers on loopback, which tests may kill and start again."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend
from quarterdeck.core.workflows.backends.ports import (
    Backend,
    Leaf,
    LeafEnded,
    LeafEvent,
    LeafOutput,
    LeafStarted,
    Stream,
)
from quarterdeck.core.workflows.backends.registry import backend_for

PATIENCE = 60.0
LEASE, GRACE = 3.0, 0.5


@dataclass(frozen=True)
class Node:
    """A process of the cluster."""

    pid: int
    address: str

    def send(self, number: int) -> None:
        """Signal it, if it is there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


@dataclass
class Cluster:
    """Its nodes; those that were killed or are not there any more are started again by ``mend``."""

    folder: Path
    security: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    scheduler: Node | None = None
    workers: list[Node] = field(default_factory=list)
    _program: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start the program that starts nodes."""
        script = Path(__file__).with_name("dask_nodes.py")
        self._program = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        """End everything."""
        if self._program and self._program.stdin and self._program.stdout:
            self._program.stdin.close()
            self._program.wait()
            self._program.stdout.close()

    def _node(self, **order: Any) -> Node:
        assert self._program
        assert self._program.stdin
        assert self._program.stdout
        order |= {"log": str(self.folder / "log"), "security": self.security}
        self._program.stdin.write(json.dumps(order).encode() + b"\n")
        self._program.stdin.flush()
        said = json.loads(self._program.stdout.readline())
        if not said:
            pytest.fail(f"a node did not start:\n{(self.folder / 'log').read_text()[-3000:]}")
        return Node(**said)

    @property
    def url(self) -> str:
        """For a back end."""
        return f"dask://127.0.0.1:{self.port}?lease={LEASE}&grace={GRACE}&timeout=10"

    def start_scheduler(self) -> Node:
        """Start one, at the port that the first one had."""
        self.scheduler = self._node(host="127.0.0.1", port=self.port)
        self.port = int(self.scheduler.address.rpartition(":")[2])
        return self.scheduler

    def start_worker(self, *, nthreads: int = 2, **resources: float) -> Node:
        """Start one more."""
        folder = str(self.folder / f"worker{len(self.workers)}")
        given = {"nthreads": nthreads, "resources": resources, "local_directory": folder}
        scheme = "tls" if self.security else "tcp"
        address = f"{scheme}://127.0.0.1:{self.port}"
        node = self._node(scheduler_ip=address, host=f"{scheme}://127.0.0.1", **given)
        self.workers.append(node)
        return node

    def worker_at(self, address: str) -> Node:
        """The worker with an address."""
        return next(node for node in self.workers if node.address == address)

    def kill_all(self) -> None:
        """End every node without a warning; the next ones are started at another port."""
        for node in (self.scheduler, *self.workers):
            if node:
                node.send(signal.SIGKILL)
        self.scheduler, self.workers = None, []

    def make(self, workers: int = 2) -> None:
        """A fresh scheduler with workers of two places each."""
        self.kill_all()
        self.port = 0
        self.start_scheduler()
        for _ in range(workers):
            self.start_worker(seat=1, gpu=1) if not self.workers else self.start_worker()

    def backend(self) -> DaskBackend:
        """A back end for it, not open."""
        backend = backend_for(self.url, state_dir=self.folder)
        assert isinstance(backend, DaskBackend)
        return backend


def leaf(name: str, *command: str, cwd: Path | str = "/", **given: Any) -> Leaf:
    """An attempt of a task ``name`` in a workflow of its own, with the tests' short grace."""
    given = {"workflow_id": new_id(), "attempt": 1, "epoch": 1, "grace": GRACE, **given}
    return Leaf(task_id=name, command=command, cwd=str(cwd), **given)


def shell(name: str, script: str, *, cwd: Path | str = "/", **given: Any) -> Leaf:
    """An attempt that runs a script of the shell."""
    return leaf(name, "sh", "-c", script, cwd=cwd, **given)


@dataclass
class Heard:
    """What the events of a place told."""

    events: list[LeafEvent] = field(default_factory=list)

    def out(self, stream: Stream = Stream.STDOUT) -> bytes:
        """All of a stream, which must have come without a gap."""
        data = b""
        for event in self.events:
            if isinstance(event, LeafOutput) and event.stream is stream:
                assert event.offset == len(data)
                data += event.data
        return data

    @property
    def pid(self) -> int:
        """The process."""
        return next(event.pid for event in self.events if isinstance(event, LeafStarted))

    @property
    def end(self) -> LeafEnded:
        """How it ended."""
        last = self.events[-1]
        assert isinstance(last, LeafEnded)
        return last


async def hear(backend: Backend, place: str) -> Heard:
    """All events of a place."""
    heard = Heard()
    async with asyncio.timeout(PATIENCE):
        async for event in backend.events(place):
            heard.events.append(event)
    return heard


async def submit(backend: Backend, given: Leaf) -> str:
    """Submit it; its place."""
    place = backend.place_of(given)
    await backend.submit(given, place)
    return place


async def run(backend: Backend, given: Leaf) -> Heard:
    """Submit it and wait for its end."""
    return await hear(backend, await submit(backend, given))


async def started(backend: Backend, place: str) -> LeafStarted:
    """Its first event."""
    events = backend.events(place)
    try:
        async with asyncio.timeout(PATIENCE):
            event = await anext(aiter(events))
    finally:
        await events.aclose()  # type: ignore[attr-defined]  # every back end's are generators
    assert isinstance(event, LeafStarted)
    return event


def lives(pid: int) -> bool:
    """Whether a process is there that is not dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Return once ``condition`` holds; fail after a deadline."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110  # others' changes are not told
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"it never came to this: {what or inspect.getsource(condition).strip()}")
