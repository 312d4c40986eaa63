"""Whatever happens to work: nothing stays reserved, what was spent only grows, one question per account."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.engine.workflows.flow_rig import NOBODY

from quarterdeck.core.engine.safety.dispatch import Dispatch, Ticket
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.safety.budgets import BudgetExceeded, BudgetScope, Usage
from quarterdeck.core.workflows.executors.faults import AgentCrashed, AgentFailed

from .guard_rig import Guarded, guarded

BUDGETS = [
    {"name": "flow", "scope": "workflow", "unit": "cost", "limit": 1.0, "estimate": 0.4},
    {"name": "all", "scope": "day", "unit": "cost", "limit": 2.0, "estimate": 0.4},
]
BREAKER = {"breakers": {"agent/a": {"failures": 3, "timeout": 3600}}}
STEP = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from("xyz")),
    st.tuples(
        st.just("end"), st.integers(0, 5), st.floats(0, 0.9), st.sampled_from(["good", "bad", "crash"])
    ),
    st.tuples(st.just("draw"), st.integers(0, 5), st.floats(0, 0.5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("leave"), st.integers(0, 5)),
    st.tuples(st.just("answer"), st.sampled_from(["same", "double", "stop"])),
    st.tuples(st.just("reset")),
)  # fmt: skip
ENDS = {"good": None, "bad": AgentFailed("no"), "crash": AgentCrashed("died")}


class Shore:
    """Work that comes, waits, goes on and ends as the steps say."""

    def __init__(self, rig: Guarded) -> None:
        self.rig = rig
        self.waiting: list[asyncio.Task[Ticket]] = []
        self.running: list[Ticket] = []

    async def step(self, step: tuple[object, ...]) -> None:
        match step:
            case ("begin", str(flow)):
                wish = Dispatch(
                    "x", flow, "a", scopes={BudgetScope.WORKFLOW: flow}, begins_agent=True
                )
                work = self.rig.safety.admissions.admitted(wish)
                self.waiting.append(asyncio.ensure_future(work))
            case ("end", int(at), float(cost), str(how)) if self.running:
                ticket = self.running.pop(at % len(self.running))
                ticket.report(Usage(cost=cost))
                await self.rig.safety.admissions.ended(ticket, ENDS[how])
                self.rig.safety.admissions.release(ticket)
            case ("draw", int(at), float(cost)) if self.running:
                ticket = self.running[at % len(self.running)]
                await self.rig.safety.admissions.draw(ticket, Usage(cost=cost))
            case ("cancel", int(at)) if self.running:
                self.rig.safety.admissions.release(self.running.pop(at % len(self.running)))
            case ("leave", int(at)) if self.waiting:
                self.waiting[at % len(self.waiting)].cancel()
            case ("answer", str(choice)) if self.asked():
                await self.rig.answer(self.asked()[0], choice)
            case ("reset",):
                self.rig.safety.reset_breaker("agent/a")
            case _:
                pass
        await self.settle()

    def asked(self) -> list[AttentionItem]:
        return [item for item in self.rig.desk.items() if item.about.startswith("budget/")]

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)
        for task in [one for one in self.waiting if one.done()]:
            self.waiting.remove(task)
            if not task.cancelled() and not isinstance(task.exception(), BudgetExceeded):
                self.running.append(task.result())

    async def over(self) -> None:
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)
        await self.settle()
        for ticket in self.running:
            self.rig.safety.admissions.release(ticket)


async def lived(steps: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder:
        async with guarded(Path(folder), budgets=BUDGETS, safety=BREAKER) as rig:
            shore, spent = Shore(rig), Counter[tuple[str, str]]()
            for step in steps:
                await shore.step(step)
                for one in rig.safety.budgets():
                    assert one.spent >= spent[one.name, one.key] - 1e-9
                    spent[one.name, one.key] = one.spent  # type: ignore[assignment]  # of floats
                open_ = Counter(item.about for item in shore.asked())
                assert not open_ or max(open_.values()) == 1
            await shore.over()
            assert all(abs(one.reserved) < 1e-9 for one in rig.safety.budgets())
            await rig.safety.halt("over", NOBODY)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_accounts_hold_whatever_happens(steps: list[tuple[object, ...]]) -> None:
    asyncio.run(lived(steps))
