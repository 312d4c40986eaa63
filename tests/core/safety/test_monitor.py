"""The safety monitor: every type of constraint, breakers and limits by name, the halt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import MemoryKept
from quarterdeck.core.safety import (
    BreakerState,
    ConstraintType,
    OperationContext,
    OperationRefused,
    SafetyConfig,
    SafetyConstraint,
    SafetyLevel,
    SafetyMonitor,
    Violation,
)

T = ConstraintType


def rule(name: str, kind: ConstraintType | str, **more: Any) -> SafetyConstraint:
    return SafetyConstraint(name, kind, **more)


def monitor(
    *rules: SafetyConstraint, clock: ManualClock | None = None, **more: Any
) -> SafetyMonitor:
    found = SafetyMonitor(SafetyConfig(**more), clock=clock or ManualClock())
    for one in rules:
        found.add_constraint(one)
    return found


def operation(kind: str = "set", agent: str = "a", **parameters: Any) -> OperationContext:
    return OperationContext(kind, agent, parameters)


def wrong(found: SafetyMonitor, context: OperationContext) -> str:
    return "; ".join(map(str, found.check(context).violations))


BOUNDS = {"max_value": 600.0, "min_value": 10.0}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (600.0, ""), (10, ""), (600.1, "600.1 is above 600"), (9, "9 is below 10"),
        ("550", "'550' is no number"), (True, "True is no number"), (None, "None is no number"),
        (float("nan"), "nan is no number"), (float("inf"), "inf is above 600"),
    ],
)  # fmt: skip
def test_threshold(value: Any, says: str) -> None:
    found = monitor(rule("max_temperature", T.THRESHOLD, **BOUNDS))
    assert wrong(found, operation(temperature=value)) == (says and f"max_temperature: {says}")
    assert wrong(found, operation(pressure=value)) == ""


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        (rule("flow", T.DEPENDENCY, metadata={"requires": ["pump", "valve"]}),
         {"flow": 1, "pump": True, "valve": 1}, {"flow": 1, "pump": True, "valve": False}),
        (rule("max_memory", T.RESOURCE, max_value=10.0), {"memory": 4}, {"memory": 11}),
        (rule("memory", T.RESOURCE, max_value=10.0), {"memory": 10}, {"memory": -1}),
        (rule("nox", T.COMPLIANCE, max_value=50.0), {"nox": 50}, {"nox": 51}),
        (rule("fuel", T.COMPLIANCE, metadata={"allowed": ["gas"]}), {"fuel": "gas"}, {"fuel": "coal"}),
        (rule("fuel", T.COMPLIANCE, metadata={"forbidden": ["coal"]}), {"fuel": "x"}, {"fuel": "coal"}),
        (rule("signed", T.COMPLIANCE), {"signed": True}, {"signed": "yes"}),
        (rule("max_hold", T.TIMING, max_value=5.0), {"hold": 5}, {"hold": 6}),
        (rule("x", T.PERMISSION, metadata={"agents": "a.#"}), {"x": 1}, None),
        (rule("x", T.PERMISSION, metadata={"agents": ["b"]}), None, {"x": 1}),
        (rule("x", T.PERMISSION, metadata={"permissions": ["write"]}), None, {"x": 1}),
    ],
)  # fmt: skip
def test_each_type_lets_through_and_holds_back(
    constraint: SafetyConstraint, good: dict[str, Any] | None, bad: dict[str, Any] | None
) -> None:
    if good is not None:
        assert wrong(monitor(constraint), operation(**good)) == ""
    if bad is not None:
        assert wrong(monitor(constraint), operation(**bad)).startswith(constraint.name)


@pytest.mark.parametrize(
    "constraint",
    [
        rule("x", "quantum", max_value=9.0),
        *[rule("x", kind) for kind in (T.THRESHOLD, T.DEPENDENCY, T.PERMISSION, T.RESOURCE, T.TIMING)],
        rule("x", T.RATE_LIMIT),
        rule("x", T.COMPLIANCE, metadata={"allowed": 5}),
        rule("x", T.TIMING, metadata={"window": ["late", "later"]}),
    ],
)  # fmt: skip
def test_what_can_not_be_checked_fails_closed(constraint: SafetyConstraint) -> None:
    found = monitor(constraint)
    assert wrong(found, operation(x=1)).startswith("x: ")
    assert wrong(found, operation(y=1)) == ""


def test_a_resource_counts_what_is_in_use() -> None:
    found = monitor(rule("max_memory", T.RESOURCE, max_value=10.0))
    found.use("memory", 7)
    assert wrong(found, operation(memory=4)) == "max_memory: 4 on top of 7 in use is above 10"
    found.use("memory", -7)
    assert wrong(found, operation(memory=4)) == ""


def test_timing_knows_windows_over_midnight_and_intervals() -> None:
    clock = ManualClock(datetime(2026, 1, 1, 23, tzinfo=UTC))
    night = rule("night", T.TIMING, metadata={"window": ["22:00", "06:00"], "operation": "deploy"})
    apart = rule("apart", T.TIMING, metadata={"min_interval_seconds": 60, "operation": "deploy"})
    found = monitor(night, apart, clock=clock)
    assert wrong(found, operation("deploy")) == ""
    clock.advance(10)
    assert (
        wrong(found, operation("deploy")) == "apart: too soon after the last one, again in 50.0 s"
    )
    assert wrong(found, operation("deploy", agent="b")) == ""
    clock.advance(8 * 3600)
    assert wrong(found, operation("deploy")) == (
        "night: only between 22:00 and 06:00 UTC, again in 15 h 0 min"
    )


def test_a_rate_is_for_each_agent_and_only_what_is_allowed_counts() -> None:
    clock = ManualClock()
    rate = rule(
        "calls", T.RATE_LIMIT, max_value=2, metadata={"operation": "api.*", "window_seconds": 10}
    )
    found = monitor(rate, rule("max_x", T.THRESHOLD, max_value=1.0), clock=clock)
    for _ in range(5):
        assert wrong(found, operation("api.get", x=2)) == "max_x: 2 is above 1"
    assert [wrong(found, operation("api.get")) for _ in range(3)] == [
        "", "", "calls: the rate is used up, again in 5.0 s"
    ]  # fmt: skip
    assert wrong(found, operation("api.get", agent="b")) == ""
    assert wrong(found, operation("other")) == ""
    clock.advance(5)
    assert wrong(found, operation("api.get")) == ""


def test_constraints_of_operations_and_their_parameters() -> None:
    both = rule("x", T.THRESHOLD, max_value=1.0, metadata={"operation": "set.#", "parameter": "p"})
    found = monitor(both)
    assert wrong(found, operation("set.fast", p=2)) == "x: 2 is above 1"
    assert wrong(found, operation("set.fast", q=2)) == ""
    assert wrong(found, operation("get", p=2)) == ""
    assert found.remove_constraint(both.constraint_id)
    assert not found.remove_constraint(both.constraint_id)
    assert wrong(found, operation("set.fast", p=2)) == ""
    plain = rule("max_q", T.THRESHOLD, max_value=1.0)
    found.add_constraint(plain)
    found.remove_constraint(plain.constraint_id)
    assert wrong(found, operation(q=2)) == ""


def test_low_levels_warn_and_listeners_hear_of_everything() -> None:
    heard: list[Violation] = []

    def listener(violation: Violation) -> None:
        heard.append(violation)
        raise RuntimeError("deaf")

    found = SafetyMonitor(listener=listener)
    found.add_constraint(rule("max_x", T.THRESHOLD, max_value=1.0, level=SafetyLevel.LOW))
    result = found.check(operation(x=2))
    assert result.is_safe
    assert [one.rule for one in result.warnings] == ["max_x"]
    assert heard == list(result.warnings) == found.get_violations()
    assert found.get_violations(0) == []
    figures = found.statistics()
    assert (figures.constraints, figures.checked, figures.refused, figures.warned) == (1, 1, 0, 1)


# ---- breakers and limits -------------------------------------------------------------------


async def test_a_breaker_is_bound_by_the_name_in_the_document() -> None:
    clock = ManualClock()
    found = monitor(clock=clock)
    found.add_circuit_breaker("scada_integration", failure_threshold=2, timeout_seconds=60.0)
    call = operation("scada_integration", "agent-id")
    for _ in range(2):
        assert found.check(call).is_safe
        found.record_failure("agent-id", "scada_integration")
    (violation,) = found.check(call).violations
    assert (violation.rule, violation.retry_after) == ("scada_integration", 60.0)
    with pytest.raises(OperationRefused, match="scada_integration"):
        await found.require(call)
    assert found.check(operation("other")).is_safe
    clock.advance(60)
    assert found.check(call).is_safe  # the trial
    assert not found.check(call).is_safe  # and only one
    found.record_success("agent-id", "scada_integration")
    assert found.get_circuit_breaker_status()["scada_integration"].state is BreakerState.CLOSED


@pytest.mark.parametrize("name", ["a", "call", "a.call", "a.*", "#", "*.call"])
def test_names_and_patterns_of_agents_and_operations(name: str) -> None:
    found = monitor()
    found.add_circuit_breaker(name, 1)
    found.record_failure("b", "else")
    if name != "#":
        assert found.check(operation("call")).is_safe
    found.record_failure("a", "call")
    assert not found.check(operation("call")).is_safe
    assert found.reset_circuit_breaker(name)
    assert found.check(operation("call")).is_safe
    assert not found.reset_circuit_breaker("none")


def test_a_breaker_per_agent_opens_for_that_agent() -> None:
    found = monitor(max_keys=2)
    found.add_circuit_breaker("call", 1, per_agent=True)
    found.record_failure("a", "call")
    assert not found.check(operation("call")).is_safe
    assert found.check(operation("call", agent="b")).is_safe
    assert set(found.get_circuit_breaker_status()) == {"call@a", "call@b"}
    for number in range(9):
        found.check(operation("call", agent=f"x{number}"))
    assert len(found.get_circuit_breaker_status()) <= 3


def test_a_trial_that_nobody_reports_lapses_and_one_forbidden_later_is_given_back() -> None:
    clock = ManualClock()
    found = monitor(clock=clock)
    found.add_circuit_breaker("call", 1, 10.0)
    found.add_rate_limiter("call", 1, 1000.0)
    found.record_failure("a", "call")
    clock.advance(10)
    assert found.check(operation("call")).is_safe
    clock.advance(10)
    assert wrong(found, operation("call")).startswith(
        "call: the limit is used up"
    )  # trial free again
    clock.advance(1000)
    assert found.check(operation("call")).is_safe
    found.record_success("a", "call")
    assert found.get_circuit_breaker_status()["call"].state is BreakerState.CLOSED


def test_limits_by_key() -> None:
    clock = ManualClock()
    found = monitor(clock=clock)
    found.add_rate_limiter("api_calls", max_requests=2, window_seconds=4.0)
    by_key = OperationContext("fetch", "a", rate_keys=("api_calls",))
    assert [found.check(one).is_safe for one in (by_key, operation("api_calls"), by_key)] == [
        True, True, False
    ]  # fmt: skip
    assert found.check(operation("fetch")).is_safe
    clock.advance(2)
    assert found.check(by_key).is_safe
    assert found.statistics().limits == {"api_calls": (3, 1)}
    found.add_rate_limiter("each", 1, 60.0, per_agent=True)
    assert found.check(operation("each")).is_safe
    assert found.check(operation("each", agent="b")).is_safe
    assert not found.check(operation("each")).is_safe


def test_breakers_and_limits_can_be_switched_off() -> None:
    found = monitor(enable_circuit_breakers=False, enable_rate_limiting=False)
    found.add_circuit_breaker("call", 1)
    found.add_rate_limiter("call", 1)
    found.record_failure("a", "call")
    assert found.check(operation("call")).is_safe
    assert found.check(operation("call")).is_safe


def test_numbers_that_mean_nothing_are_refused() -> None:
    found = monitor()
    with pytest.raises(ValueError, match="breaker 'x'"):
        found.add_circuit_breaker("x", 0)
    with pytest.raises(ValueError, match="1 request or more"):
        found.add_rate_limiter("x", 0)


# ---- the halt ------------------------------------------------------------------------------

HOT = rule("max_temperature", T.THRESHOLD, max_value=600.0, level=SafetyLevel.CRITICAL,
           metadata={"parameter": "temperature"})  # fmt: skip


async def test_a_critical_violation_halts_until_reset_even_after_a_restart() -> None:
    store = MemoryKept()
    first = SafetyMonitor(store=store)
    first.add_constraint(HOT)
    assert (await first.validate_operation(operation(temperature=550))).is_safe
    assert not (await first.validate_operation(operation(temperature=650))).is_safe
    assert first.halted is not None
    assert not (await first.validate_operation(operation("harmless"))).is_safe

    second = SafetyMonitor(store=store)
    await second.restore()
    assert second.halted == first.halted
    assert "max_temperature: 650 is above 600" in wrong(second, operation("harmless"))
    assert await second.reset()
    assert (await second.validate_operation(operation("harmless"))).is_safe

    third = SafetyMonitor(store=store)
    await third.restore()
    assert third.halted is None
    assert not await third.reset()


async def test_a_halt_is_in_force_even_if_another_one_wrote_meanwhile() -> None:
    store = MemoryKept()
    one, other = SafetyMonitor(store=store), SafetyMonitor(store=store)
    await one.halt("smoke")
    await other.halt("fire")
    fresh = SafetyMonitor(store=store)
    await fresh.restore()
    assert fresh.halted is not None
    assert fresh.halted.reason == "fire"


async def test_halting_can_be_left_to_people() -> None:
    found = monitor(HOT, halt_on_critical=False)
    assert not (await found.validate_operation(operation(temperature=650))).is_safe
    assert (await found.validate_operation(operation("harmless"))).is_safe


async def test_a_reset_that_can_not_be_kept_is_none() -> None:
    class Full(MemoryKept):
        async def put_kept(self, record: Any) -> bool:
            if not record.open:
                raise OSError("no space left")
            return await super().put_kept(record)

    found = SafetyMonitor(store=Full())
    await found.halt("smoke")
    with pytest.raises(OSError, match="no space"):
        await found.reset()
    assert found.halted is not None
