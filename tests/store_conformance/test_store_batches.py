"""Logs of batches: in order, each number once, dropped only when a later one stands for them."""

from __future__ import annotations

import pytest
from tests.store_conformance.conftest import Commit, Home

from quarterdeck.core.base.batches import AddBatch, Batch, DropBatches
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store


def batch(number: int, log: str = "one", body: str = "a\nb") -> AddBatch:
    return AddBatch(Batch(log, number, body))


async def test_batches_are_kept_in_order_by_log(home: Home, store: Store, commit: Commit) -> None:
    await commit(batch(1), batch(2, body="ü\x01"), batch(1, "other"))
    await commit(batch(12), batch(100))
    again = await home.reopen(store)
    found = await again.batches("one")
    assert [(one.number, one.body) for one in found] == [
        (1, "a\nb"), (2, "ü\x01"), (12, "a\nb"), (100, "a\nb"),
    ]  # fmt: skip
    assert await again.batches("other") == [Batch("other", 1, "a\nb")]
    assert await again.batches("none") == []


@pytest.mark.parametrize("number", [1, 4, 5])
async def test_a_number_is_above_all_of_its_log(store: Store, commit: Commit, number: int) -> None:
    await commit(batch(1), batch(5))
    with pytest.raises(QuarterdeckError) as refused:
        await commit(batch(9, "other"), batch(number))
    assert refused.value.code == "batch_stale"
    assert await store.batches("other") == []
    assert [one.number for one in await store.batches("one")] == [1, 5]


async def test_a_fold_replaces_what_came_before(store: Store, commit: Commit) -> None:
    await commit(batch(1), batch(2), batch(1, "other"))
    await commit(batch(3, body="all"), DropBatches("one", 3))
    assert await store.batches("one") == [Batch("one", 3, "all")]
    assert len(await store.batches("other")) == 1
    await commit(batch(4))
    assert [one.number for one in await store.batches("one")] == [3, 4]


async def test_a_large_body_is_kept_whole(store: Store, commit: Commit) -> None:
    body = "\n".join(f'["e","{number}"]' for number in range(50_000))
    await commit(batch(1, body=body))
    assert (await store.batches("one"))[0].body == body
