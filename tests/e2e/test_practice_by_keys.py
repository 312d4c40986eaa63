"""The practice crew, led by keys alone: every kind of item is dealt with from the dashboard."""

from __future__ import annotations

import re
import time

from tests.e2e.machine import Machine
from tests.e2e.terminal import Terminal

NOTHING = "nothing needs you"
SIGNS = {
    "!": "approval", "?": "question", "#": "gate", "✗": "failure", "‖": "limit", "✓": "turn done",
}  # fmt: skip
ROW = re.compile(r"^│\s*([!?#✗‖✓]) (\S+)\s+(.*?)\s*(?:\d+:\d\d)?\s*││", re.MULTILINE)
HEADS = ("needs approval", "needs answer", "crashed", "done")
TOAST = "▌"
"""What a passing word begins with, which lies over the panel's head."""
AGE = re.compile(r"\d+:\d\d")


def queue(text: str) -> dict[str, str]:
    """The kinds of item in the queue by their sessions' names."""
    below = text.partition("ATTENTION")[2]
    return {name: SIGNS[sign] for sign, name, _ in ROW.findall(below)}


def shown(text: str) -> str:
    """The session at the right, by its panel's head."""
    head = text.split("\n")[1].rpartition("╭─")[2].strip(" ─╮")
    return head.partition(" · ")[0]


def deal_with(deck: Terminal, kind: str) -> None:
    """What a person presses for an item of ``kind`` that is in view."""
    if kind == "approval":
        deck.press("y")
    elif kind == "question":
        deck.press("space")
        text = deck.wait_for(lambda text: "Question · " in text or NOTHING in text)
        if "Question · " in text:
            deck.wait_for(re.compile(r"^\W*1 \S", re.MULTILINE))
            deck.answer("1")
            deck.wait_for(lambda text: "Question · " not in text)
    elif kind == "gate":
        deck.press("y")
    elif kind in {"failure", "limit"}:
        deck.press("X")


def state(text: str) -> tuple[str, dict[str, str], str]:
    """What of a screen tells that something came of a key: not the ages."""
    return shown(text), queue(text), AGE.sub("", text)


def step(deck: Terminal) -> str | None:
    """Go to the next item and deal with it; its kind, or None if it went by itself."""
    before = deck.wait_for(lambda text: TOAST not in text.split("\n")[1])
    deck.press("n")
    deck.wait_for(
        lambda text: shown(text) != shown(before) or len(queue(text)) <= 1 or NOTHING in text
    )
    text = deck.text()
    kind = queue(text).get(shown(text))
    if kind is None:
        return None
    name = shown(text)
    if kind == "turn done":  # it counts as seen by being looked at, for two seconds
        deck.wait_for(lambda now: name not in queue(now) or shown(now) != name)
        return kind
    deal_with(deck, kind)
    deck.wait_for(lambda now: state(now) != state(text))
    return kind


def test_n_leads_through_everything_until_nothing_needs_you(machine: Machine) -> None:
    deck = machine.open("demo", "--pace", "fast")
    deck.wait_for("spare")
    deck.wait_for(
        lambda text: (
            set(queue(text).values()) >= {"approval", "question", "gate", "failure", "limit"}
        )
    )
    dealt: set[str | None] = set()
    end = time.monotonic() + 90
    while NOTHING not in (text := deck.text()):
        assert time.monotonic() < end, f"still not through, dealt with {dealt}:\n{text}"
        dealt.add(step(deck))
    assert dealt >= set(SIGNS.values())
    deck.wait_for("nothing needs you")

    deck.press("q")
    deck.wait_for("Leave the dashboard?")
    text = deck.wait_for("esc stay")
    assert "end with the demo" in text
    assert "leave them running" not in text
    deck.answer("enter")
    assert deck.wait_end() == 0
    assert machine.living_keepers() == [], "the crew outlived its demo"
