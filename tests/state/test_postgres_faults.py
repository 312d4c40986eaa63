"""What can go wrong with a server: it is not there, refuses, is newer, goes away and comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from tests.postgres_server import clean, postgres_server, postgres_url, start, stop
from tests.state.test_postgres_store import ask
from tests.store_conformance.workflow_make import START, MakeFlow

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state.faults import BadStoreSetting, StoreFull
from quarterdeck.state.postgres import translating
from quarterdeck.state.postgres.line import Line
from quarterdeck.state.postgres.statements import load_migrations
from quarterdeck.state.postgres.store import PostgresStore, open_store

if TYPE_CHECKING:
    from tests.state.conftest import Plain

NOW = len(load_migrations())


@pytest.fixture
def flow() -> MakeFlow:
    return MakeFlow()


@pytest.fixture(autouse=True)
async def fresh() -> AsyncIterator[None]:
    await clean(postgres_url())
    yield
    start()


def store_at(url: str = "", **how: Any) -> PostgresStore:
    return PostgresStore(url or postgres_url(), clock=SYSTEM_CLOCK, home="h", **how)


@pytest.fixture
async def store() -> AsyncIterator[PostgresStore]:
    found = store_at()
    await found.open()
    yield found
    await found.close()


async def opening_fails(store: PostgresStore) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        await store.open()
    await store.close()
    return caught.value


async def run(sql: str) -> None:
    connection = await asyncpg.connect(postgres_url())
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


# ---- opening ---------------------------------------------------------------------------------------


async def test_no_server_is_said_with_the_place_and_without_the_password() -> None:
    fault = await opening_fails(store_at("postgresql://me:secret@127.0.0.1:1/db"))
    assert fault.code == "store_unreachable"
    assert "postgresql://me@127.0.0.1:1/db" in fault.message
    assert "secret" not in fault.message + str(fault.details)


async def test_no_database_is_said_by_its_name() -> None:
    url = postgres_url().replace("/postgres?", "/nowhere?")
    fault = await opening_fails(store_at(url))
    assert (fault.code, "nowhere" in fault.message) == ("store_no_database", True)


async def test_an_unknown_user_is_refused_as_such() -> None:
    url = postgres_url().replace("postgres:@", "nobody:wrong@")
    assert (await opening_fails(store_at(url))).code == "store_password"


async def test_a_wrong_password_is_refused_as_such() -> None:
    error = asyncpg.InvalidPasswordError('password authentication failed for user "me"')
    fault = translating.fault_of(error, "postgresql://me@host/db")
    assert (fault.code, "PGPASSWORD" in fault.message) == ("store_password", True)


@pytest.mark.parametrize("url", ["postgresql://host:port/x", "postgresql://h/x?sslmode=nope"])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((BadStoreSetting, QuarterdeckError)) as caught:
        await store_at(url).open()
    assert caught.value.code == "store_setting"


def test_another_scheme_or_durability_is_refused() -> None:
    with pytest.raises(BadStoreSetting):
        open_store("sqlite:///x", clock=SYSTEM_CLOCK)
    with pytest.raises(BadStoreSetting, match="normal, full"):
        open_store("postgresql://h/d", clock=SYSTEM_CLOCK, durability="some")


def test_without_the_driver_it_is_said_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from quarterdeck.core.workflows import StateManager\n"
        "try: StateManager('postgresql://h/d')\n"
        "except Exception as error: print(error.code, error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("store_driver ")
    assert "pip install 'quarterdeck[postgres]'" in done.stdout


async def test_a_user_who_may_not_write_is_told_so() -> None:
    await run("DROP ROLE IF EXISTS reader")
    await run("CREATE ROLE reader LOGIN")
    url = postgres_url().replace("postgres:@", "reader:@")
    await clean(postgres_url(), drop=True)
    try:
        assert (await opening_fails(store_at(url))).code == "store_read_only"
    finally:
        await run("DROP ROLE reader")


# ---- the schema -----------------------------------------------------------------------------------


async def test_engines_that_start_at_once_make_the_schema_once() -> None:
    await clean(postgres_url(), drop=True)
    stores = [store_at() for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    assert await ask("SELECT version FROM schema_version") == NOW
    assert [store.notices for store in stores] == [[]] * 5
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_newer_schema_is_refused_and_left_alone(store: PostgresStore) -> None:
    await run("UPDATE quarterdeck.schema_version SET version = 99")
    try:
        fault = await opening_fails(store_at())
        assert (fault.code, fault.details["schema"]) == ("store_newer", 99)
        assert await ask("SELECT version FROM schema_version") == 99
    finally:
        await run(f"UPDATE quarterdeck.schema_version SET version = {NOW}")  # noqa: S608  # a number


async def test_an_older_schema_is_brought_up_to_date_or_left_as_it_was(
    store: PostgresStore, flow: MakeFlow
) -> None:
    await store.commit([flow.save()])
    notes = ("x_notes.sql", "CREATE TABLE notes (text TEXT)")
    broken = ("x_broken.sql", "CREATE TABLE half (x TEXT); INSERT INTO nowhere VALUES (1)")
    try:
        fault = await opening_fails(store_at(migrations=[*load_migrations(), notes, broken]))
        assert (fault.code, fault.details["step"]) == ("store_migration", "x_broken.sql")
        assert await ask("SELECT version FROM schema_version") == NOW + 1
        assert await ask("SELECT to_regclass('half')") is None
        again = store_at(migrations=[*load_migrations(), notes])
        await again.open()
        assert await again.workflow("W1") is not None
        await again.close()
    finally:
        await clean(postgres_url(), drop=True)


async def test_bringing_up_to_date_is_noticed() -> None:
    await clean(postgres_url(), drop=True)
    first = store_at(migrations=load_migrations())
    await first.open()
    await first.close()
    more = store_at(migrations=[*load_migrations(), ("x.sql", "CREATE TABLE x (y TEXT)")])
    await more.open()
    assert [notice.code for notice in more.notices] == ["store_migrated"]
    await more.close()
    await clean(postgres_url(), drop=True)


async def test_full_durability_without_fsync_is_noticed() -> None:
    full = store_at(durability="full")
    await full.open()
    assert full.notices == []
    assert await full._doubts(_Answering("off")) != []
    await full.close()


class _Answering:
    """A connection that answers every question alike."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    async def fetchval(self, sql: str) -> str:
        return self._answer


# ---- a server that goes away ---------------------------------------------------------------------


async def groups(written: asyncio.Semaphore, count: int) -> None:
    """Return when so many groups were acknowledged."""
    async with asyncio.timeout(60):
        for _ in range(count):
            await written.acquire()


async def restart(*, at_once: bool) -> None:
    await asyncio.to_thread(stop, at_once=at_once)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(start)


@pytest.mark.parametrize("at_once", [False, True], ids=["reboot", "crash"])
async def test_changes_wait_for_a_server_that_restarts_and_none_is_lost_or_made_twice(
    store: PostgresStore, flow: MakeFlow, plain: Plain, at_once: bool
) -> None:
    done = False
    acknowledged: list[int] = []
    written = asyncio.Semaphore(0)

    async def write() -> None:
        version = 0
        while not done:
            group = range(version + 1, version + 6)
            version += 5
            await asyncio.gather(
                *(store.commit([flow.task(f"T{n}"), flow.line(n), plain.event(n)]) for n in group)
            )
            acknowledged.extend(group)
            written.release()

    writing = asyncio.create_task(write())
    await groups(written, 4)
    await restart(at_once=at_once)
    while not written.locked():
        await written.acquire()
    await groups(written, 4)
    done = True
    await writing
    versions = [line.version for line in await store.changes("W1")]
    assert versions == acknowledged
    assert await store.last_sequence() == acknowledged[-1]


async def test_reads_wait_for_a_server_that_restarts(store: PostgresStore, flow: MakeFlow) -> None:
    await store.commit([flow.save()])
    await asyncio.to_thread(stop)
    reading = asyncio.create_task(store.workflow("W1"))
    leasing = asyncio.create_task(store.begin("E1"))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(start)
    assert (await reading) is not None
    assert await leasing == 1


async def test_a_server_that_stays_away_fails_what_waits_clearly_and_is_used_when_it_is_back(
    flow: MakeFlow, plain: Plain
) -> None:
    store = store_at(patience=0.2)
    await store.open()
    await store.commit([flow.line(1), plain.event(1)])
    await asyncio.to_thread(stop)
    futures = [store.commit([flow.line(n), plain.event(n)]) for n in (2, 3, 4)]
    await asyncio.wait(futures)
    codes = {getattr(future.exception(), "code", None) for future in futures}
    assert codes == {"store_unreachable"}
    with pytest.raises(QuarterdeckError) as caught:
        await store.version("W1")
    assert caught.value.code == "store_unreachable"
    await asyncio.to_thread(start)
    await store.commit([flow.line(2), plain.event(2)])
    assert await store.version("W1") == 2
    await store.close()


async def test_a_session_that_is_ended_on_the_server_is_replaced(
    store: PostgresStore, flow: MakeFlow
) -> None:
    for version in range(1, 6):
        await run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'quarterdeck'"
        )
        await store.commit([flow.line(version)])
        assert await store.version("W1") == version


# ---- a connection that breaks during a commit -----------------------------------------------------


class Torn(Line):
    """Loses its connection right before or right after a commit has happened."""

    plan: str = ""

    async def commit(self) -> None:
        plan, self.plan = self.plan, ""
        if plan == "before":
            self._in_doubt = True
            await self._cut()
        await super().commit()
        if plan == "after":
            self._in_doubt = True
            self._position -= 1
            await self._cut()

    async def _cut(self) -> None:
        assert self._connection is not None
        self._connection.terminate()
        raise ConnectionResetError("cut")


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> type[Torn]:
    monkeypatch.setattr("quarterdeck.state.postgres.store.Line", Torn)
    return Torn


@pytest.mark.parametrize("plan", ["before", "after"])
async def test_a_torn_commit_is_made_once_and_acknowledged_truly(
    torn: type[Torn], flow: MakeFlow, plain: Plain, plan: str
) -> None:
    store = store_at()
    await store.open()
    line = store._parts.line
    assert isinstance(line, torn)
    for version in range(1, 6):
        line.plan = plan
        await asyncio.gather(
            store.commit([flow.line(version), plain.event(version), flow.signal(key=str(version))]),
            store.commit([flow.task(f"T{version}")]),
        )
        assert await store.version("W1") == version
    assert line.reconnects == 5
    assert len(await store.tasks("W1")) == len(await store.signals("W1")) == 5
    assert [event.sequence for event in await store.events()] == [1, 2, 3, 4, 5]
    assert await store.begin("E1") == 1
    line.plan = plan
    assert await store.begin("E2") == 2  # neither lost nor given twice
    assert await ask("SELECT count(*) FROM engines") == 2
    await store.close()


async def test_a_torn_commit_with_a_refused_one_in_the_group_stays_sorted_out(
    torn: type[Torn], flow: MakeFlow
) -> None:
    store = store_at()
    await store.open()
    line = store._parts.line
    assert isinstance(line, torn)
    line.plan = "after"
    futures = [store.commit([flow.line(n), flow.task(f"T{n}")]) for n in (1, 5, 2)]
    await asyncio.wait(futures)
    codes = [getattr(future.exception(), "code", "ok") for future in futures]
    assert codes == ["ok", "stale_version", "ok"]
    assert [task.task_id for task in await store.tasks("W1")] == ["T1", "T2"]
    await store.close()


@pytest.mark.parametrize("plan", ["before", "after"])
async def test_an_outcome_that_nobody_can_know_is_never_acknowledged(
    torn: type[Torn], flow: MakeFlow, plan: str
) -> None:
    store = store_at(patience=0.2)
    await store.open()
    line = store._parts.line
    assert isinstance(line, torn)
    line.plan = plan
    future = store.commit([flow.line(1)])
    real = Torn._cut

    async def cut_and_stop(self: Torn) -> None:
        await asyncio.to_thread(stop)
        await real(self)

    line._cut = cut_and_stop.__get__(line)  # type: ignore[method-assign]  # the server goes, too
    with pytest.raises(QuarterdeckError) as caught:
        await future
    assert caught.value.code == "store_in_doubt"
    await asyncio.to_thread(start)
    kept = await store.version("W1")
    assert kept == (1 if plan == "after" else 0)
    # The next transaction is not taken for the former one.
    await store.commit([flow.line(kept + 1)])
    assert await store.version("W1") == kept + 1
    await store.close()


# ---- within a transaction ----------------------------------------------------------------------------


class Failing:
    """A job that fails a few times before it gives an answer."""

    def __init__(self, error: Exception, times: int = 1) -> None:
        self._error = error
        self._left = times

    async def __call__(self, connection: Any) -> int:
        if self._left:
            self._left -= 1
            raise self._error
        return int(await connection.fetchval("SELECT 7"))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("two wait for each other"),
        asyncpg.SerializationError("x"),
        asyncpg.InternalClientError("another operation is in progress"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        ConnectionResetError("reset"),
    ],
)
async def test_what_passes_by_itself_is_tried_again(store: PostgresStore, error: Exception) -> None:
    assert await store._parts.writer.run(Failing(error, 2)) == 7


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.DiskFullError("no space left on device"), "store_full"),
        (asyncpg.ReadOnlySQLTransactionError("a standby"), "store_read_only"),
        (asyncpg.DeadlockDetectedError("for ever"), "store_locked"),
        (asyncpg.TooManyConnectionsError("53300"), "store_unreachable"),
        (asyncpg.UndefinedTableError("gone"), "store_failed"),
        (RuntimeError("a fault of ours"), "store_failed"),
        (StoreFull("said by the job"), "store_full"),
    ],
)
async def test_what_does_not_fails_the_transaction_alone(
    store: PostgresStore, flow: MakeFlow, error: Exception, code: str
) -> None:
    futures = [
        store.commit([flow.line(1)]),
        store._parts.writer.run(Failing(error, 99)),
        store.commit([flow.line(2)]),
    ]
    await asyncio.wait(futures)
    with pytest.raises(QuarterdeckError) as caught:
        await futures[1]
    assert caught.value.code == code
    await store.commit([flow.task(), flow.line(await store.version("W1") + 1)])
    assert len(await store.tasks("W1")) == 1


async def test_a_refused_transaction_and_a_job_in_one_group_are_sorted_out(
    store: PostgresStore, flow: MakeFlow
) -> None:
    futures: list[asyncio.Future[Any]] = [
        store.commit([flow.save(), flow.line(1)]),
        store.commit([flow.line(9)]),
        asyncio.ensure_future(store.take("W1", "E1", until=START, now=START)),
        store.commit([flow.line(2)]),
    ]
    await asyncio.wait(futures)
    codes = [getattr(future.exception(), "code", "ok") for future in futures]
    assert codes == ["ok", "stale_version", "ok", "ok"]


async def test_a_writer_that_is_cancelled_leaves_nothing_waiting(
    store: PostgresStore, flow: MakeFlow
) -> None:
    futures = [store.commit([flow.line(n)]) for n in range(1, 4)]
    await asyncio.sleep(0)
    futures.append(store.commit([flow.line(4)]))
    work = store._parts.writer._work
    assert work is not None
    work.cancel()
    await asyncio.wait(futures)
    assert all(isinstance(future.exception(), QuarterdeckError) for future in futures)
    await store.commit([flow.line(1)])
    assert await store.version("W1") == 1


async def test_the_server_runs_as_another_user_than_root() -> None:
    directory = Path(await ask("SHOW data_directory"))
    assert directory == postgres_server().pgdata
    assert directory.stat().st_uid != 0  # noqa: ASYNC240  # nothing else runs here
