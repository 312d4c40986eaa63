"""Steering, fan-outs, signals and snapshots of the machine, case by case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.core.workflows.machine_bench import FAILED, LOST, STOPPED, Bench, S, W, task

from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.workflows.definition import TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.machine import (
    Machine,
    StopReason,
    TaskState,
    restore,
    snapshot,
)
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.machine.machine import RunExists
from quarterdeck.core.workflows.plan import compile_plan

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
