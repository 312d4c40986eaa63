"""Faults that coordination of the third document's kind is known for (SPEC, section 5), but for the bus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.coordination import (
    AgentCapacity,
    BaseOrchestrator,
    ConstraintType,
    CoordinationConfig,
    CoordinationLayer,
    MessageBus,
    OperationContext,
    OrchestratorConfig,
    OrchestratorLifecycle,
    SafetyConfig,
    SafetyConstraint,
    SafetyMonitor,
    Saga,
    SagaStatus,
    SagaStep,
    Task,
    TaskPriority,
    TaskScheduler,
    TaskSchedulerConfig,
    TaskState,
)

AT_ONCE = CoordinationConfig(saga_retry_policy=RetryPolicy(1, 0.0))


async def scheduler(executor: Any, *, slots: int = 10, **config: Any) -> TaskScheduler:
    made = TaskScheduler(TaskSchedulerConfig(**config))
    await made.start()
    made.register_agent(AgentCapacity("a", max_concurrent_tasks=slots))
    made.register_executor("*", executor)
    return made


def test_ids_do_not_collide_all_of_20_constraints_are_kept() -> None:
    monitor = SafetyMonitor()
    for number in range(20):
        monitor.add_constraint(SafetyConstraint(f"max_{number}", ConstraintType.THRESHOLD, 1.0))
    assert len({one.constraint_id for one in monitor.constraints}) == 20
    broken = {str(number): 2.0 for number in range(20)}
    assert len(monitor.check(OperationContext("any", "a", broken)).violations) == 20


def test_the_documents_breaker_and_limiter_names_match() -> None:
    monitor = SafetyMonitor()
    monitor.add_circuit_breaker(name="scada_integration", failure_threshold=1)
    monitor.add_rate_limiter(key="api_calls", max_requests=1)
    monitor.record_failure("agent-id", "scada_integration")
    assert not monitor.check(OperationContext("scada_integration", "agent-id")).is_safe
    assert monitor.check(OperationContext("api_calls", "agent-id")).is_safe
    assert not monitor.check(OperationContext("api_calls", "agent-id")).is_safe


def test_unknown_constraint_types_fail_closed() -> None:
    monitor = SafetyMonitor(SafetyConfig(halt_on_critical=False))
    monitor.add_constraint(SafetyConstraint("temperature", "thermodynamic", 600.0))
    assert not monitor.check(OperationContext("set", "a", {"temperature": 1})).is_safe


async def test_async_with_acquire_lock_does_not_raise() -> None:
    layer = CoordinationLayer()
    async with layer.acquire_lock("resource-1", "my-agent"):
        pass
    await layer.close()


async def test_a_lock_is_handed_over_to_a_waiter_who_sees_it() -> None:
    layer = CoordinationLayer()
    first = await layer.lock("r", "first")
    second = asyncio.create_task(layer.lock("r", "second"))
    await asyncio.sleep(0)
    await layer.release_lock(first)
    grant = await asyncio.wait_for(second, 60)
    assert grant.holder == "second"
    assert layer.statistics().locks[0].holder == "second"
    await layer.close()


async def test_a_saga_whose_compensation_failed_does_not_read_compensated() -> None:
    def act(action: str) -> None:
        if action != "fine":
            raise RuntimeError(action)

    layer = CoordinationLayer(AT_ONCE)
    layer.register_agent("a", act)
    steps = [SagaStep("one", "a", "fine", "no way back", 0), SagaStep("two", "a", "bad", None, 0)]
    result = await layer.run_saga(Saga("test", steps))
    assert result.status is SagaStatus.COMPENSATION_FAILED
    assert not result.success
    await layer.close()


async def test_retried_failures_leak_no_agent_slot() -> None:
    async def fails(task: Task) -> None:
        raise OSError("no")

    made = await scheduler(fails, slots=2, retry_policy=RetryPolicy(4, 0.0))
    for _ in range(6):
        task = Task("t")
        await made.schedule(task)
        await made.wait_for_completion(task.task_id, timeout=60)
        assert (task.state, task.attempt) == (TaskState.FAILED, 4)
    assert made.statistics().agents[0].running == 0
    await made.stop()


async def test_max_concurrent_tasks_of_1_runs_one() -> None:
    most = now = 0

    async def work(task: Task) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    made = await scheduler(work, max_concurrent_tasks=1)
    for _ in range(10):
        await made.schedule(Task("t"))
    await made.stop(drain=True)
    assert most == 1


async def test_a_dead_dependency_ends_its_dependents_and_spins_no_loop() -> None:
    async def fails(task: Task) -> None:
        raise OSError("no")

    made = await scheduler(fails, retry_policy=RetryPolicy(1))
    dead = Task("t")
    await made.schedule(dead)
    await made.schedule(after := Task("t", dependencies=[dead.task_id]))
    ended = await made.wait_for_completion(after.task_id, timeout=60)
    assert ended is after
    assert (after.state, after.error_type) == (TaskState.FAILED, "dependency")
    assert made._machine.next_at is None
    await made.stop()


async def test_one_unplaceable_high_task_does_not_block_normal_ones() -> None:
    async def work(task: Task) -> None: ...

    made = await scheduler(work)
    high = Task("t", priority=TaskPriority.HIGH, required_capabilities={"gpu"})
    await made.schedule(high)
    await made.schedule(normal := Task("t"))
    assert await made.wait_for_completion(normal.task_id, timeout=60) is normal
    assert made.reason(high.task_id) == "no agent with capability gpu"
    await made.stop()


async def test_equal_priority_and_time_do_not_raise_in_the_heap() -> None:
    async def work(task: Task) -> None: ...

    made = await scheduler(work, slots=1)
    clock = ManualClock()
    deadline = clock.now().replace(year=2100)
    tasks = [Task("t", deadline=deadline, created_at=deadline) for _ in range(50)]
    for task in tasks:
        await made.schedule(task)
    await made.stop(drain=True)
    assert {task.state for task in tasks} == {TaskState.COMPLETED}


async def test_stop_orphans_no_running_task() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work(task: Task) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    made = await scheduler(work)
    await made.schedule(task := Task("t"))
    await begun.wait()
    await made.stop()
    assert ended.is_set()
    assert task.state is TaskState.CANCELLED


def test_half_open_admits_a_limited_number_of_calls() -> None:
    clock = ManualClock()
    monitor = SafetyMonitor(clock=clock)
    monitor.add_circuit_breaker("call", 1, 10.0, half_open_calls=2)
    monitor.record_failure("a", "call")
    clock.advance(10)
    admitted = [monitor.check(OperationContext("call", "a")).is_safe for _ in range(9)]
    assert admitted == [True, True] + [False] * 7


class Plant(BaseOrchestrator[dict[str, Any], dict[str, Any]]):
    def _create_message_bus(self) -> MessageBus:
        return MessageBus()

    def _create_task_scheduler(self) -> TaskScheduler:
        return TaskScheduler()

    def _create_coordinator(self) -> CoordinationLayer:
        return CoordinationLayer()

    def _create_safety_monitor(self) -> SafetyMonitor:
        return SafetyMonitor()

    async def orchestrate(self, input_data: dict[str, Any]) -> dict[str, Any]:
        if "fail" in input_data:
            raise RuntimeError("the boiler is cold")
        return {"heat": input_data["heat"] * 2}


async def test_the_provenance_hash_contains_no_time() -> None:
    hashes: list[str] = []
    for start in (ManualClock(), ManualClock()):
        plant = Plant(OrchestratorConfig("plant"), clock=start)
        start.advance(len(hashes) * 1000.0)
        await plant.start()
        hashes += [
            (await plant.execute(given)).provenance_hash for given in ({"heat": 1}, {"heat": 2})
        ]
        await plant.shutdown()
    assert hashes[:2] == hashes[2:]
    assert hashes[0] != hashes[1]


async def test_a_failure_leaves_no_wrong_lifecycle_state() -> None:
    plant = Plant()
    await plant.start()
    result = await plant.execute({"fail": 1})
    assert (result.success, result.error) == (False, "RuntimeError: the boiler is cold")
    states = [plant.lifecycle]
    await plant.shutdown()
    states.append(plant.lifecycle)
    assert states == [OrchestratorLifecycle.RUNNING, OrchestratorLifecycle.STOPPED]


@pytest.mark.parametrize("vote", ["approve", "reject"])
async def test_a_late_vote_does_not_count(vote: str) -> None:
    clock = ManualClock()
    layer = CoordinationLayer(clock=clock)
    proposal = await layer.propose_consensus("t", "me", deadline_seconds=5, quorum=1)
    clock.advance(5)
    with pytest.raises(Exception, match="its deadline has passed"):
        await layer.vote_on_proposal(proposal.proposal_id, "a", vote)
    assert await layer.resolve_consensus(proposal.proposal_id) == "timeout"
