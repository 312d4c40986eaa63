"""Handoffs: what is valid, what is refused and where, and that nothing is lost on the way."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import Category
from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.workflows.handoff import (
    HANDOFF_MOVES,
    HandoffContext,
    HandoffProtocol,
    HandoffStatus,
    HandoffValidationError,
    is_overdue,
    moved,
    new_record,
)
from quarterdeck.core.workflows.handoff.validation import schema

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
P = HandoffProtocol
S = HandoffStatus


def handoff(**more: Any) -> HandoffContext:
    return P.create_handoff(
        source_agent_id="agent-1",
        source_agent_type="parser",
        target_agent_id="agent-2",
        target_agent_type="analyzer",
        task_description="Analyze code",
        clock=ManualClock(START),
        **more,
    )


FULL: dict[str, Any] = {
    "workflow_id": "W1",
    "execution_time": 1.5,
    "requirements": ["python"],
    "previous_results": [{"task_id": "a", "agent_id": "x", "result": {"data": None}}],
    "conversation_history": [{"role": "user", "content": "", "timestamp": START.isoformat()}],
    "files": [{"path": "src/a b.py", "sha256": "0" * 64}],
    "user_preferences": {"tone": "plain"},
    "variables": {"n": [1]},
    "completed_steps": ["parse"],
    "pending_steps": ["analyze", "report"],
    "errors": [{"type": "timeout", "message": "slow"}],
    "priority": Priority.HIGH,
    "timeout": 30,
    "retry_count": 1,
    "tags": ["nightly"],
    "correlation_id": "C1",
}


def refusal(values: Any) -> HandoffValidationError:
    with pytest.raises(HandoffValidationError) as caught:
        P.validate(values)
    return caught.value


# ---- making -----------------------------------------------------------------------------------


def test_the_least_that_is_given_makes_a_valid_message() -> None:
    message = handoff()
    P.validate(message)
    assert message.source.agent_id == "agent-1"
    assert message.target.agent_type == "analyzer"
    assert message.context.task_description == "Analyze code"
    assert message.timestamp == "2026-03-01T12:00:00+00:00"
    assert (message.metadata.priority, message.state.progress.percentage) == ("normal", 0)


def test_all_that_is_given_is_in_the_message() -> None:
    values = handoff(**FULL).to_dict()
    assert values["workflow_id"] == "W1"
    assert values["source"]["execution_time"] == 1.5
    assert values["target"]["requirements"] == ["python"]
    assert values["context"]["previous_results"] == FULL["previous_results"]
    assert values["context"]["conversation_history"] == FULL["conversation_history"]
    assert values["context"]["files"] == FULL["files"]
    assert values["context"]["user_preferences"] == {"tone": "plain"}
    assert values["state"]["variables"] == {"n": [1]}
    assert values["state"]["errors"] == FULL["errors"]
    assert values["state"]["progress"] == {
        "completed_steps": ["parse"],
        "pending_steps": ["analyze", "report"],
        "percentage": 33.33,
    }
    assert values["metadata"] == {
        "priority": "high",
        "timeout": 30,
        "retry_count": 1,
        "tags": ["nightly"],
        "correlation_id": "C1",
    }


def test_every_handoff_has_an_id_of_its_own() -> None:
    assert len({handoff().handoff_id for _ in range(100)}) == 100


def test_a_message_that_breaks_the_schema_is_not_made() -> None:
    with pytest.raises(HandoffValidationError) as caught:
        handoff(timeout=0)
    assert caught.value.path == "$.metadata.timeout"


# ---- refusing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "2.0"),
        ("version", 1),
        ("handoff_id", "1"),
        ("workflow_id", ""),
        ("timestamp", "yesterday"),
        ("timestamp", "2026-03-01T12:00:00"),
        ("timestamp", "2026-02-30T12:00:00Z"),
        ("source.agent_id", ""),
        ("source.execution_time", -1),
        ("target.agent_type", None),
        ("target.requirements", ["a", "a"]),
        ("context.task_description", ""),
        ("context.files", [{"description": "no path"}]),
        ("context.previous_results", [{"task_id": "a"}]),
        ("context.conversation_history", [{"role": "user", "content": "x", "timestamp": "noon"}]),
        ("state.progress.percentage", 100.5),
        ("state.progress.percentage", -0.1),
        ("state.progress.percentage", True),
        ("state.errors", [{"message": "no type"}]),
        ("metadata.priority", "urgent"),
        ("metadata.retry_count", 1.5),
        ("metadata.timeout", 0),
    ],
)
def test_a_fault_is_named_with_its_path(path: str, value: Any) -> None:
    values = handoff(**FULL).to_dict()
    *parents, last = path.split(".")
    place = values
    for name in parents:
        place = place[name]
    place[last] = value
    fault = refusal(values)
    assert fault.path.startswith(f"$.{path}")
    assert fault.fault in fault.message
    assert (fault.code, fault.category) == ("handoff_invalid", Category.VALIDATION)


@pytest.mark.parametrize("name", list(schema()["required"]))
def test_what_is_required_must_be_there(name: str) -> None:
    values = handoff().to_dict()
    del values[name]
    assert name in refusal(values).fault


def test_unknown_fields_are_refused() -> None:
    assert "surprise" in refusal(handoff().to_dict() | {"surprise": 1}).fault


def test_several_faults_are_counted() -> None:
    values = handoff().to_dict() | {"handoff_id": "x", "timestamp": "x"}
    assert "1 more" in refusal(values).message


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_what_is_no_json_is_refused(value: Any) -> None:
    message = handoff()
    broken = replace(message, state=replace(message.state, variables={"x": value}))
    assert refusal(broken).path == "$"
    with pytest.raises(HandoffValidationError):
        P.serialize(broken)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"version": NaN}', "[" * 100_000])
def test_text_that_is_no_handoff_is_refused(text: str) -> None:
    with pytest.raises(HandoffValidationError):
        P.deserialize(text)


def test_a_later_minor_version_is_understood() -> None:
    values = handoff().to_dict() | {"version": "1.7"}
    assert P.deserialize(json.dumps(values)).version == "1.7"


def test_what_may_be_left_out_is_filled_in() -> None:
    values = handoff().to_dict()
    del values["workflow_id"], values["state"]["variables"], values["target"]["requirements"]
    values["metadata"] = {}
    assert P.deserialize(json.dumps(values)).to_dict() == handoff().to_dict() | {
        "handoff_id": values["handoff_id"]
    }


# ---- passing on -----------------------------------------------------------------------------------

texts = st.text(max_size=8)
words = st.text(min_size=1, max_size=8)
stamps = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis adds the time zone
    timezones=st.timezones(),
).map(lambda stamp: stamp.astimezone(UTC).isoformat())
values_: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
objects = st.dictionaries(texts, values_, max_size=3)
messages = st.fixed_dictionaries(
    {},
    optional={
        "workflow_id": st.none() | words,
        "execution_time": st.none() | st.floats(0, 1e9),
        "requirements": st.lists(words, max_size=3, unique=True),
        "previous_results": st.lists(
            st.fixed_dictionaries({"task_id": words, "agent_id": words, "result": values_}),
            max_size=2,
        ),
        "conversation_history": st.lists(
            st.fixed_dictionaries(
                {"role": words, "content": texts}, optional={"timestamp": stamps}
            ),
            max_size=2,
        ),
        "files": st.lists(
            st.fixed_dictionaries({"path": words}, optional={"description": texts}), max_size=2
        ),
        "user_preferences": objects,
        "variables": objects,
        "completed_steps": st.lists(words, max_size=3),
        "pending_steps": st.lists(words, max_size=3),
        "errors": st.lists(st.fixed_dictionaries({"type": words, "message": texts}), max_size=2),
        "priority": st.sampled_from(Priority),
        "timeout": st.none() | st.floats(0.001, 1e9),
        "retry_count": st.integers(0, 99),
        "tags": st.lists(words, max_size=3, unique=True),
        "correlation_id": st.none() | words,
    },
)


@settings(deadline=None, max_examples=150)
@given(messages, st.none() | st.integers(0, 4))
def test_a_message_survives_the_way_through_text(
    given_: dict[str, Any], indent: int | None
) -> None:
    message = handoff(**given_)
    text = P.serialize(message, indent=indent)
    assert P.deserialize(text) == message
    assert P.serialize(P.deserialize(text), indent=indent) == text


@settings(deadline=None, max_examples=100)
@given(st.lists(words, max_size=5, unique=True), st.data())
def test_steps_that_are_done_are_pending_no_longer(steps: list[str], data: st.DataObject) -> None:
    message = handoff(pending_steps=steps)
    done = data.draw(st.lists(st.sampled_from(steps), unique=True)) if steps else []
    progress = P.update_progress(message, completed=done).state.progress
    assert sorted(progress.completed_steps + progress.pending_steps) == sorted(steps)
    assert progress.completed_steps == done
    share = 100 * len(done) / len(steps) if steps else 0
    assert progress.percentage == pytest.approx(share, abs=0.01)


def test_progress_makes_a_new_message() -> None:
    message = handoff(pending_steps=["a", "b"])
    half = P.update_progress(message, completed=["a"])
    assert message.state.progress.percentage == 0
    assert (half.state.progress.percentage, half.handoff_id) == (50, message.handoff_id)
    again = P.update_progress(half, completed=["a"], pending=["b", "c", "d"])
    assert (again.state.progress.completed_steps, again.state.progress.percentage) == (["a"], 25)
    assert P.update_progress(again, percentage=99.5).state.progress.percentage == 99.5
    with pytest.raises(HandoffValidationError, match="percentage"):
        P.update_progress(again, percentage=101)


# ---- the lifecycle -----------------------------------------------------------------------------------


def test_a_handoff_goes_from_its_start_to_one_end() -> None:
    message = handoff(timeout=30)
    record = new_record(message, workflow_id="W1", source_task="a", target_task="b")
    assert (record.status, record.created_at, record.id) == ("initiated", START, message.handoff_id)
    assert P.deserialize(record.body) == message
    later = START + timedelta(seconds=5)
    accepted = moved(record, S.ACCEPTED, later)
    assert (accepted.status, accepted.changed_at, accepted.body) == ("accepted", later, record.body)
    done = moved(accepted, S.COMPLETED, later, P.update_progress(message, percentage=100))
    assert P.deserialize(done.body).state.progress.percentage == 100
    with pytest.raises(IllegalTransition, match=r"completed.*cancelled"):
        moved(done, S.CANCELLED, later)


def test_the_table_has_two_open_and_four_terminal_states() -> None:
    assert {status for status in S if HANDOFF_MOVES.targets(status)} == {S.INITIATED, S.ACCEPTED}
    reached = set().union(*(HANDOFF_MOVES.targets(status) for status in S))
    assert reached == set(S) - {S.INITIATED}
    assert not HANDOFF_MOVES.allows(S.INITIATED, S.COMPLETED)


def test_an_open_handoff_is_overdue_after_its_timeout() -> None:
    record = new_record(handoff(timeout=30), workflow_id="W1")
    assert not is_overdue(record, START + timedelta(seconds=30))
    assert is_overdue(record, START + timedelta(seconds=31))
    assert is_overdue(moved(record, S.ACCEPTED, START), START + timedelta(seconds=31))
    assert not is_overdue(moved(record, S.REJECTED, START), START + timedelta(days=9))
    assert not is_overdue(new_record(handoff(), workflow_id="W1"), START + timedelta(days=9))


def test_the_schema_is_a_valid_one() -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # used here alone

    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"].endswith("2020-12/schema")
