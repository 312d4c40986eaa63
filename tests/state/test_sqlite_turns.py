"""The journal of turns: what a commit touches, when the tables follow, and what a crash leaves."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.state.conftest import START

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.records import Retention
from quarterdeck.core.workflows.deltas import replay, stamp_text, status_body, task_body
from quarterdeck.core.workflows.records import (
    AddHistory,
    AddTurn,
    HistoryRecord,
    Lease,
    RemoveWorkflow,
    SaveTask,
    SaveWorkflow,
    TaskRecord,
    UpdateWorkflow,
    WorkflowChange,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus
from quarterdeck.core.workflows.turns import Ended, end_line
from quarterdeck.state.sqlite import store as store_module
from quarterdeck.state.sqlite import turns as turns_module
from quarterdeck.state.sqlite import writer as writer_module
from quarterdeck.state.sqlite.migrating import APPLICATION_ID
from quarterdeck.state.sqlite.statements import load_migrations
from quarterdeck.state.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore

WRITER = Path(__file__).with_name("turn_writer.py")
SEED = 20261121
AT = stamp_text(START)


def task(number: int = 1, task_id: str = "T1", workflow_id: str = "W1") -> TaskRecord:
    return TaskRecord(
        workflow_id, task_id, "a", "k", TaskStatus.COMPLETED, number, result=str(number)
    )


def turn(version: int, lease: Lease, *tasks: TaskRecord, workflow_id: str = "W1") -> AddTurn:
    lines = [task_body(one) for one in tasks or (task(version, workflow_id=workflow_id),)]
    return AddTurn(workflow_id, version, AT, lease, lines)


async def lease_of(store: SqliteStore, *names: str, engine: str = "E1") -> Lease:
    """Make the workflows, and take them."""
    found: Lease | None = None
    for name in names or ("W1",):
        record = WorkflowRecord(name, "w", "{}", WorkflowStatus.RUNNING, START)
        await store.commit([SaveWorkflow(record)])
        found = await store.take(name, engine, until=START + timedelta(seconds=9), now=START)
    assert found is not None
    return found


async def add(store: SqliteStore, *turns: AddTurn) -> None:
    for future in store.commit_each([[one] for one in turns]):
        await future


def counts(path: Path) -> dict[str, int]:
    """The rows that another program sees."""
    tables = ("workflow_journal", "workflow_state_history", "task_states", "task_attempts")
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  # names from here
            for name in tables
        }


async def refusal(store: SqliteStore, *changes: WorkflowChange) -> str:
    with pytest.raises(QuarterdeckError) as caught:
        await store.commit(changes)
    return caught.value.code


async def test_a_turn_touches_the_journal_alone_until_somebody_reads(
    open_store: OpenStore, path: Path
) -> None:
    store = await open_store()
    lease = await lease_of(store)
    for version in range(1, 6):
        await add(store, turn(version, lease))
    assert counts(path) == {
        "workflow_journal": 5, "workflow_state_history": 0, "task_states": 0, "task_attempts": 0,
    }  # fmt: skip
    assert [one.version for one in await store.changes("W1")] == [1, 2, 3, 4, 5]
    assert await store.tasks("W1") == [task(5)]
    assert counts(path)["workflow_journal"] == 0


@pytest.mark.parametrize("ask", ["workflows", "workflow_counts"])
async def test_lists_see_what_a_turn_has_moved(open_store: OpenStore, ask: str) -> None:
    store = await open_store()
    lease = await lease_of(store)
    moved = WorkflowRecord("W1", "w", "{}", WorkflowStatus.FAILED, START, error="no")
    await add(store, AddTurn("W1", 1, AT, lease, [status_body(moved)]))
    found = await getattr(store, ask)()
    if ask == "workflows":
        assert [(one.status, one.error) for one in found] == [(WorkflowStatus.FAILED, "no")]
    else:
        assert found == {WorkflowStatus.FAILED: 1}


async def test_reading_one_workflow_leaves_the_turns_of_others_where_they_are(
    open_store: OpenStore, path: Path
) -> None:
    store = await open_store()
    lease = await lease_of(store, "W1", "W2")
    await add(store, turn(1, lease))
    assert await store.tasks("W2") == []
    assert counts(path)["workflow_journal"] == 1


async def test_another_process_sees_turns_that_are_not_posted(open_store: OpenStore) -> None:
    """Two stores on one file, as two engines have them."""
    store, other = await open_store(), await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    assert await other.tasks("W1") == [task(1)]
    await add(store, turn(2, lease))
    # Its own change comes behind the other's turn, and the other is told that it was slower.
    line = HistoryRecord("W1", 3, START, "task", task_body(task(9)), "T1")
    await other.commit([SaveTask(task(9)), AddHistory(line)])
    assert await refusal(store, turn(3, lease)) == "stale_version"
    await add(store, turn(4, lease))
    assert await other.tasks("W1") == [task(4)]
    assert await other.version("W1") == 4


async def test_who_takes_an_instance_over_goes_on_with_the_next_version(
    open_store: OpenStore,
) -> None:
    store, other = await open_store(), await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    taken = await other.take(
        "W1", "E2", until=START + timedelta(seconds=99), now=START + timedelta(seconds=9)
    )
    assert taken is not None
    assert await refusal(store, turn(2, lease)) == "lease_lost"
    assert await refusal(other, turn(1, taken)) == "stale_version"
    await add(other, turn(2, taken))
    assert await store.version("W1") == 2


async def test_a_refused_turn_leaves_the_others_of_its_group_alone(open_store: OpenStore) -> None:
    store = await open_store()
    lease = await lease_of(store, "W1", "W2")
    first, second, third = store.commit_each(
        [[turn(1, lease)], [turn(5, lease, workflow_id="W2")], [turn(2, lease)]]
    )
    await first
    with pytest.raises(QuarterdeckError, match="W2"):
        await second
    await third
    assert (await store.version("W1"), await store.version("W2")) == (2, 0)
    await add(store, turn(1, lease, workflow_id="W2"), turn(3, lease))


async def test_turns_and_other_changes_of_one_workflow_keep_their_order(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    lease = await lease_of(store)
    record = WorkflowRecord("W1", "other", "{}", WorkflowStatus.PAUSED, START)
    line = HistoryRecord("W1", 3, START, "status", status_body(record))
    futures = [
        store.commit([turn(1, lease, task(1), task(2, "T2"))]),
        store.commit([UpdateWorkflow(record), AddHistory(line)]),
        store.commit([turn(4, lease, task(3))]),
    ]
    for future in futures:
        await future
    assert [one.kind for one in await store.changes("W1")] == ["task", "task", "status", "task"]
    assert await store.tasks("W1") == [task(3), task(2, "T2")]
    assert replay(record, (await store.changes("W1"))[2:3]).workflow.version == 3


async def test_what_is_undone_with_a_posting_is_known_no_more(open_store: OpenStore) -> None:
    """A transaction that posts and is refused takes the posting back, and turns go on after it."""
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    line = HistoryRecord("W1", 7, START, "task", "{}", "T1")
    assert await refusal(store, AddHistory(line)) == "stale_version"
    await add(store, turn(2, lease))
    assert [one.version for one in await store.changes("W1")] == [1, 2]


async def test_closing_posts_and_opening_posts_what_a_crash_left(
    open_store: OpenStore, path: Path
) -> None:
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    await store.close()
    assert counts(path)["workflow_journal"] == 0
    with closing(sqlite3.connect(path)) as connection:  # as a crash leaves it
        connection.execute(
            "INSERT INTO workflow_journal (workflow_id, version, upto, at, engine_id, lines, ends)"
            " VALUES ('W1', 2, 2, ?, 'E1', ?, '')",
            (AT, task_body(task(2))),
        )
        connection.commit()
    await open_store()
    assert counts(path) == {
        "workflow_journal": 0, "workflow_state_history": 2, "task_states": 1, "task_attempts": 0,
    }  # fmt: skip


@pytest.mark.parametrize("bound", [("SLICE", 3), ("SLICE_LINES", 3), ("SLICE_LINES", 1)])
async def test_many_turns_are_posted_in_slices_and_nothing_is_lost_between(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, bound: tuple[str, int]
) -> None:
    monkeypatch.setattr(turns_module, *bound)
    store = await open_store()
    lease = await lease_of(store)
    ends = [end_line("T1", Ended(0, 1, TaskStatus.FAILED, "no", "Oops"), AT, "log")]
    for version in range(1, 11):
        await add(store, AddTurn("W1", version, AT, lease, [task_body(task(version))], ends))
    assert [one.version for one in await store.changes("W1")] == list(range(1, 11))
    (attempt,) = await store.attempts("W1")
    told = (attempt.status, attempt.error, attempt.error_type, attempt.log, attempt.engine_id)
    assert told == (TaskStatus.FAILED, "no", "Oops", "log", "E1")


async def test_a_journal_that_nobody_reads_is_posted_when_it_is_long(
    open_store: OpenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (writer_module, store_module):
        monkeypatch.setattr(module, "POSTED_AT", 20)
    store = await open_store()
    lease = await lease_of(store)
    for version in range(1, 100):
        await add(store, turn(version, lease))
        await asyncio.sleep(0)
    if store._folding is not None:  # on a busy machine it may be over by now
        await store._folding
    assert counts(path)["workflow_state_history"] >= 10


async def test_a_checkpoint_and_pruning_post_what_there_is(
    open_store: OpenStore, path: Path
) -> None:
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    await store.checkpoint()
    assert counts(path)["workflow_journal"] == 0
    ended = WorkflowRecord("W1", "w", "{}", WorkflowStatus.COMPLETED, START)
    await add(store, AddTurn("W1", 2, AT, lease, [status_body(ended)]))
    assert await store.prune(Retention(ended_workflows=0)) == 1
    assert await store.workflow("W1") is None


async def test_a_removed_workflow_takes_its_turns_along(open_store: OpenStore, path: Path) -> None:
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    await store.commit([RemoveWorkflow("W1")])
    assert await store.workflow("W1") is None
    assert set(counts(path).values()) == {0}


async def test_text_that_is_no_unicode_is_posted_like_any_other(open_store: OpenStore) -> None:
    store = await open_store()
    lease = await lease_of(store)
    odd = TaskRecord(
        "W1", "T\ud800", "a", "k", TaskStatus.FAILED, error="no file \udcff \U0001f600"
    )
    ends = [end_line("T\ud800", Ended(0, 1, TaskStatus.FAILED, odd.error, "OSError"), AT, None)]
    await add(store, AddTurn("W1", 1, AT, lease, [task_body(odd)], ends))
    assert await store.tasks("W1") == [odd]
    assert [one.error for one in await store.attempts("W1")] == [odd.error]


async def test_a_turn_too_large_for_the_loop_goes_by_the_thread(open_store: OpenStore) -> None:
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease))
    tasks = [task(number, f"T{number}") for number in range(2_000)]
    (future,) = store.commit_each([[turn(2, lease, *tasks)]])
    assert not future.done()
    await future
    assert len(await store.tasks("W1")) == 2_000


async def test_the_size_of_what_a_turn_writes_does_not_grow_with_the_workflow(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    lease = await lease_of(store)
    await add(store, turn(1, lease, *[task(1, f"T{number}") for number in range(5_000)]))
    await store.tasks("W1")
    await store.checkpoint()
    before = store.statistics().bytes_on_disk
    for number in range(100):
        await add(store, turn(5_001 + number, lease))
    assert store.statistics().bytes_on_disk - before < 100 * 3 * 4_200


async def test_a_database_of_the_schema_before_gets_the_journal(
    open_store: OpenStore, path: Path
) -> None:
    path.parent.mkdir()
    body = task_body(task(1))
    with closing(sqlite3.connect(path)) as connection:
        for _, sql in load_migrations()[:2]:
            connection.executescript(sql)
        connection.executescript(
            f"""
            INSERT INTO workflow_states (workflow_id, name, status, variables, metadata, created_at)
            VALUES ('W1', 'w', 'running', '{{}}', '{{}}', '{AT}');
            INSERT INTO task_states (
                workflow_id, task_id, agent_id, agent_type, status, attempt, losses, result
            ) VALUES ('W1', 'T1', 'a', 'k', 'completed', 1, 0, '1');
            INSERT INTO workflow_state_history VALUES ('W1', 1, '{AT}', 'task', 'T1', NULL, '{body}');
            PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;
            """  # noqa: S608  # values from here
        )
    store = await open_store()
    assert [one.code for one in store.notices] == ["store_migrated"]
    lease = await store.take("W1", "E1", until=START + timedelta(seconds=9), now=START)
    assert lease is not None
    await add(store, turn(2, lease))
    assert await store.tasks("W1") == [task(2)]
    assert [one.body for one in await store.changes("W1")] == [body, task_body(task(2))]


def killed_writer(path: Path, durability: str, acknowledged: int) -> int:
    """Run a writer, kill it once it has acknowledged so many; the last version it acknowledged."""
    command = [sys.executable, str(WRITER), str(path), durability]
    last = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout, 1):
            last = int(line)
            if number == acknowledged:
                process.kill()
    assert process.returncode == -9
    return last


@pytest.mark.parametrize("durability", ["normal", "full"])
async def test_turns_survive_kill_9_between_their_commit_and_their_posting(
    open_store: OpenStore, path: Path, durability: str
) -> None:
    dice = random.Random(SEED)  # noqa: S311  # a test's dice
    for _ in range(3):
        last = killed_writer(path, durability, dice.randint(1, 300))
        store: Any = await open_store(path, durability=durability)
        lines = await store.changes("W")
        assert [one.version for one in lines] == list(range(1, len(lines) + 1))
        assert len(lines) >= last
        assert len(lines) % 2 == 0, "half a turn"
        newest = {one.task_id: one.version for one in lines}
        assert {one.task_id: one.attempt for one in await store.tasks("W")} == newest
        attempts = await store.attempts("W")
        assert sorted(one.attempt for one in attempts) == list(range(1, len(lines), 2))
        await store.close()


def test_an_append_reads_no_bodies_of_history() -> None:
    """The first row of an instance holds all of its tasks: reading it would cost more with each."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for _, sql in load_migrations():
            connection.executescript(sql)
        values = [1, *[None] * 7]
        plan = connection.execute(f"EXPLAIN QUERY PLAN {turns_module.ADD_TURN}", values).fetchall()
    used = [row[3] for row in plan if "workflow_state_history" in row[3]]
    assert used == [
        "SEARCH workflow_state_history USING COVERING INDEX workflow_versions (workflow_id=?)"
    ]


async def test_a_read_of_one_row_finds_turns_that_were_not_posted(store: SqliteStore) -> None:
    lease = await lease_of(store)
    assert await store.version("W1") == 0
    await add(store, turn(1, lease), turn(2, lease))
    assert await store.version("W1") == 2
    await add(store, turn(3, lease))
    found = await store.workflow("W1")
    assert found is not None
    assert found.version == 3
    assert await store.workflow("W2") is None
