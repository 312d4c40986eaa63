"""Transactions: whole or not at all, in order, each answering for itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import AddEvent, Change, SavePreference
from quarterdeck.core.sessions.records import RemoveSession, SaveItem, SaveSession

if TYPE_CHECKING:
    from tests.store_conformance.conftest import Commit, Home, Make

NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001  # what is refused


def code_of(future: asyncio.Future[None]) -> str:
    """How a future ended: ``ok`` or its fault's code."""
    error = future.exception()
    if error is None:
        return "ok"
    assert isinstance(error, QuarterdeckError)
    return error.info().code


async def outcomes(futures: list[asyncio.Future[None]]) -> list[str]:
    await asyncio.wait_for(asyncio.wait(futures), 10)
    return [code_of(future) for future in futures]


async def everything(store: Store) -> list[Any]:
    """All that can be read of the sessions S1 to S3 and beside them."""
    found: list[Any] = [
        await store.sessions(),
        await store.open_items(),
        await store.events(),
        await store.preferences(),
        await store.last_sequence(),
        await store.reply("C1"),
    ]
    for name in ("S1", "S2", "S3"):
        found += [await store.history(name, 99), await store.snapshot(name)]
    return found


async def test_nothing_is_visible_before_its_future_ends(store: Store, make: Make) -> None:
    future = store.commit([make.save("S1")])
    assert not future.done()
    await future
    assert len(await store.sessions()) == 1


async def test_futures_end_in_the_order_of_the_calls(store: Store, make: Make) -> None:
    ended: list[int] = []

    def note(number: int, _: asyncio.Future[None]) -> None:
        ended.append(number)

    futures = []
    for number in range(1_000):
        # Large ones take another way to the disk, and refused ones another way back.
        changes: list[Change] = [make.event()]
        if number % 97 == 0:
            changes.append(make.snapshot("S1", bytes(200_000)))
        if number % 31 == 0:
            changes.append(make.save("S1", 1))
        future = store.commit(changes)
        future.add_done_callback(partial(note, number))
        futures.append(future)
        if number % 13 == 0:
            await asyncio.sleep(0)
    codes = await outcomes(futures)
    await asyncio.sleep(0)
    assert ended == list(range(1_000))
    assert codes.count("stale_version") == len(range(31, 1_000, 31))


async def test_a_commit_of_nothing_ends_in_its_turn(store: Store, make: Make) -> None:
    futures = [store.commit([make.event()]), store.commit([]), store.commit([make.event()])]
    assert await outcomes(futures) == ["ok", "ok", "ok"]


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_version_that_is_not_above_the_kept_one_is_refused(
    store: Store, make: Make, commit: Commit, version: int
) -> None:
    await commit(make.save("S1", 3))
    with pytest.raises(QuarterdeckError, match="S1") as caught:
        await store.commit([make.save("S1", version, name="stale")])
    assert caught.value.info().code == "stale_version"
    assert caught.value.details == {"session_id": "S1", "version": version}
    (kept,) = await store.sessions()
    assert (kept.version, kept.name) == (3, "fix login")


async def test_versions_may_skip_numbers(store: Store, make: Make, commit: Commit) -> None:
    for version in (1, 2, 10, 1_000):
        await commit(make.save("S1", version))
    assert (await store.sessions())[0].version == 1_000


async def test_a_removed_session_may_begin_again(store: Store, make: Make, commit: Commit) -> None:
    await commit(make.save("S1", 7))
    await commit(RemoveSession("S1"), make.save("S1", 1))
    assert (await store.sessions())[0].version == 1


@pytest.mark.parametrize("place", range(8))
async def test_a_transaction_that_is_refused_leaves_no_trace(
    store: Store, make: Make, commit: Commit, place: int
) -> None:
    await commit(
        make.save("S1", 5), make.line("S1"), make.snapshot("S1"), make.event(1),
        SaveItem(make.item("S1")), SavePreference("a", 1), SavePreference("b", 2),
    )  # fmt: skip
    before = await everything(store)
    changes: list[Change] = [
        make.save("S2"),
        make.line("S1", 9),
        make.snapshot("S1", b"torn"),
        make.event(2),
        SaveItem(make.item("S1")),
        RemoveSession("S1"),
        SavePreference("a", None),
        make.reply("C1"),
    ]
    # Refused by what is kept, or, once S1 is gone, by what the transaction itself did before.
    changes.insert(place, make.save("S1" if place <= 5 else "S2", 1))
    assert await outcomes([store.commit(changes)]) == ["stale_version"]
    assert await everything(store) == before


async def test_one_refused_among_many_leaves_the_others_alone(store: Store, make: Make) -> None:
    futures = [
        store.commit([make.save(f"S{number % 7}", number), make.event()])
        for number in (1, 2, 3, 1, 8, 8, 9, 15, 2, 16)
    ]
    assert await outcomes(futures) == [
        "ok", "ok", "ok", "stale_version", "ok", "stale_version", "ok", "ok", "stale_version", "ok"
    ]  # fmt: skip
    versions = {record.id: record.version for record in await store.sessions()}
    assert versions == {"S1": 15, "S2": 16, "S3": 3}
    assert [event.sequence for event in await store.events()] == [1, 2, 3, 5, 7, 8, 10]


async def test_a_refused_one_does_not_refuse_what_came_after_it(store: Store, make: Make) -> None:
    await store.commit([make.save("S1", 5)])
    futures = [
        store.commit([make.save("S2", 9), make.save("S1", 5)]),
        store.commit([make.save("S2", 1)]),
    ]
    assert await outcomes(futures) == ["stale_version", "ok"]


@pytest.mark.parametrize("sequence", [1, 6, 7])
async def test_a_sequence_that_is_not_above_all_others_is_refused(
    home: Home, store: Store, make: Make, sequence: int
) -> None:
    await store.commit([make.event(7)])
    for _ in range(2):
        assert await outcomes([store.commit([make.event(sequence)])]) == ["stale_sequence"]
        assert await store.last_sequence() == 7
        store = await home.reopen(store)


async def test_a_sequence_of_a_refused_transaction_is_free(store: Store, make: Make) -> None:
    await store.commit([make.save("S1", 5)])
    futures = [
        store.commit([make.event(10), make.save("S1", 5)]),
        store.commit([make.event(9)]),
        store.commit([make.event(9)]),
    ]
    assert await outcomes(futures) == ["stale_version", "ok", "stale_sequence"]


@pytest.mark.parametrize("kind", ["created", "since", "ended", "item", "line", "event", "reply"])
async def test_a_stamp_without_a_time_zone_is_refused(store: Store, make: Make, kind: str) -> None:
    record = make.session("S1")
    reply, line = make.reply("C1"), make.line("S1")
    broken: dict[str, Change] = {
        "created": SaveSession(replace(record, created_at=NAIVE)),
        "since": SaveSession(
            replace(record, status=record.status.model_copy(update={"since": NAIVE}))
        ),
        "ended": SaveSession(replace(record, ended_at=NAIVE)),
        "item": SaveItem(make.item(deadline=NAIVE)),
        "line": replace(line, entry=replace(line.entry, at=NAIVE)),
        "event": make.event(at=NAIVE),
        "reply": replace(reply, reply=replace(reply.reply, at=NAIVE)),
    }
    futures = [
        store.commit([make.save("S2")]),
        store.commit([make.save("S3"), broken[kind]]),
        store.commit([make.save("S4")]),
    ]
    assert await outcomes(futures) == ["ok", "change_invalid", "ok"]
    assert [record.id for record in await store.sessions()] == ["S2", "S4"]


async def test_a_preference_that_is_no_json_is_refused(store: Store) -> None:
    futures = [
        store.commit([SavePreference("a", object())]),
        store.commit([SavePreference("b", 1)]),
    ]
    assert await outcomes(futures) == ["change_invalid", "ok"]
    assert await store.preferences() == {"b": 1}


async def test_cancelling_who_waits_neither_loses_the_change_nor_stops_the_writer(
    store: Store, make: Make
) -> None:
    async def wait(name: str) -> None:
        await store.commit([make.save(name)])

    tasks = [asyncio.create_task(wait(f"S{number}")) for number in range(5)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [True, False, True, False, True]
    await store.commit([make.save("S9")])
    assert [record.id for record in await store.sessions()] == ["S0", "S1", "S2", "S3", "S4", "S9"]


async def test_cancelling_a_refused_one_harms_nothing(store: Store, make: Make) -> None:
    await store.commit([make.save("S1", 5)])
    stale = store.commit([make.save("S1", 5)])
    stale.cancel()
    await store.commit([make.save("S2")])
    assert stale.cancelled()


async def test_many_callers_at_once_each_get_all_of_theirs(store: Store, make: Make) -> None:
    async def call(name: str) -> None:
        for version in range(1, 21):
            await store.commit([make.save(name, version), make.line(name, version)])

    names = [f"S{number:03}" for number in range(100)]
    await asyncio.gather(*(call(name) for name in names))
    assert {record.id: record.version for record in await store.sessions()} == dict.fromkeys(
        names, 20
    )
    for name in names[::20]:
        assert len(await store.history(name, 99)) == 20


async def test_reads_between_commits_never_see_half_a_transaction(store: Store, make: Make) -> None:
    done = False

    async def look() -> int:
        looks = 0
        while not done:
            sequence = await store.last_sequence()
            versions = [record.version for record in await store.sessions()]
            assert len(set(versions)) <= 1
            assert all(version >= sequence for version in versions)
            looks += 1
            await asyncio.sleep(0)
        return looks

    looking = asyncio.create_task(look())
    for version in range(1, 151):
        await store.commit([make.save("S1", version), make.save("S2", version), make.event()])
    done = True
    assert await looking > 5


async def test_ready_waits_while_more_is_pending_than_the_bound(home: Home, make: Make) -> None:
    home.bound = 10
    store = await home.open()
    await store.ready()
    waiting = asyncio.create_task(store.ready())  # looks in the next turn, before the writer's
    futures = [store.commit([make.event()]) for _ in range(11)]
    assert store.statistics().pending == 11
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 60)
    assert store.statistics().pending <= 10
    assert set(await outcomes(futures)) == {"ok"}


async def test_far_beyond_the_bound_transactions_are_refused(home: Home, make: Make) -> None:
    home.bound = 2
    store = await home.open()
    futures = [store.commit([make.event()]) for _ in range(25)]
    assert [code_of(future) for future in futures[20:]] == ["store_busy"] * 5
    assert await outcomes(futures[:20]) == ["ok"] * 20
    await store.ready()
    assert await outcomes([store.commit([make.event()])]) == ["ok"]


async def test_close_writes_all_that_is_pending(home: Home, store: Store, make: Make) -> None:
    futures = [store.commit([make.event()]) for _ in range(2_000)]
    again = await home.reopen(store)
    assert all(code_of(future) == "ok" for future in futures)
    assert await again.last_sequence() == 2_000


async def test_close_goes_on_when_its_caller_is_cancelled(
    home: Home, store: Store, make: Make
) -> None:
    futures = [store.commit([make.event()]) for _ in range(500)]
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert await outcomes(futures) == ["ok"] * 500
    assert await (await home.reopen(store)).last_sequence() == 500


async def test_a_closed_store_says_so(store: Store, make: Make) -> None:
    await store.close()
    await store.close()
    assert await outcomes([store.commit([make.event()])]) == ["store_closed"]
    for call in (store.sessions, store.checkpoint, store.ready, store.last_sequence):
        with pytest.raises(QuarterdeckError) as caught:
            await call()
        assert caught.value.info().code == "store_closed"


async def test_opening_an_open_store_changes_nothing(store: Store, make: Make) -> None:
    future = store.commit([make.save("S1")])
    await store.open()
    await future
    assert len(await store.sessions()) == 1


async def test_statistics_count_what_became_durable(store: Store, make: Make) -> None:
    await store.begin("E1")
    futures = [store.commit([make.save("S1", 1), make.event()]) for _ in range(3)]
    assert store.statistics().pending == 3
    await outcomes(futures)
    found = store.statistics()
    assert (found.commits, found.changes, found.pending) == (1, 2, 0)
    assert found.slowest_commit_ms >= found.last_commit_ms >= 0
    assert found.mode in {"inline", "thread", "server"}


async def test_a_change_is_kept_as_it_was_when_it_was_committed(store: Store, make: Make) -> None:
    env, value = {"A": "1"}, ["x"]
    future = store.commit([make.save("S1", env=env), SavePreference("p", value)])
    env["A"] = "2"
    value.clear()
    await future
    assert (await store.sessions())[0].env == {"A": "1"}
    assert await store.preferences() == {"p": ["x"]}


async def test_an_unknown_kind_of_change_is_the_programs_fault(store: Store, make: Make) -> None:
    event: Any = make.event().event
    with pytest.raises(AssertionError):
        await store.commit([AddEvent(make.event().event), event])
    assert await outcomes([store.commit([make.event()])]) == ["ok"]
