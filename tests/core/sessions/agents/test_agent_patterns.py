from __future__ import annotations

import re
import time

import pytest
from pydantic_core import PydanticCustomError

from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.sessions.agents.patterns import (
    PATTERN_LIMIT,
    compile_pattern,
    has_nested_repetition,
)
from quarterdeck.core.sessions.status.bottom import bottom_of
from quarterdeck.core.sessions.status.matching import RuleBook


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(?:x+y?)*",
        "((a+)b?){2,}",
        "(?P<n>[ab]+)+",
        "(a|b+)*",
        r"(\w+\s*)+$",
        "((a+))*",
    ],
)
def test_nested_repetition_is_refused(pattern: str) -> None:
    assert has_nested_repetition(pattern)
    with pytest.raises(PydanticCustomError, match="endless repetition"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "a+b+",
        "(a+){0,5}",
        "(?:a{1,3})+",
        r"\(a+\)+",
        "[(a+)]+",
        "[]+]*x",
        "[^]+]*x",
        "(ab)+",
        "(a+)?",
        r"^(?:\n {2,3}[^\n]{1,80}){0,6}$",
        "(a+)(b+)c*",
        "x{,3}y",
        r"(?=a+)b",
    ],
)
def test_single_repetition_is_fine(pattern: str) -> None:
    assert not has_nested_repetition(pattern)
    assert compile_pattern(pattern).pattern == pattern


def test_lines_have_ends_of_their_own() -> None:
    assert compile_pattern("^b$").search("a\nb\nc")


def test_compiled_pattern_passes() -> None:
    pattern = re.compile("x")
    assert compile_pattern(pattern) is pattern


@pytest.mark.parametrize(
    "value", ["", None, 3, ["a"], "a" * (PATTERN_LIMIT + 1), "(", "[a", "(?P<x)"]
)
def test_what_is_no_expression_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        compile_pattern(value)


def test_message_says_why() -> None:
    with pytest.raises(PydanticCustomError, match="unterminated") as caught:
        compile_pattern("(")
    assert caught.value.type == "bad_pattern"


def test_shipped_rules_are_quick_on_hostile_screens() -> None:
    """Long lines of what the rules like to repeat must not take noticeable time."""
    pieces = [
        "─" * 390,
        "❯ " + "1. " * 120,
        " " * 390,
        "■ " + "a" * 380,
        "› " * 190,
        "● API Error: " * 25,
    ]
    screens = [[piece] * 60 for piece in pieces]
    screens.append([pieces[number % len(pieces)] for number in range(60)])
    for definition in load_agents().definitions.values():
        rules = RuleBook(definition)
        for lines in screens:
            begin = time.process_time()
            rules.screen(bottom_of(lines))
            assert time.process_time() - begin < 1.0, (definition.name, lines[0][:20])
