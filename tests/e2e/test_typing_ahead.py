"""Keys that are typed faster than dialogs open go where the person meant them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.e2e.machine import Machine, eventually
from tests.e2e.terminal import Terminal


@pytest.fixture
def asked(machine: Machine) -> Terminal:
    """The dashboard on an approver whose request has been in view for a while."""
    machine.serve()
    machine.create("asks", "practice-approver", "--pace", "fast", prompt="Go")
    eventually(machine.items, what="the request")
    deck = machine.deck()
    deck.wait_for("Run this command?")
    deck.wait_for("y allow once")
    deck.insist("y", "Allowed once")  # the guard for fresh requests lets the first one through
    deck.wait_for(re.compile(r"needs approval 0:(0[2-9]|[1-5]\d)"))
    return deck


def unanswered(machine: Machine) -> Callable[[], bool]:
    (item,) = machine.items()
    return lambda: item["item_id"] in {one["item_id"] for one in machine.items()}


def test_a_yes_typed_ahead_answers_nothing_and_confirms_nothing(
    machine: Machine, asked: Terminal
) -> None:
    waits = unanswered(machine)
    for opener, question in (("D", "Delete asks?"), ("S", "Stop asks?")):
        asked.burst(opener + "y")
        asked.wait_for(question)
        asked.wait_for("came before this could be read")
        assert machine.pids()
        asked.press("escape")
        asked.wait_for(lambda text, question=question: question not in text)  # type: ignore[misc]
        assert waits(), "the yes to the dialog allowed what the agent asked for"
    asked.burst(" y")  # a look at the item, and its answer unread
    asked.wait_for("Approval · asks")
    assert waits()
    asked.press("escape")
    asked.wait_for(lambda text: "Approval · asks" not in text)

    asked.press("D")
    asked.wait_for("yes, delete it")
    asked.answer("y")
    eventually(lambda: not machine.sessions(), what="the deletion")


def test_a_whole_form_in_one_go(machine: Machine) -> None:
    deck = machine.deck()
    deck.burst("c\t\tdo nothing at all\t\x15burst\r")
    eventually(lambda: "burst" in machine.sessions(), what="the session")
    session = machine.sessions()["burst"]
    machine.wait_screen("burst", "do nothing at all")
    assert session["agent"] == "shell"
    deck.wait_for(lambda text: "Create a session" not in text and "burst" in text)
    deck.burst("/bu\r:Show the log\r")
    deck.wait_for("EVENTS")
    deck.burst("1?palette\x1b2")
    deck.wait_for(lambda text: "EVENTS" in text and "Help" not in text)
    deck.burst("1/\x1b")
    deck.wait_for(lambda text: "SESSIONS" in text and "give up" not in text)


def test_enter_after_quit_does_not_enter_the_session(asked: Terminal) -> None:
    asked.burst("q\r")
    assert asked.wait_end() == 0
    asked.wait_for("1 session runs on")
