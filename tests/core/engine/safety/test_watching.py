"""What sessions tell: turns and usage are paid once, crashes are counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.doubles import NOW, session_view

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.protocol.events import SessionDeleted, SessionUsage, StatusChanged
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.state.memory import MemoryStore

from .guard_rig import Guarded, guarded

BUDGETS: list[dict[str, Any]] = [
    {"name": "money", "scope": "session", "unit": "cost", "limit": 1.0},
    {"name": "turns", "scope": "session", "unit": "turns", "limit": 10},
    {"name": "shop", "scope": "group", "unit": "tokens", "limit": 10_000},
]


def moved(
    view: SessionView, activity: Activity, lifecycle: Lifecycle | None = None
) -> StatusChanged:
    status = Status(activity=activity, since=NOW)
    after = view.model_copy(update={"status": status, "lifecycle": lifecycle or view.lifecycle})
    return StatusChanged(
        session_id=view.id,
        old_lifecycle=view.lifecycle,
        old_activity=view.status.activity,
        lifecycle=after.lifecycle,
        status=status,
        session=after,
    )


def used(view: SessionView, cost: float, tokens: float) -> SessionUsage:
    return SessionUsage(session_id=view.id, cost=cost, tokens=tokens, started_at=NOW, session=view)


def spent(rig: Guarded) -> dict[str, float]:
    return {one.name: one.spent for one in rig.safety.budgets()}


async def test_figures_that_grow_are_paid_once_also_over_a_restart(tmp_path: Path) -> None:
    store, view = MemoryStore(clock=SYSTEM_CLOCK), session_view(cwd="/shop")
    await store.open()
    async with guarded(tmp_path, store, budgets=BUDGETS) as rig:
        for one in (used(view, 0.25, 1000), used(view, 0.25, 1000), used(view, 0.5, 1500)):
            rig.journal.announce(one)
        await rig.until(lambda: spent(rig) == {"money": 0.5, "shop": 1500})
    async with guarded(tmp_path, store, budgets=BUDGETS) as rig:
        rig.journal.announce(used(view, 0.5, 1500))
        rig.journal.announce(used(view, 0.75, 2000))
        await rig.until(lambda: spent(rig) == {"money": 0.75, "shop": 2000})
        rig.journal.announce(SessionDeleted(session_id=view.id, name=view.name))
        rig.journal.announce(used(view, 2.0, 2000))
        await rig.until(rig.desk.items)
        assert rig.desk.items()[0].about == f"budget/money/{view.id}"
    await store.close()


async def test_what_a_session_tells_last_is_paid_once_and_nothing_is_kept_of_it(
    tmp_path: Path,
) -> None:
    """It is told and deleted in one turn of the loop: what was counted before is still known."""
    store, view = MemoryStore(clock=SYSTEM_CLOCK), session_view(cwd="/shop")
    await store.open()
    async with guarded(tmp_path, store, budgets=BUDGETS) as rig:
        rig.journal.announce(used(view, 0.25, 1000))
        await rig.until(lambda: spent(rig) == {"money": 0.25, "shop": 1000})
        other = session_view(cwd="/shop")
        for one in (view, other):
            rig.journal.announce(used(one, 0.5, 1500))
            rig.journal.announce(SessionDeleted(session_id=one.id, name=one.name))
        await rig.until(lambda: not rig.safety._errands._tasks)
        assert [one.spent for one in rig.safety.budgets()] == [0.5, 0.5, 3000]
        assert await store.kept.all_kept("usage") == []
    await store.close()


async def test_a_turn_is_counted_when_it_ends_whoever_began_it(tmp_path: Path) -> None:
    async with guarded(tmp_path, budgets=BUDGETS) as rig:
        idle = session_view(status=Status(activity=Activity.IDLE, since=NOW))
        busy = session_view(id=idle.id, status=Status(activity=Activity.WORKING, since=NOW))
        rig.journal.announce(moved(idle, Activity.WORKING))
        rig.journal.announce(moved(busy, Activity.TURN_DONE))
        await rig.until(lambda: spent(rig).get("turns") == 1)
        async with rig.safety.prompting(idle):
            pass
        assert [one.reserved for one in rig.safety.budgets() if one.name == "turns"] == [1]
        rig.journal.announce(moved(idle, Activity.WORKING))
        rig.journal.announce(moved(busy, Activity.NEEDS_APPROVAL))
        asked = busy.model_copy(
            update={"status": Status(activity=Activity.NEEDS_APPROVAL, since=NOW)}
        )
        rig.journal.announce(moved(asked, Activity.IDLE))
        await rig.until(lambda: spent(rig).get("turns") == 2)
        await rig.until(lambda: all(not one.reserved for one in rig.safety.budgets()))


async def test_what_a_person_prompts_in_an_attempts_session_is_paid_when_it_has_ended(
    tmp_path: Path,
) -> None:
    """Else it stayed set aside until the session was removed, and held up others meanwhile."""
    async with guarded(tmp_path, budgets=BUDGETS) as rig:
        idle = session_view(status=Status(activity=Activity.IDLE, since=NOW))
        busy = session_view(id=idle.id, status=Status(activity=Activity.WORKING, since=NOW))
        rig.safety.gate.bind(idle.id, "flow", "task")
        rig.journal.announce(moved(idle, Activity.WORKING))
        rig.journal.announce(moved(busy, Activity.TURN_DONE))
        async with rig.safety.prompting(idle):
            pass
        assert [one.reserved for one in rig.safety.budgets() if one.name == "turns"] == [1]
        rig.journal.announce(moved(idle, Activity.WORKING))
        rig.journal.announce(moved(busy, Activity.TURN_DONE))
        await rig.until(lambda: all(not one.reserved for one in rig.safety.budgets()))
        assert spent(rig)["turns"] == 1, "the attempt's own turn is the attempt's affair"


@pytest.mark.parametrize("times", [1, 3])
async def test_sessions_that_crash_open_their_agent_s_breaker(tmp_path: Path, times: int) -> None:
    rules = {"breakers": {"agent/shell": {"failures": 3, "timeout": 3600}}}
    async with guarded(tmp_path, safety=rules) as rig:
        for _ in range(times):
            view = session_view(started_at=NOW, reason="it fell over")
            rig.journal.announce(moved(view, Activity.UNKNOWN, Lifecycle.CRASHED))
        await rig.until(lambda: rig.safety.breakers()[0].failures == times)
        (breaker,) = rig.safety.breakers()
        assert breaker.state == ("open" if times == 3 else "closed")
        assert breaker.last_error == "it fell over"
