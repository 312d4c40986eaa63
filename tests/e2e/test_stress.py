"""Resize storms and floods: the dashboard stays there and stays usable."""

from __future__ import annotations

import random

import pytest
from tests.e2e.machine import PROMPT, Machine
from tests.e2e.terminal import Terminal

STORM = 60


def whole_deck(text: str) -> bool:
    """Whether nothing but the deck is there, all of it, at 80x24."""
    rows = text.split("\n")
    return (
        rows[1].startswith("╭─ SESSIONS ")
        and rows[22].endswith("─╯")
        and rows[23].endswith("? help")
        and "Make it larger" not in text
    )


def test_sixty_sizes_in_a_row(machine: Machine) -> None:
    machine.serve()
    machine.create("sh", "shell")
    deck = machine.deck()
    deck.wait_for(PROMPT.strip())
    dice = random.Random(7)  # noqa: S311 - sizes, no secrets
    for _ in range(STORM):
        deck.resize(dice.randint(60, 250), dice.randint(15, 70))
    deck.resize(79, 24)
    deck.wait_for("this is 79x24")
    for last in range(60, 79):  # the one that counts comes while the ones before are being told
        for _ in range(8):
            deck.resize(dice.randint(60, 250), dice.randint(15, 70))
        deck.resize(last, 24)
        deck.wait_for(f"this is {last}x24")
    deck.resize(80, 23)
    deck.wait_for("this is 80x23")
    deck.resize(80, 24)
    text = deck.wait_for(whole_deck)
    assert PROMPT.strip() in text
    deck.press("enter")
    deck.wait_for("all keys go to it")
    deck.press("echo calm-$((40+2))", "enter")
    deck.wait_for("calm-42")


def form_opens_and_closes(deck: Terminal) -> None:
    deck.press("c")
    deck.wait_for("Create a session")
    deck.wait_for("enter create")
    deck.press("escape")
    deck.wait_for(lambda text: "Create a session" not in text)


@pytest.mark.parametrize("flooder", ["practice-flooder", "yes"])
def test_a_flood_leaves_the_dashboard_usable(machine: Machine, flooder: str) -> None:
    deck = machine.deck(size=(120, 40))
    if flooder == "yes":
        machine.create("flood", "shell")
        machine.type("flood", "yes we have a flood")
        deck.wait_for("we have a flood")
    else:
        machine.create("flood", "practice-flooder")
        deck.wait_for("flood")
    deck.wait_for("1 working")
    form_opens_and_closes(deck)
    form_opens_and_closes(deck)
    deck.press("?")
    deck.wait_for("EVERYWHERE")
    deck.press("escape")
    deck.wait_for(lambda text: "EVERYWHERE" not in text)
    deck.press("q")
    deck.wait_for("enter leave them running")
    deck.press("enter")
    assert deck.wait_end() == 0
