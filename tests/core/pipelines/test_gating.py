"""Limits, groups, rates and a pause of handlers, by a clock that is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.pipelines.definition import (
    EventDefinition,
    HandlerDefinition,
    PipelineDefinition,
    Vote,
)
from quarterdeck.core.pipelines.gating import PAUSED, HandlerGates, key_of
from quarterdeck.core.workflows.definition import TaskDefinition


def handler(name: str, kind: str = "run", **more: Any) -> HandlerDefinition:
    return HandlerDefinition(name, "e", TaskDefinition(name, kind, kind), **more)


def pipeline(*handlers: HandlerDefinition, name: str = "p", **more: Any) -> PipelineDefinition:
    return PipelineDefinition(
        name, "f", "d", events=(EventDefinition("e", handlers=handlers),), **more
    )


def key(handler: str, name: str = "p") -> str:
    return key_of(name, "e", handler)


class Case:
    def __init__(self, capacity: int = 10) -> None:
        self.clock = ManualClock()
        self.later: list[float] = []
        self.gates = HandlerGates(capacity, self.clock, self.later.append)


def test_a_rate_lets_one_begin_after_the_other() -> None:
    case = Case()
    case.gates.put(pipeline(handler("h", rate=4.0)))
    assert case.gates.reason(key("h")) is None
    case.gates.begun(key("h"))
    assert case.gates.reason(key("h")) == "no more than 4 a second begin"
    assert case.later == [pytest.approx(0.25)]
    case.clock.advance(0.125)
    assert case.gates.reason(key("h")) is not None
    assert case.later[-1] == pytest.approx(0.125)
    case.clock.advance(0.125)
    assert case.gates.reason(key("h")) is None


def test_a_group_is_shared_and_each_bound_names_itself() -> None:
    case = Case()
    case.gates.put(
        pipeline(
            handler("a", group="g"), handler("b", group="g"), handler("c", limit=1),
            groups={"g": 2}, limit=3,
        )
    )  # fmt: skip
    case.gates.begun(key("a"))
    case.gates.begun(key("b"))
    assert case.gates.reason(key("a")) == "2 of the group g are at work"
    case.gates.begun(key("c"))
    assert case.gates.reason(key("c")) == "3 of the pipeline are at work"
    case.gates.ended(key("b"))
    assert case.gates.reason(key("c")) == "1 of c are at work"
    assert case.gates.reason(key("a")) is None
    case.gates.pause("p", on=True)
    assert case.gates.reason(key("a")) == PAUSED
    case.gates.pause("p", on=False)
    assert case.gates.reason(key("a")) is None


def function(name: str) -> HandlerDefinition:
    return HandlerDefinition(
        name, "e", TaskDefinition(name, "python", "python", metadata={"trusted": True})
    )


def test_functions_in_place_share_the_capacity_and_others_hold_back_their_like_only() -> None:
    case = Case(capacity=1)
    vote = Vote("?", ("x",), people=True)
    case.gates.put(pipeline(function("f"), handler("w", "workflow"), handler("v", vote=vote)))
    case.gates.put(pipeline(function("f"), handler("a"), handler("b"), name="q"))
    for one in (key("w"), key("v"), key("f"), key("a", "q")):
        case.gates.begun(one)
    assert case.gates.reason(key("f", "q")) == "1 functions are at work"
    assert case.gates.reason(key("a", "q")) == "1 of a are at work, or about to be"
    assert case.gates.reason(key("b", "q")) is None
    assert case.gates.reason(key("w")) is None
    case.gates.ended(key("f"))
    assert case.gates.reason(key("f", "q")) is None


def test_what_is_at_work_counts_under_new_bounds() -> None:
    case = Case(capacity=2)
    case.gates.put(pipeline(function("a")))
    case.gates.begun(key("a"))
    case.gates.put(pipeline(handler("a", limit=1)))
    assert case.gates.reason(key("a")) == "1 of a are at work"
    case.gates.remove("p")
    case.gates.ended(key("a"))
    assert case.gates.reason(key("a")) is None, "nobody holds it back here"
    case.gates.put(pipeline(function("a"), name="q"))
    for _ in range(2):
        assert case.gates.reason(key("a", "q")) is None
        case.gates.begun(key("a", "q"))
    assert case.gates.reason(key("a", "q")) == "2 functions are at work"


def test_what_has_no_handler_any_more_waits_while_its_pipeline_is_paused() -> None:
    case = Case()
    case.gates.put(pipeline(handler("a")))
    case.gates.pause("p", on=True)
    assert case.gates.reason(key("renamed")) == PAUSED
    case.gates.pause("p", on=False)
    assert case.gates.reason(key("renamed")) is None
