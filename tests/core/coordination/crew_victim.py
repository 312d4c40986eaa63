"""A process that runs a saga or a vote on a store in a file until it is killed.

    python crew_victim.py STORE MARKS saga|vote

It prints a line when it stands where it is to be killed: in the middle of the saga's second step, or
with two votes acknowledged and a third one on its way.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.coordination import CoordinationLayer, Saga, SagaStep
from quarterdeck.state.sqlite.store import SqliteStore

STEPS = [SagaStep(f"s{at}", "a", f"do {at}", f"undo {at}", retries=0) for at in range(3)]
SAGA = Saga("killed", STEPS, "01ARZ3NDEKTSV4RRFFQ69G5FAV")


def mark(marks: Path, action: str) -> None:
    """Do, or undo, as something that outlives the process."""
    verb, _, number = action.partition(" ")
    place = marks / number
    if verb == "do":
        place.touch()
    else:
        place.unlink(missing_ok=True)


async def saga(layer: CoordinationLayer, marks: Path) -> None:
    async def act(action: str) -> None:
        mark(marks, action)
        if action == "do 1":
            print("ready", flush=True)  # noqa: T201  # the signal to the test
            await asyncio.Event().wait()

    layer.register_agent("a", act)
    await layer.run_saga(SAGA)


async def vote(layer: CoordinationLayer) -> None:
    made = await layer.propose_consensus("t", "me", voters=["a", "b", "c"], deadline_seconds=3600)
    for voter in ("a", "b"):
        await layer.vote_on_proposal(made.proposal_id, voter, "approve")
    late = asyncio.create_task(layer.vote_on_proposal(made.proposal_id, "c", "reject"))
    await asyncio.sleep(0)
    print("ready", flush=True)  # noqa: T201  # the signal to the test
    await late
    await asyncio.Event().wait()


async def main(path: str, marks: str, what: str) -> None:
    store = SqliteStore(Path(path), clock=SYSTEM_CLOCK)
    await store.open()
    layer = CoordinationLayer(store=store.kept, engine_id="victim")
    await (saga(layer, Path(marks)) if what == "saga" else vote(layer))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
