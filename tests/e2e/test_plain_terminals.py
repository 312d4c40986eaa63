"""Terminals without colours or cleverness still show words and signs."""

from __future__ import annotations

import re

import pytest
from tests.e2e.machine import Machine, eventually

GRAPHICS = re.compile(rb"\x1b\[([0-9;]*)m")
TERMS = [
    pytest.param({"NO_COLOR": "1"}, id="no-color"),
    pytest.param({"TERM": "dumb", "COLORTERM": ""}, id="dumb"),
    pytest.param({"TERM": "vt100", "COLORTERM": ""}, id="vt100"),
]


def coloured(raw: bytes) -> set[bytes]:
    """The sequences that set a colour; a grey is none."""
    return {
        one for one in GRAPHICS.findall(raw) if _sets_colour([int(n or 0) for n in one.split(b";")])
    }


def _sets_colour(numbers: list[int]) -> bool:
    while numbers:
        number = numbers.pop(0)
        if number in {38, 48} and numbers[:1] == [2]:
            if len(set(numbers[1:4])) != 1:
                return True
            del numbers[:4]
        elif 30 <= number <= 38 or 40 <= number <= 48 or 90 <= number <= 107:
            return True
    return False


@pytest.mark.parametrize("extra", TERMS)
def test_words_and_signs_are_there(machine: Machine, extra: dict[str, str]) -> None:
    machine.serve()
    machine.create("asks", "practice-approver", "--pace", "fast", prompt="Go")
    machine.create("sh", "shell")
    eventually(machine.items, what="the request")
    machine.extra.update(extra)
    deck = machine.open()
    deck.wait_for(lambda text: "approve" in text and "Run this command?" in text)
    text = deck.wait_for("y allow once")
    assert "! asks" in text
    assert "need" in text.split("\n")[0]
    if "NO_COLOR" in extra:
        assert coloured(bytes(deck.raw)) == set()
    deck.insist("y", "Allowed once")
    deck.press("q")
    deck.wait_for("enter leave them running")
    deck.press("enter")
    assert deck.wait_end() == 0
