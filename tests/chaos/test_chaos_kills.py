"""``kill -9`` of engine, keepers and agents at random moments, under commands and questions."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from random import Random
from typing import Any

import pytest
from tests.chaos.vessel import ENDED, LIVING, Vessel, dice, seeds
from tests.e2e.machine import eventually

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.link import Link, command


class Logbook:
    """What was asked for and what was acknowledged, to be compared with what is found."""

    def __init__(self, vessel: Vessel, chance: Random) -> None:
        self.vessel = vessel
        self.chance = chance
        self.count = 0
        self.made: dict[str, str] = {}
        self.pids: dict[str, int] = {}
        self.gone: set[str] = set()
        self.doubtful: set[str] = set()

    def wish(self) -> tuple[str, str, dict[str, Any]]:
        """The next thing to ask for: its session's name, the command, its payload."""
        known = [name for name in self.made if name not in self.gone]
        do = self.chance.choice(["create", "create", "keys", "keys", "stop", "restart", "delete"])
        if do == "create" or not known:
            self.count += 1
            name = f"s{self.count}"
            agent = self.chance.choice(["shell", "shell", "practice-approver"])
            wish: dict[str, Any] = {"name": name, "agent": agent, "cwd": str(self.vessel.work)}
            if agent != "shell":
                wish |= {"args": ["--pace", "fast"], "prompt": "Fix the test"}
            return name, "session.create", wish
        name = self.chance.choice(known)
        kind = {"keys": "session.keys", "delete": "session.delete"}.get(do, f"agent.{do}")
        mores: dict[str, dict[str, Any]] = {"keys": {"keys": ["enter"]}, "delete": {"force": True}}
        return name, kind, {"session_id": self.made[name], **mores.get(do, {})}

    def ask(self, link: Link) -> None:
        """Ask for one thing and write down what was said."""
        name, kind, payload = self.wish()
        if kind in {"agent.stop", "agent.restart", "session.delete"}:
            self.doubtful.add(name)
        result = link.call(kind, payload)
        if kind == "session.create":
            self.made[name] = result["session"]["id"]
            self.pids[name] = result["session"]["pid"]
        if kind == "session.delete":
            self.gone.add(name)

    def compare(self) -> None:
        """What was acknowledged is so; who was left alone has the process it had."""
        found = self.vessel.sessions()
        for name, session_id in self.made.items():
            if name in self.gone:
                assert name not in found, f"{name} was deleted and is back"
            elif name in self.doubtful and name not in found:
                self.gone.add(name)
            else:
                assert found[name]["id"] == session_id
                if name not in self.doubtful:
                    assert found[name]["pid"] == self.pids[name], f"{name} was started twice"
        for name, view in found.items():
            self.made[name], self.pids[name] = view["id"], view["pid"]
            if view["lifecycle"] == "running":
                self.doubtful.discard(name)
            else:
                self.doubtful.add(name)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", seeds(2))
def test_an_engine_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    vessel: Vessel, seed: int
) -> None:
    chance = dice(seed)
    log = Logbook(vessel, chance)
    for _ in range(4):
        vessel.launch(rate_limit_burst=1000, rate_limit_per_second=1000)
        log.compare()
        vessel.check()
        link = vessel.link()
        end = time.monotonic() + chance.uniform(0.05, 0.6)
        killer = _kill_at(vessel, end)
        with contextlib.suppress(CliFault):
            while time.monotonic() < end + 1:
                with _unless_refused():
                    log.ask(link)
        link.close()
        killer.join()
    vessel.launch()
    log.compare()
    vessel.check()
    shells = [  # one that was being stopped when the engine died goes on being stopped
        name
        for name, one in vessel.sessions().items()
        if one["agent"] == "shell" and one["lifecycle"] == "running"
    ]
    vessel.obeys(*shells)
    vessel.check()


def _kill_at(vessel: Vessel, moment: float) -> Any:
    from threading import Timer  # noqa: PLC0415  # beside its only use

    timer = Timer(max(0.0, moment - time.monotonic()), vessel.kill_engine)
    timer.start()
    return timer


class _unless_refused(contextlib.AbstractContextManager[None]):  # noqa: N801  # reads as a word
    """Refusals are answers; an engine that is gone is none."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        gone = {"link_closed", "engine_silent", "no_engine"}
        return isinstance(error, CliFault) and error.code not in gone


@pytest.mark.parametrize("seed", seeds(2))
def test_keepers_and_agents_that_are_killed_take_nobody_along(vessel: Vessel, seed: int) -> None:
    chance = dice(seed)
    vessel.launch(rate_limit_burst=1000)
    names = [f"s{number}" for number in range(6)]
    for name in names:
        vessel.create(name, "shell")
    for _ in range(3):
        pids = vessel.pids()
        name = chance.choice(names)
        agent, keeper = pids[name]
        hit = chance.choice([agent, keeper])
        away = chance.random() < 0.5
        if away:
            vessel.kill_engine()
        os.kill(hit, signal.SIGKILL)
        if away:
            vessel.launch()
        wanted = "crashed" if hit == agent else "lost"
        eventually(lambda: vessel.sessions()[name]["lifecycle"] == wanted, what=f"{name} {wanted}")  # noqa: B023  # waited for at once
        vessel.check()
        (failure,) = [one for one in vessel.items() if one["kind"] == "failure"]
        assert failure["session_id"] == vessel.sessions()[name]["id"]
        assert {n: p for n, p in vessel.pids().items() if n != name} == {
            n: p for n, p in pids.items() if n != name
        }, "the others have what they had"
        vessel.call("agent.start", session_id=vessel.sessions()[name]["id"])
        vessel.obeys(*names)
        vessel.check()


def test_all_keepers_at_once(vessel: Vessel) -> None:
    vessel.launch()
    names = [f"s{number}" for number in range(5)]
    for name in names:
        vessel.create(name, "shell")
    for _, keeper in vessel.pids().values():
        os.kill(keeper, signal.SIGKILL)
    eventually(lambda: {one["lifecycle"] for one in vessel.sessions().values()} == {"lost"})
    vessel.check()
    assert len(vessel.items()) == len(names)
    for one in vessel.sessions().values():
        vessel.call("agent.start", session_id=one["id"])
    vessel.obeys(*names)
    vessel.check()


def test_a_question_is_answered_once_however_often_the_engine_dies(vessel: Vessel) -> None:
    vessel.launch()
    vessel.create("ask", "practice-approver", "--pace", "fast", prompt="Fix the test")
    (item,) = eventually(vessel.items, what="the request")
    answer = {"item_id": item["item_id"], "choice": "allow_once"}
    for _ in range(3):
        vessel.kill_engine()
        vessel.launch()
        eventually(lambda: [one["item_id"] for one in vessel.items()] == [item["item_id"]])
        vessel.check()
    sent = command("attention.answer", answer)
    link = vessel.link()
    link.send(sent)
    link.send(sent)
    replies = [link.receive(20), link.receive(20)]
    link.close()
    assert [reply and reply["ok"] for reply in replies] == [True, True]
    vessel.kill_engine()
    vessel.launch()
    link = vessel.link()
    link.send(sent)
    again = link.receive(20)
    link.close()
    assert again == replies[0], "the recorded reply, word for word"
    with vessel.database() as store:
        found = store.execute(
            "SELECT state, answer FROM attention_items WHERE item_id = ?", [item["item_id"]]
        )
        assert [row[0] for row in found] == ["answered"]
    vessel.check()


def test_an_engine_that_is_killed_while_it_starts_or_stops(vessel: Vessel) -> None:
    """At ten moments of either; the next one finds all of it."""
    vessel.launch()
    for number in range(4):
        vessel.create(f"s{number}", "shell")
    pids = vessel.pids()
    vessel.stop_in_order()
    for step in range(1, 11):
        vessel.launch_for(step * 0.06)
    vessel.launch()
    assert vessel.pids() == pids
    vessel.check()
    for step in range(5):
        vessel.engine.send_signal(signal.SIGTERM)
        time.sleep(step * 0.004)
        vessel.kill_engine()
        vessel.launch()
        assert vessel.pids() == pids
    vessel.obeys("s0", "s3")
    vessel.check()
    assert {one["lifecycle"] for one in vessel.sessions().values()} <= LIVING - ENDED
