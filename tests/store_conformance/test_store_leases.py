"""Leases: an instance is driven by one engine, and a former one can't write any more."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from tests.store_conformance.conftest import Commit, Home
from tests.store_conformance.test_store_workflows import code, everything
from tests.store_conformance.workflow_make import START, MakeFlow, at

from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import Change
from quarterdeck.core.workflows.records import Lease, RemoveTask, RemoveWorkflow
from quarterdeck.core.workflows.statuses import WorkflowStatus

OPEN = (WorkflowStatus.PENDING, WorkflowStatus.RUNNING)
PAUSED = WorkflowStatus.PAUSED


async def leased(store: Store, engine_id: str, now: float = 0, **how: object) -> list[str]:
    """Take what is free at ``now`` for ten seconds; the instances' ids."""
    terms = {"until": at(now + 10), "now": at(now), "statuses": OPEN, "limit": 100} | how
    found = await store.lease(engine_id, **terms)  # type: ignore[arg-type]  # passed on as they are
    assert all(one.lease and one.lease.engine_id == engine_id for one in found)
    return [one.id for one in found]


async def test_what_is_free_is_taken_once_oldest_first(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    for name, age in (("W3", 3), ("W1", 1), ("W2", 2)):
        await commit(flow.save(name, created_at=at(age)))
    await commit(flow.save("W0", status=PAUSED))
    assert await leased(store, "E1", limit=0) == []
    assert await leased(store, "E1", limit=2) == ["W1", "W2"]
    assert await leased(store, "E2") == ["W3"]
    assert await leased(store, "E2") == await leased(store, "E1") == []
    assert await leased(store, "E1", statuses=[PAUSED]) == ["W0"]


async def test_leased_records_are_whole(store: Store, flow: MakeFlow, commit: Commit) -> None:
    await commit(flow.save(inputs='{"a":1}'), flow.line(1))
    (found,) = await store.lease("E1", until=at(5), now=START, statuses=OPEN, limit=1)
    wanted = flow.workflow(inputs='{"a":1}', version=1, lease=Lease("E1", 1, at(5)))
    assert found == wanted == await store.workflow("W1")
    assert (await store.workflows())[0].lease == wanted.lease


async def test_an_expired_lease_is_free_under_a_new_epoch(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save())
    assert await leased(store, "E1", 0) == ["W1"]
    assert await leased(store, "E2", 9.9) == []
    assert await leased(store, "E2", 10) == ["W1"]
    kept = await store.workflow("W1")
    assert kept is not None
    assert kept.lease == Lease("E2", 2, at(20))


async def test_a_former_engines_leases_are_free_at_once(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save("W1"), flow.save("W2"))
    assert await leased(store, "E1", limit=1) == ["W1"]
    assert await leased(store, "E2") == ["W2"]
    assert await leased(store, "E3", former=["E0", "E1"]) == ["W1"]


async def test_take_gives_one_instance(store: Store, flow: MakeFlow, commit: Commit) -> None:
    await commit(flow.save())
    assert await store.take("W1", "E1", until=at(5), now=START) == Lease("E1", 1, at(5))
    assert await store.take("W1", "E2", until=at(5), now=START) is None
    assert await store.take("W1", "E1", until=at(7), now=at(1)) == Lease("E1", 1, at(7))
    assert await store.take("W1", "E2", until=at(9), now=at(7)) == Lease("E2", 2, at(9))
    assert await store.take("W9", "E1", until=at(5), now=START) is None


async def test_renewing_prolongs_what_is_still_held(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save("W1"), flow.save("W2"), flow.save("W3"))
    mine = {
        name: await store.take(name, "E1", until=at(5), now=START) for name in ("W1", "W2", "W3")
    }
    leases = [(name, lease) for name, lease in mine.items() if lease]
    await store.take("W2", "E2", until=at(20), now=at(6))
    assert await store.renew([*leases, ("W9", Lease("E1", 1, START))], at(30)) == {"W1", "W3"}
    assert await store.renew([], at(30)) == set()
    assert await leased(store, "E3", 19) == []
    assert await leased(store, "E3", 29) == ["W2"]


async def test_a_released_lease_is_free_and_its_epoch_remembered(
    home: Home, store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save())
    lease = await store.take("W1", "E1", until=at(5), now=START)
    assert lease is not None
    await store.release([("W1", replace(lease, epoch=7)), ("W9", lease)])
    assert await store.take("W1", "E2", until=at(5), now=START) is None
    await store.release([("W1", lease)])
    kept = await store.workflow("W1")
    assert kept is not None
    assert kept.lease is None
    again = await home.reopen(store)
    assert await again.take("W1", "E2", until=at(5), now=START) == Lease("E2", 2, at(5))


async def test_saving_a_workflow_leaves_its_lease_alone(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save())
    lease = await store.take("W1", "E1", until=at(5), now=START)
    await commit(flow.save(lease=None, name="b"), flow.update(lease=Lease("E9", 9, START)))
    kept = await store.workflow("W1")
    assert kept is not None
    assert kept.lease == lease


@pytest.mark.parametrize("kind", ["save", "update", "task", "new task", "remove"])
async def test_who_lost_the_lease_writes_nothing(
    store: Store, flow: MakeFlow, commit: Commit, kind: str
) -> None:
    await commit(*flow.whole())
    mine = await store.take("W1", "E1", until=at(5), now=START)
    assert mine is not None

    def changes(guard: Lease) -> list[Change]:
        guarded: dict[str, Change] = {
            "save": flow.save(guard=guard, name="mine"),
            "update": flow.update(guard=guard, name="mine"),
            "task": flow.task("T1", guard=guard, error="mine"),
            "new task": flow.task("T9", guard=guard),
            "remove": RemoveTask("W1", "T2", guard),
        }
        return [flow.attempt(number=2), guarded[kind], flow.line(3), flow.signal(key="x")]

    taken = await store.take("W1", "E2", until=at(20), now=at(6))
    before = await everything(store)
    for guard in (mine, replace(mine, epoch=2), replace(mine, engine_id="E2"), Lease("", 0, START)):
        assert await code(store, *changes(guard)) == "lease_lost"
    assert await everything(store) == before
    assert taken is not None
    assert await code(store, *changes(taken)) == "ok"
    await store.release([("W1", taken)])
    assert await code(store, flow.task(guard=taken), flow.line(4)) == "lease_lost"


async def test_an_expired_lease_that_nobody_took_still_writes(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save())
    lease = await store.take("W1", "E1", until=at(-5), now=at(-9))
    assert await code(store, flow.task(guard=lease), flow.line(1)) == "ok"


async def test_a_removed_workflow_is_driven_by_nobody(
    store: Store, flow: MakeFlow, commit: Commit
) -> None:
    await commit(flow.save())
    lease = await store.take("W1", "E1", until=at(5), now=START)
    await commit(RemoveWorkflow("W1"))
    assert await code(store, flow.task(guard=lease)) == "lease_lost"
    assert await code(store, flow.update(guard=lease)) == "lease_lost"


async def test_many_engines_at_once_never_get_the_same_instance(
    store: Store, flow: MakeFlow
) -> None:
    await store.commit([flow.save(f"W{n:03}", created_at=at(n)) for n in range(200)])
    dice = random.Random(20260301)  # noqa: S311  # a test's dice

    async def engine(name: str) -> list[str]:
        mine: list[str] = []
        while found := await leased(store, name, limit=dice.randint(1, 9)):
            mine += found
        return mine

    shares = await asyncio.gather(*(engine(f"E{n}") for n in range(8)))
    taken = [name for share in shares for name in share]
    assert sorted(taken) == [f"W{n:03}" for n in range(200)]
    assert await store.renew([(name, Lease("E0", 1, START)) for name in taken], at(99)) == set(
        shares[0]
    )


async def test_writes_and_a_change_of_hands_at_the_same_time_agree(
    store: Store, flow: MakeFlow
) -> None:
    """Whatever the order, a former holder's last change is seen by the next one, or refused."""
    await store.commit([flow.save(), flow.line(1)])
    for turn in range(20):
        now = turn * 100
        lease = await store.take("W1", "E1", until=at(now + 10), now=at(now))
        assert lease is not None
        kept = await store.version("W1")
        writing = [
            asyncio.ensure_future(
                code(store, flow.task(f"T{turn}-{n}", guard=lease), flow.line(kept + n))
            )
            for n in (1, 2, 3)
        ]
        other = await store.take("W1", "E2", until=at(now + 60), now=at(now + 20))
        assert other is not None
        seen = await store.version("W1")
        outcomes = await asyncio.gather(*writing)
        assert outcomes == ["ok"] * (seen - kept) + ["lease_lost"] * (3 - (seen - kept))
        assert await store.version("W1") == seen
