"""Keys that are typed faster than dialogs open go where the person meant them."""

from __future__ import annotations

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
    deck.wait_for("needs approval 0:02")
    return deck


def unanswered(machine: Machine) -> Callable[[], bool]:
    (item,) = machine.items()
    return lambda: item["item_id"] in {one["item_id"] for one in machine.items()}


@pytest.mark.parametrize("opener", ["D", "S"])
def test_a_yes_to_a_question_never_allows_a_command(
    machine: Machine, asked: Terminal, opener: str
) -> None:
    waits = unanswered(machine)
    asked.press(opener + "y")  # in one go
    asked.wait_for(lambda text: "esc no" in text or not machine.pids())
    if machine.pids():  # it went nowhere, or to the dialog and did its work
        assert waits(), "the yes to the dialog allowed what the agent asked for"


def test_enter_after_quit_does_not_enter_the_session(asked: Terminal) -> None:
    asked.press("q" + chr(13))
    asked.wait_for(lambda text: "esc stay" in text or asked.process.poll() is not None or not text)
    assert "all keys go to it" not in asked.text()
