"""``kill -9`` of what holds the engine: the sessions go on and are found again."""

from __future__ import annotations

from tests.e2e.machine import PROMPT, Machine, eventually


def test_a_killed_engine_finds_sessions_screens_and_questions_again(machine: Machine) -> None:
    machine.serve()
    for name in ("one", "two"):
        machine.create(name, "shell")
    machine.create("fix-login", "practice-approver", "--pace", "fast", prompt="Fix the test")
    for name in ("one", "two"):
        machine.type(name, f"echo in-{name}-$((6*7))")
        machine.wait_screen(name, f"in-{name}-42")
    (item,) = eventually(machine.items, what="the request")
    pids = machine.pids()
    screens = {name: machine.screen(name) for name in pids}
    assert len(pids) == 3

    machine.kill_engine()
    assert machine.run("session", "list").code == 3
    machine.serve()

    eventually(lambda: machine.pids() == pids, what="the same processes")
    assert {name: machine.screen(name) for name in pids} == screens
    (again,) = eventually(machine.items, what="the request")
    assert again["item_id"] == item["item_id"]
    assert again["title"] == item["title"]
    assert machine.run("attention", "answer", item["item_id"], "allow_once").code == 0
    eventually(lambda: machine.screen("fix-login") != screens["fix-login"], what="the answer")
    assert item["item_id"] not in {one["item_id"] for one in machine.items()}
    machine.type("two", "echo after-$((6*7))")
    machine.wait_screen("two", "after-42")


def test_a_killed_dashboard_finds_its_sessions_again(machine: Machine) -> None:
    deck = machine.open()
    deck.wait_for("s shell")
    deck.press("s")
    deck.wait_for(PROMPT.strip())
    deck.press("enter")
    deck.wait_for("all keys go to it")
    deck.press("echo kept-$((40+2))", "enter")
    deck.wait_for("kept-42")
    session = machine.sessions()["shell"]
    assert (session["cols"], session["lines"]) == (78, 20), "the size of its panel"
    pids = machine.pids()
    deck.kill()
    deck.wait_end()

    again = machine.open()
    text = again.wait_for("kept-42")
    assert "Welcome aboard" not in text
    assert machine.pids() == pids
    again.press("enter")
    again.wait_for("all keys go to it")
    again.press("echo more-$((40+3))", "enter")
    again.wait_for("more-43")
