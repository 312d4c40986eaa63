"""An engine that somebody shut down stays down until somebody wants it; a lost one is replaced."""

from __future__ import annotations

from tests.e2e.machine import PROMPT, Machine, eventually
from tests.e2e.terminal import Terminal

DOWN = "The engine was shut down"


def two_dashboards(machine: Machine) -> tuple[Terminal, Terminal]:
    """The one whose engine it is, and another one, on a shell."""
    first = machine.deck(size=(120, 30))
    machine.create("shared", "shell")
    first.wait_for(PROMPT.strip())
    second = machine.open(size=(120, 30))
    second.wait_for(PROMPT.strip())
    return first, second


def type_into(deck: Terminal, text: str, wanted: str) -> None:
    deck.press("enter")
    deck.wait_for("all keys go to it")
    deck.press(text, "enter")
    deck.wait_for(wanted)
    deck.press("ctrl+]")
    deck.wait_for("c create")


def test_a_shut_down_engine_is_started_again_when_a_person_says_so(machine: Machine) -> None:
    first, second = two_dashboards(machine)
    pids = machine.pids()
    assert machine.run("shutdown").code == 0
    for deck in (first, second):
        deck.wait_for(DOWN)
        assert "r starts it again" in deck.text()
    assert machine.run("session", "list").code == 3, "a dashboard started a new engine"
    second.press("r")
    second.wait_for(lambda text: DOWN not in text and "no link" not in text)
    eventually(lambda: machine.pids() == pids, what="the same processes")
    first.press("r")
    first.wait_for(lambda text: DOWN not in text and "no link" not in text)
    type_into(first, "echo up-$((40+1))", "up-41")
    second.wait_for("up-41")
    assert machine.run("shutdown", "--stop-sessions").code == 0
    for deck in (first, second):
        deck.wait_for(DOWN)
        deck.press("q")
        if deck.process.poll() is None:
            deck.press("enter")
        assert deck.wait_end() == 0


def test_the_owner_leaves_and_the_other_goes_on(machine: Machine) -> None:
    first, second = two_dashboards(machine)
    type_into(second, "echo both-$((40+2))", "both-42")
    first.wait_for("both-42")
    pids = machine.pids()
    first.press("q")
    first.wait_for("enter leave them running")
    first.press("enter")
    assert first.wait_end() == 0
    eventually(lambda: machine.run("health").code == 0, what="an engine")
    assert machine.pids() == pids
    assert DOWN not in second.text()
    second.wait_for("both-42")
    type_into(second, "echo taken-$((40+4))", "taken-44")

    third = machine.open(size=(120, 30))
    third.wait_for("taken-44")
    second.kill()
    second.wait_end()
    eventually(lambda: machine.run("health").code == 0, what="an engine")
    eventually(lambda: machine.pids() == pids, what="the same processes")
    third.wait_for(lambda text: "no link" not in text and "taken-44" in text)
    type_into(third, "echo after-$((40+7))", "after-47")
    third.press("c")
    third.wait_for("enter create")
    third.press("enter")
    eventually(lambda: len(machine.pids()) == 2, what="another session")
    assert machine.pids().items() >= pids.items()
