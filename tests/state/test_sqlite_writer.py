"""Where and when the writer writes: once a turn on the loop, or on its thread."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.state.conftest import START

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.records import Retention
from quarterdeck.core.workflows.records import SaveWorkflow, WorkflowRecord
from quarterdeck.core.workflows.statuses import WorkflowStatus
from quarterdeck.state.sqlite import pruning, writer
from quarterdeck.state.sqlite import store as store_module
from quarterdeck.state.sqlite.journal import Journal, Transaction
from quarterdeck.state.sqlite.pace import DWELL_SECONDS, QUICK_IN_ROW, SLOW_IN_WINDOW, Mode
from quarterdeck.state.sqlite.store import SqliteStore
from quarterdeck.state.sqlite.wal import journal_of, size_of

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain


class Watch:
    """Notes every group that the journal is given: its size, and whether on the loop's thread.

    ``commit_ms``, if set, is told as the duration of the commits.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups: list[int] = []
        self.places: list[str] = []
        self.intervals: list[float] = []
        self.commit_ms: float | None = None
        self.planned: list[BaseException] = []
        self.gate: threading.Event | None = None
        self._write = Journal.write
        # A function, so that it is bound to the journal like the method that it stands for.
        watched = self.write

        def write(journal: Journal, group: Sequence[Transaction], *, patient: bool) -> bool:
            return watched(journal, group, patient=patient)

        monkeypatch.setattr(Journal, "write", write)

    def write(self, journal: Journal, group: Sequence[Transaction], *, patient: bool) -> bool:
        inline = threading.current_thread() is threading.main_thread()
        if not inline and self.gate is not None:
            self.gate.wait(10)
        self.groups.append(len(group))
        self.places.append("inline" if inline else "thread")
        self.intervals.append(sys.getswitchinterval())
        if self.planned:
            raise self.planned.pop(0)
        done = self._write(journal, group, patient=patient)
        if self.commit_ms is not None:
            journal.commit_ms = self.commit_ms
        return done

    def clear(self) -> None:
        self.groups.clear()
        self.places.clear()
        self.intervals.clear()


@pytest.fixture
async def watch(store: SqliteStore, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches a store that has written its journal's header already."""
    await store.commit([plain.save("S1", 1)])
    return Watch(monkeypatch)


def code_of(future: asyncio.Future[None]) -> str:
    error = future.exception()
    return "ok" if error is None else getattr(error, "code", repr(error))


def grow(store: SqliteStore, pages: int) -> None:
    assert store._open is not None
    store._open.writer.unfolded = pages


async def test_all_that_one_turn_brings_is_one_commit_on_the_loop(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    await asyncio.gather(*(store.commit([plain.event(number)]) for number in range(1, 101)))
    assert (watch.groups, watch.places) == ([100], ["inline"])
    await store.commit([plain.event(101)])
    assert watch.groups == [100, 1]


async def test_one_turn_writes_only_so_much(store: SqliteStore, plain: Plain, watch: Watch) -> None:
    last = store.commit([plain.event(1)])
    for number in range(2, 1_001):
        last = store.commit([plain.event(number)])
    await last
    assert sum(watch.groups) == 1_000
    assert max(watch.groups) <= writer.INLINE_CHANGES
    assert set(watch.places) == {"inline"}


async def test_a_transaction_larger_than_a_turns_share_is_not_torn(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    await store.commit([plain.event(number) for number in range(1, 2_001)])
    assert watch.groups == [1]
    assert await store.last_sequence() == 2_000


async def test_the_first_commit_goes_to_the_thread_since_it_syncs_the_journals_header(
    store: SqliteStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    for number in range(1, 4):
        await store.commit([plain.event(number)])
    assert watch.places == ["thread", "inline", "inline"]
    await store.checkpoint()
    for number in range(4, 6):
        await store.commit([plain.event(number)])
    assert watch.places[3:] == ["thread", "inline"]


async def test_large_values_are_written_on_the_thread(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    await store.commit([plain.snapshot(writer.HEAVY_BYTES)])
    await store.commit([plain.event(1, "x" * writer.HEAVY_BYTES)])
    await store.commit([plain.event(2, "x" * 1_000), plain.snapshot(1_000)])
    assert watch.places == ["thread", "thread", "inline"]


async def test_jobs_run_on_the_thread_in_their_turn(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    first = store.commit([plain.event(1)])
    epoch = asyncio.create_task(store.begin("E"))
    await asyncio.sleep(0)
    second = store.commit([plain.event(2)])
    await asyncio.gather(first, second)
    assert epoch.done()
    assert "thread" in watch.places


async def test_a_lease_is_taken_and_given_back_on_the_loop(
    store: SqliteStore, watch: Watch
) -> None:
    """Neither does more than an update; renewing all that an engine holds may do much more."""
    record = WorkflowRecord("W1", "w", "{}", WorkflowStatus.PENDING, START)
    await store.commit([SaveWorkflow(record)])
    watch.clear()
    until = START + timedelta(seconds=9)
    lease = await store.take("W1", "E1", until=until, now=START)
    assert lease is not None
    assert watch.places == ["inline"]
    assert await store.renew([("W1", lease)], until) == {"W1"}
    assert watch.places == ["inline", "thread"]
    await store.release([("W1", lease)])
    assert watch.places == ["inline", "thread", "inline"]
    assert await store.renew([("W1", lease)], until) == set()


@pytest.fixture
def said_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits only say that they were slow: what they waited for is not asked."""
    monkeypatch.setattr(store_module, "WAITS", None)


async def slowed(store: SqliteStore, plain: Plain, watch: Watch) -> None:
    """Let the writer move to its thread, for a disk that seems slow."""
    watch.commit_ms = 20.0
    for number in range(1, 2 + SLOW_IN_WINDOW):
        await store.commit([plain.event(number)])
    assert store.statistics().mode == "thread"
    watch.clear()


async def test_at_full_durability_a_quick_disk_is_written_once_a_turn_on_the_loop(
    open_store: OpenStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(durability="full")
    await store.commit([plain.save("S1", 1)])
    watch = Watch(monkeypatch)
    watch.commit_ms = 0.3
    futures = [store.commit([plain.event(number)]) for number in range(1, 4)]
    futures += store.commit_each([[plain.event(number)] for number in range(4, 6)])
    assert watch.groups == [], "the turn may bring more"
    await asyncio.gather(*futures)
    assert (watch.groups, watch.places) == ([5], ["inline"])


@pytest.mark.usefixtures("said_slow")
async def test_at_full_durability_a_disk_that_takes_three_milliseconds_is_left_to_the_thread(
    open_store: OpenStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(durability="full")
    await store.commit([plain.save("S1", 1)])
    watch = Watch(monkeypatch)
    watch.commit_ms = 3.0
    for number in range(1, 2 + SLOW_IN_WINDOW):
        await store.commit([plain.event(number)])
    assert watch.places == ["inline"] * SLOW_IN_WINDOW + ["thread"]


@pytest.mark.usefixtures("said_slow")
async def test_on_the_thread_what_came_while_a_commit_was_written_is_the_next(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    await slowed(store, plain, watch)
    watch.gate = threading.Event()
    futures = [store.commit([plain.event(number)]) for number in range(11, 16)]
    watch.gate.set()
    await asyncio.gather(*futures)
    assert watch.places == ["thread", "thread"]
    assert watch.groups == [1, 4]


@pytest.mark.usefixtures("said_slow")
async def test_on_the_thread_what_is_handed_over_together_is_one_commit(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    await slowed(store, plain, watch)
    await asyncio.gather(*store.commit_each([[plain.event(number)] for number in range(11, 16)]))
    assert (watch.groups, watch.places) == ([5], ["thread"])


@pytest.mark.usefixtures("said_slow")
async def test_a_slow_disk_moves_the_writer_off_the_loop_and_a_quick_one_back(
    store: SqliteStore, plain: Plain, watch: Watch, clock: ManualClock
) -> None:
    watch.commit_ms = 20.0
    for number in range(1, SLOW_IN_WINDOW + 2):
        await store.commit([plain.event(number)])
    assert watch.places == ["inline"] * SLOW_IN_WINDOW + ["thread"]
    assert store.statistics().mode == "thread"
    assert store.statistics().slowest_commit_ms == 20.0
    watch.commit_ms = 0.1
    clock.advance(DWELL_SECONDS)
    for number in range(100, 100 + QUICK_IN_ROW):
        await store.commit([plain.event(number)])
    assert store.statistics().mode == "inline"
    watch.clear()
    await store.commit([plain.event(1_000)])
    assert watch.places == ["inline"]


@pytest.mark.usefixtures("said_slow")
async def test_order_holds_across_the_moves(
    store: SqliteStore, plain: Plain, watch: Watch, clock: ManualClock
) -> None:
    ended: list[int] = []

    async def call(number: int) -> None:
        await store.commit([plain.event(number)])
        ended.append(number)

    tasks = []
    for number in range(1, 1_201):
        watch.commit_ms = 20.0 if number % 600 < 100 else 0.1
        clock.advance(0.2)
        tasks.append(asyncio.create_task(call(number)))
        if number % 3:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert ended == list(range(1, 1_201))
    assert {"inline", "thread"} == set(watch.places)


async def test_the_interpreter_switches_often_only_while_the_thread_writes(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    usual = sys.getswitchinterval()
    await store.commit([plain.snapshot(writer.HEAVY_BYTES)])
    await store.commit([plain.event(1)])
    assert watch.intervals[0] == pytest.approx(writer.SWITCH_SECONDS, rel=0.1)
    assert watch.intervals[1] == usual
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize("size", [10, writer.HEAVY_BYTES])
async def test_an_unforeseen_error_fails_its_group_and_the_writer_goes_on(
    store: SqliteStore, plain: Plain, watch: Watch, size: int
) -> None:
    watch.planned.append(RuntimeError("out of the blue"))
    futures = [store.commit([plain.event(1, "x" * size)]), store.commit([plain.event(2)])]
    await asyncio.wait(futures)
    assert [code_of(future) for future in futures] == ["store_failed"] * 2
    assert "out of the blue" in str(futures[0].exception())
    await store.commit([plain.event(1)])
    assert await store.last_sequence() == 1


async def test_an_interrupt_ends_the_group_and_goes_on_to_the_loop(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    assert store._open is not None
    watch.planned.append(KeyboardInterrupt())
    future = store.commit([plain.event(1)])
    with pytest.raises(KeyboardInterrupt):
        store._open.writer._turn()
    assert code_of(future) == "store_failed"
    await store.commit([plain.event(1)])


async def test_an_interrupt_in_a_transaction_leaves_none_open(
    store: SqliteStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store._open is not None
    journal = store._open.journal

    def interrupt(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    with pytest.raises(KeyboardInterrupt):
        journal.write([Transaction(future, job=interrupt)], patient=True)
    await store.commit([plain.event(1)])


def times_begun(store: SqliteStore) -> int:
    """How often the journal began anew: a number in its header."""
    with journal_of(store.path).open("rb") as file:
        return int.from_bytes(file.read(16)[12:])


async def test_a_grown_journal_is_folded_and_begins_anew_though_commits_never_rest(
    store: SqliteStore, plain: Plain, watch: Watch
) -> None:
    number = 0
    for _ in range(20):
        before = times_begun(store)
        grow(store, writer.FOLD_PAGES + 1)
        for _ in range(2):
            number += 1
            await store.commit([plain.event(number, "x" * 2_000)])
        while store._folding is not None:
            number += 1
            await store.commit([plain.event(number, "x" * 2_000)])
        number += 1
        await store.commit([plain.event(number)])
        assert times_begun(store) > before
    assert await store.last_sequence() == number


async def test_a_journal_that_can_not_be_folded_harms_nothing(
    store: SqliteStore, plain: Plain, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store._open is not None

    async def fail() -> bool:
        raise QuarterdeckError("no room")

    monkeypatch.setattr(store._open.reader, "checkpoint", fail)
    grow(store, writer.FOLD_PAGES + 1)
    for number in range(1, 20):
        await store.commit([plain.event(number)])
    assert await store.last_sequence() == 19
    with pytest.raises(QuarterdeckError, match="no room"):
        await store.checkpoint()


async def test_pruning_commits_in_slices(store: SqliteStore, plain: Plain, watch: Watch) -> None:
    await store.commit([plain.event(number) for number in range(1, 3 * pruning.SLICE + 2)])
    watch.clear()
    assert await store.prune(Retention(events=1)) == 3 * pruning.SLICE
    assert watch.places == ["thread"] * 4


async def test_pruning_names_in_slices(
    store: SqliteStore, plain: Plain, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "SLICE", 2)
    for name in "abcde":
        await store.commit([plain.snapshot(10, name)])
    watch.clear()
    assert await store.prune(Retention()) == 5
    assert watch.groups == [1, 1, 1]


async def test_close_waits_for_the_thread_and_writes_the_rest(
    store: SqliteStore, plain: Plain, watch: Watch, open_store: OpenStore
) -> None:
    watch.gate = threading.Event()
    futures = [store.commit([plain.snapshot(writer.HEAVY_BYTES), plain.event(1)])]
    await asyncio.sleep(0)
    futures += [store.commit([plain.event(number)]) for number in range(2, 300)]
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    assert not closing.done()
    watch.gate.set()
    await closing
    assert all(code_of(future) == "ok" for future in futures)
    assert await (await open_store()).last_sequence() == 299


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_a_loop_that_is_torn_down_while_closing_loses_nothing(
    path: Path, clock: ManualClock, plain: Plain, monkeypatch: pytest.MonkeyPatch, durability: str
) -> None:
    async def run() -> list[asyncio.Future[None]]:
        store = SqliteStore(path, clock=clock, durability=durability)
        await store.open()
        watch = Watch(monkeypatch)
        watch.gate = threading.Event()
        futures = [store.commit([plain.event(1, "x" * writer.HEAVY_BYTES)])]
        await asyncio.sleep(0)
        futures += [store.commit([plain.event(number)]) for number in range(2, 500)]
        asyncio.create_task(store.close())  # noqa: RUF006  # abandoned on purpose
        await asyncio.sleep(0)
        threading.Timer(0.05, watch.gate.set).start()
        return futures

    async def look() -> int:
        store = SqliteStore(path, clock=clock)
        await store.open()
        try:
            assert store.notices == []
            return await store.last_sequence()
        finally:
            await store.close()

    futures = asyncio.run(run())
    assert all(code_of(future) == "ok" for future in futures)
    assert asyncio.run(look()) == 499
    assert sys.getswitchinterval() == pytest.approx(0.005)


async def test_several_stores_that_write_at_once_leave_the_interpreters_pace_as_it_was(
    open_store: OpenStore, tmp_path: Path, plain: Plain
) -> None:
    usual = sys.getswitchinterval()
    stores = [await open_store(tmp_path / f"{n}.db") for n in range(3)]
    large = "x" * writer.HEAVY_BYTES
    futures = [
        store.commit([plain.event(number, large)]) for number in range(1, 30) for store in stores
    ]
    await asyncio.gather(*futures)
    for store in stores:
        await store.close()
    assert sys.getswitchinterval() == pytest.approx(usual)


async def test_mode_is_told_by_name(store: SqliteStore) -> None:
    assert store.statistics().mode == Mode.INLINE.value
    await store.close()
    assert store.statistics().commits == 0


async def test_closing_waits_for_a_journal_that_is_being_folded(
    store: SqliteStore, plain: Plain, watch: Watch, open_store: OpenStore
) -> None:
    for number in range(1, 50):
        await store.commit([plain.event(number)])
    folding = asyncio.create_task(store.checkpoint())
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), folding)
    assert size_of(journal_of(store.path)) == 0
    assert await (await open_store()).last_sequence() == 49


async def test_a_job_of_its_own_that_fails_says_why(store: SqliteStore, plain: Plain) -> None:
    assert store._open is not None

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT * FROM nowhere")

    with pytest.raises(QuarterdeckError, match="nowhere"):
        await store._open.writer.run(fail, alone=True)
    await store.commit([plain.event(1)])


async def test_what_is_pruned_after_closing_says_that_it_is_closed(
    store: SqliteStore, plain: Plain
) -> None:
    assert store._open is not None
    pruner = store._open.pruner
    await store.close()
    with pytest.raises(QuarterdeckError, match="not open"):
        await pruner.prune(Retention())
