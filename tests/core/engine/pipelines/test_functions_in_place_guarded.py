"""Functions in place pass what every piece of work does; lists say for what payloads wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.core.engine.pipelines.pipe_rig import Rig, rigged
from tests.core.engine.ship import settings_for
from tests.core.engine.workflows.flow_rig import NOBODY

from quarterdeck.core.engine.safety.service import SafetyService
from quarterdeck.core.protocol.pipeline_events import PayloadChanged
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S

DUMP = "{python: 'json:dumps', trusted: true, with: {obj: '{{ data }}'}%s}"
TWO = f"""
name: p
inputs: {{who: {{default: me}}}}
events:
  a: {{handlers: {{first: {DUMP % ""}}}}}
  b: {{handlers: {{second: {DUMP % ""}}}}}
"""


@asynccontextmanager
async def safe(
    folder: Path, *, capacity: int = 10, **sections: Any
) -> AsyncIterator[tuple[Rig, SafetyService]]:
    async with rigged(folder, capacity=capacity) as rig:
        settings = settings_for(folder, **sections)
        safety = SafetyService(settings, rig.store.kept, rig.journal, desk=rig.desk)
        safety.guard(rig.workflows)
        safety.answers(rig.answerers)
        rig.service.heed(safety)
        try:
            yield rig, safety
        finally:
            await rig.service.close()
            await rig.workflows.close()
            await safety.close()


def told(rig: Rig, payload_id: str) -> list[str]:
    """What clients were told of why it waits."""
    found = (one.payload for one in rig.events if isinstance(one.payload, PayloadChanged))
    return [one.payload.reason for one in found if one.payload.id == payload_id]


async def test_a_rule_refuses_a_function_and_it_is_not_tried_again(tmp_path: Path) -> None:
    rule = {"name": "no_first", "type": "compliance", "parameter": "task", "forbidden": ["first"]}
    async with safe(tmp_path, safety={"constraints": [rule]}) as (rig, safety):
        await rig.load(TWO.replace("trusted: true", "trusted: true, timeout: 5"))
        bad, good = await rig.propel("a", 1), await rig.propel("b", 2)
        await rig.ended(bad.id, good.id)
        assert (rig.payload(bad.id).status, rig.payload(good.id).status) == (S.DEAD, S.COMPLETED)
        assert "no_first" in (rig.payload(bad.id).error or "")
        (run,) = (await rig.service.payload(bad.id)).runs
        assert run.error_type == "operation_refused"
        assert [one.rule for one in safety.violations()] == ["no_first"]


async def test_a_function_waits_for_a_budget_and_takes_nobodys_place(tmp_path: Path) -> None:
    purse = {
        "name": "purse", "scope": "group", "unit": "wall_seconds", "limit": 0.001, "key": "p",
        "estimate": 1.0,
    }  # fmt: skip
    async with safe(tmp_path, capacity=1, budgets=[purse]) as (rig, safety):
        seen: list[int] = []
        rig.service.functions.changed = lambda: seen.append(len(rig.service.functions.waiting()))
        await rig.load(TWO)
        await rig.load(TWO.replace("name: p", "name: q"))
        held = [await rig.propel("a", number) for number in range(2)]
        await rig.until(lambda: "purse" in rig.payload(held[0].id).reason)
        assert [rig.payload(one.id).status for one in held] == [S.RUNNING, S.QUEUED]
        (line,) = rig.service.functions.waiting()
        assert (line.what, line.title) == (f"payload/{held[0].id}/first", "p/first")
        assert "purse" in line.reason
        (free,) = await rig.ended((await rig.propel("a", 9, name="q")).id)
        assert free.status is S.COMPLETED
        await rig.until(lambda: any("purse" in one for one in told(rig, held[0].id)))
        item = await rig.asked()
        assert item.about == "budget/purse/p"
        await safety.grant("purse", "p", 5.0, NOBODY)
        ended = await rig.ended(*(one.id for one in held))
        assert {one.status for one in ended} == {S.COMPLETED}
        assert (seen[0], seen[-1]) == (1, 0)
        (account,) = safety.budgets()
        assert account.reserved == 0.0
        assert 0 < account.spent < 1.0


async def test_a_function_that_waits_is_cancelled_and_gives_all_back(tmp_path: Path) -> None:
    async with safe(
        tmp_path,
        capacity=1,
        budgets=[
            {"name": "purse", "scope": "group", "unit": "wall_seconds", "limit": 0.1, "estimate": 1.0}
        ],
    ) as (rig, _):  # fmt: skip
        await rig.load(TWO)
        payload = await rig.propel("a", 1)
        await rig.until(lambda: rig.payload(payload.id).reason)
        await rig.service.cancel(payload.id)
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.CANCELLED
        gates = rig.service.running.gates
        await rig.until(lambda: gates._in_place.used == 0)
        assert not any(gates._aside.values())


async def test_limits_and_breakers_of_attempts_hold_for_functions(tmp_path: Path) -> None:
    limits = {
        "limits": {"workflow.attempt": {"rate": 4.0, "burst": 2, "by": "all"}},
        "breakers": {"operation/workflow.attempt": {"failures": 50}},
    }
    async with safe(tmp_path, safety=limits) as (rig, safety):
        await rig.load(TWO)
        ids = [(await rig.propel("a", number)).id for number in range(3)]
        await rig.until(lambda: sum(rig.payload(one).status is S.COMPLETED for one in ids) >= 2)
        left = next(one for one in ids if rig.payload(one).status is not S.COMPLETED)
        assert "the limit workflow.attempt is used up" in rig.payload(left).reason
        ended = await rig.ended(*ids)
        assert {one.status for one in ended} == {S.COMPLETED}
        bad = await rig.propel("b", {"set": "x"})
        await rig.ended(bad.id)
        assert [one.name for one in safety.breakers()] == ["operation/workflow.attempt"]


async def test_a_breaker_hears_of_functions_that_go_well(tmp_path: Path) -> None:
    """Only failures in a row open it."""
    breaker = {"breakers": {"operation/workflow.attempt": {"failures": 2, "timeout": 3600}}}
    async with safe(tmp_path, safety=breaker) as (rig, safety):
        await rig.load(TWO.replace("json:dumps", "json:loads").replace("obj:", "s:"))
        for text, status in (("{", S.DEAD), ("1", S.COMPLETED), ("{", S.DEAD)):
            (ended,) = await rig.ended((await rig.propel("a", text)).id)
            assert ended.status is status
        (found,) = safety.breakers()
        assert (found.state, found.failures) == ("closed", 1)


async def test_many_functions_come_back_one_by_one(tmp_path: Path) -> None:
    """After a halt-like wait no more run at once than may, also if the pipeline is loaded anew meanwhile."""
    purse = {
        "name": "purse",
        "scope": "group",
        "unit": "wall_seconds",
        "limit": 0.1,
        "estimate": 1.0,
    }
    async with safe(tmp_path, capacity=2, budgets=[purse]) as (rig, safety):
        await rig.load(TWO)
        ids = [(await rig.propel(event, number)).id for number in range(6) for event in "ab"]
        await rig.until(lambda: sum(bool("purse" in rig.payload(one).reason) for one in ids) == 4)
        await rig.load(TWO)
        await safety.grant("purse", "p", 500.0, NOBODY)
        await rig.ended(*ids)
        gates = rig.service.running.gates
        await rig.until(lambda: gates._in_place.used == 0)
        assert not any(gates._aside.values())
        assert not gates._returning


# ---- what lists say


async def test_lists_say_for_what_payloads_wait(tmp_path: Path) -> None:
    text = """
name: p
events:
  slow: {handlers: {work: {run: [echo, x], limit: 1}}}
  again: {handlers: {fail: {run: [echo, x], retry: {attempts: 2, initial: 600, max: 600}}}}
  vote:
    handlers:
      judge:
        agents: [practice-ann]
        mode: one-shot
        vote: {question: "Ship it?", people: true}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text)
        rig.crew.held["work"] = asyncio.Event()
        rig.crew.failing["fail"] = 1
        rig.crew.answers["judge[0]"] = {"vote": "approve"}
        slow = [(await rig.propel("slow")).id for _ in range(2)]
        again, vote = [(await rig.propel(event)).id for event in ("again", "vote")]
        await rig.until(lambda: rig.payload(again).status is S.RETRYING)
        await rig.asked()
        listed = {one.id: one.reason for one in rig.all()}
        assert [listed[one] for one in slow] == ["", "1 of work are at work"]
        assert listed[again].startswith("next attempt at ")
        assert listed[vote] == "waits for your vote"
        await rig.service.pause("p", on=True)
        assert rig.payload(slow[1]).reason == "the pipeline is paused"
        await rig.until(lambda: "the pipeline is paused" in told(rig, slow[1]))
        await rig.until(lambda: "waits for your vote" in told(rig, vote))
        await rig.answer(await rig.asked(), "approve")
        await rig.ended(vote)
        await rig.service.cancel(again)
        rig.crew.held["work"].set()
        await rig.service.pause("p", on=False)
        await rig.quiet()
        assert {one.reason for one in rig.all()} == {""}
