"""Places on agents within the machine of workflows: order, bounds, and slots that are given back once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.core.workflows.places_rig import PLACED, READY, Harbour

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.scheduling.model import AgentCapacity, LoadBalanceStrategy
from quarterdeck.core.workflows.machine import Outcome, Want, restore, snapshot
from quarterdeck.core.workflows.plan import PLAIN, plan_of
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus


def test_a_task_waits_for_its_agent_and_not_in_the_way_of_others() -> None:
    harbour = Harbour(limit=3)
    harbour.agent("ada", 2)
    run = harbour.begin("w", {"a": PLACED, "b": PLACED, "c": PLACED, "plain": PLAIN})
    assert harbour.take() == ["a", "b", "plain"]
    assert harbour.machine.running == 3
    assert run.tasks[2] is READY
    assert harbour.why(run, "c") == "ada has 2 of 2 running"
    assert harbour.why(run, "a") == ""
    harbour.done(run, "b")
    assert harbour.take() == ["c"]
    assert harbour.load() == {"ada": 2}


def test_who_may_take_it_is_chosen_by_what_it_can_do() -> None:
    harbour = Harbour(wants={"gpu": Want(capabilities={"gpu"}), "two": Want(among={"ben", "cleo"})})
    harbour.agent("ada", 1, "code")
    harbour.agent("ben", 1, "code")
    run = harbour.begin("w", {"gpu": PLACED, "two": PLACED, "two-2": PLACED})
    assert harbour.take() == ["two"]
    assert run.placed == {1: "ben"}
    assert harbour.why(run, "gpu") == "no agent with capability gpu"
    assert harbour.why(run, "two-2") == "ben has 1 of 1 running"
    harbour.agent("cleo", 1, "gpu")
    assert harbour.take() == ["gpu"]
    assert harbour.why(run, "two-2") == "all are taken: ben 1 of 1, cleo 1 of 1"


def test_affinity_is_a_wish_and_not_a_bond() -> None:
    harbour = Harbour(wants={"t": Want(among={"ada", "ben"}, affinity="ben")})
    harbour.agent("ada", 2)
    harbour.agent("ben", 1)
    run = harbour.begin("w", {"t-1": PLACED, "t-2": PLACED})
    assert harbour.take() == ["t-1", "t-2"]
    assert run.placed == {0: "ben", 1: "ada"}


def test_nobody_at_all_could_take_it() -> None:
    harbour = Harbour(wants={"t": Want(among={""}), "z": Want(agent="zoe")})
    harbour.agent("ada")
    run = harbour.begin("w", {"t": PLACED, "z": PLACED})
    assert harbour.take() == []
    assert harbour.why(run, "t") == "no agent that could do it is there"
    assert harbour.why(run, "z") == "the agent zoe is not registered"


def test_a_group_is_shared_by_agents_and_one_of_the_tasks_counts_in_it_too() -> None:
    harbour = Harbour(wants={"r": Want(agent="cleo", groups=("repo:/shop",))})
    harbour.places.set_limit("provider", 2)
    harbour.places.set_limit("repo:/shop", 1)
    for name in ("ada", "ben"):
        harbour.agent(name, 9, groups=("provider",))
    harbour.agent("cleo", 9)
    harbour.wants |= {"a": Want(agent="ada"), "b": Want(agent="ben")}
    run = harbour.begin("w", dict.fromkeys(("a", "b", "a-2", "r", "r-2"), PLACED))
    assert harbour.take() == ["a", "b", "r"]
    assert harbour.why(run, "a-2") == "provider is full (2 of 2)"
    assert harbour.why(run, "r-2") == "repo:/shop is full (1 of 1)"
    assert sorted(harbour.places.limits()) == [("provider", 2, 2), ("repo:/shop", 1, 1)]
    harbour.done(run, "r")
    assert harbour.take() == ["r-2"]


def test_work_that_is_nobody_s_task_takes_slots_and_is_not_refused() -> None:
    harbour = Harbour()
    harbour.places.set_limit("provider", 3)
    harbour.agent("ada", 2, groups=("provider",))
    run = harbour.begin("w", {"a": PLACED, "b": PLACED})
    assert harbour.places.set_others("ada", 1)
    assert not harbour.places.set_others("ada", 1)
    assert harbour.take() == ["a"]
    assert harbour.why(run, "b") == "ada has 2 of 2 running, 1 of them by hand"
    assert harbour.places.set_others("ada", 5)
    assert list(harbour.places.limits()) == [("provider", 3, 6)]
    harbour.done(run, "a")
    assert harbour.take() == []
    harbour.places.set_others("ada", 0)
    assert harbour.take() == ["b"]
    assert not harbour.places.set_others("zoe", 1)


def test_an_agent_that_is_closed_takes_nothing_until_it_is_opened() -> None:
    harbour = Harbour()
    harbour.agent("ada", 2)
    harbour.places.close("ada", "failed too often lately")
    run = harbour.begin("w", {"a": PLACED})
    assert harbour.take() == []
    assert harbour.why(run, "a") == "ada failed too often lately"
    assert not harbour.places.close("ada", "failed too often lately")
    harbour.places.close("ada", "")
    assert harbour.take() == ["a"]


def test_urgency_counts_across_workflows_and_kinds() -> None:
    harbour = Harbour(limit=1)
    harbour.agent("ada", 9)
    low = replace(PLACED, priority=Priority.LOW)
    high = replace(PLAIN, priority=Priority.HIGH)
    late, soon = datetime(2100, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    first = harbour.begin("w", {"low": low, "plain": PLAIN, "placed": PLACED})
    plan = plan_of({"late": (), "soon": ()}, [replace(PLACED, deadline=d) for d in (late, soon)])
    due = harbour.machine.add("v", plan, deadlines={0: late.timestamp(), 1: soon.timestamp()})
    harbour.machine.start(due, 0.0)
    order = []
    runs = {name: run for run in (first, due) for name in run.plan.ids}
    urgent = harbour.begin("u", {"high": high})
    runs["high"] = urgent
    while taken := harbour.take():
        order += taken
        harbour.done(runs[taken[0]], taken[0])
    assert order == ["high", "soon", "late", "plain", "placed", "low"]


def test_what_waited_long_rises() -> None:
    harbour = Harbour(ageing=10.0)
    harbour.agent("ada", 1)
    first = harbour.begin("w", {"now": PLACED, "low": replace(PLACED, priority=Priority.LOW)})
    assert harbour.take() == ["now"]
    harbour.clock.at = 25.0
    harbour.begin("v", {"normal": PLACED})
    harbour.done(first, "now")
    assert harbour.take() == ["low"]


def test_a_paused_workflow_takes_no_place_and_goes_on_where_it_was() -> None:
    harbour = Harbour()
    harbour.agent("ada", 1)
    run = harbour.begin("w", {"a": PLACED, "b": PLACED})
    assert harbour.take() == ["a"]
    harbour.machine.pause(run, 0.0)
    harbour.done(run, "a")
    assert harbour.take() == []
    assert harbour.why(run, "b") == "the workflow is paused"
    assert harbour.load() == {"ada": 0}
    harbour.machine.resume(run, 0.0)
    assert harbour.take() == ["b"]


def test_an_interrupted_attempt_gives_its_place_back_and_waits_again() -> None:
    harbour = Harbour()
    harbour.agent("ada", 1)
    run = harbour.begin("w", {"a": PLACED})
    other = harbour.begin("v", {"b": PLACED})
    assert harbour.take() == ["a"]
    harbour.machine.pause(run, 0.0, interrupt=True)
    assert harbour.load() == {"ada": 1}
    harbour.machine.ended(run, 0, 1, Outcome.STOPPED, 0.0)
    assert harbour.take() == ["b"]
    harbour.machine.resume(run, 0.0)
    assert harbour.why(run, "a") == "ada has 1 of 1 running"
    harbour.done(other, "b")
    assert harbour.take() == ["a"]
    assert run.attempts == [2]


def test_the_time_of_an_attempt_begins_with_its_place() -> None:
    harbour = Harbour()
    harbour.agent("ada", 1)
    run = harbour.begin("w", {"a": PLACED, "b": replace(PLACED, timeout=5.0)})
    assert harbour.take() == ["a"]
    assert harbour.machine.next_wake() is None
    harbour.clock.at = 100.0
    harbour.done(run, "a")
    assert harbour.take() == ["b"]
    assert harbour.machine.next_wake() == 105.0
    harbour.machine.tick(105.0)
    assert [stop.task for stop in harbour.machine.drain().stops] == [1]
    harbour.machine.ended(run, 1, 1, Outcome.STOPPED, 105.0)
    assert (run.tasks[1], harbour.load()) == (TaskStatus.FAILED, {"ada": 0})


def test_what_waits_can_be_cancelled_and_expires() -> None:
    harbour = Harbour()
    harbour.agent("ada", 1)
    first = harbour.begin("v", {"a": PLACED})
    assert harbour.take() == ["a"]
    due = datetime(2000, 1, 1, tzinfo=UTC)
    plan = plan_of({"b": (), "c": ()}, [PLACED, replace(PLACED, deadline=due)])
    run = harbour.machine.add("w", plan, deadlines={1: 7.0})
    harbour.machine.start(run, 0.0)
    assert harbour.take() == []
    harbour.machine.tick(7.0)
    assert run.tasks[1] is TaskStatus.FAILED
    assert [one.task for one in harbour.places.waiting()] == [0]
    harbour.machine.cancel(run, 8.0)
    assert run.tasks[0] is TaskStatus.CANCELLED
    assert len(harbour.places) == 0
    assert run.status is WorkflowStatus.CANCELLED
    harbour.machine.cancel(first, 9.0)
    harbour.machine.ended(first, 0, 1, Outcome.STOPPED, 9.0)
    assert (first.status, harbour.load()) == (WorkflowStatus.CANCELLED, {"ada": 0})


def test_bounds_of_a_workflow_hold_no_place() -> None:
    harbour = Harbour()
    harbour.agent("ada", 2)
    run = harbour.begin("w", {"a": PLACED, "b": PLACED}, limit=1)
    grouped = replace(PLACED, group="g")
    assert harbour.take() == ["a"]
    assert harbour.why(run, "b") == "the workflow has 1 of 1 running"
    assert harbour.load() == {"ada": 1}
    other = harbour.begin("v", {"x": grouped, "y": grouped})
    assert harbour.take() == ["x"]
    assert harbour.load() == {"ada": 2}
    harbour.done(run, "a")
    assert harbour.take() == ["b"]
    harbour.done(run, "b")
    assert harbour.take() == []
    assert harbour.why(other, "y") == "the group g has 1 of 1 running"
    harbour.done(other, "x")
    assert harbour.take() == ["y"]


def test_the_engine_s_bound_is_a_reason_of_its_own() -> None:
    harbour = Harbour(limit=1)
    harbour.agent("ada", 3)
    run = harbour.begin("w", {"a": PLACED, "b": PLACED, "c": PLAIN})
    assert harbour.take() == ["a"]
    assert harbour.why(run, "b") == "1 tasks run, as many as may"
    assert harbour.why(run, "c") == "1 tasks run, as many as may"
    assert harbour.machine.waiting() == 0


def test_what_ran_before_counts_again_and_on_its_agent() -> None:
    harbour = Harbour(wants={"t": Want(among={"ada", "ben"})})
    for name in ("ada", "ben"):
        harbour.agent(name, 1)
    run = harbour.begin("w", {f"t-{number}": PLACED for number in range(3)})
    assert len(harbour.take()) == 2
    kept = snapshot(run, 0.0)
    after = Harbour(wants=harbour.wants)
    for name in ("ada", "ben"):
        after.agent(name, 1)
    again = restore(
        after.machine, kept, plan_of(dict.fromkeys(run.plan.ids, ()), run.plan.rules), 0.0
    )
    assert after.load() == {"ada": 1, "ben": 1}
    assert after.take() == []
    first = next(task for task in range(3) if again.placed.get(task) == "ben")
    after.machine.succeeded(again, first, 1, 0.0)
    assert after.take() == ["t-2"]
    assert again.placed[2] == "ben"
    again.placed[0] = "nobody-now"
    after.places.occupy(again, 0, "nobody-now")  # its agent is known no more: nothing to count


def test_a_run_that_is_forgotten_leaves_nothing() -> None:
    harbour = Harbour()
    harbour.agent("ada", 1)
    run = harbour.begin("w", {"a": PLACED, "b": PLACED})
    assert harbour.take() == ["a"]
    harbour.machine.forget(run)
    assert (len(harbour.places), harbour.load(), harbour.places.placed()) == (0, {"ada": 0}, [])


@pytest.mark.parametrize("strategy", list(LoadBalanceStrategy))
def test_each_strategy_does_as_it_promises(strategy: LoadBalanceStrategy) -> None:
    names = ("ada", "ben", "cleo")
    harbour = Harbour(strategy=strategy, wants={"t": Want(capabilities={"code"})})
    sizes, scores = (6, 3, 3), (90.0, 10.0, 0.0)
    able = (("code",), ("code", "tests"), ("code", "tests", "docs"))
    for name, size, score, can in zip(names, sizes, scores, able, strict=True):
        harbour.places.add_agent(AgentCapacity(name, frozenset(can), size, performance_score=score))
    run = harbour.begin("w", {f"t-{number}": PLACED for number in range(40)})
    harbour.machine.limit = 6
    assert len(harbour.take()) == 6
    counts = Counter(run.placed.values())
    match strategy:
        case LoadBalanceStrategy.ROUND_ROBIN:
            assert [run.placed[task] for task in range(6)] == [*names, *names]
        case LoadBalanceStrategy.LEAST_LOADED:
            assert (
                counts == {"ada": 3, "ben": 2, "cleo": 1}
                or max(counts[name] / size for name, size in zip(names, sizes, strict=True))
                <= 2 / 3
            )
        case LoadBalanceStrategy.CAPABILITY_MATCH:
            assert counts == {"ada": 6}
        case LoadBalanceStrategy.PRIORITY_WEIGHTED:
            assert counts["cleo"] == 0
            assert counts["ada"] > counts["ben"]
        case LoadBalanceStrategy.RANDOM:
            assert sum(counts.values()) == 6
