"""Too little of everything: buffers of two, bursts, memory, processors, open files, time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.vessel import Vessel, dice, seeds
from tests.e2e.machine import eventually

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.link import command

TINY = {"command_buffer_size": 2, "event_buffer_size": 2, "worker_count": 2}
Wish = tuple[str, dict[str, Any]]


def some_wishes(vessel: Vessel, count: int, seed: int) -> list[Wish]:
    """Commands of many kinds for the sessions that are there."""
    chance = dice(seed)
    ids = [one["id"] for one in vessel.sessions().values()]
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("session.list", {}),
        ("session.keys", {"keys": ["enter"]}),
        ("session.screen", {}),
        ("session.resize", {"cols": 90, "lines": 30}),
        ("agent.start", {}),
    ]
    found: list[Wish] = []
    for _ in range(count):
        kind, payload = chance.choice(kinds)
        on_session = kind != "session.list"
        found.append(
            (kind, {**payload, "session_id": chance.choice(ids)} if on_session else payload)
        )
    return found


def test_buffers_of_two_lose_no_command_no_reply_and_no_key(vessel: Vessel) -> None:
    vessel.launch(**TINY, rate_limit_burst=100_000, rate_limit_per_second=100_000)
    for name in ("a", "b", "c"):
        vessel.create(name, "shell")
        vessel.type(name, "stty -echo; cat >/dev/null")
    follower = vessel.link()
    follower.send({"kind": "follow"})
    codes = vessel.codes_of(some_wishes(vessel, 300, 1))
    assert codes == {"ok": 300}
    session_id = vessel.sessions()["a"]["id"]
    for number in range(30):
        updates = {"session_id": session_id, "updates": {"name": f"n{number}"}}
        vessel.call("session.update", **updates)
    names: list[str] = []
    while "n29" not in names:
        message = follower.receive(20)
        assert message is not None, "the slow follower is never told the last of it"
        names += _names(message, session_id)
    follower.close()
    vessel.check()


def _names(message: dict[str, Any], session_id: str) -> list[str]:
    payload = message.get("payload", {})
    sessions = [*payload.get("sessions", ()), payload.get("session", {})]
    return [one["name"] for one in sessions if one.get("id") == session_id and "name" in one]


def test_a_burst_over_the_limit_is_refused_in_words_and_types_only_what_was_taken(
    vessel: Vessel,
) -> None:
    vessel.launch(**TINY)
    vessel.create("a", "shell")
    vessel.create("b", "shell")
    sessions = vessel.sessions()
    vessel.type("a", "stty -echo; wc -c")
    time.sleep(2.5)  # the bucket is full again
    wishes: list[Wish] = [
        ("session.keys", {"session_id": sessions["a"]["id"], "keys": ["x"]}) for _ in range(150)
    ]
    codes = vessel.codes_of(wishes)
    assert set(codes) == {"ok", "rate_limited"}
    assert 20 <= codes["ok"] <= 60
    vessel.obeys("b")
    eventually(
        lambda: (
            vessel.code_of("session.keys", session_id=sessions["a"]["id"], keys=["enter"]) == "ok"
        )
    )
    eventually(
        lambda: (
            vessel.code_of("session.keys", session_id=sessions["a"]["id"], keys=["ctrl+d"]) == "ok"
        )
    )
    time.sleep(1)  # looking is a command, too
    vessel.wait_screen("a", f"\n{codes['ok'] + 1}\n")
    vessel.check()


def memory_of(pid: int) -> int:
    """Bytes of addresses that a process uses."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def test_an_engine_that_gets_no_more_memory_loses_nothing(vessel: Vessel) -> None:
    vessel.launch(rate_limit_burst=100_000, rate_limit_per_second=100_000)
    for name in ("a", "b"):
        vessel.create(name, "shell")
    vessel.create("ask", "practice-approver", "--pace", "fast", prompt="Fix the test")
    vessel.obeys("a", "b")
    (item,) = eventually(vessel.items, what="the request")
    pids = vessel.pids()
    with vessel.squeezed(resource.RLIMIT_AS, memory_of(vessel.engine.pid)):
        for number in range(12):
            _demand_much(vessel, number)
    if not _goes_on(vessel):
        vessel.engine.communicate(timeout=60)
        vessel.launch()
    assert vessel.pids() == pids
    vessel.obeys("a", "b")
    assert [one["item_id"] for one in vessel.items()] == [item["item_id"]]
    vessel.check()


def _goes_on(vessel: Vessel) -> bool:
    """Whether the engine answers; an engine that ends is waited for."""

    def decided() -> bool:
        return vessel.engine.poll() is not None or vessel.run("health").code == 0

    eventually(decided, what="the engine's answer or its end")
    return vessel.engine.poll() is None


def _demand_much(vessel: Vessel, number: int) -> None:
    """Something that takes memory: it is answered, or the link is closed, or the engine ends."""
    with suppress(CliFault):
        link = vessel.link()
        link.send(
            command("session.update", {"session_id": "y" * 100_000 * (number + 1), "updates": {}})
        )
        link.call("session.screen", {"session_id": vessel.sessions()["a"]["id"], "history": 1000})


def test_an_engine_without_file_descriptors_refuses_and_recovers(vessel: Vessel) -> None:
    vessel.launch(rate_limit_burst=1000)
    vessel.create("a", "shell")
    vessel.obeys("a")
    pids = vessel.pids()
    link = vessel.link()
    used = len(os.listdir(f"/proc/{vessel.engine.pid}/fd"))  # noqa: PTH208  # only their number
    with vessel.squeezed(resource.RLIMIT_NOFILE, used):
        link.send({"kind": "command", "id": "01JXQ1D0R4V5S6T7W8X9Y0Z1A2", "type": "session.create",
                   "timestamp": "2026-01-01T00:00:00Z",
                   "payload": {"name": "no", "agent": "shell"}})  # fmt: skip
        answer = link.receive(20)
        assert answer is not None
        assert not answer["ok"]
        assert answer["error"]["code"] != "internal", answer["error"]
        assert link.call("session.list")["sessions"]
    link.close()
    vessel.obeys("a")
    for one in vessel.sessions().values():
        if one["name"] == "no":
            vessel.call("agent.start", session_id=one["id"])
    vessel.create("b", "shell")
    vessel.obeys("b")
    assert vessel.pids()["a"] == pids["a"]
    vessel.check()


@contextmanager
def busy_processors(count: int) -> Iterator[None]:
    """As many processes as ``count`` that do nothing but compute."""
    words = [sys.executable, "-c", "while True: pass"]
    hogs = [subprocess.Popen(words) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


@pytest.mark.alone
def test_an_engine_that_gets_little_of_the_processor_answers_all(vessel: Vessel) -> None:
    vessel.launch(rate_limit_burst=1000, rate_limit_per_second=1000)
    for name in ("a", "b"):
        vessel.create(name, "shell")
    with busy_processors(2 * (os.cpu_count() or 1)):
        codes = vessel.codes_of(some_wishes(vessel, 60, 2))
        assert codes == {"ok": 60}
        vessel.create("c", "practice-flooder")
        vessel.obeys("a", "b")
        vessel.kill_engine()
        vessel.launch()
        vessel.obeys("a", "b")
    vessel.check()


@pytest.mark.parametrize("seed", seeds(1))
def test_engines_and_keepers_that_are_frozen_for_a_while_go_on(vessel: Vessel, seed: int) -> None:
    """A laptop that sleeps, a debugger, a machine out of breath: time passes and nothing runs."""
    chance = dice(seed)
    vessel.launch()
    names = ["a", "b", "c"]
    for name in names:
        vessel.create(name, "shell")
    pids = vessel.pids()
    for _ in range(3):
        frozen = chance.sample([vessel.engine.pid, *(k for _, k in pids.values())], 2)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 1.0))
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        vessel.obeys(*names)
        assert vessel.pids() == pids
    vessel.check()


def _other_time(*more: str) -> list[str]:
    words = ["unshare", "--time", "--monotonic", "900000", "--boottime", "900000", *more]
    try:
        done = subprocess.run([*words, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if done.returncode:
        pytest.skip(f"no namespace for time here: {done.stderr.decode().strip()}")
    return words


def test_a_monotonic_clock_that_jumps_between_two_engines_changes_nothing(vessel: Vessel) -> None:
    """As after a reboot or a restored machine, though the keepers lived through it."""
    words = _other_time()
    vessel.launch()
    vessel.create("a", "shell")
    vessel.create("ask", "practice-approver", "--pace", "fast", prompt="Fix the test")
    (item,) = eventually(vessel.items, what="the request")
    vessel.call("attention.snooze", item_id=item["item_id"], seconds=3600)
    pids = vessel.pids()
    vessel.kill_engine()
    vessel.launch(*words)
    assert vessel.pids() == pids
    vessel.obeys("a")
    assert vessel.call("system.health")["health"]["uptime_seconds"] < 60
    (again,) = vessel.call("attention.list", snoozed=True)["items"]
    assert again["item_id"] == item["item_id"]
    vessel.stop_in_order()
    vessel.launch()
    assert vessel.pids() == pids
    vessel.check()
