"""Faults of safety that programs of this kind are known for (section 5), held off where the product works."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.core.engine.safety.guard_rig import ONE, Agents, guarded


def rules(count: int) -> list[dict[str, object]]:
    return [{"name": f"max_p{at}", "type": "threshold", "max_value": at} for at in range(count)]


async def test_twenty_constraints_are_twenty(tmp_path: Path) -> None:
    async with guarded(tmp_path, safety={"constraints": rules(20)}) as rig:
        assert len(rig.safety.constraints()) == 20
        assert len({one.constraint_id for one in rig.safety.monitor.constraints}) == 20


async def test_breakers_and_limits_are_found_by_the_names_that_the_configuration_has(
    tmp_path: Path,
) -> None:
    given = {
        "breakers": {"agent/claude": {"failures": 1, "timeout": 3600}},
        "limits": {"workflow.*": {"rate": 1000, "burst": 1000, "by": "agent"}},
    }
    async with guarded(tmp_path, agents=Agents(crashes=1), safety=given) as rig:
        one = await rig.create(ONE)
        await rig.until(lambda: "breaker" in rig.service.orchestrator.why_waiting(one, "ask"))
        (limit,) = rig.safety.monitor.limits.all()
        assert limit.buckets.statistics().granted == 1


async def test_a_value_that_can_not_be_judged_lets_nothing_through(tmp_path: Path) -> None:
    rule = {"name": "r", "type": "threshold", "max_value": 5, "parameter": "task"}
    async with guarded(tmp_path, safety={"constraints": [rule]}) as rig:
        one = await rig.create(ONE)
        await rig.ended(one, "failed")
        assert "is no number" in ((await rig.task(one, "ask")).error or "")
        assert rig.agents.began == []


async def test_a_half_open_breaker_admits_one_of_many(tmp_path: Path) -> None:
    agents = Agents(crashes=1)
    given = {"breakers": {"agent/claude": {"failures": 1, "timeout": 0.3}}}
    async with guarded(tmp_path, agents=agents, safety=given) as rig:
        first = await rig.create(ONE)
        await rig.until(lambda: rig.service.orchestrator.why_waiting(first, "ask"))
        agents.held = asyncio.Event()
        others = [await rig.create(ONE) for _ in range(4)]
        begun = len(agents.began)
        await rig.until(lambda: len(agents.began) > begun)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(agents.began) == begun + 1
        agents.held.set()
        for one in (first, *others):
            await rig.ended(one)
        assert rig.safety.breakers()[0].state == "closed"
