"""The machine's decisions, case by case."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from tests.core.workflows.machine_bench import CONDITION, FAILED, LOST, STOPPED, Bench, S, W, task

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.workflows.definition import OnFailure, WorkflowDefinition
from quarterdeck.core.workflows.machine import (
    Machine,
    StopReason,
)
from quarterdeck.core.workflows.plan import compile_plan


def test_a_task_is_ready_the_moment_its_last_dependency_ends() -> None:
    bench = Bench(task("a"), task("b"), task("c", "a"), task("d", "a", "b"))
    assert bench.begun() == ["a", "b"]
    bench.end("a")
    assert bench.begun() == ["c"]
    bench.end("b")
    assert bench.begun() == ["d"]
    bench.end("c")
    bench.end("d")
    assert bench.run.status is W.COMPLETED
    assert bench.machine.drain().ended == [bench.run]


def test_priority_then_sequence_decide() -> None:
    bench = Bench(
        task("low", priority=Priority.LOW),
        task("first"),
        task("second"),
        task("critical", priority=Priority.CRITICAL),
    )
    assert bench.begun() == ["critical", "first", "second", "low"]


def test_an_earlier_deadline_goes_first_within_a_priority() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    bench = Bench(
        task("none"),
        task("late", deadline=day),
        task("soon", deadline=day),
        deadlines={"late": 90.0, "soon": 50.0},
    )
    assert bench.begun() == ["soon", "late", "none"]


@pytest.mark.parametrize(
    ("waited", "rival", "first"),
    [
        (59.0, Priority.LOW, "rival"),
        (60.0, Priority.LOW, "old"),
        (119.0, Priority.NORMAL, "rival"),
        (120.0, Priority.NORMAL, "old"),
        (180.0, Priority.HIGH, "old"),
        (9999.0, Priority.CRITICAL, "rival"),
    ],
)
def test_background_work_ages_up_to_high(waited: float, rival: Priority, first: str) -> None:
    machine = Machine(1, ageing=60.0)
    Bench(task("old", priority=Priority.BACKGROUND), machine=machine, run_id="old")
    plan = compile_plan(WorkflowDefinition("r", [task("rival", priority=rival)]))
    machine.start(machine.add("rival", plan), waited)
    start = machine.take(waited)
    assert start is not None
    assert start[0].id == first


def test_the_engines_limit_delays_and_never_drops() -> None:
    bench = Bench(*(task(f"t{at}") for at in range(12)), limit=4)
    seen = bench.begun()
    assert len(seen) == 4
    while bench.run.status is W.RUNNING:
        for name, status in bench.statuses().items():
            if status == "running":
                bench.end(name)
                break
        seen += bench.begun()
        assert bench.machine.running <= 4
    assert sorted(set(seen)) == sorted(bench.plan.ids)
    assert bench.run.status is W.COMPLETED


def test_a_workflows_own_limit_leaves_slots_to_others() -> None:
    machine = Machine(3)
    plan = compile_plan(WorkflowDefinition("w", [task("a"), task("b"), task("c")], limit=1))
    run = machine.add("narrow", plan)
    machine.start(run, 0.0)
    other = Bench(task("x"), task("y"), machine=machine, run_id="other")
    assert sorted(other.begun()) == ["a", "x", "y"]
    machine.succeeded(run, 0, 1, 0.0)
    assert other.begun() == ["b"]


def test_a_group_is_bounded_and_wakes_the_next() -> None:
    tasks = [task(f"g{at}", group="db") for at in range(3)] + [task("free")]
    bench = Bench(*tasks, groups={"db": 1})
    assert bench.begun() == ["g0", "free"]
    bench.end("g0")
    assert bench.begun() == ["g1"]
    bench.end("g1", FAILED)
    assert bench.begun() == ["g2"]


def test_a_group_without_a_bound_runs_one_at_a_time() -> None:
    bench = Bench(task("a", group="g"), task("b", group="g"))
    assert bench.begun() == ["a"]


def test_waiting_tasks_take_no_slot() -> None:
    bench = Bench(task("gate", slotless=True), task("gate2", slotless=True), task("a"), limit=1)
    assert sorted(bench.begun()) == ["a", "gate", "gate2"]
    assert bench.machine.running == 1


# ---- retries, timeouts, deadlines, losses ------------------------------------------------------


def test_attempts_are_counted_in_total_and_delays_double() -> None:
    bench = Bench(task("a", retry_policy=RetryPolicy(3, 1.0)))
    waits = []
    for now in (0.0, 10.0, 20.0):
        assert bench.begun(now) == ["a"]
        bench.end("a", FAILED, now)
        waits.append(bench.machine.next_wake())
        bench.machine.tick(now + 9)
    assert waits == [1.0, 12.0, None]
    assert bench.status("a") is S.FAILED
    assert bench.run.attempts == [3]


def test_a_retry_without_delay_is_ready_at_once() -> None:
    bench = Bench(task("a", retry_policy=RetryPolicy(2, 0.0)))
    bench.begun()
    bench.end("a", FAILED)
    assert bench.begun() == ["a"]


def test_jitter_comes_from_the_source_that_was_given() -> None:
    waits = set()
    for seed in (1, 1, 2):
        machine = Machine(random=Random(seed))  # noqa: S311  # the same at every run
        bench = Bench(task("a", retry_policy=RetryPolicy(2, 1.0, jitter=1.0)), machine=machine)
        bench.begun()
        bench.end("a", FAILED)
        waits.add(machine.next_wake())
    assert len(waits) == 2


def test_no_retry_begins_at_or_after_the_deadline() -> None:
    bench = Bench(task("a", retry_policy=RetryPolicy(5, 10.0)), deadlines={"a": 10.0})
    bench.begun()
    bench.end("a", FAILED)
    assert bench.status("a") is S.FAILED
    assert bench.why("a") == "Boom"


def test_what_has_not_begun_by_its_deadline_fails_and_what_runs_goes_on() -> None:
    bench = Bench(task("a"), task("b", "a"), task("c"), deadlines={"b": 5.0, "c": 5.0})
    assert bench.begun() == ["a", "c"]
    assert bench.machine.next_wake() == 5.0
    bench.machine.tick(5.0)
    assert bench.statuses() == {"a": "running", "b": "failed", "c": "running"}
    assert bench.why("b") == "deadline"


def test_a_timeout_stops_the_attempt_and_holds_its_slot_until_it_ended() -> None:
    bench = Bench(task("a", timeout=5.0), task("b"), limit=1)
    assert bench.begun() == ["a"]
    bench.machine.tick(5.0)
    assert bench.stops() == [("a", StopReason.TIMEOUT)]
    assert bench.begun(5.0) == []
    bench.end("a", STOPPED, 6.0)
    assert bench.begun(6.0) == ["b"]
    assert (bench.status("a"), bench.why("a")) == (S.FAILED, "timeout")


def test_a_result_after_the_timeout_is_too_late() -> None:
    bench = Bench(task("a", timeout=5.0))
    bench.begun()
    bench.machine.tick(5.0)
    bench.end("a", now=5.1)
    assert (bench.status("a"), bench.why("a")) == (S.FAILED, "timeout")


def test_each_attempt_has_the_whole_timeout() -> None:
    bench = Bench(task("a", timeout=5.0, retry_policy=RetryPolicy(2, 1.0)))
    bench.begun()
    bench.machine.tick(5.0)
    bench.end("a", STOPPED, 5.0)
    assert bench.machine.next_wake() == 6.0
    bench.machine.tick(6.0)
    assert bench.begun(6.0) == ["a"]
    assert bench.machine.next_wake() == 11.0


def test_a_lost_attempt_is_begun_again_without_counting_as_tried() -> None:
    bench = Bench(task("a"))
    bench.begun()
    bench.end("a", LOST)
    assert bench.begun() == ["a"]
    assert bench.run.attempts == [2]
    bench.end("a")
    assert bench.run.status is W.COMPLETED


def test_a_poison_task_stops_at_its_recovery_limit() -> None:
    bench = Bench(task("a"), machine=Machine(recovery_limit=2))
    for _ in range(3):
        assert bench.begun() == ["a"]
        bench.end("a", LOST)
    assert bench.begun() == []
    assert (bench.status("a"), bench.why("a")) == (S.FAILED, "recovery_limit")


def test_reports_about_attempts_that_do_not_run_change_nothing() -> None:
    bench = Bench(task("a", retry_policy=RetryPolicy(2, 0.0)))
    bench.begun()
    bench.end("a", FAILED)
    bench.begun()
    assert not bench.machine.succeeded(bench.run, 0, 1, 0.0)
    assert bench.machine.succeeded(bench.run, 0, 2, 0.0)
    assert not bench.machine.succeeded(bench.run, 0, 2, 0.0)
    assert not bench.machine.ended(bench.run, 0, 2, FAILED, 0.0)


def test_cancelled_timers_do_not_pile_up() -> None:
    bench = Bench(*(task(f"t{at}", timeout=1000.0) for at in range(2000)), limit=1)
    while names := bench.begun():
        bench.end(names[0])
    assert len(bench.machine.timers.heap) < 200


# ---- failures ----------------------------------------------------------------------------------


def test_dependents_of_a_failure_are_skipped_and_others_go_on() -> None:
    bench = Bench(task("a"), task("b", "a"), task("c", "b"), task("x"), task("y", "x", "b"))
    bench.begun()
    bench.end("a", FAILED)
    assert bench.statuses() == {
        "a": "failed", "b": "skipped", "c": "skipped", "x": "running", "y": "skipped",
    }  # fmt: skip
    bench.end("x")
    assert bench.run.status is W.FAILED
    assert [bench.plan.ids[one] for one in bench.run.critical] == ["a"]


def test_with_allow_failure_dependents_run() -> None:
    bench = Bench(task("a", allow_failure=True), task("b", "a"))
    bench.begun()
    bench.end("a", FAILED)
    assert bench.begun() == ["b"]
    bench.end("b")
    assert bench.run.status is W.COMPLETED


def test_a_false_condition_counts_as_done() -> None:
    bench = Bench(task("a"), task("b", "a"))
    bench.begun()
    bench.end("a", CONDITION)
    assert bench.status("a") is S.SKIPPED
    assert bench.begun() == ["b"]


def test_drain_lets_running_attempts_end_and_begins_nothing_more() -> None:
    bench = Bench(task("a"), task("b"), task("c"), limit=2, on_failure=OnFailure.DRAIN)
    bench.begun()
    bench.end("a", FAILED)
    assert bench.begun() == []
    assert (bench.status("c"), bench.why("c")) == (S.CANCELLED, "drained")
    assert bench.stops() == []
    bench.end("b", FAILED)
    assert bench.run.status is W.FAILED


def test_cancel_on_failure_stops_what_runs() -> None:
    bench = Bench(task("a"), task("b"), task("c", "b"), on_failure=OnFailure.CANCEL)
    bench.begun()
    bench.end("a", FAILED)
    assert bench.stops() == [("b", StopReason.CANCEL)]
    bench.end("b", STOPPED)
    assert bench.statuses() == {"a": "failed", "b": "cancelled", "c": "cancelled"}
    assert bench.run.status is W.FAILED


def test_finals_run_last_whatever_came_of_the_others() -> None:
    bench = Bench(
        task("a"), task("clean", "a", final=True), task("b", "a"), task("tell", "clean", final=True)
    )
    bench.begun()
    bench.end("a", FAILED)
    assert bench.begun() == ["clean"]
    bench.end("clean")
    assert bench.begun() == ["tell"]
    bench.end("tell")
    assert bench.run.status is W.FAILED
