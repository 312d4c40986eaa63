"""The way back to an engine: step by step, never waiting."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.fake_engine import FakeEngine

from quarterdeck.cli import rejoining
from quarterdeck.cli.commands.system import await_engine
from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.following import reconnect
from quarterdeck.cli.invocation import Invocation
from quarterdeck.cli.link import GREETING
from quarterdeck.cli.rejoining import FIRST, MOST, Rejoining

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import CommandLine


@pytest.fixture
def invocation(state_dir: Path) -> Iterator[Invocation]:
    found = Invocation({"state_dir": str(state_dir)})
    yield found
    found.close()


def come_back(way: Rejoining) -> Any:
    """Look and hear until there is a link."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if way.stream is None:
            way.look()
        elif (link := way.hear()) is not None:
            return link
    raise AssertionError


def test_an_engine_that_is_there_is_joined(engine: FakeEngine, invocation: Invocation) -> None:
    way = Rejoining(lambda: invocation.place.socket)
    link = come_back(way)
    assert way.stream is None
    invocation.adopt(link)
    assert invocation.link is link
    assert invocation.call("session.list") == {"sessions": []}


def test_looks_become_rarer_but_never_rare(invocation: Invocation) -> None:
    way = Rejoining(lambda: invocation.place.socket)
    pauses = []
    for _ in range(8):
        before = time.monotonic()
        way.look()
        assert way.stream is None
        pauses.append(way.due - before)
    assert pauses[0] == pytest.approx(FIRST, abs=0.02)
    assert pauses[-1] == pytest.approx(MOST, abs=0.1)


def test_an_entry_that_a_killed_engine_left_is_no_engine(
    engine: FakeEngine, invocation: Invocation
) -> None:
    path = invocation.place.socket
    engine.close()
    way = Rejoining(lambda: path)
    way.look()
    assert way.stream is None
    assert way.hear() is None


@pytest.mark.parametrize("greeting", ["refuse", "welcome"])
def test_one_that_leaves_before_it_greets_is_looked_for_again(
    engine: FakeEngine, invocation: Invocation, greeting: str
) -> None:
    engine.greeting = "silence" if greeting == "welcome" else greeting
    way = Rejoining(lambda: invocation.place.socket)
    way.look()
    if greeting == "welcome":
        engine.wait_for(lambda: engine.came)
        engine.cut()
    end = time.monotonic() + 20
    while way.stream is not None:
        assert way.hear() is None
        assert time.monotonic() < end
    engine.greeting = "welcome"
    come_back(way).close()


def test_one_that_does_not_greet_is_given_up(
    engine: FakeEngine, invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejoining, "GREETING", 0.0)
    engine.greeting = "silence"
    way = Rejoining(lambda: invocation.place.socket)
    way.look()
    first = way.stream
    assert way.hear() is None
    assert way.due <= time.monotonic()
    way.look()
    assert way.stream is not first
    way.close()
    assert way.stream is None


def test_one_that_was_greeted_is_given_its_time(engine: FakeEngine, invocation: Invocation) -> None:
    engine.greeting = "silence"
    way = Rejoining(lambda: invocation.place.socket)
    before = time.monotonic()
    way.look()
    assert way.stream is not None
    assert way.due >= before + GREETING
    way.close()


def test_a_refusal_is_told(engine: FakeEngine, invocation: Invocation) -> None:
    engine.greeting = "old"
    way = Rejoining(lambda: invocation.place.socket)
    with pytest.raises(CliFault, match="Too old") as caught:
        come_back(way)
    assert caught.value.code == "protocol_unsupported"
    assert way.stream is None


def test_faults_of_the_settings_are_not_waited_out() -> None:
    def broken() -> str:
        raise CliFault("unreadable", "The settings can't be read.")

    with pytest.raises(CliFault, match="settings"):
        Rejoining(broken).look()


# ---- health --wait ---------------------------------------------------------------------------


def test_health_waits_for_an_engine_that_starts(state_dir: Path, invocation: Invocation) -> None:
    """It is asked for before the engine is there, as by ``quarterdeck --headless &``."""
    with pytest.raises(CliFault) as caught:
        await_engine(invocation, 0.0)
    assert caught.value.code == "no_engine"
    started = FakeEngine(state_dir / "s")
    try:
        await_engine(invocation, 20.0)
        assert invocation.link.engine["pid"]
    finally:
        started.close()


def test_health_gives_up_in_time(qd: CommandLine) -> None:
    done = qd("health", "--wait", "0.1s")
    assert (done.code, "no_engine" in done.err) == (3, True)
    assert qd("health", "--wait", "soon").code == 2


def test_health_does_not_wait_out_a_refusal(engine: FakeEngine, qd: CommandLine) -> None:
    engine.greeting = "old"
    done = qd("health", "--wait", "20s")
    assert (done.code, "protocol_unsupported" in done.err) == (1, True)


def test_those_who_follow_take_up_the_next_engine(
    engine: FakeEngine, invocation: Invocation, state_dir: Path
) -> None:
    assert invocation.link.engine
    engine.close()
    second = FakeEngine(state_dir / "another")
    try:
        assert reconnect(invocation)
        assert invocation.link.path == str(state_dir / "another")
    finally:
        second.close()
