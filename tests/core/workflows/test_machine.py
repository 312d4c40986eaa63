"""The machine's decisions, case by case."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.workflows.definition import OnFailure, TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.machine import (
    Machine,
    Outcome,
    Run,
    StopReason,
    TaskState,
    restore,
    snapshot,
)
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.machine.machine import RunExists
from quarterdeck.core.workflows.plan import compile_plan
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus

S = TaskStatus
W = WorkflowStatus
FAILED, LOST, STOPPED, CONDITION = (
    Outcome.FAILED, Outcome.LOST, Outcome.STOPPED, Outcome.CONDITION,
)  # fmt: skip


def task(task_id: str, *needs: str, **rules: Any) -> TaskDefinition:
    return TaskDefinition(task_id, "agent", "x", needs, **rules)


class Bench:
    """A machine with one run that has begun, and words for what happens to it."""

    def __init__(
        self,
        *tasks: TaskDefinition,
        limit: int | None = None,
        deadlines: dict[str, float] | None = None,
        machine: Machine | None = None,
        run_id: str = "w",
        **rules: Any,
    ) -> None:
        self.machine = machine or Machine(limit, ageing=60.0, random=Random(1))  # noqa: S311  # the same at every run
        self.plan = compile_plan(WorkflowDefinition("w", tasks, **rules))
        self.run: Run = self.machine.add(
            run_id,
            self.plan,
            deadlines={self.plan.index[name]: at for name, at in (deadlines or {}).items()},
        )
        self.machine.start(self.run, 0.0)

    def begun(self, now: float = 0.0) -> list[str]:
        names = []
        while (start := self.machine.take(now)) is not None:
            names.append(start[0].plan.ids[start[1]])
        return names

    def end(self, name: str, outcome: Outcome = Outcome.SUCCEEDED, now: float = 0.0) -> bool:
        at = self.plan.index[name]
        attempt = self.run.attempts[at]
        return self.machine.ended(self.run, at, attempt, outcome, now, error_type="Boom")

    def statuses(self) -> dict[str, str]:
        return {name: str(self.run.tasks[at]) for name, at in self.plan.index.items()}

    def status(self, name: str) -> TaskStatus:
        return self.run.tasks[self.plan.index[name]]

    def why(self, name: str) -> str | None:
        return self.run.error_types.get(self.plan.index[name])

    def stops(self) -> list[tuple[str, StopReason]]:
        return [(self.plan.ids[one.task], one.reason) for one in self.machine.drain().stops]


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


# ---- steering ----------------------------------------------------------------------------------


def test_pause_begins_nothing_and_resume_goes_on_with_exactly_what_is_left() -> None:
    bench = Bench(task("a"), task("b", "a"), task("c"), limit=1)
    assert bench.begun() == ["a"]
    bench.machine.pause(bench.run, 0.0)
    bench.end("a")
    assert bench.begun() == []
    bench.machine.resume(bench.run, 0.0)
    assert bench.begun() == ["c"]
    bench.end("c")
    assert bench.begun() == ["b"]
    assert bench.run.attempts == [1, 1, 1]


def test_interrupting_brings_attempts_back_without_counting_them() -> None:
    bench = Bench(task("a", retry_policy=RetryPolicy(1)))
    bench.begun()
    bench.machine.pause(bench.run, 0.0, interrupt=True)
    assert bench.stops() == [("a", StopReason.INTERRUPT)]
    bench.end("a", STOPPED)
    assert (bench.status("a"), bench.begun()) == (S.READY, [])
    bench.machine.resume(bench.run, 0.0)
    assert bench.begun() == ["a"]
    assert bench.run.tries(0) == 1


def test_what_ends_while_paused_can_end_the_run() -> None:
    bench = Bench(task("a"))
    bench.begun()
    bench.machine.pause(bench.run, 0.0)
    bench.end("a")
    assert bench.run.status is W.COMPLETED


def test_cancel_reaches_every_state_and_runs_finals() -> None:
    bench = Bench(
        task("run"),
        task("retry", retry_policy=RetryPolicy(2, 9.0)),
        task("ready"),
        task("pending", "ready"),
        task("final", final=True),
        limit=2,
    )
    bench.begun()
    bench.end("retry", FAILED)
    bench.machine.cancel(bench.run, 0.0)
    assert bench.stops() == [("run", StopReason.CANCEL)]
    bench.end("run", STOPPED)
    assert bench.begun() == ["final"]
    bench.end("final")
    assert bench.run.status is W.CANCELLED
    assert bench.statuses()["retry"] == "cancelled"


def test_a_second_cancel_cancels_the_finals_too() -> None:
    bench = Bench(task("a"), task("f", final=True))
    bench.begun()
    bench.machine.cancel(bench.run, 0.0)
    bench.machine.cancel(bench.run, 0.0)
    bench.end("a", STOPPED)
    assert bench.statuses() == {"a": "cancelled", "f": "cancelled"}
    assert bench.run.status is W.CANCELLED


def test_a_cancel_while_finals_run_stops_them() -> None:
    bench = Bench(task("a"), task("f", final=True))
    bench.begun()
    bench.end("a")
    bench.begun()
    bench.machine.cancel(bench.run, 0.0)
    assert bench.stops() == [("f", StopReason.CANCEL)]


def test_cancelling_before_the_start_and_while_paused_ends_it() -> None:
    machine = Machine()
    run = machine.add("w", compile_plan(WorkflowDefinition("w", [task("a")])))
    machine.cancel(run, 0.0)
    assert run.status is W.CANCELLED
    bench = Bench(task("a"), task("b", "a"))
    bench.machine.pause(bench.run, 0.0)
    bench.machine.cancel(bench.run, 0.0)
    assert bench.run.status is W.CANCELLED


def test_a_success_that_comes_in_spite_of_a_cancel_counts() -> None:
    bench = Bench(task("a"))
    bench.begun()
    bench.machine.cancel(bench.run, 0.0)
    bench.end("a")
    assert bench.status("a") is S.COMPLETED
    assert bench.run.status is W.CANCELLED


def test_what_a_status_does_not_allow_is_refused() -> None:
    bench = Bench(task("a"))
    with pytest.raises(IllegalTransition):
        bench.machine.start(bench.run, 0.0)
    with pytest.raises(IllegalTransition):
        bench.machine.resume(bench.run, 0.0)
    with pytest.raises(IllegalTransition):
        bench.machine.retry(bench.run, 0.0)
    with pytest.raises(RunExists):
        bench.machine.add("w", bench.plan)
    bench.begun()
    bench.end("a")
    with pytest.raises(IllegalTransition):
        bench.machine.cancel(bench.run, 0.0)
    with pytest.raises(NothingFailed):
        bench.machine.retry(bench.run, 0.0)


def test_retry_begins_from_the_failed_with_fresh_attempts_of_their_policy() -> None:
    bench = Bench(
        task("ok"), task("bad", "ok", retry_policy=RetryPolicy(2, 0.0)), task("after", "bad")
    )
    bench.begun()
    bench.end("ok")
    for _ in range(2):
        bench.begun()
        bench.end("bad", FAILED)
    assert str(bench.run.status) == "failed"
    back = bench.machine.retry(bench.run, 0.0)
    assert sorted(bench.plan.ids[one] for one in back) == ["after", "bad"]
    bench.machine.start(bench.run, 0.0)
    assert bench.begun() == ["bad"]
    bench.end("bad", FAILED)
    assert bench.begun() == ["bad"]
    assert bench.run.attempts[bench.plan.index["bad"]] == 4
    bench.end("bad")
    bench.begun()
    bench.end("after")
    assert bench.run.status is W.COMPLETED


def test_rerun_begins_a_task_and_all_downstream() -> None:
    bench = Bench(task("a"), task("b", "a"), task("c", "b"), task("x"), task("f", final=True))
    for name in ("a", "x", "b", "c", "f"):
        bench.begun()
        bench.end(name)
    bench.machine.rerun(bench.run, bench.plan.index["b"], 0.0)
    bench.machine.start(bench.run, 0.0)
    assert bench.begun() == ["b"]
    bench.end("b")
    assert bench.begun() == ["c"]
    bench.end("c")
    assert bench.begun() == ["f"]
    bench.end("f")
    assert bench.run.status is W.COMPLETED


# ---- fan-outs and signals ----------------------------------------------------------------------


def fanned(*children: TaskDefinition, **rules: Any) -> Bench:
    bench = Bench(task("each", slotless=True, **rules), task("after", "each"))
    assert bench.begun() == ["each"]
    places = bench.machine.expand(bench.run, 0, 1, children, 0.0, groups={"few": 2})
    assert places is not None
    return bench


def test_a_fan_out_ends_when_its_children_have() -> None:
    bench = fanned(task("c0"), task("c1", "c0"))
    assert bench.begun() == ["c0"]
    bench.end("c0")
    assert bench.begun() == ["c1"]
    assert not bench.machine.succeeded(bench.run, 0, 1, 0.0)
    bench.end("c1")
    assert bench.status("each") is S.COMPLETED
    assert bench.begun() == ["after"]


def test_a_fan_out_is_bounded_by_its_childrens_group() -> None:
    bench = fanned(*(task(f"c{at}", group="few") for at in range(5)))
    assert bench.begun() == ["c0", "c1"]


def test_a_failed_child_fails_its_task_after_its_siblings() -> None:
    bench = fanned(task("c0"), task("c1"), task("c2", allow_failure=True))
    bench.begun()
    bench.end("c0", FAILED)
    assert bench.status("each") is S.RUNNING
    bench.end("c2", FAILED)
    bench.end("c1")
    assert (bench.status("each"), bench.why("each")) == (S.FAILED, "children")
    assert bench.status("after") is S.SKIPPED


def test_a_fan_out_over_nothing_is_done() -> None:
    bench = fanned()
    assert bench.status("each") is S.COMPLETED
    assert bench.begun() == ["after"]


def test_a_fan_outs_slot_is_free_while_its_children_run() -> None:
    bench = Bench(task("each"), limit=1)
    bench.begun()
    bench.machine.expand(bench.run, 0, 1, [task("c")], 0.0)
    assert bench.begun() == ["c"]
    bench.end("c")
    assert bench.run.status is W.COMPLETED
    assert bench.machine.running == 0


def test_a_fan_outs_timeout_ends_its_children() -> None:
    bench = fanned(task("c0"), task("c1", "c0"), timeout=5.0)
    bench.begun()
    bench.machine.tick(5.0)
    assert bench.stops() == [("c0", StopReason.CANCEL)]
    bench.end("c0", STOPPED, 5.0)
    assert (bench.status("each"), bench.why("each")) == (S.FAILED, "timeout")
    assert bench.status("c1") is S.CANCELLED


def test_cancelling_a_run_ends_a_fan_out() -> None:
    bench = fanned(task("c0"), task("c1", "c0"))
    bench.begun()
    bench.machine.cancel(bench.run, 0.0)
    bench.end("c0", STOPPED)
    assert set(bench.statuses().values()) == {"cancelled"}
    assert bench.run.status is W.CANCELLED


def test_a_rerun_fan_out_takes_its_children_up_again() -> None:
    bench = fanned(task("c0"), task("c1"))
    bench.begun()
    bench.end("c0")
    bench.end("c1")
    bench.begun()
    bench.end("after")
    bench.machine.rerun(bench.run, 0, 0.0)
    bench.machine.start(bench.run, 0.0)
    assert bench.begun() == ["each"]
    bench.machine.expand(bench.run, 0, 2, [task("c1"), task("c2")], 0.0)
    assert bench.begun() == ["c1", "c2"]
    bench.end("c1")
    bench.end("c2")
    assert bench.status("c0") is S.SKIPPED
    assert bench.begun() == ["after"]


def test_a_signal_completes_what_waits_and_nothing_else() -> None:
    bench = Bench(task("gate", slotless=True), task("go", "gate"))
    assert not bench.machine.signal(bench.run, 0, 0.0)
    bench.begun()
    assert bench.machine.signal(bench.run, 0, 0.0)
    assert bench.stops() == [("gate", StopReason.SIGNAL)]
    assert not bench.machine.signal(bench.run, 0, 0.0)
    assert not bench.machine.ended(bench.run, 0, 1, STOPPED, 0.0)
    assert bench.begun() == ["go"]
    assert not bench.machine.signal(bench.run, 1, 0.0)


# ---- written down, and read again --------------------------------------------------------------


def test_a_snapshot_is_json_and_goes_on_where_it_stood() -> None:
    bench = Bench(
        task("done"),
        task("retry", retry_policy=RetryPolicy(2, 30.0)),
        task("run", timeout=5.0),
        task("after", "done"),
        deadlines={"after": 500.0},
        limit=3,
    )
    bench.begun()
    bench.end("done")
    bench.end("retry", FAILED)
    kept = json.loads(json.dumps(snapshot(bench.run, 10.0)))
    machine = Machine(3)
    run = restore(machine, kept, bench.plan, 1000.0)
    assert machine.running == 1
    assert machine.next_wake() == 1005.0
    start = machine.take(1000.0)
    assert start == (run, bench.plan.index["after"], 1)
    machine.succeeded(run, bench.plan.index["run"], 1, 1001.0)
    assert machine.next_wake() == 1020.0
    machine.tick(1020.0)
    assert machine.take(1020.0) == (run, bench.plan.index["retry"], 2)


def test_a_stop_that_was_asked_for_is_asked_for_again() -> None:
    bench = Bench(task("a"), task("b", "a"))
    bench.begun()
    bench.machine.cancel(bench.run, 0.0)
    machine = Machine()
    run = restore(machine, snapshot(bench.run, 0.0), bench.plan, 0.0)
    assert [stop.reason for stop in machine.drain().stops] == [StopReason.CANCEL]
    machine.ended(run, 0, 1, STOPPED, 0.0)
    assert run.status is W.CANCELLED


def test_a_run_that_is_put_back_waits_for_the_children_of_its_fan_out() -> None:
    bench = fanned(task("c0"), task("c1"))
    bench.begun()
    bench.end("c0")
    machine = Machine()
    run = restore(machine, snapshot(bench.run, 0.0), bench.plan, 0.0)
    at = bench.plan.index["c1"]
    assert machine.ended(run, at, 1, LOST, 0.0)
    assert machine.take(0.0) == (run, at, 2)
    machine.succeeded(run, at, 2, 0.0)
    assert run.tasks[0] is S.COMPLETED


def test_a_forgotten_run_gives_its_slots_back() -> None:
    bench = Bench(task("a"), task("b"), limit=2)
    bench.begun()
    bench.machine.forget(bench.run)
    assert bench.machine.running == 0
    again = bench.machine.add("w", bench.plan)
    bench.machine.start(again, 0.0)
    assert bench.begun() == ["a", "b"]


def test_put_back_takes_states_as_they_were_kept() -> None:
    plan = compile_plan(WorkflowDefinition("w", [task("a"), task("b", "a"), task("c", "b")]))
    machine = Machine()
    states = [TaskState(S.FAILED, 2, error_type="Boom"), TaskState(), TaskState()]
    run = machine.put_back("w", plan, W.RUNNING, states, 0.0)
    assert [str(status) for status in run.tasks] == ["failed", "skipped", "skipped"]
    assert run.status is W.FAILED


def test_changes_are_told_once_each() -> None:
    bench = Bench(task("a"), task("b", "a"))
    bench.begun()
    drained = bench.machine.drain()
    assert [(run.id, [bench.plan.ids[at] for at in tasks]) for run, tasks in drained.changed] == [
        ("w", ["a"])
    ]
    assert drained.runs == [bench.run]
    again = bench.machine.drain()
    assert (again.changed, again.runs, again.ended) == ([], [], [])
    bench.end("a")
    bench.machine.forget_changes()
    assert bench.machine.drain().changed == []
