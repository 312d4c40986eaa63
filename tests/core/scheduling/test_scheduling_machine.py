"""The machine alone: who takes what, in which order, and why something waits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from quarterdeck.core.base.clock import Random
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.scheduling import faults as f
from quarterdeck.core.scheduling.decisions import Start, Stop
from quarterdeck.core.scheduling.machine import Machine
from quarterdeck.core.scheduling.model import (
    AgentCapacity,
    LoadBalanceStrategy,
    Task,
    TaskSchedulerConfig,
    TaskState,
)
from quarterdeck.core.scheduling.reasons import reason

S = TaskState


def machine(*agents: AgentCapacity, **config: Any) -> Machine:
    found = Machine(TaskSchedulerConfig(**config), Random(7))
    for agent in agents:
        found.add_agent(agent, 0.0)
    return found


def agent(name: str, *capabilities: str, slots: int = 1, **more: Any) -> AgentCapacity:
    return AgentCapacity(name, frozenset(capabilities), slots, **more)


def started(found: Machine, now: float = 0.0) -> list[Task]:
    return [one.task for one in found.decide(now) if isinstance(one, Start)]


def finish(found: Machine, task: Task, now: float = 0.0, **how: Any) -> list[Task]:
    assert found.ended(task.task_id, task.attempt, now, **how)
    return started(found, now)


def add(found: Machine, *tasks: Task, now: float = 0.0, deadline: float | None = None) -> None:
    for task in tasks:
        found.add(task, now, deadline=deadline)


def test_priority_then_deadline_then_sequence() -> None:
    found = machine(agent("a"))
    add(found, first := Task("t"))
    assert started(found) == [first]
    add(found, low := Task("t", priority=Priority.LOW), plain := Task("t"))
    add(found, late := Task("t"), deadline=90.0)
    add(found, soon := Task("t"), deadline=30.0)
    add(found, urgent := Task("t", priority=Priority.CRITICAL))
    order, now = [], first
    for _ in range(5):
        (now,) = finish(found, now)
        order.append(now)
    assert order == [urgent, soon, late, plain, low]


def test_ageing_rises_one_level_at_a_time_up_to_high() -> None:
    found = machine(agent("a"), ageing_seconds=10)
    add(found, first := Task("t"))
    started(found)
    add(found, old := Task("t", priority=Priority.BACKGROUND))
    levels = []
    for now in (9.0, 10.0, 20.0, 30.0, 40.0, 400.0):
        found.decide(now)
        levels.append(found.item(old.task_id).level)
    assert levels == [4, 3, 2, 1, 1, 1]
    add(found, high := Task("t", priority=Priority.HIGH), now=400.0)
    add(found, critical := Task("t", priority=Priority.CRITICAL), now=400.0)
    assert finish(found, first, 400.0) == [critical]
    assert finish(found, critical, 400.0) == [old]  # before a HIGH one that came later
    assert finish(found, old, 400.0) == [high]


def test_the_first_placeable_task_goes_not_the_head_of_the_line() -> None:
    found = machine(agent("a", "cpu"))
    add(found, gpu := Task("gpu", priority=Priority.CRITICAL), cpu := Task("cpu"))
    assert started(found) == [cpu]
    assert reason(found, found.item(gpu.task_id), 0.0) == "no agent with capability gpu"
    found.add_agent(agent("b", "gpu"), 0.0)
    assert started(found) == [gpu]


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (Task("t", required_capabilities={"gpu", "cpu"}), "no agent with capability gpu"),
        (Task("t", required_capabilities={"cpu", "disk"}), "no agent with all of cpu, disk"),
        (Task("t", agent_id="z"), "the agent z is not registered"),
        (Task("t", agent_id="a", required_capabilities={"disk"}), "the agent a lacks capability disk"),
        (Task("cpu"), "a has 1 of 1 running"),
        (Task("cpu", groups=["repo"]), "repo is full (0 of 0)"),
        (Task("disk"), "cloud is full (1 of 1)"),
    ],
)  # fmt: skip
def test_every_waiting_task_carries_its_reason(task: Task, why: str) -> None:
    found = machine(agent("a", "cpu"), agent("b", "disk", slots=2, groups=("cloud",)))
    found.placing.set_limit("repo", 0)
    found.placing.set_limit("cloud", 1)
    add(found, Task("cpu"), Task("disk"))
    assert len(started(found)) == 2
    fresh = Task(task.task_type, required_capabilities=task.required_capabilities,
                 agent_id=task.agent_id, groups=task.groups)  # fmt: skip
    add(found, fresh)
    assert started(found) == []
    assert reason(found, found.item(fresh.task_id), 0.0) == why


def test_reasons_of_those_that_wait_for_others_for_time_or_for_their_turn() -> None:
    found = machine(agent("a", slots=9), max_concurrent_tasks=2, retry_policy=RetryPolicy(3, 5.0))
    add(found, one := Task("t"), other := Task("t"), after := Task("t", dependencies=[one.task_id]))
    add(found, third := Task("t"))
    started(found)

    def why(task: Task) -> str:
        return reason(found, found.item(task.task_id), 1.0)

    assert why(after) == f"waits for task {one.task_id}"
    assert why(third) == "2 tasks run, as many as may"
    assert why(one) == ""
    finish(found, other, 1.0, error="boom", error_type="E")
    assert why(other) == "attempt 2 in 5.0 s"


def test_no_agent_at_all_is_said() -> None:
    found = machine()
    add(found, task := Task("t"))
    assert started(found) == []
    assert reason(found, found.item(task.task_id), 0.0) == "no agent is registered"


# ---- strategies ----------------------------------------------------------------------------


def places(strategy: LoadBalanceStrategy, agents: list[AgentCapacity], count: int) -> list[str]:
    found = machine(*agents, load_balance_strategy=strategy, max_concurrent_tasks=10_000)
    add(found, *(Task("t") for _ in range(count)))
    return [str(task.assigned_agent) for task in started(found)]


def test_round_robin_takes_turns() -> None:
    agents = [agent(name, slots=9) for name in "abc"]
    assert places(LoadBalanceStrategy.ROUND_ROBIN, agents, 7) == list("abcabca")


def test_least_loaded_counts_load_over_capacity() -> None:
    agents = [agent("small", slots=2), agent("large", slots=8)]
    counts = Counter(places(LoadBalanceStrategy.LEAST_LOADED, agents, 5))
    assert counts == {"large": 4, "small": 1}


def test_priority_weighted_draws_in_proportion_to_the_score() -> None:
    agents = [agent("good", slots=5000, performance_score=90.0),
              agent("bad", slots=5000, performance_score=10.0)]  # fmt: skip
    counts = Counter(places(LoadBalanceStrategy.PRIORITY_WEIGHTED, agents, 2000))
    assert 0.86 < counts["good"] / 2000 < 0.94
    none = [agent("a", slots=50, performance_score=0), agent("b", slots=50, performance_score=0)]
    assert len(set(places(LoadBalanceStrategy.PRIORITY_WEIGHTED, none, 40))) == 2


def test_capability_match_takes_the_most_special_one() -> None:
    agents = [
        agent("any", slots=9),
        agent("many", "t", "u", "v", slots=9),
        agent("one", "t", slots=2),
    ]
    found = places(LoadBalanceStrategy.CAPABILITY_MATCH, agents, 3)
    assert found == ["one", "one", "many"]


def test_random_uses_every_agent() -> None:
    agents = [agent(name, slots=99) for name in "abc"]
    assert set(places(LoadBalanceStrategy.RANDOM, agents, 60)) == set("abc")


# ---- slots, groups, affinity ---------------------------------------------------------------


def test_groups_of_tasks_and_of_agents_are_shared() -> None:
    found = machine(agent("a", slots=9, groups=("cloud",)), agent("b", slots=9, groups=("cloud",)))
    found.placing.set_limit("cloud", 3)
    found.placing.set_limit("shop", 1)
    shop = [Task("t", groups=["shop"]) for _ in range(3)]
    other = [Task("t") for _ in range(3)]
    add(found, *shop, *other)
    first = started(found)
    assert first == [shop[0], *other[:2]]  # one of the shop, three of the cloud
    assert finish(found, shop[0]) == [shop[1]]
    found.placing.set_limit("cloud", None)
    assert started(found) == [other[2]]


def test_affinity_prefers_and_agent_id_binds() -> None:
    found = machine(agent("a", slots=9), agent("b", slots=1))
    add(found, one := Task("t", affinity="b"), two := Task("t", affinity="b"))
    add(found, three := Task("t", agent_id="b"))
    assert {task.task_id: task.assigned_agent for task in started(found)} == {
        one.task_id: "b",
        two.task_id: "a",
    }
    assert finish(found, two) == []
    assert finish(found, one) == [three]


def test_needs_that_nobody_has_any_more_are_forgotten() -> None:
    found = machine(agent("a", slots=5000), max_queue_size=10_000, max_concurrent_tasks=10_000)
    waits = Task("t", groups=["g"], dependencies=())
    blocker = Task("t", agent_id="a")
    add(found, blocker)
    waits.dependencies = [blocker.task_id]
    add(found, waits)
    started(found)
    for number in range(2500):
        add(found, one := Task("t", groups=[f"g{number}"]))
        assert started(found) == [one]
        finish(found, one)
    assert len(found.placing._needs) < 2200
    assert len(found.placing.groups) < 2200
    assert finish(found, blocker) == [waits]  # its own need was swept meanwhile


# ---- ends ----------------------------------------------------------------------------------


def test_failures_are_retried_later_and_end_for_good() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(2, 4.0))
    add(found, task := Task("t"))
    started(found)
    assert finish(found, task, 1.0, error="E: x", error_type="E") == []
    assert (task.state, found.next_at) == (S.RETRYING, 5.0)
    found.tick(5.0)
    assert started(found, 5.0) == [task]
    finish(found, task, 6.0, error="E: y", error_type="E")
    assert (task.state, task.error, task.attempt) == (S.FAILED, "E: y", 2)
    assert (found.running, found.waiting) == (0, 0)


def test_no_retry_past_the_deadline() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(5, 4.0))
    add(found, task := Task("t"), deadline=3.0)
    started(found)
    finish(found, task, 1.0, error="E: x", error_type="E")
    assert task.state is S.FAILED


def test_a_deadline_that_passes_in_the_line_is_a_timeout() -> None:
    found = machine()
    add(found, task := Task("t"), deadline=3.0)
    found.tick(3.0)
    assert (task.state, task.error_type) == (S.TIMEOUT, "deadline")


def test_a_timeout_stops_the_attempt_and_holds_the_slot_until_it_ended() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(1))
    add(found, slow := Task("t", timeout_seconds=2.0), other := Task("t"))
    started(found)
    found.tick(2.0)
    (stop,) = found.decide(2.0)
    assert stop == Stop(slow, 1)
    assert finish(found, slow, 2.5, result="too late") == [other]
    assert (slow.state, slow.error_type, slow.result) == (S.TIMEOUT, "timeout", None)


def test_an_attempt_that_does_not_stop_is_given_up_after_the_grace() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(1), stop_grace_seconds=1.0)
    add(found, slow := Task("t", timeout_seconds=2.0))
    started(found)
    found.tick(2.0)
    found.tick(3.0)
    assert (slow.state, found.running, found.counts["abandoned"]) == (S.TIMEOUT, 0, 1)
    assert not found.ended(slow.task_id, 1, 9.0, result=1)


def test_cancel_works_in_every_state() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(9, 5.0))
    running, queued, retrying = Task("t"), Task("t"), Task("t")
    add(found, retrying)
    started(found)
    finish(found, retrying, error="x", error_type="E")
    add(found, running, queued, pending := Task("t", dependencies=[queued.task_id]))
    started(found)
    states = [task.state for task in (running, queued, retrying, pending)]
    assert states == [S.RUNNING, S.SCHEDULED, S.RETRYING, S.PENDING]
    for task in (pending, queued, retrying, running):
        assert found.cancel(task.task_id, 1.0)
    finish(found, running, 2.0, error="cancelled", error_type="CancelledError")
    assert {task.state for task in (running, queued, retrying, pending)} == {S.CANCELLED}
    assert not found.cancel(running.task_id, 3.0)
    assert (found.running, found.waiting, found.next_at) == (0, 0, None)


def test_dependents_of_what_failed_end_too_however_long_the_chain() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(1), max_kept_tasks=20_000)
    add(found, first := Task("t"))
    tasks = [first]
    for _ in range(3000):
        tasks.append(Task("t", dependencies=[tasks[-1].task_id]))
    add(found, *tasks[1:])
    started(found)
    finish(found, first, error="E: no", error_type="E")
    assert {task.state for task in tasks} == {S.FAILED}
    assert tasks[-1].error_type == "dependency"
    add(found, late := Task("t", dependencies=[first.task_id]))
    assert late.error == f"The task {first.task_id}, which it waits for, ended as failed."


def test_dependents_run_when_the_last_dependency_has_ended() -> None:
    found = machine(agent("a", slots=5))
    add(found, one := Task("t"), two := Task("t"))
    add(found, after := Task("t", dependencies=[one.task_id, two.task_id, one.task_id]))
    started(found)
    assert finish(found, one) == []
    assert finish(found, two) == [after]
    add(found, later := Task("t", dependencies=[one.task_id]))
    assert started(found) == [later]


# ---- agents that go ------------------------------------------------------------------------


def test_a_silent_agent_takes_no_work_and_its_tasks_go_elsewhere() -> None:
    found = machine(agent("a"), agent("b", slots=2), heartbeat_timeout_seconds=10,
                    load_balance_strategy=LoadBalanceStrategy.ROUND_ROBIN)  # fmt: skip
    add(found, task := Task("t"))
    started(found)
    assert (task.assigned_agent, found.next_at) == ("a", 10.0)
    found.beat("b", 8.0)
    found.tick(10.0)
    decisions = found.decide(10.0)
    assert [one for one in decisions if isinstance(one, Stop)] == [Stop(task, 1)]
    assert (task.assigned_agent, task.attempt, task.state) == ("b", 2, S.RUNNING)
    assert not found.ended(task.task_id, 1, 11.0, result="from the dead")
    add(found, more := Task("t", agent_id="a"), now=11.0)
    assert started(found, 11.0) == []
    assert reason(found, found.item(more.task_id), 11.0) == "agent a silent"
    found.beat("a", 12.0)
    assert started(found, 12.0) == [more]


def test_a_task_that_is_lost_again_and_again_fails() -> None:
    found = machine(max_losses=2)
    add(found, task := Task("t"))
    for _ in range(3):
        found.add_agent(agent("a"), 0.0)
        assert started(found) == [task]
        found.remove_agent("a", 0.0)
    assert (task.state, task.error_type, found.running) == (S.FAILED, "losses", 0)


def test_losses_are_no_attempts_of_the_retry_policy() -> None:
    found = machine(agent("a"), retry_policy=RetryPolicy(2, 0.0))
    add(found, task := Task("t"))
    started(found)
    found.remove_agent("a", 0.0)
    found.add_agent(agent("a"), 0.0)
    started(found)
    finish(found, task, error="x", error_type="E")
    assert task.state is S.RETRYING


# ---- what is refused -----------------------------------------------------------------------


def test_refusals_name_their_cause() -> None:
    found = machine(agent("a"), max_queue_size=1)
    add(found, one := Task("t"))
    started(found)
    with pytest.raises(f.TaskKnown):
        add(found, one)
    with pytest.raises(f.DependencyUnknown, match="'x'"):
        add(found, Task("t", dependencies=["x"]))
    add(found, Task("t"))
    with pytest.raises(f.SchedulerFull, match="1 tasks wait"):
        add(found, Task("t"))
    assert found.counts["refused"] == 1
    with pytest.raises(f.AgentKnown):
        found.add_agent(agent("a"), 0.0)
    with pytest.raises(f.AgentInvalid):
        found.add_agent(agent("c", slots=0), 0.0)
    with pytest.raises(f.AgentInvalid):
        found.add_agent(agent("c", performance_score=float("nan")), 0.0)
    for call in (found.beat, found.remove_agent):
        with pytest.raises(f.AgentUnknown):
            call("z", 0.0)
    with pytest.raises(f.TaskUnknown):
        found.cancel("z", 0.0)


def test_ended_tasks_are_kept_in_a_bounded_number() -> None:
    found = machine(agent("a"), max_kept_tasks=3)
    tasks = [Task("t") for _ in range(5)]
    for task in tasks:
        add(found, task)
        started(found)
        finish(found, task)
    assert list(found.items) == [task.task_id for task in tasks[2:]]


@pytest.mark.parametrize(
    "wrong",
    [{"max_queue_size": 0}, {"ageing_seconds": 0}, {"max_losses": -1}],
)
def test_a_config_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"least 1|above 0|negative"):
        TaskSchedulerConfig(**wrong)
