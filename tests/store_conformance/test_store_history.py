"""Events and their paging, engines and their epochs, and what pruning leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import Retention
from quarterdeck.core.sessions.records import SaveItem

if TYPE_CHECKING:
    from tests.store_conformance.conftest import Commit, Home, Make

KEEP_ALL = Retention(events=10**6, replies=10**6, statuses_per_session=10**6, closed_items=10**6)


async def sequences(store: Store, **how: object) -> list[int]:
    return [event.sequence for event in await store.events(**how)]  # type: ignore[arg-type]  # passed on as they are


async def test_an_event_comes_back_with_every_field(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    about = make.event(3, type="session.created", session_id="S9", body='{"ä": "✓"}')
    nothing = make.event(2**53, session_id=None)
    await commit(about)
    await commit(nothing)
    assert await (await home.reopen(store)).events() == [about.event, nothing.event]


async def test_a_stamp_comes_back_in_utc(store: Store, make: Make, commit: Commit) -> None:
    local = datetime(2026, 3, 1, 8, 15, 0, 7, tzinfo=timezone(timedelta(hours=-7)))
    await commit(make.event(at=local))
    (found,) = await store.events()
    assert found.at == local


async def test_the_newest_events_come_oldest_first(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(*(make.event() for _ in range(300)))
    assert await sequences(store) == list(range(101, 301))
    assert await sequences(store, limit=3) == [298, 299, 300]
    assert await sequences(store, limit=0) == []
    assert await sequences(store, limit=-5) == []


async def test_events_after_a_sequence_come_in_order(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(*(make.event(number) for number in range(10, 1_010, 10)))
    assert await sequences(store, after=0, limit=3) == [10, 20, 30]
    assert await sequences(store, after=10, limit=2) == [20, 30]
    assert await sequences(store, after=15, limit=2) == [20, 30]
    assert await sequences(store, after=990) == [1_000]
    assert await sequences(store, after=1_000) == []
    assert await sequences(store, after=500, limit=0) == []


async def test_events_before_a_sequence_are_those_below_it(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(*(make.event(number) for number in range(10, 110, 10)))
    assert await sequences(store, before=50) == [10, 20, 30, 40]
    assert await sequences(store, before=51, limit=2) == [40, 50]
    assert await sequences(store, before=60, after=20) == [30, 40, 50]
    assert await sequences(store, before=10) == []


async def test_events_are_found_by_type_and_session(
    store: Store, make: Make, commit: Commit
) -> None:
    kinds = ("status.changed", "session.created", "system.warning")
    for number in range(1, 31):
        session_id = None if number % 3 == 2 else f"S{number % 2}"
        await commit(make.event(number, type=kinds[number % 3], session_id=session_id))
    assert await sequences(store, types=("session.created",), limit=3) == [22, 25, 28]
    assert await sequences(store, types=kinds[:2], after=20) == [21, 22, 24, 25, 27, 28, 30]
    assert await sequences(store, types=("unknown",)) == []
    assert await sequences(store, session_id="S0", limit=4) == [22, 24, 28, 30]
    assert await sequences(store, session_id="S0", types=kinds[:1], after=0) == [6, 12, 18, 24, 30]
    assert await sequences(store, session_id="S'; --") == []


async def test_ten_thousand_events_can_be_paged_through(home: Home, make: Make) -> None:
    store = await home.open()
    futures = [
        store.commit([make.event(100 * page + number) for number in range(1, 101)])
        for page in range(100)
    ]
    await asyncio.gather(*futures)
    store = await home.reopen(store)
    found: list[int] = []
    while page := await sequences(store, after=found[-1] if found else 0, limit=777):
        found += page
    assert found == list(range(1, 10_001))
    assert await store.last_sequence() == 10_000


async def test_each_engine_has_an_epoch_above_all_before(home: Home, store: Store) -> None:
    assert [await store.begin("E1"), await store.begin("E2"), await store.begin("E1")] == [1, 2, 3]
    again = await home.reopen(store)
    assert await again.begin("E3") == 4


async def test_an_epoch_is_given_once(store: Store) -> None:
    epochs = await asyncio.gather(*(store.begin(f"E{number}") for number in range(20)))
    assert sorted(epochs) == list(range(1, 21))


async def test_pruning_drops_nothing_that_is_within_bounds(
    store: Store, make: Make, commit: Commit
) -> None:
    for number in range(30):
        await commit(
            make.save(f"S{number % 3}", number + 1), make.line(f"S{number % 3}"), make.event(),
            make.reply(f"C{number}"), make.closed_item(number), make.snapshot(f"S{number % 3}"),
        )  # fmt: skip
    within = Retention(events=30, replies=30, statuses_per_session=10, closed_items=30)
    assert await store.prune(within) == 0
    assert await store.prune(KEEP_ALL) == 0
    assert await store.prune(Retention()) == 0


async def test_the_newest_events_survive_pruning(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    await commit(*(make.event(number) for number in range(1, 3_000, 2)))
    assert await store.prune(Retention(events=100)) == 1_400
    assert await sequences(store, after=0, limit=500) == list(range(2_801, 3_000, 2))
    assert await store.prune(Retention(events=100)) == 0
    again = await home.reopen(store)
    assert await again.prune(Retention(events=99)) == 1


@pytest.mark.parametrize("keep", [0, -1])
async def test_the_last_sequence_outlives_the_last_event(
    home: Home, store: Store, make: Make, commit: Commit, keep: int
) -> None:
    await commit(make.event(5), make.event(9))
    assert await store.prune(Retention(events=keep)) == 2
    assert await store.prune(Retention(events=keep)) == 0
    again = await home.reopen(store)
    assert await again.events() == []
    assert await again.last_sequence() == 9
    with pytest.raises(Exception, match="sequence"):
        await again.commit([make.event(9)])
    await again.commit([make.event(10)])
    assert await again.last_sequence() == 10


async def test_the_newest_replies_survive_pruning(store: Store, make: Make, commit: Commit) -> None:
    for number in range(10):
        await commit(make.reply(f"C{number}"))
    await commit(make.reply("C0", "again"))
    assert await store.prune(Retention(replies=4)) == 6
    kept = [number for number in range(10) if await store.reply(f"C{number}")]
    assert kept == [6, 7, 8, 9]


async def test_pruning_counts_each_sessions_history_by_itself(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.save("S1"), make.save("S2"), make.save("S3"))
    for number in range(10):
        await commit(make.line("S1", number))
    await commit(make.line("S2", 1), make.line("S2", 2), make.line("S2", 3))
    assert await store.prune(Retention(statuses_per_session=3)) == 7
    assert [entry.at.second for entry in await store.history("S1", 99)] == [9, 8, 7]
    assert len(await store.history("S2", 99)) == 3
    await commit(make.line("S1", 20))
    assert [entry.at.second for entry in await store.history("S1", 2)] == [20, 9]


async def test_pruning_sweeps_up_what_belongs_to_no_session(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.save("S1"), make.line("S1"), make.snapshot("S1"))
    await commit(make.line("gone"), make.line("gone"), make.snapshot("gone"))
    assert await store.prune(KEEP_ALL) == 3
    assert await store.history("gone", 9) == []
    assert await store.snapshot("gone") is None
    assert len(await store.history("S1", 9)) == 1
    assert await store.snapshot("S1") is not None


async def test_open_items_are_never_pruned(store: Store, make: Make, commit: Commit) -> None:
    old = make.item(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    await commit(SaveItem(old), *(make.closed_item(number) for number in range(10)))
    assert await store.prune(Retention(closed_items=2)) == 8
    assert await store.prune(Retention(closed_items=0)) == 2
    assert await store.open_items() == [old]


async def test_commits_go_on_while_history_is_pruned(
    store: Store, make: Make, commit: Commit
) -> None:
    for _ in range(10):
        await commit(*(make.event() for _ in range(500)))
    pruning = asyncio.create_task(store.prune(Retention(events=10)))
    committed = 0
    while not pruning.done():
        await commit(make.save("S1", committed + 1))
        committed += 1
    assert await pruning == 4_990
    assert (await store.sessions())[0].version == committed


async def test_a_checkpoint_changes_nothing_that_can_be_read(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    await store.checkpoint()
    for number in range(50):
        await commit(make.save("S1", number + 1), make.event())
    await asyncio.gather(store.checkpoint(), store.checkpoint(), commit(make.event()))
    await store.checkpoint()
    again = await home.reopen(store)
    assert (await again.sessions())[0].version == 50
    assert await again.last_sequence() == 51
