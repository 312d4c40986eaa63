"""A journal that is laid down beforehand, where each commit is synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.state.test_sqlite_writer import Watch, grow

from quarterdeck.state.sqlite import wal
from quarterdeck.state.sqlite.opening import PAGE_BYTES
from quarterdeck.state.sqlite.wal import LAID_BYTES, journal_of, size_of

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore, Plain


@pytest.mark.parametrize(("durability", "laid"), [("normal", 0), ("full", LAID_BYTES)])
async def test_a_journal_whose_commits_are_synced_is_laid_down_beforehand(
    open_store: OpenStore, plain: Plain, durability: str, laid: int
) -> None:
    store = await open_store(durability=durability)
    await store.commit([plain.save("S1", 1)])
    assert size_of(journal_of(store.path)) // LAID_BYTES == laid // LAID_BYTES


async def test_more_of_it_is_laid_down_on_the_thread_when_it_is_nearly_used_up(
    open_store: OpenStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(durability="full")
    await store.commit([plain.save("S1", 1)])
    watch = Watch(monkeypatch)
    grow(store, LAID_BYTES // PAGE_BYTES)
    await store.commit([plain.event(1)])
    await store.commit([plain.event(2)])
    assert watch.places == ["thread", "inline"]
    assert size_of(journal_of(store.path)) >= 2 * LAID_BYTES


async def test_where_nothing_can_be_laid_down_commits_stay_on_the_loop(
    open_store: OpenStore, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "_FREE_AT_LEAST", 2**62)
    store = await open_store(durability="full")
    await store.commit([plain.save("S1", 1)])
    watch = Watch(monkeypatch)
    grow(store, LAID_BYTES // PAGE_BYTES)
    await store.commit([plain.event(1)])
    assert watch.places == ["inline"]
    assert size_of(journal_of(store.path)) < LAID_BYTES
