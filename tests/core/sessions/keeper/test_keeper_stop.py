"""The ending of whole process trees by real keepers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.keeper.items import StopReport
from quarterdeck.core.sessions.keeper.leftovers import end_leftovers
from quarterdeck.core.sessions.keeper.recording import post_mortem
from quarterdeck.core.sessions.keeper.tree import HAS_PROC, birth, find_tree

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Tap, Yard

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="groups alone are ended without /proc")

SCATTER = """
import os, subprocess, sys, time
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
def start(*command, **options):
    return subprocess.Popen(command, **quiet, **options).pid
pids = [
    start("sleep", "600"),
    start("setsid", "sleep", "600"),
    start("sleep", "600", process_group=0),
    start("sleep", "600", start_new_session=True),
]
reading, writing = os.pipe()
if not os.fork():  # a daemon: its parent is gone, its session and its streams are its own
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(writing, b"%d" % os.getpid())
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.execvp("sleep", ["sleep", "600"])
os.wait()
pids.append(int(os.read(reading, 20)))
print("pids", *pids, flush=True)
time.sleep(600)
"""

STUBBORN = """
import signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""

BREEDER = """
import os, signal, sys, time
def again(*_):
    if not os.fork():
        os.setsid()
    time.sleep(600)
signal.signal(signal.SIGTERM, again)
signal.signal(signal.SIGHUP, again)
print("up", flush=True)
while True:
    time.sleep(600)
"""


async def scattered(tap: Tap) -> list[int]:
    await tap.until_text(b"\n")
    return [int(word) for word in tap.out().split()[1:]]


@pytest.mark.parametrize("mode", ["pty", "pipe"])
async def test_a_stop_finds_every_process_of_the_tree(yard: Yard, mode: str) -> None:
    handle = await yard.python(SCATTER, mode=mode)
    tap = await yard.tap()
    pids = await scattered(tap)
    assert len(set(pids)) == 5
    report = await tap.link.stop(5.0)
    assert set(report.ended) >= {handle.child_pid, *pids}
    assert report.left == ()
    assert all(birth(pid) == -1 for pid in pids)
    exited = await tap.until_exit()
    assert exited.signal in {signal.SIGTERM, signal.SIGHUP}


async def test_a_stop_ends_what_a_dead_child_left(yard: Yard) -> None:
    await yard.start("sh", "-c", "setsid sleep 600 >/dev/null & exit 4", mode="pipe")
    tap = await yard.tap()
    assert (await tap.until_exit()).code == 4
    report = await tap.link.stop(5.0)
    assert len(report.ended) == 1
    assert report.left == ()
    assert await tap.link.stop(5.0) == StopReport((), (), ())


async def test_a_child_that_ignores_signals_is_killed_after_the_grace(yard: Yard) -> None:
    handle = await yard.python(STUBBORN)
    tap = await yard.tap()
    await tap.until_text(b"up")
    started = time.monotonic()
    report = await tap.link.stop(0.3)
    assert time.monotonic() - started >= 0.3
    assert handle.child_pid in report.forced
    assert handle.child_pid in report.ended
    assert (await tap.until_exit()).signal == signal.SIGKILL


async def test_a_shorter_grace_hastens_a_stop(yard: Yard) -> None:
    await yard.python(STUBBORN)
    tap = await yard.tap()
    await tap.until_text(b"up")
    patient = asyncio.create_task(tap.link.stop(600))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await tap.link.stop(0) == await patient


async def test_a_child_that_breeds_when_it_is_told_to_end_is_ended_as_well(yard: Yard) -> None:
    await yard.python(BREEDER)
    tap = await yard.tap()
    await tap.until_text(b"up")
    report = await tap.link.stop(0.1)
    assert report.left == ()
    assert len(report.ended) >= 2
    await yard.until_gone(*report.ended)


async def test_a_stop_is_carried_out_when_the_engine_leaves(yard: Yard) -> None:
    handle = await yard.python(SCATTER)
    tap = await yard.tap()
    pids = await scattered(tap)
    asked = asyncio.create_task(tap.link.stop(5.0))
    await asyncio.sleep(0)
    await tap.close()
    await asyncio.gather(asked, return_exceptions=True)
    await yard.until_gone(handle.child_pid, *pids)
    again = await yard.tap()
    assert (await again.until_exit()).code is None


async def test_two_sessions_do_not_end_each_other(yard: Yard) -> None:
    await yard.python(SCATTER, key="one.1")
    other = await yard.python(SCATTER, key="one.2")  # a later start of the same session
    tap, beside = await yard.tap("one.1"), await yard.tap("one.2")
    await scattered(tap)
    pids = await scattered(beside)
    await tap.link.stop(5.0)
    assert all(birth(pid) != -1 for pid in (other.child_pid, *pids))


async def test_a_keeper_that_is_told_to_end_takes_its_tree_along(yard: Yard) -> None:
    handle = await yard.python(SCATTER)
    tap = await yard.tap()
    pids = await scattered(tap)
    os.kill(handle.keeper_pid, signal.SIGTERM)
    await yard.until_gone(handle.child_pid, *pids)
    await yard.until_over(handle.places)
    assert not handle.places.socket.exists()
    end = post_mortem(handle.places)
    assert end
    assert end.signal in {signal.SIGTERM, signal.SIGHUP}


async def test_signals_reach_the_child_or_its_tree(yard: Yard) -> None:
    handle = await yard.python(SCATTER)
    tap = await yard.tap()
    pids = await scattered(tap)
    assert await tap.link.signal(signal.SIGCONT) == (handle.child_pid,)
    reached = await tap.link.signal(signal.SIGCONT, tree=True)
    assert set(reached) >= {handle.child_pid, *pids}
    assert handle.keeper_pid not in reached
    assert os.getpid() not in reached


async def test_keepers_started_inside_a_session_are_not_of_its_tree(yard: Yard) -> None:
    outer = await yard.start("cat", key="outer.1")
    program = f"""
import asyncio, os, sys
from pathlib import Path
from quarterdeck.core.sessions.keeper.spawn import ChildSpec, places_for, spawn_keeper
async def main():
    spec = ChildSpec(("cat",), "/", dict(os.environ), "inner", grace=0.3)
    handle = await spawn_keeper(spec, places_for(Path({str(yard.state_dir)!r}), "inner.1"))
    print("inner", handle.keeper_pid, handle.child_pid, flush=True)
asyncio.run(main())
"""
    env = {"XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"]}
    await yard.start(sys.executable, "-c", program, key="engine.1", env=env)
    tap = await yard.tap("engine.1")
    await tap.until_exit()
    keeper, child = (int(word) for word in tap.out().split()[1:])
    try:
        await tap.link.stop(1.0)
        assert birth(keeper) != -1
        assert birth(child) != -1
        assert birth(outer.child_pid) != -1
    finally:
        os.kill(keeper, signal.SIGTERM)
        await yard.until_gone(keeper, child)


async def test_what_a_killed_keeper_left_can_be_ended(yard: Yard) -> None:
    handle = await yard.python(SCATTER)
    tap = await yard.tap()
    pids = await scattered(tap)
    assert await end_leftovers(handle.places) == StopReport((), (), ())  # its keeper lives
    os.kill(handle.keeper_pid, signal.SIGKILL)
    await yard.until_gone(handle.keeper_pid, handle.child_pid)
    left = find_tree(-1, 0, handle.places.marker.encode())
    assert pids[-1] in left
    report = await end_leftovers(handle.places, grace=5.0)
    assert set(report.ended) == set(left)
    assert report.left == ()
    await yard.until_gone(*pids)
