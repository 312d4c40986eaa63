"""Turns: whatever a store does with them, they read as the changes that they stand for."""

from __future__ import annotations

import pytest
from tests.store_conformance.conftest import Commit, Home
from tests.store_conformance.workflow_make import START, MakeFlow, at

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.workflows.deltas import stamp_text, status_body, task_body
from quarterdeck.core.workflows.records import AddTurn, Lease, TaskRecord
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.core.workflows.turns import Ended, end_line

AT = stamp_text(at(5))


async def held(store: Store, flow: MakeFlow, commit: Commit, *names: str) -> Lease:
    """The lease on instances that are kept; the same for all, being the first of each."""
    found = None
    for name in names or ("W1",):
        await commit(flow.save(name))
        found = await store.take(name, "E1", until=at(60), now=START)
    assert found is not None
    return found


def turn(version: int, lease: Lease, *tasks: TaskRecord, workflow_id: str = "W1") -> AddTurn:
    return AddTurn(workflow_id, version, AT, lease, [task_body(one) for one in tasks])


async def test_a_turn_comes_back_as_tasks_history_attempts_and_status(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    lease = await held(store, flow, commit)
    full = flow.task_record(
        "T1", status=TaskStatus.RETRYING, attempt=2, losses=1, error='a "b"\n\u2028', error_type="X",
        started_at=at(1), ended_at=at(2), next_attempt_at=at(9), child="c", log="l",
        scheduling='{"forgiven":1}',
    )  # fmt: skip
    done = flow.task_record("T2", status=TaskStatus.COMPLETED, attempt=1, result='{"a":[1]}')
    moved = flow.workflow(
        status=WorkflowStatus.FAILED, error="no", started_at=at(1), ended_at=at(5), restored_from=1
    )
    lines = [task_body(full), task_body(done), status_body(moved)]
    ended = Ended(0, 2, TaskStatus.FAILED, "no", "Oops")
    await commit(
        AddTurn("W1", 1, AT, lease, lines, [end_line("T1", ended, stamp_text(at(1)), "l")])
    )
    store = await home.reopen(store)
    assert await store.tasks("W1") == [full, done]
    found = await store.changes("W1")
    assert [(one.version, one.kind, one.task_id, one.at) for one in found] == [
        (1, "task", "T1", at(5)), (2, "task", "T2", at(5)), (3, "status", None, at(5)),
    ]  # fmt: skip
    assert [one.body for one in found] == lines
    (attempt,) = await store.attempts("W1")
    wanted = flow.attempt(number=2, started_at=at(1), ended_at=at(5), log="l").record
    assert attempt == wanted
    kept = await store.workflow("W1")
    assert kept is not None
    told = (kept.status, kept.error, kept.started_at, kept.ended_at, kept.restored_from)
    assert told == (WorkflowStatus.FAILED, "no", at(1), at(5), 1)
    assert kept.version == 3


async def test_a_turn_leaves_variables_alone(store: Store, flow: MakeFlow, commit: Commit) -> None:
    lease = await held(store, flow, commit)
    await commit(flow.update(variables='{"a":1}'))
    paused = flow.workflow(status=WorkflowStatus.PAUSED)
    await commit(AddTurn("W1", 1, AT, lease, [status_body(paused)]))
    kept = await store.workflow("W1")
    assert kept is not None
    assert (kept.status, kept.variables) == (WorkflowStatus.PAUSED, '{"a":1}')


async def test_the_newest_of_many_turns_counts_and_new_tasks_keep_their_order(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    lease = await held(store, flow, commit)
    names = ["T3", "T1", "T2"]
    await commit(turn(1, lease, *[flow.task_record(name) for name in names]))
    for version, name in enumerate(("T2", "T1", "T2"), 4):
        await commit(turn(version, lease, flow.task_record(name, attempt=version)))
    found = await store.tasks("W1")
    assert [(one.task_id, one.attempt) for one in found] == [("T3", 0), ("T1", 5), ("T2", 6)]
    assert [one.version for one in await store.changes("W1")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("version", [1, 2, 4])
async def test_only_the_next_version_is_taken(
    store: Store, flow: MakeFlow, commit: Commit, version: int
) -> None:
    lease = await held(store, flow, commit)
    await commit(turn(1, lease, flow.task_record(), flow.task_record("T2")))
    assert [await store.unchanged("W1", number) for number in (0, 2)] == [False, True]
    with pytest.raises(QuarterdeckError) as caught:
        await commit(turn(version, lease, flow.task_record("T9")))
    assert caught.value.code == "stale_version"
    assert [one.task_id for one in await store.tasks("W1")] == ["T1", "T2"]
    await commit(turn(3, lease, flow.task_record("T3")), flow.signal())
    assert (await store.version("W1"), len(await store.signals("W1"))) == (3, 1)


async def test_who_lost_the_lease_adds_no_turn(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    lease = await held(store, flow, commit)
    assert await store.take("W1", "E2", until=at(99), now=at(60)) is not None
    with pytest.raises(QuarterdeckError) as caught:
        await commit(turn(1, lease, flow.task_record()))
    assert caught.value.code == "lease_lost"
    assert (await store.tasks("W1"), await store.version("W1")) == ([], 0)


async def test_each_of_several_ends_by_itself(store: Store, flow: MakeFlow, commit: Commit) -> None:
    lease = await held(store, flow, commit, "W1", "W2")
    task = flow.task_record()
    futures = store.commit_each(
        [[turn(1, lease, task)], [turn(7, lease, task, workflow_id="W2")], [turn(2, lease, task)]]
    )
    ended = []
    for future in futures:
        try:
            await future
        except QuarterdeckError as fault:
            ended.append(fault.code)
        else:
            ended.append("")
    assert ended == ["", "stale_version", ""]
    assert (await store.version("W1"), await store.version("W2")) == (2, 0)
