"""What is PostgreSQL's own: several engines on one database, and texts that it can't hold."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from tests.postgres_server import clean, postgres_url
from tests.store_conformance.workflow_make import MakeFlow, at

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.kept import Kept
from quarterdeck.core.engine.pipelines.service import KIND
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.statuses import WorkflowStatus
from quarterdeck.state.kept import OF_HOME
from quarterdeck.state.postgres.batching import Batcher, tables_of
from quarterdeck.state.postgres.rows import ALL
from quarterdeck.state.postgres.statements import numbered
from quarterdeck.state.postgres.store import PostgresStore, open_store
from quarterdeck.state.postgres.texts import MARK, from_kept, to_kept

if TYPE_CHECKING:
    from tests.state.conftest import Plain

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITER = Path(__file__).with_name("postgres_writer.py")
SEED = 20260301
PATIENCE = 60.0

Opened = Callable[..., Awaitable[PostgresStore]]


@pytest.fixture
def flow() -> MakeFlow:
    return MakeFlow()


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens stores on one empty database; every one is closed in the end."""
    await clean(postgres_url())
    stores: list[PostgresStore] = []

    async def open_one(**how: Any) -> PostgresStore:
        store = PostgresStore(how.pop("url", postgres_url()), clock=SYSTEM_CLOCK, **how)
        stores.append(store)
        await store.open()
        return store

    yield open_one
    for store in stores:
        await store.close()


async def ask(sql: str, *values: Any) -> Any:
    """The single value that ``sql`` gives, to another program."""
    connection = await asyncpg.connect(
        postgres_url(), server_settings={"search_path": "quarterdeck"}
    )
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


# ---- several engines ---------------------------------------------------------------------------


async def test_each_home_has_its_own_sessions_and_events(opened: Opened, plain: Plain) -> None:
    here, there = await opened(home="here"), await opened(home="there")
    await asyncio.gather(
        here.commit([plain.save("S1"), plain.event(1)]),
        there.commit([plain.save("S1", 7), plain.event(5)]),
        there.commit([plain.event(6)]),
    )
    assert [record.version for record in await here.sessions()] == [1]
    assert [record.version for record in await there.sessions()] == [7]
    assert [await here.last_sequence(), await there.last_sequence()] == [1, 6]
    assert [event.sequence for event in await there.events()] == [5, 6]


async def test_epochs_are_unique_across_homes(opened: Opened) -> None:
    stores = [await opened(home=f"h{n}") for n in range(3)]
    epochs = await asyncio.gather(*(store.begin(f"E{n}") for n in range(7) for store in stores))
    assert sorted(epochs) == list(range(1, 22))


async def test_two_engines_of_one_home_are_told_apart(opened: Opened, plain: Plain) -> None:
    first, second = await opened(home="h"), await opened(home="h")
    await first.commit([plain.event(1)])
    with pytest.raises(QuarterdeckError, match="own state directory") as caught:
        await second.commit([plain.event(1)])
    assert caught.value.code == "stale_sequence"


async def test_workflows_are_everybodys(opened: Opened, flow: MakeFlow) -> None:
    here, there = await opened(home="here"), await opened(home="there")
    await here.commit([flow.save(), flow.line(1)])
    found = await there.workflow("W1")
    assert found is not None
    assert found.version == 1


async def test_instances_are_shared_out_and_none_is_given_twice(
    opened: Opened, flow: MakeFlow
) -> None:
    stores = [await opened(home=f"h{n}") for n in range(4)]
    await stores[0].commit([flow.save(f"W{n:03}", created_at=at(n)) for n in range(150)])
    dice = random.Random(SEED)  # noqa: S311  # a test's dice

    async def engine(store: PostgresStore, name: str) -> list[str]:
        mine: list[str] = []
        while len(mine) < 150:
            found = await store.lease(
                name, until=at(99), now=START, statuses=[WorkflowStatus.PENDING],
                limit=dice.randint(1, 7),
            )  # fmt: skip
            if not found:
                break
            mine += [record.id for record in found]
        return mine

    shares = await asyncio.gather(*(engine(store, store.home) for store in stores))
    taken = [name for share in shares for name in share]
    # What another engine was at work on is passed over; nothing is left when all are done.
    left = await stores[0].lease(
        "last", until=at(99), now=START, statuses=[WorkflowStatus.PENDING], limit=999
    )
    assert sorted([*taken, *(record.id for record in left)]) == [f"W{n:03}" for n in range(150)]
    assert len(set(taken)) == len(taken)


async def test_a_holder_that_comes_back_writes_nothing_into_another_engines_work(
    opened: Opened, flow: MakeFlow
) -> None:
    frozen, other = await opened(home="a"), await opened(home="b")
    await frozen.commit([flow.save(), flow.line(1)])
    mine = await frozen.take("W1", "A", until=at(1), now=START)
    theirs = await other.take("W1", "B", until=at(50), now=at(2))
    assert theirs is not None
    outcomes = await asyncio.gather(
        *(frozen.commit([flow.task(f"T{n}", guard=mine), flow.line(2 + n)]) for n in range(5)),
        *(other.commit([flow.task(f"T{n}", guard=theirs), flow.line(2 + n)]) for n in range(5)),
        return_exceptions=True,
    )
    assert {getattr(one, "code", "ok") for one in outcomes[:5]} == {"lease_lost"}
    assert outcomes[5:] == [None] * 5


async def test_managers_on_several_connections_lose_no_update(opened: Opened) -> None:
    stores = [await opened(home=f"h{n}") for n in range(3)]
    managers = [StateManager(store=store) for store in stores]
    workflow_id = "W1"
    from quarterdeck.core.workflows import TaskDefinition  # noqa: PLC0415  # used here alone

    tasks = [TaskDefinition(f"T{n}", "a", "kind") for n in range(30)]
    await managers[0].create_workflow(tasks, workflow_id=workflow_id)
    versions = await asyncio.gather(
        *(managers[n % 3].update_task(workflow_id, f"T{n}", result=n) for n in range(30))
    )
    assert sorted(versions) == list(range(2, 32))
    state = await managers[0].get_workflow(workflow_id)
    assert [task.result for task in state.tasks.values()] == list(range(30))


# ---- kill -9 ---------------------------------------------------------------------------------------


def killed_writer(acknowledged: int) -> list[int]:
    """Run a writer and kill it once it has acknowledged so many; all that it acknowledged."""
    command = [sys.executable, str(WRITER), postgres_url(), "W1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = []
        for line in process.stdout:
            found.append(int(line))
            if len(found) == acknowledged:
                process.kill()
    assert process.returncode == -9
    return found


async def test_what_was_acknowledged_survives_kill_9_of_the_writer(opened: Opened) -> None:
    store = await opened()
    dice = random.Random(SEED)  # noqa: S311  # a test's dice
    for _ in range(4):
        acknowledged = await asyncio.to_thread(killed_writer, dice.randint(1, 250))
        lines = await store.changes("W1")
        versions = [line.version for line in lines]
        assert versions == list(range(1, len(lines) + 1))
        assert set(acknowledged) <= set(versions)
        assert all(len(line.body) == line.version % 900 for line in lines)
        newest = {version % 9: version for version in versions}
        tasks = {task.task_id: task.attempt for task in await store.tasks("W1")}
        assert tasks == {f"T{place}": version for place, version in newest.items()}


# ---- texts -------------------------------------------------------------------------------------------

ODD = ["a\0b", "half \ud800 pair", MARK, MARK + "x", "\ufdd0", "", "plain ✓", "\udcff"]


@pytest.mark.parametrize("text", ODD)
def test_any_text_comes_back(text: str) -> None:
    kept = to_kept(text)
    kept.encode()
    assert "\0" not in kept
    assert from_kept(kept) == text


def test_plain_texts_are_kept_as_they_are() -> None:
    assert [to_kept(value) for value in ("x ✓", 5, None, b"\0")] == ["x ✓", 5, None, b"\0"]


async def test_odd_texts_are_kept_in_sessions_and_workflows(
    opened: Opened, plain: Plain, flow: MakeFlow
) -> None:
    store = await opened()
    for text in ODD:
        await store.commit([flow.save(name=text), flow.task(error=text), flow.signal(key=text)])
        found = await store.instance("W1")
        assert found is not None
        assert (found[0].name, found[1][0].error) == (text, text)
    assert {one.key for one in await store.signals("W1")} == set(ODD)
    await store.commit([plain.save("S1", title="\ud800", cwd="/x\0")])
    (session,) = await store.sessions()
    assert (session.title, session.cwd) == ("\ud800", "/x\0")


# ---- statements ---------------------------------------------------------------------------------------


def test_named_placeholders_become_numbered_ones() -> None:
    found = numbered("SELECT :a, x::text FROM t WHERE b = :b AND a = :a::bigint")
    assert found.sql == "SELECT $1, x::text FROM t WHERE b = $2 AND a = $1::bigint"
    assert found.values({"b": 2, "a": 1, "c": 3}) == [1, 2]


def test_statements_are_moved_only_past_those_that_touch_other_tables() -> None:
    a, b, ab = (
        "INSERT INTO a VALUES (1)",
        "UPDATE b SET x = 1",
        "DELETE FROM a WHERE x IN (SELECT 1 FROM b)",
    )
    batcher = Batcher([a, b, ab])

    def order(*statements: str) -> list[tuple[str, int]]:
        batches = batcher.batches([(sql, ()) for sql in statements])
        return [(batch.sql, len(batch.values)) for batch in batches]

    assert order(a, b, a, b, a) == [(a, 3), (b, 2)]
    assert order(a, b, ab, a, b) == [(a, 1), (b, 1), (ab, 1), (a, 1), (b, 1)]
    assert order(ab, b, ab) == [(ab, 1), (b, 1), (ab, 1)]
    assert all(tables_of(sql) for sql in ALL)


async def test_a_hundred_callers_share_commits(opened: Opened, flow: MakeFlow) -> None:
    store = await opened()
    before = await ask("SELECT position FROM writers")
    await asyncio.gather(
        *(store.commit([flow.task(f"T{n}"), flow.line(n + 1)]) for n in range(100))
    )
    after = await ask("SELECT position FROM writers")
    assert after - before <= 3
    assert store.statistics().commits == 100


async def test_a_closed_store_leaves_nothing_behind_on_the_server(opened: Opened) -> None:
    store = await opened()
    await store.close()
    assert await ask("SELECT count(*) FROM writers") == 0
    rows = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quarterdeck'"
    async with asyncio.timeout(60):
        while await ask(rows):  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.05)


async def test_the_size_is_known_after_a_checkpoint(opened: Opened) -> None:
    store = await opened()
    assert store.statistics().bytes_on_disk == 0
    await store.checkpoint()
    assert store.statistics().bytes_on_disk > 100_000


async def test_stamps_can_be_read_as_the_servers_own(opened: Opened, flow: MakeFlow) -> None:
    store = await opened()
    await store.commit([flow.save(created_at=START + timedelta(seconds=1.5))])
    stamp = await ask("SELECT created_at::timestamptz FROM workflow_states")
    assert stamp == START + timedelta(seconds=1.5)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
async def test_stores_are_found_by_both_schemes(scheme: str) -> None:
    url = postgres_url().replace("postgresql://", f"{scheme}://")
    store = open_store(url, clock=SYSTEM_CLOCK, home="x")
    await store.open()
    assert (store.home, await store.sessions()) == ("x", [])
    await store.close()
    async with StateManager(url) as manager:
        assert await manager.list_workflows(limit=0) == []


async def test_other_engines_changes_of_small_records_are_heard_live(opened: Opened) -> None:
    ours, other = PostgresStore(postgres_url(), clock=SYSTEM_CLOCK), await opened()
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    ours.kept.follow_kept(lambda kind, key: heard.put_nowait((kind, key)))
    await ours.open()
    try:
        async with asyncio.timeout(PATIENCE):
            await other.kept.put_kept(Kept("lock", "Straße\nA", 1, "{}"))
            assert await heard.get() == ("lock", "Straße\nA")
            await ours.kept.put_kept(Kept("safety", "mine", 1, "{}"))
            await other.kept.put_kept(Kept("lock", "Straße\nA", 1, "{}"))  # refused
            await other.kept.remove_kept("lock", "Straße\nA")
            assert await heard.get() == ("safety", "mine")  # once, by ourselves
            assert await heard.get() == ("lock", "Straße\nA")
            await _end_listeners(other)
            await other.kept.put_kept(Kept("proposal", "p", 1, "{}"))
            missed = {("safety", "mine"), ("proposal", "p")}
            while missed:
                missed.discard(await heard.get())
    finally:
        await ours.close()


async def test_each_home_has_its_own_pipelines(opened: Opened) -> None:
    """Else a machine would read another one's files, and both would propel what one schedule says."""
    assert frozenset({KIND}) == OF_HOME
    here, there = await opened(home="here"), await opened(home="there")
    assert await here.kept.put_kept(Kept(KIND, "chain", 1, '"ours"'))
    assert await there.kept.put_kept(Kept(KIND, "chain", 1, '"theirs"'))
    again = await opened(home="there")
    assert await again.kept.put_kept(Kept(KIND, "chain", 2, '"again"'))
    await here.kept.remove_kept(KIND, "chain")
    assert await here.kept.all_kept(KIND) == []
    (found,) = await there.kept.all_kept(KIND)
    assert found == await there.kept.get_kept(KIND, "chain") == Kept(KIND, "chain", 2, '"again"')


async def _end_listeners(store: PostgresStore) -> None:
    """End the sessions that listen, as a network fault would."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    await store._parts.writer.run(lambda connection: connection.fetch(ended))
