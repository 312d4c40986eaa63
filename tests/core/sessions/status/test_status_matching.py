from __future__ import annotations

from typing import Any

from quarterdeck.core.sessions.agents.definition import AgentDefinition, Meanings
from quarterdeck.core.sessions.agents.rules import ScreenRule, TitleRule
from quarterdeck.core.sessions.status.bottom import bottom_of
from quarterdeck.core.sessions.status.matching import (
    EVIDENCE_LIMIT,
    Miss,
    RuleBook,
    ScreenMatch,
    TitleMatch,
    shorten,
    try_screen_rule,
    try_title_rule,
)


def rule(**fields: Any) -> ScreenRule:
    return ScreenRule.model_validate({"id": "r", "activity": "working", **fields})


def attempt(made: ScreenRule, *lines: str, cursor: int | None = None) -> ScreenMatch | Miss:
    return try_screen_rule(made, bottom_of(lines, cursor), Meanings())


def why(made: ScreenRule, *lines: str, cursor: int | None = None) -> str:
    result = attempt(made, *lines, cursor=cursor)
    assert isinstance(result, Miss)
    return result.why


def evidence(made: ScreenRule, *lines: str, cursor: int | None = None) -> str:
    result = attempt(made, *lines, cursor=cursor)
    assert isinstance(result, ScreenMatch)
    return result.evidence


def test_all_any_and_none() -> None:
    made = rule(all=["a", "b"], any=["c", "d"], none=["e"])
    assert evidence(made, "a", "b", "d now") == "d now"
    assert why(made, "a", "d") == "all: nothing matches b"
    assert why(made, "a", "b") == "any: nothing matches c or d"
    assert why(made, "a", "b", "c", "an e") == "none: e matches an e"


def test_region_is_the_last_lines_that_are_not_empty() -> None:
    made = rule(any=["x"], region="bottom:2")
    assert evidence(made, "x", "", "last", "") == "x"
    assert why(made, "x", "a", "b")
    assert why(rule(any=["x"], region="last_line"), "x", "a")
    assert evidence(rule(any=["x"], region="whole"), "x", *"abcdefghijklmnopqrstuvw") == "x"


def test_start_is_the_last_line_that_matches() -> None:
    made = rule(start="^#", any=["x"])
    assert why(made, "# one", "x", "# two", "y") == "any: nothing matches x"
    assert evidence(made, "x", "# two", "x y") == "x y"
    assert why(made, "x") == "start: no line matches ^#"


def test_end_is_matched_up_to_the_end_of_the_screen() -> None:
    made = rule(ends="Esc to cancel")
    assert evidence(made, "text", "Enter · Esc to cancel") == "Enter · Esc to cancel"
    assert why(made, "Esc to cancel", "more")
    assert why(made, "Esc to cancel, or not")
    assert why(made, "Esc to cancel.")


def test_end_may_be_wrapped() -> None:
    made = rule(ends="enter to submit · esc to interrupt")
    assert evidence(made, "enter to submit · esc to", "  interrupt")
    assert why(made, "enter to submit ·", "esc to", "interrupt")


def test_cursor_must_not_stand_elsewhere() -> None:
    made = rule(any=["ask"], cursor=True)
    assert evidence(made, "ask") == "ask"
    assert evidence(made, "ask", cursor=0) == "ask"
    assert why(made, "ask", "", cursor=1).startswith("cursor")


def test_phrase_is_found_where_it_was_wrapped() -> None:
    made = rule(any=["Do you want to proceed"])
    assert evidence(made, "│ Do you want │", "│ to proceed? │") == "Do you want to proceed"


def test_evidence_is_not_a_line_that_only_draws() -> None:
    assert evidence(rule(any=[r"─+\n❯[^\n]*"]), "────", "❯ hello") == "❯ hello"
    assert evidence(rule(any=["─+"]), "────") == "────"


def test_empty_screen_fits_nothing() -> None:
    assert why(rule(any=["^$"]), "", " ") == "the screen is empty"


def test_title_is_matched_without_its_padding() -> None:
    made = TitleRule.model_validate({"id": "t", "activity": "idle", "any": ["^◇  Ready$"]})
    result = try_title_rule(made, "  ◇  Ready      ")
    assert isinstance(result, TitleMatch)
    assert result.evidence == "◇ Ready"
    assert isinstance(try_title_rule(made, "Ready"), Miss)


def test_evidence_is_short() -> None:
    assert shorten("a\n  b") == "a b"
    assert len(shorten("x" * 1000)) == EVIDENCE_LIMIT


def test_priority_decides_then_order() -> None:
    made = [
        {"id": name, "activity": "working", "priority": priority, "any": ["x"]}
        for name, priority in (("low", 1), ("first", 5), ("second", 5))
    ]
    definition = AgentDefinition.model_validate(
        {"name": "a", "command": "a", "screen_rules": made, "title_rules": made}
    )
    rules = RuleBook(definition)
    screen, title = rules.screen(bottom_of(["x"])), rules.title("x")
    assert screen is not None
    assert title is not None
    assert (screen.rule.id, title.rule.id) == ("first", "first")
    assert rules.screen(bottom_of(["y"])) is None
    assert not rules.finds_dialogs
