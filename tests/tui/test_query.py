"""Filters: tokens, words, quotes, and what is told of what can't be understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew

from quarterdeck.core.protocol.events import StatusProgress, SystemInfo, SystemWarning
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.tui.model.query import SESSIONS, events_vocabulary, parse


def found(crew: Crew, text: str) -> list[str]:
    query = parse(text, SESSIONS)
    return [session.name for session in crew.sessions.values() if query.admits(session)]


@pytest.fixture
def fleet(crew: Crew) -> Crew:
    crew.add("login", "claude", Activity.NEEDS_APPROVAL)
    crew.add("colour", "codex", Activity.NEEDS_ANSWER)
    crew.add("docs", "codex", Activity.WORKING, repo="/home/ann/site")
    crew.add("starts", "gemini", Activity.UNKNOWN, lifecycle=Lifecycle.STARTING)
    crew.add("waits", "codex", Activity.IDLE, repo="/home/ann/big shop")
    crew.add("ready", "claude", Activity.TURN_DONE)
    crew.add("broken", "claude", Activity.ERRORED)
    crew.add("gone", "claude", Activity.WORKING, lifecycle=Lifecycle.LOST)
    crew.add("over", "claude", Activity.IDLE, lifecycle=Lifecycle.EXITED)
    crew.add("fresh", "claude", Activity.UNKNOWN, lifecycle=Lifecycle.CREATED)
    return crew


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("is:needs", ["login", "colour"]),
        ("is:working", ["docs", "starts"]),
        ("is:idle", ["waits"]),
        ("is:done", ["ready"]),
        ("is:failed", ["broken", "gone"]),
        ("is:ended", ["gone", "over"]),
        ("agent:codex", ["colour", "docs", "waits"]),
        ("agent:CODEX -is:needs", ["docs", "waits"]),
        ("repo:site", ["docs"]),
        ('repo:"big shop"', ["waits"]),
        ("name:lo is:needs", ["login", "colour"]),
        ("DOC", ["docs"]),
        ("-agent:claude -agent:codex", ["starts"]),
        ("/home/ann/site", ["docs"]),
        ("nobody", []),
    ],
)
def test_tokens_and_words_narrow_the_sessions(fleet: Crew, text: str, names: list[str]) -> None:
    assert found(fleet, text) == names


def test_nothing_typed_admits_all(fleet: Crew) -> None:
    query = parse("  ", SESSIONS)
    assert not query
    assert query.text == ""
    assert len(found(fleet, "")) == len(fleet.sessions)


def test_an_ended_session_is_not_idle_by_its_last_activity(fleet: Crew) -> None:
    assert "over" not in found(fleet, "is:idle")
    assert "gone" not in found(fleet, "is:working")


def test_an_unknown_token_tells_the_ones_there_are() -> None:
    query = parse("state:idle", SESSIONS)
    assert query.tests == ()
    tokens = "is:needs is:working is:idle is:done is:failed is:ended agent:… repo:… name:…"
    assert query.faults == (f"There is no token state: here. {tokens}",)


def test_an_unknown_value_tells_the_nearest() -> None:
    query = parse("is:workin agent:codex", SESSIONS)
    assert query.faults == ("is:working? Or needs idle done failed ended",)
    other = parse("is:zzz", SESSIONS)
    assert other.faults == ("is: is one of needs working idle done failed ended",)
    assert len(query.tests) == 1


def test_a_quote_that_is_still_open_is_no_fault(fleet: Crew) -> None:
    assert found(fleet, 'repo:"big') == ["waits"]


def test_a_lone_minus_and_a_lone_colon_are_words(fleet: Crew) -> None:
    assert parse("-", SESSIONS).faults == ()
    assert parse(":", SESSIONS).faults == ()
    assert found(fleet, ":") == []


def test_text_of_titles_is_searched_without_control_characters(crew: Crew) -> None:
    crew.add("a", title="fix\x1b[31m it")
    assert found(crew, "fix") == ["a"]


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    query = parse(text, SESSIONS)
    assert len(query.tests) + len(query.faults) <= max(1, len(text))


@given(st.lists(st.sampled_from(["is:idle", "agent:x", "word", "-is:done", "repo:y"]), max_size=5))
def test_every_good_part_becomes_one_test(parts: list[str]) -> None:
    query = parse(" ".join(parts), SESSIONS)
    assert len(query.tests) == len(parts)
    assert query.faults == ()


def test_events_are_found_by_type_session_source_and_text(crew: Crew) -> None:
    login = crew.add("login")
    vocabulary = events_vocabulary({login.id: "Login"})
    progress = crew.event(StatusProgress(session_id=login.id, title="half"), login.id)
    info = crew.event(SystemInfo(code="started", message="all well"))
    warning = crew.event(SystemWarning(code="slow", message="the disk is slow"))
    events = [progress, info, warning]

    def passing(text: str) -> list[object]:
        query = parse(text, vocabulary)
        return [event for event in events if query.admits(event)]

    assert passing("type:status") == [progress]
    assert passing("session:login") == [progress]
    assert passing(f"session:{login.id.lower()}") == [progress]
    assert passing("-session:login") == [info, warning]
    assert passing("source:engine disk") == [warning]
    assert passing("started") == [info]
    assert "type:… topic:… session:… source:…" in parse("is:idle", vocabulary).faults[0]
    assert passing(f"topic:session.{login.id}.progress") == [progress]
    assert passing("topic:session.*.progress") == [progress]
    assert passing("topic:engine.# -topic:#.slow") == [info]
    assert passing("topic:STATUS.*") == [progress]


def test_a_topic_that_is_no_pattern_is_left_out_and_told() -> None:
    query = parse("topic:session. word", events_vocabulary({}))
    assert len(query.tests) == 1
    assert "empty level" in query.faults[0]
