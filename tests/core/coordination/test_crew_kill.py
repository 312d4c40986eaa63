"""A real ``kill -9`` in the middle of a saga and of a vote: what was acknowledged is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.core.coordination import crew_victim

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.coordination import (
    ConsensusResult,
    CoordinationLayer,
    SagaStatus,
    Vote,
)
from quarterdeck.state.sqlite.store import SqliteStore


def run_and_kill(home: Path, what: str) -> Path:
    """Run the victim until it says that it is ready, and kill it."""
    marks = home / "marks"
    marks.mkdir()
    program = [sys.executable, crew_victim.__file__, str(home / "state.db"), str(marks), what]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        try:
            assert victim.stdout.readline() == "ready\n"
        finally:
            victim.kill()
    return marks


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[CoordinationLayer]:
    store = SqliteStore(home / "state.db", clock=SYSTEM_CLOCK)
    await store.open()
    layer = CoordinationLayer(store=store.kept, engine_id="next")
    try:
        yield layer
    finally:
        await layer.close()
        await store.close()


@pytest.mark.parametrize("goes_on", [True, False], ids=["finished", "undone"])
async def test_a_saga_that_was_killed_is_finished_or_undone(
    tmp_path: Path, *, goes_on: bool
) -> None:
    marks = run_and_kill(tmp_path, "saga")
    assert {one.name for one in marks.iterdir()} == {"0", "1"}
    calls: list[str] = []

    async def act(action: str) -> None:
        calls.append(action)
        if action == "do 1" and not goes_on:
            raise OSError("not again")
        crew_victim.mark(marks, action)

    async with opened(tmp_path) as layer:
        layer.register_agent("a", act)
        (result,) = await layer.resume_sagas(former={"victim"})
        assert await layer.resume_sagas() == []
    left = {one.name for one in marks.iterdir()}
    if goes_on:
        assert (result.status, left) == (SagaStatus.COMPLETED, {"0", "1", "2"})
        assert calls == ["do 1", "do 2"]  # the first step is not done again
    else:
        assert (result.status, left) == (SagaStatus.COMPENSATED, set())
        assert calls == ["do 1", "undo 1", "undo 0"]


async def test_votes_that_were_acknowledged_survive_a_kill(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "vote")
    async with opened(tmp_path) as layer:
        (proposal,) = await layer.votes.all(open_only=True)
        assert {voter: proposal.votes[voter] for voter in ("a", "b")} == {
            "a": Vote.APPROVE, "b": Vote.APPROVE
        }  # fmt: skip
        await layer.vote_on_proposal(proposal.proposal_id, "c", "reject")  # once, however it ended
        assert await layer.wait_for_consensus(proposal.proposal_id) is ConsensusResult.ACHIEVED
