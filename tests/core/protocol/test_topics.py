"""Topics of events: the table is total, unambiguous, and what it says can be asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.topics import pattern_fault, topic_matches
from quarterdeck.core.messaging.trie import check_topic
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import EVENTS, Event, Metadata
from quarterdeck.core.protocol.topics import SHAPES, covers, kinds_under, level, topic_of
from quarterdeck.core.protocol.wire import Follow, decode_client, decode_server, encode

FIELD = re.compile(r"\{([^}]+)\}")


def blank(kind: str, value: str) -> Any:
    """Something with the fields that the topic of ``kind`` names, each of them ``value``."""
    found = SimpleNamespace()
    for path in FIELD.findall(SHAPES[kind]):
        holder, names = found, path.split(".")
        for name in names[:-1]:
            holder.__dict__.setdefault(name, SimpleNamespace())
            holder = getattr(holder, name)
        setattr(holder, names[-1], value)
    return found


def test_every_event_has_a_topic_and_no_topic_is_without_an_event() -> None:
    assert set(SHAPES) == set(EVENTS)


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_the_fields_of_a_topic_are_fields_of_its_payload(kind: str) -> None:
    for path in FIELD.findall(SHAPES[kind]):
        model: Any = EVENTS[kind]
        for name in path.split("."):
            assert name in model.model_fields, (kind, path)
            model = model.model_fields[name].annotation


def test_a_topic_tells_its_event_type() -> None:
    assert len({topic_of(kind, blank(kind, "x")) for kind in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("kind", sorted(SHAPES))
@pytest.mark.parametrize("value", ["", ".", "*", "#", "a.b", "%2E", "ä b"])
def test_whatever_stands_in_a_field_it_is_one_level(kind: str, value: str) -> None:
    topic = topic_of(kind, blank(kind, value))
    assert check_topic(topic) == topic
    assert topic.count(".") == FIELD.sub("x", SHAPES[kind]).count(".")


@given(st.text("a.*#%2E", max_size=6), st.text("a.*#%2E", max_size=6))
def test_different_values_are_different_levels(one: str, other: str) -> None:
    assert (level(one) == level(other)) == (one == other)


LEVELS = st.sampled_from(["*", "#", "session", "engine", "x", "status", "created", "task", "error"])


@settings(max_examples=300)
@given(st.lists(LEVELS, min_size=1, max_size=5), st.sampled_from(sorted(SHAPES)))
def test_no_event_that_a_pattern_covers_is_of_a_type_left_out(levels: list[str], kind: str) -> None:
    pattern = ".".join(levels)
    if covers(pattern, topic_of(kind, blank(kind, "x")), kind):
        assert kind in kinds_under(pattern)


def test_types_are_narrowed_to_those_a_pattern_may_cover() -> None:
    assert kinds_under("session.*.status") == ("status.changed",)
    assert kinds_under("workflow.w.task.t.completed") == ("workflow.task",)
    assert kinds_under("attention.*") == (
        "attention.raised", "attention.updated", "attention.closed",
    )  # fmt: skip
    assert kinds_under("engine.health") == ("system.health_status",)
    assert kinds_under("nothing.here") == ()
    assert set(kinds_under("#")) == set(EVENTS)


@pytest.mark.parametrize("pattern", ["session.*.status", "#", "*", "a", "a.#.b", "ä b.*"])
def test_good_patterns_have_no_fault(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty level"), ("a..b", "empty level"), (".a", "empty level"), ("a.", "empty level"),
        ("sess*", "in 'sess*' a wildcard is part of a level"), ("a.#b", "in '#b'"),
        ("**", "in '**'"), ("x" * 1001, "at most 1000"),
    ],
)  # fmt: skip
def test_faults_of_patterns_say_what_to_write(pattern: str, said: str) -> None:
    assert said in str(pattern_fault(pattern))


@given(st.text("ab.*#", min_size=1, max_size=6), st.text("ab.", min_size=1, max_size=6))
def test_a_pattern_that_covers_something_by_a_wildcard_has_no_fault(
    pattern: str, topic: str
) -> None:
    """What is refused could only have covered topics with empty levels or stars of their own."""
    if topic_matches(pattern, topic) and "" not in topic.split("."):
        assert pattern_fault(pattern) is None


def made(payload: e.EventPayload) -> Event:
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(type=payload.type, metadata=Metadata(timestamp=stamp), payload=payload)


def test_a_topic_travels_with_its_event() -> None:
    event = made(e.SystemWarning(code="slow", message="m"))
    assert event.dump()["topic"] == "engine.warning.slow"
    read = decode_server(encode(event))
    assert isinstance(read, Event)
    assert read.topic == "engine.warning.slow"


def test_an_event_of_a_newer_engine_keeps_the_topic_that_this_told() -> None:
    raw = {
        "kind": "event",
        "type": "tide.turned",
        "topic": "tide.north.turned",
        "payload": {"a": 1},
    }
    event = Event.parse(raw)
    assert event.topic == "tide.north.turned"
    assert event.dump()["payload"] == {"body": {"a": 1}}
    assert Event.parse({**raw, "topic": None}).topic == "tide.turned"


def test_a_bad_pattern_is_refused_where_a_link_follows() -> None:
    line = b'{"kind":"follow","topics":["session.*", "sess*"]}'
    with pytest.raises(Exception, match=r"topics\.1: .*in 'sess\*' a wildcard"):
        decode_client(line)
    assert isinstance(decode_client(line.replace(b"sess*", b"#")), Follow)
