"""The commands about the crew through a running engine, and what becomes of its locks when it stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.coordination import CoordinationLayer, Saga, SagaStep
from quarterdeck.core.protocol import crew_commands as c
from quarterdeck.core.protocol.crew_views import CrewView, VoteChoice
from quarterdeck.core.protocol.payload import Payload

from .ship import memory_store, sailing


async def test_the_crew_is_shown_and_steered(place: Path) -> None:
    store = await memory_store()
    layer = CoordinationLayer(store=store.kept)
    layer.register_agent("git", lambda action: action)
    async with sailing(place, store=store, layer=layer) as ship:
        client = await ship.client()
        held = await layer.lock("branch:main", "ada", 600)
        done = await layer.run_saga(Saga("tidy", [SagaStep("one", "git", "go", "back")]))
        shown = CrewView.model_validate((await client.call(c.ShowCrew()))["crew"])
        assert [(one.resource, one.holder) for one in shown.locks] == [("branch:main", "ada")]
        assert [(one.name, one.status) for one in shown.sagas] == [("tidy", "completed")]
        assert (shown.agents, shown.halt, shown.breakers) == ((), None, ())
        gone = await client.call(c.ReleaseLock(resource="branch:main"))
        assert (gone["lock"]["holder"], held.lost) == ("ada", True)
        again = await client.call(c.ResumeSaga(saga_id=done.saga_id))
        assert again["saga"]["status"] == "completed"
        await client.close()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (c.ReleaseLock(resource="nothing"), "lock_free"),
        (c.ResumeSaga(saga_id="nothing"), "saga_unknown"),
        (c.CastVote(proposal_id="nothing", choice=VoteChoice.APPROVE), "no_vote_left"),
    ],
)
async def test_what_is_refused_says_why(place: Path, wish: Payload, code: str) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        with pytest.raises(QuarterdeckError) as caught:
            await client.call(wish)
        assert caught.value.code == code
        await client.close()


async def test_an_engine_that_stops_gives_its_locks_back(place: Path) -> None:
    store = await memory_store()
    layer = CoordinationLayer(store=store.kept)
    async with sailing(place, store=store, layer=layer):
        await layer.lock("branch:main", "ada", 600)
    await store.open()
    assert await CoordinationLayer(store=store.kept).locks.all() == []
    await store.close()
