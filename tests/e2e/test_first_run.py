"""The first start and the second: what was begun is found again, as it stands."""

from __future__ import annotations

from tests.e2e.machine import Machine, eventually
from tests.e2e.terminal import Terminal


def leave_running(deck: Terminal) -> None:
    deck.press("q")
    deck.wait_for("enter leave them running")
    deck.press("enter")
    assert deck.wait_end() == 0


def test_a_shell_from_the_welcome_is_there_at_the_second_start(machine: Machine) -> None:
    first = machine.open()
    first.wait_for("Welcome aboard")
    first.wait_for("s shell")
    first.press("s")
    first.wait_for("ready>")
    first.press("enter")
    first.wait_for("all keys go to it")
    first.press("echo sum-$((40+2))", "enter")
    first.wait_for("sum-42")
    first.press("ctrl+]")
    first.wait_for("c create")
    pids = machine.pids()
    assert set(pids) == {"shell"}
    leave_running(first)
    first.wait_for("1 session runs on without the dashboard; come back with: quarterdeck")
    assert first.modes() == first.before
    assert not first.picture.other, "the screen from before was not put back"
    assert b"\x1b[?25h" in bytes(first.raw).rpartition(b"\x1b[?1049l")[2] + bytes(first.raw)[-200:]

    second = machine.open()
    text = second.wait_for("sum-42")
    assert "Welcome aboard" not in text
    eventually(lambda: machine.pids() == pids, what="the same processes")
    leave_running(second)


def test_stopping_all_asks_for_another_key_and_leaves_nothing(machine: Machine) -> None:
    deck = machine.open()
    deck.wait_for("s shell")
    deck.press("s")
    deck.wait_for("ready>")
    deck.press("q")
    deck.wait_for("S stop all and quit")
    deck.press("S")
    deck.wait_for("yes, stop all and quit")
    deck.press("S")  # the same key does not confirm
    deck.press("n")
    deck.wait_for("S stop all and quit")
    deck.press("S")
    deck.wait_for("yes, stop all and quit")
    deck.answer("y")
    assert deck.wait_end() == 0
    assert machine.living_keepers() == []


def test_keys_typed_before_the_engine_answers_go_where_they_were_typed(machine: Machine) -> None:
    deck = machine.open()
    deck.wait_for("SESSIONS")
    deck.press("c")
    text = deck.wait_for(lambda text: "Create a session" in text or "Welcome aboard" in text)
    if "Welcome aboard" in text:  # the engine was faster
        deck.press("escape")
        deck.wait_for(lambda text: "Welcome aboard" not in text)
        deck.press("c")
    deck.wait_for(lambda text: "enter create" in text and "practice-asker" in text)
    assert "No agent was found" not in deck.text()
    deck.press("tab", "tab")
    deck.press("see the shop")
    deck.wait_for(lambda text: text.count("Create a session") == 1 and "see the shop" in text)
    deck.press("escape")
    deck.wait_for(lambda text: "Create a session" not in text)
    assert machine.sessions() == {}
