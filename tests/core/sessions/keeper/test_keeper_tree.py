from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest

from quarterdeck.core.sessions.keeper import tree
from quarterdeck.core.sessions.keeper.foreground import foreground_of
from quarterdeck.core.sessions.keeper.tree import (
    Stop,
    birth,
    find_tree,
    process_entry,
    read_proc,
    send_signals,
)

pytestmark = pytest.mark.skipif(not tree.HAS_PROC, reason="there is no /proc here")

MARK = "QUARTERDECK_KEEPER=test-tree"

SAY_READY = "import time, sys; sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SAY_READY


class Nursery:
    """Starts processes that have said that they are up."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[bytes]] = []

    def start(self, program: str, *, marked: bool = False, session: bool = False) -> int:
        name, _, value = MARK.partition("=")
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdout=subprocess.PIPE,
            env={**os.environ, name: value} if marked else None,
            start_new_session=session,
        )
        self.all.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        return process.pid

    def of(self, pid: int) -> subprocess.Popen[bytes]:
        return next(process for process in self.all if process.pid == pid)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    for process in nursery.all:
        process.kill()
        process.communicate()


def family(depth: int) -> str:
    """A program that starts itself ``depth`` times below it, each in a session of its own."""
    program = SAY_READY
    for _ in range(depth):
        program = (
            "import os, subprocess, sys, time\n"
            f"below = subprocess.Popen([sys.executable, '-I', '-S', '-c', {program!r}], "
            "stdout=subprocess.PIPE, start_new_session=True)\n"
            "below.stdout.readline()\n"
            "sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(600)"
        )
    return program


def run(stop: Stop, patience: float = 60.0) -> dict[str, list[int]]:
    """Carry a stop out, reaping as a keeper would; its report."""
    end = time.monotonic() + patience
    while not stop.advance(time.monotonic()):
        assert time.monotonic() < end
        time.sleep(max(stop.next - time.monotonic(), 0))
    return stop.report()


def test_a_process_has_a_parent_a_group_a_session_and_a_birth(nursery: Nursery) -> None:
    pid = nursery.start(SAY_READY, session=True)
    entry = process_entry(pid)
    assert entry
    assert entry[:3] == (os.getpid(), pid, pid)
    assert birth(pid) == entry[3] > 0


def test_a_zombie_is_no_living_process(nursery: Nursery) -> None:
    pid = nursery.start("print('up', flush=True)")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert read_proc(pid, "stat")
    assert process_entry(pid) is None
    assert birth(pid) == -1


def test_what_is_no_process_has_no_entry() -> None:
    assert process_entry(2**22 + 1) is None
    assert read_proc(2**22 + 1, "environ") == b""


def test_descendants_in_sessions_of_their_own_belong_to_the_tree(nursery: Nursery) -> None:
    leader = nursery.start(family(2), session=True)
    found = find_tree(leader, birth(leader), b"QUARTERDECK_KEEPER=nobody")
    assert leader in found
    assert len(found) == 3
    assert all(birth(pid) == born for pid, born in found.items())
    assert set(run(Stop(partial(find_tree, leader, birth(leader), b"x"), (15,)))["ended"]) == set(
        found
    )


def test_what_lost_its_parent_is_known_by_its_environment(nursery: Nursery) -> None:
    orphan = nursery.start(SAY_READY, marked=True, session=True)
    stranger = nursery.start(SAY_READY, session=True)
    found = find_tree(-1, 0, MARK.encode())
    assert found == {orphan: birth(orphan)}
    assert stranger not in found
    assert find_tree(-1, 0, MARK.encode()[:-1]) == {}


def test_the_session_of_a_reused_number_is_nobodys(nursery: Nursery) -> None:
    leader = nursery.start(SAY_READY, session=True)
    assert leader in find_tree(leader, birth(leader), b"x")
    assert find_tree(leader, birth(leader) - 1, b"x") == {}


def test_we_are_never_part_of_the_tree_that_we_end(nursery: Nursery) -> None:
    session = os.getsid(0)
    assert os.getpid() not in find_tree(session, birth(session), b"x")


def test_polite_signals_end_a_tree(nursery: Nursery) -> None:
    leader = nursery.start(SAY_READY, session=True)
    stop = Stop(partial(find_tree, leader, birth(leader), b"x"), (signal.SIGTERM,))
    assert run(stop) == {"ended": [leader], "forced": [], "left": []}
    assert nursery.of(leader).wait() == -signal.SIGTERM


def test_a_stopped_process_is_woken_to_end(nursery: Nursery) -> None:
    leader = nursery.start(SAY_READY, session=True)
    os.kill(leader, signal.SIGSTOP)
    polite = (signal.SIGTERM, signal.SIGCONT)
    stop = Stop(partial(find_tree, leader, birth(leader), b"x"), polite)
    assert run(stop)["ended"] == [leader]
    assert nursery.of(leader).wait() == -signal.SIGTERM


def test_what_ignores_politeness_is_forced_after_the_grace(nursery: Nursery) -> None:
    leader = nursery.start(STUBBORN, session=True)
    stop = Stop(partial(find_tree, leader, birth(leader), b"x"), (signal.SIGTERM,))
    stop.hasten(time.monotonic() + 0.1)
    assert run(stop) == {"ended": [leader], "forced": [leader], "left": []}
    assert nursery.of(leader).wait() == -signal.SIGKILL


def test_a_shorter_grace_takes_the_place_of_a_longer_one() -> None:
    stop = Stop(dict, (signal.SIGTERM,))
    stop.hasten(10.0)
    stop.hasten(20.0)
    assert stop.deadline == 10.0
    stop.hasten(5.0)
    assert stop.deadline == 5.0


def test_nothing_to_end_is_over_at_once() -> None:
    stop = Stop(dict, (signal.SIGTERM,))
    assert stop.advance(0.0)
    assert stop.report() == {"ended": [], "forced": [], "left": []}


def test_what_can_not_be_ended_is_reported_and_not_waited_for_forever(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = nursery.start(SAY_READY)
    monkeypatch.setattr(tree, "send_signals", lambda *_: False)
    stop = Stop(lambda: {pid: birth(pid)}, (signal.SIGTERM,))
    stop.hasten(10.0)
    assert not stop.advance(9.0)
    assert not stop.advance(10.0)
    assert stop.advance(10.0 + tree.FORCE_LIMIT)
    assert stop.report() == {"ended": [], "forced": [pid], "left": [pid]}


def test_what_was_seen_once_is_followed_when_it_can_no_longer_be_found(nursery: Nursery) -> None:
    pid = nursery.start(STUBBORN)
    finds = iter([{pid: birth(pid)}])
    stop = Stop(lambda: next(finds, {}), (signal.SIGTERM,))
    stop.hasten(time.monotonic() + 0.05)
    assert run(stop) == {"ended": [pid], "forced": [pid], "left": []}


def test_signals_to_the_dead_reach_nobody(nursery: Nursery) -> None:
    pid = nursery.start("print('up', flush=True)")
    nursery.of(pid).wait()
    assert not send_signals(pid, 0)


def test_a_group_is_named_by_its_leader(nursery: Nursery) -> None:
    pid = nursery.start(SAY_READY, session=True)
    found = foreground_of(pid, pid)
    assert found.is_child
    assert found.pgid == pid
    assert found.name.startswith("python")
    assert found.argv[1:] == ("-I", "-S", "-c", SAY_READY)


def test_a_group_without_its_leader_is_named_by_a_member(nursery: Nursery) -> None:
    program = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(600)"
    )
    leader = nursery.start(program, marked=True, session=True)
    nursery.of(leader).wait()
    (member,) = find_tree(-1, 0, MARK.encode())
    found = foreground_of(leader, member)
    assert not found.is_child
    assert found.argv[-1] == program
    run(Stop(partial(find_tree, -1, 0, MARK.encode()), (signal.SIGKILL,)))


def test_a_group_that_is_gone_has_no_name() -> None:
    found = foreground_of(2**22 + 1, 1)
    assert (found.name, found.argv) == ("", ())


def test_without_a_process_file_system_the_group_is_the_tree(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "HAS_PROC", False)
    leader = nursery.start(SAY_READY, session=True)
    assert birth(leader) == 0
    assert find_tree(leader, 0, b"x") == {leader: 0}
    stop = Stop(partial(find_tree, leader, 0, b"x"), (signal.SIGTERM,))
    assert not stop.advance(0.0)
    nursery.of(leader).wait()
    assert stop.advance(1.0)
    assert stop.report()["ended"] == [leader]
    assert find_tree(leader, 0, b"x") == {}
    assert tree.all_processes() == {}
