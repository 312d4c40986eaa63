"""Handlers whose work is held back by a budget, a breaker or a halt; who does it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.core.engine.pipelines.pipe_rig import rigged
from tests.core.engine.workflows.flow_rig import NOBODY

from quarterdeck.core.engine.safety.service import SafetyService
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.core.settings import Settings
from quarterdeck.core.workflows.machine import Run

TWO = """
name: p
events:
  dear: {handlers: {dear: {run: [echo, "{{ data }}"]}}}
  cheap: {handlers: {cheap: {run: [echo, "{{ data }}"]}}}
"""


class Purse:
    """The orchestrator's guard: whose task is ``dear`` waits."""

    def admits(self, run: Run, task: int) -> bool:
        return run.plan.ids[task] != "dear"

    def reason(self, run: Run, task: int) -> str:
        return "the budget is used up"

    def left(self, run: Run, task: int) -> None: ...

    def withdrawn(self, run: Run, task: int) -> None: ...

    def begins(self, run: Run, task: int, *, adopted: bool) -> Any: ...

    async def ended(self, given: Any, error: BaseException | None) -> None: ...


async def test_a_budget_of_one_handler_does_not_stop_the_others(tmp_path: Path) -> None:
    async with rigged(tmp_path, capacity=3) as rig:
        rig.workflows.orchestrator.guard(Purse())
        await rig.load(TWO)
        dear = [await rig.propel("dear", number) for number in range(5)]
        cheap = await rig.propel("cheap", "x")
        (ended,) = await rig.ended(cheap.id)
        assert ended.status is S.COMPLETED
        waiting = [(await rig.service.payload(one.id)).payload for one in dear]
        assert [one.status for one in waiting] == [S.RUNNING] * 3 + [S.QUEUED] * 2
        assert {one.reason for one in waiting[:3]} == {"the budget is used up"}
        assert waiting[-1].reason == "3 of dear are at work, or about to be"
        for one in dear:
            await rig.service.cancel(one.id)
        await rig.quiet()
        assert {rig.payload(one.id).status for one in dear} == {S.CANCELLED}
        assert rig.crew.began == [("cheap", "x")]


async def test_a_halt_holds_back_functions_that_are_called_in_place(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        safety = SafetyService(Settings(), rig.store.kept, rig.journal, desk=rig.desk)
        rig.service.heed(safety)
        await rig.load(
            "name: p\nevents: {e: {handlers: {h: "
            "{python: 'json:dumps', trusted: true, with: {obj: 1}}}}}"
        )
        await safety.halt("a key leaked", NOBODY)
        payload = await rig.propel("e")
        await asyncio.sleep(0.05)
        assert rig.payload(payload.id).reason == "halted: a key leaked"
        await safety.reset_halt(NOBODY)
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.COMPLETED
        await safety.close()


async def test_a_run_names_the_agent_that_was_chosen(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(
            "name: p\nevents: {e: {handlers: {h: {agent: practice-ann, mode: one-shot, prompt: x}}}}"
        )
        wanted = await rig.propel("e", agent_affinity="practice-cleo")
        free = await rig.propel("e")
        await rig.ended(wanted.id, free.id)
        runs = [(await rig.service.payload(one.id)).runs for one in (wanted, free)]
        assert [one.agent for (one,) in runs] == ["practice-cleo", "practice-ann"]
