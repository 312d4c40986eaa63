"""Agents that outlived their database are taken up by the engine that finds a fresh one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, alive, kill_leftovers, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.protocol.events import SystemWarning
from quarterdeck.state.memory import MemoryStore


async def fresh_store() -> MemoryStore:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    return store


@pytest.mark.parametrize("engines_before", [1, 3])
async def test_agents_of_a_database_that_was_moved_aside_go_on(
    new_rig: Any, keepers: FakeKeepers, engines_before: int
) -> None:
    first: Rig = await new_rig(keepers=keepers)
    for _ in range(engines_before - 1):
        await first.close(stop_sessions=False)
        first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    rig: Rig = await new_rig(keepers=keepers, store=await fresh_store())
    await until(lambda: not rig.manager._errands._tasks)
    await rig.manager.tidy()
    (keeper,) = keepers.living()
    assert keeper.stops == 0
    (session,) = rig.sessions.values()
    assert session.record.pid == keeper.pid + 1


async def test_a_real_agent_of_a_lost_database_lives_on(rig: Rig, new_rig: Any) -> None:
    await rig.script("read x")
    pid = rig.view("one").pid
    await rig.die()
    again: Rig = await new_rig(store=await fresh_store())
    await until(lambda: not again.manager._errands._tasks)
    await again.manager.tidy()
    assert alive(pid)
    kill_leftovers(again.state_dir)
    await until(lambda: not alive(pid))


async def test_agents_of_a_database_that_was_put_back_are_left_alone_and_told(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    """A copy from before the session: it counts on from where it stood, below the agents' epoch."""
    copy = await fresh_store()
    await copy.begin("the engine of the day of the copy")
    first: Rig = await new_rig(keepers=keepers)
    await first.close(stop_sessions=False)
    first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    rig: Rig = await new_rig(keepers=keepers, store=copy)
    await until(lambda: not rig.manager._errands._tasks)
    await rig.manager.tidy()
    (keeper,) = keepers.living()
    assert keeper.stops == 0
    assert not rig.sessions
    (told,) = [one for one in rig.told(SystemWarning) if one.code == "agents_unknown"]
    assert told.details == {"pids": [keeper.pid + 1]}
    assert f"their processes are {keeper.pid + 1}" in told.message


async def test_keepers_of_sessions_this_store_deleted_are_still_ended(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first: Rig = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    store._tables.sessions.clear()  # removed, and the engine was killed before it could stop it
    rig: Rig = await new_rig(keepers=keepers)
    await until(lambda: not keepers.living())
    assert not [one for one in rig.told(SystemWarning) if one.code == "agents_unknown"]
