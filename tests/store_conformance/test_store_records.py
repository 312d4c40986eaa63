"""Small records: changed only from the version that was read, by whoever is first."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.store_conformance.conftest import Home

from quarterdeck.core.base.kept import Followed, Kept, KeptStore
from quarterdeck.core.engine.ports import Store


def kept_of(store: Any) -> KeptStore:
    found: KeptStore = store.kept
    return found


async def test_a_record_is_kept_from_version_to_version(store: Store) -> None:
    kept = kept_of(store)
    assert await kept.get_kept("lock", "a") is None
    assert not await kept.put_kept(Kept("lock", "a", 2, "{}"))
    assert await kept.put_kept(Kept("lock", "a", 1, "{}"))
    assert not await kept.put_kept(Kept("lock", "a", 1, '{"late": 1}'))
    assert await kept.put_kept(Kept("lock", "a", 2, '{"x": "é"}', open=False))
    assert not await kept.put_kept(Kept("lock", "a", 2, "{}"))
    assert await kept.get_kept("lock", "a") == Kept("lock", "a", 2, '{"x": "é"}', open=False)
    assert await kept.get_kept("saga", "a") is None


async def test_records_are_listed_by_kind_and_key(store: Store) -> None:
    kept = kept_of(store)
    for key, is_open in (("b", True), ("c", False), ("a", True)):
        await kept.put_kept(Kept("saga", key, 1, "{}", open=is_open))
    await kept.put_kept(Kept("lock", "z", 1, "{}"))
    assert [one.key for one in await kept.all_kept("saga")] == ["a", "b", "c"]
    assert [one.key for one in await kept.all_kept("saga", open_only=True)] == ["a", "b"]
    await kept.remove_kept("saga", "a")
    await kept.remove_kept("saga", "none")
    assert [one.key for one in await kept.all_kept("saga")] == ["b", "c"]
    assert await kept.put_kept(Kept("saga", "a", 1, "{}"))


async def test_of_many_that_change_a_record_one_wins(store: Store) -> None:
    kept = kept_of(store)
    for version in (1, 2):
        won = await asyncio.gather(
            *(kept.put_kept(Kept("lock", "a", version, f'{{"by": {who}}}')) for who in range(8))
        )
        assert sum(won) == 1


async def test_what_was_acknowledged_is_there_after_the_next_start(home: Home) -> None:
    store = await home.open()
    await kept_of(store).put_kept(Kept("safety", "monitor", 1, '{"rule": "heat"}'))
    store = await home.reopen(store)
    found = await kept_of(store).get_kept("safety", "monitor")
    assert found is not None
    assert found.body == '{"rule": "heat"}'


async def test_who_follows_hears_of_every_change_and_of_no_refusal(store: Store) -> None:
    kept = kept_of(store)
    assert isinstance(kept, Followed)
    heard: list[tuple[str, str]] = []
    end = kept.follow_kept(lambda kind, key: heard.append((kind, key)))
    await kept.put_kept(Kept("lock", "a", 1, "{}"))
    await kept.put_kept(Kept("lock", "a", 1, "{}"))
    await kept.remove_kept("lock", "a")
    await kept.remove_kept("lock", "a")
    end()
    await kept.put_kept(Kept("lock", "a", 1, "{}"))
    assert set(heard) == {("lock", "a")}
    assert 2 <= len(heard) <= 3, "what stood there as it began to listen may be told once more"
