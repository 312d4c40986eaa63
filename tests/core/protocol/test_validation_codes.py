"""Commands from raw data: one code for each cause, whatever comes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.errors import Category
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol.commands import (
    PAYLOADS,
    Command,
    CreateSession,
    ListSessions,
    command,
)
from quarterdeck.core.protocol.validation import (
    CODES,
    VALUE_LIMIT,
    CommandFault,
    check_values,
    parse_command,
    parse_payload,
)

ID = new_id()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def raw(kind: str = "session.list", payload: Any = None, **changes: Any) -> dict[str, Any]:
    base = {"id": ID, "type": kind, "timestamp": "2026-01-01T00:00:00Z", "payload": payload or {}}
    return {key: part for key, part in {**base, **changes}.items() if part is not ...}


def fault_of(data: Mapping[str, Any]) -> CommandFault:
    with pytest.raises(CommandFault) as caught:
        parse_command(data)
    return caught.value


NEW = {"name": "a", "agent": "shell"}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("id_missing", raw(id=...), "A command needs a field id."),
    ("id_missing", raw(id=""), "A command needs a field id."),
    ("type_missing", raw(type=None), "A command needs a field type."),
    ("timestamp_missing", raw(timestamp=...), "A command needs a field timestamp."),
    ("timestamp_invalid", raw(timestamp="yesterday"), "timestamp:"),
    ("timestamp_invalid", raw(timestamp="0001-01-01T00:00:00+14:00"), "outside the years"),
    ("timestamp_naive", raw(timestamp="2026-01-01T00:00:00"), "has a time zone"),
    ("unknown_type", raw("session.lst"), "Did you mean session.list?"),
    ("unknown_type", raw("zzz"), "There is no command zzz."),
    ("bad_id", raw(id="x"), "x is no ULID"),
    ("bad_id", raw(id=["x"]), "is no ULID"),
    ("bad_id", raw("agent.start", {"session_id": "lower"}), "lower is no ULID"),
    ("name_empty", raw("session.create", {**NEW, "name": " "}), "needs a name"),
    ("name_too_long", raw("session.create", {**NEW, "name": "x" * 51}), "this one has 51"),
    ("name_invalid", raw("session.create", {**NEW, "name": "a/b"}), "a/b is not"),
    ("name_invalid", raw("session.create", {**NEW, "name": 3}), "A name is text"),
    ("name_invalid", raw("session.create", {**NEW, "name": "ä"}), "letters"),
    ("env_invalid", raw("session.create", {**NEW, "env": {"A=B": "c"}}), "can't be"),
    ("env_invalid", raw("session.create", {**NEW, "env": {"": "c"}}), "can't be"),
    ("env_key_too_long", raw("session.create", {**NEW, "env": {"K" * 101: "c"}}), "at most 100"),
    ("env_value_too_long", raw("session.create", {**NEW, "env": {"K": "c" * 1001}}), "1001"),
    ("argument_invalid", raw("session.create", {**NEW, "args": ["a\0b"]}), "NUL"),
    ("branch_invalid", raw("session.create", {**NEW, "worktree": {"branch": "a..b"}}), "a..b"),
    ("ref_invalid", raw("session.create", {**NEW, "worktree": {"base": "--all"}}), "--all"),
    (
        "worktree_both_ways",
        raw("session.delete", {"session_id": ID, "keep_worktree": True, "discard": True}),
        "not both",
    ),
    ("updates_empty", raw("session.update", {"session_id": ID, "updates": {}}), "Nothing"),
    ("keys_empty", raw("session.keys", {"session_id": ID}), "No keys"),
    ("answer_empty", raw("session.answer", {"session_id": ID, "request_id": "r"}), "An answer"),
    ("answer_empty", raw("attention.answer", {"item_id": ID}), "An answer"),
    ("field_missing", raw("session.create", {"name": "a"}), "agent: Field required"),
    ("field_unknown", raw("session.list", {"colour": 1}), "colour:"),
    ("field_invalid", raw("session.create", {**NEW, "cols": 1}), "cols:"),
    ("field_invalid", raw("agent.stop", {"session_id": ID, "grace": math.nan}), "grace:"),
    ("field_invalid", raw(payload=[1]), "payload:"),
    ("field_invalid", raw(type={"a": 1}), "type:"),
    ("topic_pattern_invalid", raw("events.list", {"topic": "session..status"}), "empty level"),
    (
        "topic_pattern_invalid",
        raw("events.list", {"topic": "sess*"}),
        "* stands for one whole level",
    ),
    ("topic_pattern_invalid", raw("events.list", {"topic": "a" * 1001}), "this one has 1001"),
    ("text_invalid", raw("session.list", {"text": "\ud800"}), "half a surrogate pair"),
    ("text_invalid", raw(id="\ud800"), "half a surrogate pair"),
    ("too_large", raw("session.list", {f"f{n}": 1 for n in range(VALUE_LIMIT)}), "at most"),
]


@pytest.mark.parametrize(("code", "data", "text"), CASES)
def test_each_cause_has_its_code_and_its_text(code: str, data: dict[str, Any], text: str) -> None:
    fault = fault_of(data)
    assert fault.code == code
    assert text in fault.message
    assert fault.category is Category.VALIDATION
    assert fault.info().recoverable


def test_every_code_of_a_command_is_met_above() -> None:
    assert set(CODES) - {code for code, _, _ in CASES} == {"malformed"}


def test_a_good_command_comes_back_typed() -> None:
    envelope, payload = parse_command(raw("session.list", {"text": "x"}))
    assert envelope.id == ID
    assert payload == ListSessions(text="x")


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
def test_a_type_names_its_payload(kind: str) -> None:
    assert PAYLOADS[kind].type == kind


def test_what_a_client_sends_is_what_the_engine_reads() -> None:
    wish = CreateSession(name="a b", agent="shell", env={"K": "v"}, args=("x",), prompt="hi")
    sent = command(wish)
    again, payload = parse_command(sent.model_dump(mode="json"))
    assert (again, payload) == (sent, wish)


def test_a_timestamp_is_taken_to_utc() -> None:
    envelope, _ = parse_command(raw(timestamp="2026-01-01T02:00:00+02:00"))
    assert envelope.timestamp.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "data",
    [
        raw(id="x" * 1_000_000),
        raw("x" * 1_000_000),
        raw("session.create", {**NEW, "name": "/" * 1_000_000}),
        raw("session.create", {**NEW, "env": {"=" * 1_000_000: ""}}),
        raw("session.list", {"x" * 1_000_000: 1}),
    ],
)
def test_a_message_quotes_little_of_what_is_much(data: dict[str, Any]) -> None:
    fault = fault_of(data)
    assert len(fault.message) < 300
    assert len(str(fault.details)) < 300


def test_a_flood_of_fields_is_refused_before_it_costs_time() -> None:
    flood = raw("session.list", {f"f{n}": [n] for n in range(400_000)})
    began = time.process_time()
    assert fault_of(flood).code == "too_large"
    assert time.process_time() - began < 1


def test_deep_nesting_is_walked_without_recursion() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    check_values(deep)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def sound(parse: Callable[[], object]) -> bool:
    """Whether it goes well, or fails with a known code and a text that can be sent."""
    try:
        parse()
    except CommandFault as fault:
        return fault.code in CODES and bool(fault.info().model_dump_json() and fault.message)
    return True


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": JSON | st.just(ID),
            "type": JSON | st.sampled_from(sorted(PAYLOADS)),
            "timestamp": JSON | st.just("2026-01-01T00:00:00Z"),
            "payload": JSON,
            "kind": JSON,
        },
    )
)
def test_whatever_comes_is_a_command_or_a_fault_with_a_known_code(data: dict[str, Any]) -> None:
    assert sound(lambda: parse_command(data))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_whatever_fields_have_what_values(kind: str, data: st.DataObject) -> None:
    fields = sorted(PAYLOADS[kind].model_fields)
    values = JSON | st.just(ID) | st.just("name") | st.integers(0, 100)
    payload = data.draw(st.dictionaries(st.sampled_from([*fields, "other"]), values))

    def parse() -> None:
        check_values(payload)
        parse_payload(kind, payload)

    assert sound(parse)


def test_an_envelope_made_here_is_held_to_the_same_rules() -> None:
    with pytest.raises(ValueError, match="ULID"):
        Command(id="x", type="session.list", timestamp=NOW)
