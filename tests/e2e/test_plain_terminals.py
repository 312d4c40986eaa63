"""Terminals without colours or cleverness still show words and signs."""

from __future__ import annotations

import re

import pytest
from tests.e2e.machine import Machine, eventually

COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|38;5|48;5|9[0-7]|10[0-7])[0-9;]*m")
TRUE_COLOUR = re.compile(rb"\x1b\[[0-9;]*[34]8;2;(\d+);(\d+);(\d+)[0-9;]*m")
TERMS = [
    pytest.param({"NO_COLOR": "1"}, id="no-color"),
    pytest.param({"TERM": "dumb", "COLORTERM": ""}, id="dumb"),
    pytest.param({"TERM": "vt100", "COLORTERM": ""}, id="vt100"),
]


@pytest.mark.parametrize("extra", TERMS)
def test_words_and_signs_are_there(machine: Machine, extra: dict[str, str]) -> None:
    machine.serve()
    machine.create("asks", "practice-approver", "--pace", "fast", prompt="Go")
    machine.create("sh", "shell")
    eventually(machine.items, what="the request")
    machine.extra.update(extra)
    deck = machine.open()
    text = deck.wait_for(lambda text: "approve" in text and "Run this command?" in text)
    assert "! asks" in text
    assert "need" in text.split("\n")[0]
    assert "y allow once" in text
    if "NO_COLOR" in extra:
        assert not COLOUR.search(bytes(deck.raw))
        greys = {(r, g, b) for r, g, b in TRUE_COLOUR.findall(bytes(deck.raw))}
        assert all(r == g == b for r, g, b in greys), "colours under NO_COLOR"
    deck.press("y")
    deck.wait_for(lambda text: "y allow once" not in text or "Done" in text)
    deck.press("q")
    deck.wait_for("enter leave them running")
    deck.press("enter")
    assert deck.wait_end() == 0
