"""How locks and sagas stand, as screens show them."""

from __future__ import annotations

import asyncio

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import MemoryKept
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.coordination.layer import CoordinationConfig, CoordinationLayer
from quarterdeck.core.coordination.listing import LockListing, locks, sagas
from quarterdeck.core.coordination.saga import Saga, SagaStatus, SagaStep, StepStatus

QUICK = CoordinationConfig(saga_retry_policy=RetryPolicy(1, 0.0, 0.0))


async def test_locks_are_listed_with_holders_and_waiters_of_every_engine() -> None:
    store, clock = MemoryKept(), ManualClock()
    here = CoordinationLayer(store=store, engine_id="here", clock=clock)
    there = CoordinationLayer(store=store, engine_id="there", clock=clock)
    await here.lock("branch main", "ann", 30)
    await there.lock("deck", "cy", 30)
    waiting = [asyncio.ensure_future(here.lock("branch main", name, 30)) for name in ("bob", "dee")]
    beyond = asyncio.ensure_future(here.lock("deck", "eve", 30))
    await asyncio.sleep(0)
    clock.advance(10)
    assert await locks(here) == (
        LockListing("branch main", "ann", "here", 1, ("bob", "dee"), 20.0),
        LockListing("deck", "cy", "there", 1, ("eve",), None),
    )
    assert [one.holder for one in await locks(there)] == ["ann", "cy"]
    await here.close()
    await there.close()
    await asyncio.gather(*waiting, beyond, return_exceptions=True)
    assert await locks(here) == ()


async def test_sagas_are_listed_with_their_steps() -> None:
    layer = CoordinationLayer(QUICK, engine_id="here")

    def act(action: str) -> None:
        if action == "fail":
            raise ValueError("no room")

    layer.register_agent("crew", act)
    steps = [SagaStep("one", "crew", "go", "back", 0), SagaStep("two", "crew", "fail", None, 0)]
    await layer.run_saga(Saga("voyage", steps, "S1"))
    [found] = await sagas(layer)
    assert (found.saga_id, found.name, found.engine_id) == ("S1", "voyage", "here")
    assert found.status is SagaStatus.COMPENSATED
    assert found.error == "ValueError: no room"
    assert [(step.name, step.status) for step in found.steps] == [
        ("one", StepStatus.UNDONE), ("two", StepStatus.FAILED),
    ]  # fmt: skip
    assert await sagas(layer, open_only=True) == ()
    await layer.close()
