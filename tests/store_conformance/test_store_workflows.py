"""What is kept of workflows: every field, whole transactions, versions that only grow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.store_conformance.conftest import Commit, Home
from tests.store_conformance.workflow_make import START, MakeFlow, at

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import Change, Retention
from quarterdeck.core.workflows.records import (
    AddHistory,
    RemoveSchedule,
    RemoveTask,
    RemoveWorkflow,
    SaveTask,
    SaveWorkflow,
    UpdateWorkflow,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus

NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001  # what is refused


async def code(store: Store, *changes: Change) -> str:
    """How a transaction ended: ``ok`` or its fault's code."""
    try:
        await asyncio.wait_for(store.commit(changes), 10)
    except QuarterdeckError as fault:
        return fault.code
    return "ok"


async def everything(store: Store, workflow_id: str = "W1") -> list[Any]:
    """All that can be read of one workflow."""
    return [
        await store.instance(workflow_id),
        await store.changes(workflow_id),
        await store.attempts(workflow_id),
        await store.handoffs(workflow_id),
        await store.artifacts(workflow_id),
        await store.signals(workflow_id),
        await store.schedules(),
    ]


async def test_a_workflow_comes_back_with_every_field(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    record = flow.workflow(
        name="grüße ✓", status=WorkflowStatus.FAILED, inputs='{"a":1}', variables='{"b":2}',
        metadata='{"c":null}', parent="W0/T1/2", started_at=at(1), ended_at=at(2), error="no",
        restored_from=2**40, definition="d" * 100_000,
    )  # fmt: skip
    await commit(SaveWorkflow(record), flow.save("W2"))
    again = await home.reopen(store)
    assert await again.workflow("W1") == record
    assert await again.instance("W1") == (record, [])
    assert await again.workflow("W2") == flow.workflow("W2")
    assert await again.workflow("W3") is None
    assert await again.instance("W3") is None


async def test_a_task_comes_back_with_every_field(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    full = flow.task_record(
        status=TaskStatus.RETRYING, attempt=3, losses=1, result='{"x":[1]}', error="no",
        error_type="timeout", started_at=at(1), ended_at=at(2), next_attempt_at=at(3),
        child="keeper:/run/x", log="logs/1", scheduling='{"f":2}',
    )  # fmt: skip
    plain = flow.task_record("T0")
    await commit(flow.save(), SaveTask(full), SaveTask(plain))
    again = await home.reopen(store)
    assert await again.tasks("W1") == [full, plain]
    assert await again.task("W1", "T1") == full
    assert await again.task("W1", "T9") is None
    assert await again.instance("W1") == (flow.workflow(), [full, plain])


@pytest.mark.parametrize("result", ["null", "0", '""', "{}", "[]", "false", None, '"x"'])
async def test_a_result_stays_what_it_is(
    store: Store, flow: MakeFlow, commit: Commit, result: str | None
) -> None:
    await commit(flow.save(), flow.task(result=result))
    found = await store.task("W1", "T1")
    assert found is not None
    assert found.result == result


async def test_tasks_keep_the_order_in_which_they_were_first_saved(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    names = ["c", "a", "b", "A", "Z", "10", "9"]
    await commit(flow.save(), *(flow.task(name) for name in names))
    for name in sorted(names):
        await commit(flow.task(name, status=TaskStatus.READY))
    await commit(flow.task("a", workflow_id="W2"))
    assert [task.task_id for task in await store.tasks("W1")] == names
    await commit(RemoveTask("W1", "a"), RemoveTask("W1", "nobody"))
    await commit(flow.task("a"))
    assert [task.task_id for task in await store.tasks("W1")] == [*names[:1], *names[2:], "a"]


async def test_the_rest_comes_back_with_every_field(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    second = flow.attempt(number=2, error=None, error_type=None, log=None)
    bare = flow.handoff("H2", source_task=None, target_task=None, created_at=at(-1))
    off = flow.schedule("C2", name="a", enabled=False, last_at=at(1), next_at=at(2))
    restored = flow.line(2, kind="rollback", task_id=None, restored_from=1, body='{"ü":1}')
    await commit(*flow.whole(), second, bare, off, flow.schedule())
    await commit(AddHistory(replace(restored.record, version=3)))
    again = await home.reopen(store)
    assert await again.attempts("W1") == [flow.attempt().record, second.record]
    assert await again.attempts("W1", "T2") == []
    assert await again.handoffs("W1") == [bare.record, flow.handoff("H-W1").record]
    assert await again.artifacts("W1") == [flow.artifact("A-W1").record]
    assert await again.signals("W1") == [flow.signal().record]
    assert await again.schedules() == [off.record, flow.schedule().record]
    assert (await again.changes("W1"))[2] == replace(restored.record, version=3)


async def test_saving_again_replaces(store: Store, flow: MakeFlow, commit: Commit) -> None:
    await commit(*flow.whole(), flow.schedule())
    await commit(
        flow.save(name="b", definition="{}", inputs='{"x":1}'),
        flow.task(error="e"),
        flow.attempt(status=TaskStatus.LOST),
        flow.handoff("H-W1", status="accepted", changed_at=at(9)),
        flow.schedule(cron="* * * * *"),
    )
    kept = await store.workflow("W1")
    assert kept is not None
    assert (kept.name, kept.definition, kept.inputs, kept.version) == ("b", "{}", '{"x":1}', 2)
    assert [task.error for task in await store.tasks("W1")] == ["e", None]
    assert [one.status for one in await store.attempts("W1")] == [TaskStatus.LOST]
    assert [one.status for one in await store.handoffs("W1")] == ["accepted"]
    assert [one.cron for one in await store.schedules()] == ["* * * * *"]


async def test_an_update_leaves_the_definition_alone(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save(inputs='{"a":1}'))
    await commit(
        flow.update(definition="other", inputs="other", status=WorkflowStatus.RUNNING, error="e")
    )
    wanted = flow.workflow(inputs='{"a":1}', status=WorkflowStatus.RUNNING, error="e")
    assert await store.workflow("W1") == wanted


async def test_an_update_of_nothing_is_refused(store: Store, flow: MakeFlow) -> None:
    assert await code(store, flow.task("T9"), flow.update()) == "workflow_gone"
    assert await store.tasks("W1") == []


async def test_the_first_signal_of_a_key_counts(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.signal(), flow.signal(key="other", at=at(1)))
    await commit(flow.signal(body="2"), flow.signal(name="stop", at=at(2)))
    found = [(one.name, one.key, one.body) for one in await store.signals("W1")]
    assert found == [("go", "k", '{"a":1}'), ("go", "other", '{"a":1}'), ("stop", "k", '{"a":1}')]


async def test_an_artifact_is_kept_once(store: Store, flow: MakeFlow, commit: Commit) -> None:
    await commit(flow.artifact())
    assert await code(store, flow.artifact(), flow.task("T9")) == "change_invalid"
    assert await store.tasks("W1") == []


# ---- versions ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [-1, 0, 1, 2, 4, 9])
async def test_only_the_next_version_is_kept(
    store: Store, flow: MakeFlow, commit: Commit, version: int
) -> None:
    await commit(*flow.whole())
    before = await everything(store)
    outcome = await code(store, flow.task(error="e"), flow.line(version), flow.save(name="b"))
    assert outcome == "stale_version"
    assert await everything(store) == before
    assert await code(store, flow.line(3)) == "ok"
    assert await store.version("W1") == 3


async def test_a_first_version_other_than_one_is_refused(store: Store, flow: MakeFlow) -> None:
    assert await code(store, flow.save(), flow.line(2)) == "stale_version"
    assert await store.workflow("W1") is None
    assert await store.version("W1") == 0


async def test_one_refused_version_among_many_leaves_the_others_alone(
    store: Store, flow: MakeFlow
) -> None:
    versions = [1, 2, 2, 3, 5, 4, 1, 5]
    futures = [
        store.commit([flow.task(f"T{place}"), flow.line(version)])
        for place, version in enumerate(versions)
    ]
    await asyncio.wait(futures)
    faults = [future.exception() for future in futures]
    assert [fault is None for fault in faults] == [
        True, True, False, True, False, True, False, True
    ]  # fmt: skip
    assert [task.task_id for task in await store.tasks("W1")] == ["T0", "T1", "T3", "T5", "T7"]
    assert [line.version for line in await store.changes("W1")] == [1, 2, 3, 4, 5]


async def test_each_workflow_counts_its_own_versions(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    for version in (1, 2, 3):
        await commit(*(flow.line(version, name) for name in ("W1", "W2", "W3")))
    assert [await store.version(name) for name in ("W1", "W2", "W9")] == [3, 3, 0]


async def test_an_instance_is_unchanged_until_a_change_or_a_signal(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save(), flow.line(1), flow.line(2))
    assert await store.unchanged("W1", 2)
    assert not await store.unchanged("W1", 1)
    assert await store.unchanged("W2", 0)
    await commit(flow.signal())
    assert not await store.unchanged("W1", 2)


async def test_history_can_be_paged_through(store: Store, flow: MakeFlow, commit: Commit) -> None:
    whole = {1: "created", 7: "rollback", 12: "rollback"}
    await commit(*(flow.line(n, kind=whole.get(n, "task")) for n in range(1, 31)))

    async def versions(**how: Any) -> list[int]:
        return [line.version for line in await store.changes("W1", **how)]

    assert await versions() == list(range(1, 31))
    assert await versions(after=28) == [29, 30]
    assert await versions(after=3, upto=6) == [4, 5, 6]
    assert await versions(after=3, limit=2) == [4, 5]
    assert await versions(upto=0) == await versions(limit=0) == await versions(after=30) == []
    assert await versions(after=-5, upto=2, limit=-1) == []
    assert [await store.whole_version("W1", upto) for upto in (0, 1, 6, 7, 11, 30)] == [
        0, 1, 1, 7, 7, 12
    ]  # fmt: skip


async def test_many_callers_on_one_workflow_each_get_their_version(
    store: Store, flow: MakeFlow
) -> None:
    async def call(version: int) -> None:
        await store.commit([flow.task(f"T{version}"), flow.line(version)])

    await asyncio.gather(*(call(version) for version in range(1, 301)))
    assert await store.version("W1") == 300
    assert len(await store.tasks("W1")) == 300


# ---- refusals of other kinds ----------------------------------------------------------------


@pytest.mark.parametrize("place", range(8))
async def test_a_transaction_that_is_refused_leaves_no_trace_of_workflows(
    store: Store, flow: MakeFlow, commit: Commit, place: int
) -> None:
    await commit(*flow.whole(), flow.schedule())
    before = await everything(store)
    changes: list[Change] = [
        flow.update(error="e"),
        flow.task("T9"),
        flow.task("T1", error="e"),
        flow.attempt(number=2),
        RemoveTask("W1", "T2"),
        flow.signal(key="new"),
        RemoveSchedule("C1"),
        RemoveWorkflow("W1"),
    ]
    # Refused by what is kept, or, at the end, by what the transaction itself did before.
    changes.insert(place, flow.line(7))
    assert await code(store, *changes) == "stale_version"
    assert await everything(store) == before


@pytest.mark.parametrize("kind", ["workflow", "update", "task", "line", "attempt", "handoff",
                                  "artifact", "signal", "schedule"])  # fmt: skip
async def test_a_workflows_stamp_without_a_time_zone_is_refused(
    store: Store, flow: MakeFlow, kind: str
) -> None:
    broken: dict[str, Change] = {
        "workflow": flow.save(created_at=NAIVE),
        "update": UpdateWorkflow(flow.workflow(ended_at=NAIVE)),
        "task": flow.task(next_attempt_at=NAIVE),
        "line": flow.line(1, at=NAIVE),
        "attempt": flow.attempt(ended_at=NAIVE),
        "handoff": flow.handoff(changed_at=NAIVE),
        "artifact": flow.artifact(created_at=NAIVE),
        "signal": flow.signal(at=NAIVE),
        "schedule": flow.schedule(next_at=NAIVE),
    }
    assert await code(store, flow.task("T1"), broken[kind]) == "change_invalid"
    assert await store.tasks("W1") == []


# ---- lists and counts ------------------------------------------------------------------------


async def test_workflows_are_listed_newest_first(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    statuses = [WorkflowStatus.COMPLETED, WorkflowStatus.RUNNING, WorkflowStatus.FAILED]
    await commit(
        *(
            flow.save(
                f"W{n}", created_at=at(n // 2), status=statuses[n % 3], name=f"n{n % 2}",
                parent="W0/T/1" if n > 5 else None, inputs='{"a":1}',
            )
            for n in range(9)
        ),
        flow.line(1, "W8"),
    )  # fmt: skip

    async def names(**how: Any) -> str:
        return "".join(record.id[1] for record in await store.workflows(**how))

    assert await names() == "876543210"
    assert await names(limit=3) == "876"
    assert await names(limit=0) == await names(limit=-1) == ""
    assert await names(since=at(2)) == "87654"
    assert await names(statuses=[WorkflowStatus.RUNNING]) == "741"
    assert await names(statuses={*statuses[1:]}, name="n0") == "842"
    assert await names(name="nobody") == ""
    assert await names(parent="W0/T/1") == "876"
    assert await names(parent="W0/T/1", statuses=[WorkflowStatus.FAILED], since=at(4)) == "8"
    (newest,) = await store.workflows(limit=1)
    assert (newest.definition, newest.inputs, newest.version) == ("", "", 1)


async def test_workflows_and_tasks_are_counted_by_status(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    assert await store.workflow_counts() == {}
    await commit(
        flow.save("W1"), flow.save("W2"), flow.save("W3", status=WorkflowStatus.FAILED),
        flow.task("a", "W1"), flow.task("b", "W1"), flow.task("c", "W1", status=TaskStatus.LOST),
        flow.task("a", "W2"),
    )  # fmt: skip
    assert await store.workflow_counts() == {WorkflowStatus.PENDING: 2, WorkflowStatus.FAILED: 1}
    assert await store.task_counts(["W1", "W3"]) == {
        "W1": {TaskStatus.PENDING: 2, TaskStatus.LOST: 1},
        "W3": {},
    }
    assert await store.task_counts([]) == {}


# ---- removing ----------------------------------------------------------------------------------


async def test_a_removed_workflow_leaves_nothing_and_takes_nothing_else(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(*flow.whole("W1"), *flow.whole("W2"), flow.schedule())
    await store.take("W1", "E1", until=at(9), now=START)
    await commit(RemoveWorkflow("W1"), RemoveWorkflow("W9"))
    store = await home.reopen(store)
    assert await everything(store) == [None, [], [], [], [], [], [flow.schedule().record]]
    (kept, tasks), *rest = await everything(store, "W2")
    assert (kept.version, len(tasks), [len(one) for one in rest]) == (2, 2, [2, 1, 1, 1, 1, 1])
    await store.commit([*flow.whole("W1")])  # it may begin again, under a first lease
    lease = await store.take("W1", "E1", until=at(9), now=START)
    assert lease is not None
    assert lease.epoch == 1


async def test_schedules_can_be_removed(store: Store, flow: MakeFlow, commit: Commit) -> None:
    await commit(flow.schedule("C1"), flow.schedule("C2", name="other"))
    await commit(RemoveSchedule("C1"), RemoveSchedule("C9"))
    assert [one.id for one in await store.schedules()] == ["C2"]


async def test_pruning_drops_the_oldest_ended_workflows_with_their_parts(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    done, run = WorkflowStatus.COMPLETED, WorkflowStatus.RUNNING
    for n in range(6):
        await commit(*flow.whole(f"W{n}"), flow.update(f"W{n}", status=done, ended_at=at(9 - n)))
    await commit(
        flow.save("R", status=run, ended_at=None),
        flow.save("P5", status=done, parent="W5/T1/1"),
        flow.save("P0", status=done, parent="W0/T1/1"),
        flow.save("PR", status=run, parent="gone/T1/1"),
    )
    assert await store.prune(Retention(ended_workflows=4)) == 2
    kept = {record.id for record in await store.workflows()}
    assert kept == {"W0", "W1", "W2", "W3", "R", "P5", "P0", "PR"}
    assert await store.prune(Retention(ended_workflows=4)) == 1  # P5, whose parent went before
    assert await store.tasks("W5") == []
    assert await store.prune(Retention(ended_workflows=4)) == 0


async def test_reads_of_an_instance_never_see_half_a_transaction(
    store: Store, flow: MakeFlow
) -> None:
    await store.commit([flow.save(), flow.line(1), flow.task("T1"), flow.task("T2")])
    done = False

    async def look() -> int:
        looks = 0
        while not done:
            found = await store.instance("W1")
            assert found is not None
            record, tasks = found
            assert {task.attempt for task in tasks} == {record.version - 1}
            looks += 1
            await asyncio.sleep(0)
        return looks

    looking = asyncio.create_task(look())
    for version in range(2, 120):
        attempt = version - 1
        await store.commit(
            [flow.task("T1", attempt=attempt), flow.task("T2", attempt=attempt), flow.line(version)]
        )
    done = True
    assert await looking > 5


async def test_a_workflow_of_ten_thousand_tasks_is_kept_in_one_transaction(
    store: Store, flow: MakeFlow
) -> None:
    await store.commit([flow.save(), flow.line(1), *(flow.task(f"T{n}") for n in range(10_000))])
    assert len(await store.tasks("W1")) == 10_000
