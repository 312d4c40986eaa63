"""Orchestrators: lifecycle, safety, recovery, figures, provenance."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.coordination import (
    BaseOrchestrator,
    ConstraintType,
    CoordinationLayer,
    MessageBus,
    OrchestratorConfig,
    OrchestratorLifecycle,
    SafetyConstraint,
    SafetyMonitor,
    TaskScheduler,
)
from quarterdeck.core.coordination.faults import OrchestratorState
from quarterdeck.core.telemetry.audit import first_broken
from quarterdeck.core.telemetry.ports import MetricsCollector
from quarterdeck.core.telemetry.prometheus import PrometheusMetrics

L = OrchestratorLifecycle


@dataclass
class Order:
    heat: float


def life(made: BaseOrchestrator[Any, Any]) -> OrchestratorLifecycle:
    return made.lifecycle


class BadBus(MessageBus):
    bad = True

    async def start(self) -> None:
        if self.bad:
            raise OSError("no bus today")
        await super().start()


class Made(BaseOrchestrator[Any, Any]):
    bus: type[MessageBus] = MessageBus

    def __init__(self, metrics: MetricsCollector | None = None, **config: Any) -> None:
        super().__init__(OrchestratorConfig("made", **config), metrics=metrics)
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.fails = 0

    def _create_message_bus(self) -> MessageBus:
        return self.bus()

    def _create_task_scheduler(self) -> TaskScheduler:
        return TaskScheduler()

    def _create_coordinator(self) -> CoordinationLayer:
        return CoordinationLayer()

    def _create_safety_monitor(self) -> SafetyMonitor:
        return SafetyMonitor()

    def _add_constraints(self) -> None:
        hot = SafetyConstraint("max_heat", ConstraintType.THRESHOLD, max_value=9.0)
        self.safety_monitor.add_constraint(hot)

    async def orchestrate(self, input_data: Any) -> Any:
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise ValueError("not yet")
        return input_data


class Mending(Made):
    async def _handle_error_recovery(
        self, error: Exception, input_data: Any, execution_id: str
    ) -> Any:
        return await self._retry_with_backoff(input_data)


async def test_life_goes_round_and_refuses_what_it_can_not_do() -> None:
    made = Made()
    assert life(made) is L.CREATED
    with pytest.raises(OrchestratorState, match="created"):
        await made.execute({})
    await made.shutdown()
    await made.start()
    await made.start()
    assert life(made) is L.RUNNING
    assert (await made.execute({"a": 1})).output == {"a": 1}
    await made.shutdown()
    await made.shutdown()
    assert life(made) is L.STOPPED
    with pytest.raises(OrchestratorState, match="stopped"):
        await made.execute({})


async def test_a_start_that_fails_leaves_it_as_it_was() -> None:
    class WithBad(Made):
        bus = BadBus

    made = WithBad()
    with pytest.raises(OSError, match="no bus today"):
        await made.start()
    assert life(made) is L.CREATED
    BadBus.bad = False
    await made.start()
    assert life(made) is L.RUNNING
    await made.shutdown()


async def test_the_safety_monitor_is_asked_before_every_execution() -> None:
    made = Made()
    await made.start()
    for given in ({"heat": 10}, Order(10)):
        refused = await made.execute(given)
        assert (refused.success, refused.error_code) == (False, "operation_refused")
    assert not made.begun.is_set()
    assert (await made.execute(Order(9))).success
    await made.shutdown()
    careless = Made(enable_safety_monitoring=False)
    await careless.start()
    assert (await careless.execute({"heat": 10})).success
    await careless.shutdown()


@pytest.mark.parametrize(("fails", "good"), [(1, True), (2, True), (3, False)])
async def test_recovery_retries_with_back_off_as_the_policy_says(fails: int, *, good: bool) -> None:
    made = Mending(retry_policy=RetryPolicy(3, 0.0))
    made.fails = fails
    await made.start()
    result = await made.execute({"a": 1})
    assert (result.success, result.recovered) == (good, good)
    if not good:
        assert result.error == "ValueError: not yet"
    figures = made.statistics()
    assert (figures.successful, figures.failed, figures.recovered) == (good, not good, good)
    assert figures.average_ms is not None
    await made.shutdown()


async def test_executions_are_counted_by_outcome_and_measured() -> None:
    metrics = PrometheusMetrics()
    made = Mending(metrics, name="plant", retry_policy=RetryPolicy(2, 0.0))
    assert made.statistics().success_rate is None
    await made.start()
    for fails in (0, 1, 2, 0):
        made.fails = fails
        await made.execute({"a": 1})
    assert made.statistics().success_rate == 0.75
    text = metrics.render().decode()
    for outcome, count in (("successful", 2), ("recovered", 1), ("failed", 1)):
        tags = f'{{orchestrator="plant",outcome="{outcome}"}}'
        assert f"quarterdeck_orchestrator_executions_total{tags} {count}.0" in text
    assert 'quarterdeck_orchestrator_execution_seconds_count{orchestrator="plant"} 4.0' in text
    await made.shutdown()


async def test_a_recovery_that_returns_nothing_or_fails_itself_is_none() -> None:
    class Helpless(Made):
        async def _handle_error_recovery(
            self, error: Exception, input_data: Any, execution_id: str
        ) -> Any:
            if input_data:
                raise RuntimeError("worse")

    made = Helpless()
    made.fails = 2
    await made.start()
    for given in ({}, {"a": 1}):
        result = await made.execute(given)
        assert (result.success, result.error) == (False, "ValueError: not yet")
    await made.shutdown()


async def test_an_execution_that_takes_too_long_fails() -> None:
    made = Made(execution_timeout_seconds=0.01)
    made.gate = asyncio.Event()
    await made.start()
    result = await made.execute({})
    assert (result.success, result.error_type) == (False, "TimeoutError")
    await made.shutdown()


async def test_shutdown_ends_what_runs_and_its_result_says_so() -> None:
    made = Made()
    made.gate = asyncio.Event()
    await made.start()
    running = asyncio.create_task(made.execute({}))
    await made.begun.wait()
    assert made.statistics().running == 1
    await made.shutdown()
    result = await running
    assert (result.success, result.error_type) == (False, "CancelledError")
    assert life(made) is L.STOPPED


async def test_cancelling_whoever_waits_cancels_the_execution_and_records_it() -> None:
    made = Made()
    made.gate = asyncio.Event()
    await made.start()
    running = asyncio.create_task(made.execute({}))
    await made.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert made.statistics().failed == 1
    assert made.audit_records()[-1].body["success"] is False
    await made.shutdown()


async def test_the_audit_chain_follows_and_shows_tampering() -> None:
    made = Made()
    await made.start()
    results = [await made.execute({"n": number}) for number in range(4)]
    await made.shutdown()
    records = made.audit_records()
    assert [one.chain_hash for one in records] == [one.chain_hash for one in results]
    assert first_broken(records) is None
    forged = [*records]
    forged[2] = type(records[2])(
        3, records[2].at, {**records[2].body, "success": False}, records[2].chain_hash
    )
    assert first_broken(forged) is forged[2]
    assert first_broken([records[0], *records[2:]]) is records[2]
