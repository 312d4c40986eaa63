"""Minimal mode, filter, palette, help, preferences and log: each opened and closed by keys."""

from __future__ import annotations

from tests.e2e.machine import Machine
from tests.e2e.terminal import Terminal


def gone(word: str, deck: Terminal) -> None:
    deck.wait_for(lambda text: word not in text)


def test_each_opens_works_and_closes(machine: Machine) -> None:
    machine.serve()
    machine.create("shop-one", "shell")
    machine.create("idle-two", "practice-idler")
    deck = machine.deck()
    deck.wait_for("idle-two")
    deck.wait_for("shop-one")

    deck.press("m")
    deck.wait_for(lambda text: "─ SESSIONS ─" in text and "ATTENTION" not in text)
    deck.press("m")
    deck.wait_for("ATTENTION")

    deck.press("/")
    deck.wait_for("esc give up")
    deck.press("one")
    deck.wait_for(lambda text: "idle-two" not in text)
    deck.press("escape")
    deck.wait_for("idle-two")
    deck.press("/")
    deck.wait_for("esc give up")
    deck.press("agent:shell", "enter")
    deck.wait_for(lambda text: "idle-two" not in text and "give up" not in text)
    deck.press("/")
    deck.wait_for("esc give up")
    deck.press("escape")
    deck.wait_for("idle-two")

    deck.press(":")
    deck.wait_for("Palette")
    deck.press("Show the log")
    deck.wait_for(lambda text: "Go to shop-one" not in text)
    deck.press("enter")
    deck.wait_for("EVENTS")
    deck.press("1")
    deck.wait_for("SESSIONS")
    deck.press(":")
    deck.wait_for("Palette")
    deck.press("escape")
    gone("Palette", deck)

    deck.press("?")
    deck.wait_for("EVERYWHERE")
    deck.press("snooze")
    gone("EVERYWHERE", deck)
    deck.press("escape")
    gone("Help", deck)

    deck.press(",")
    deck.wait_for("Preferences")
    deck.press("escape")
    gone("Preferences", deck)

    deck.press("5")
    deck.wait_for("EVENTS")
    deck.press("1")
    deck.wait_for("ATTENTION")
