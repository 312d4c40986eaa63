"""Whom the rules leave to choose from: another agent takes the task, or it waits, or nobody ever may."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.crew.crew_rig import NOBODY, Crew, Hands, agent, crewed

from quarterdeck.core.base.clock import SYSTEM_CLOCK, ManualClock
from quarterdeck.core.protocol.workflow_views import TaskView, WorkflowView
from quarterdeck.core.workflows.executors.children import ChildKind
from quarterdeck.state.memory import MemoryStore

ANY = "name: any\ntasks: {one: {agent: any, prompt: Do it.}}"
THREE = """
name: three
tasks:
  one: {agent: any, prompt: Do it.}
  two: {agent: any, prompt: Do it.}
  three: {agent: any, prompt: Do it.}
"""
CREW = (agent("ada"), agent("ben"))


def rules(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"safety": {"constraints": list(constraints), **more.pop("safety", {})}, **more}


def only(*agents: str, operation: str = "workflow.attempt", **more: Any) -> dict[str, Any]:
    given = {"name": "known", "type": "permission", "operation": operation, "agents": agents}
    return {**given, **more}


async def ended(crew: Crew, flow: WorkflowView, status: str) -> TaskView:
    await crew.until(lambda: {v.id: v.status for v in crew.workflows.views()}[flow.id] == status)
    return await crew.task(flow, "one")


async def test_whom_a_rule_forbids_is_left_out_and_said(tmp_path: Path) -> None:
    async with crewed(tmp_path, *CREW, rules=rules(only("ben", level="critical"))) as crew:
        flow = await crew.begin(THREE)
        await crew.working(one="ben")
        reason = (await crew.task(flow, "two")).reason
        assert reason == (
            "ben has 1 of 1 running; ada may not take it (known: the agent 'ada' is not allowed to)"
        )
        assert crew.safety is not None
        assert (crew.safety.violations(), crew.safety.halt_view()) == ((), None)
        crew.hands.end("one", "two", "three")
        assert (await ended(crew, flow, "completed")).agent == "ben"
        assert {name for _, name in crew.hands.placed} == {"ben"}


async def test_a_rule_about_sessions_counts_for_tasks_that_begin_with_one(tmp_path: Path) -> None:
    text = "name: s\ntasks: {one: {agent: any, prompt: x}, two: {agent: any, mode: one-shot, prompt: x}}"
    async with crewed(tmp_path, *CREW, rules=rules(only("ben", operation="session.start"))) as crew:
        await crew.begin(text)
        await crew.working(one="ben", two="ada")
        crew.hands.end()


async def test_what_nobody_may_ever_do_fails_and_says_that(tmp_path: Path) -> None:
    async with crewed(tmp_path, *CREW, rules=rules(only("cleo"))) as crew:
        task = await ended(crew, await crew.begin(ANY), "failed")
        assert (task.status, task.error_type) == ("failed", "OperationRefused")
        assert "known: the agent" in (task.error or "")
        assert "No other agent that could take it may either." in (task.error or "")


async def test_who_has_used_up_a_limit_is_passed_over(tmp_path: Path) -> None:
    limit = {"limits": {"workflow.attempt": {"rate": 0.001, "burst": 1, "by": "agent"}}}
    async with crewed(tmp_path, *CREW, rules=rules(safety=limit)) as crew:
        flow = await crew.begin(
            "name: a\ntasks: {one: {agent: {any_of: [ada, ben], affinity: ada}, prompt: x}}"
        )
        await crew.working(one="ada")
        crew.hands.end("one")
        await ended(crew, flow, "completed")
        crew.hands.done.clear()
        again = await crew.begin(
            "name: b\ntasks: {one: {agent: {any_of: [ada, ben], affinity: ada}, prompt: x}}"
        )
        await crew.working(one="ben")
        third = await crew.begin(ANY.replace("one", "last"))
        await crew.until(lambda: crew.told("last"))
        reason = (await crew.task(third, "last")).reason
        assert "ben has 1 of 1 running" in reason
        assert "ada: the limit workflow.attempt is used up" in reason
        await crew.workflows.cancel(third.id, NOBODY)
        crew.hands.end("one")
        await ended(crew, again, "completed")


PURSE = [
    {"name": "purse", "scope": "workflow", "unit": "cost", "limit": 0.5, "estimate": 0.9},
]


async def test_a_budget_that_suffices_for_nobody_asks_once_and_goes_on(tmp_path: Path) -> None:
    async with crewed(tmp_path, *CREW, rules=rules(budgets=PURSE)) as crew:
        flow = await crew.begin(ANY)
        await crew.until(crew.desk.items)
        (item,) = crew.desk.items()
        task = await crew.task(flow, "one")
        assert task.status == "ready"
        assert task.reason.count("the budget purse") == 1
        assert [one.what for one in (await crew.service.view()).waiting] == [
            f"workflow/{flow.id}/one"
        ]
        await crew.answer(item, "double")
        await crew.until(lambda: crew.hands.at_work)
        crew.hands.end("one")
        await ended(crew, flow, "completed")
        assert crew.desk.items() == []


async def test_stop_fails_what_several_agents_could_have_taken(tmp_path: Path) -> None:
    async with crewed(tmp_path, *CREW, rules=rules(budgets=PURSE)) as crew:
        flow = await crew.begin(ANY)
        await crew.until(crew.desk.items)
        await crew.answer(crew.desk.items()[0], "stop")
        assert (await ended(crew, flow, "failed")).error_type == "BudgetExceeded"


@pytest.mark.parametrize("operation", ["workflow.attempt", "session.start"])
async def test_outside_of_its_hours_work_waits_and_says_until_when(
    tmp_path: Path, operation: str
) -> None:
    clock = ManualClock(datetime(2026, 1, 1, 21, 59, 59, 800_000, tzinfo=UTC))
    night = {
        "name": "night",
        "type": "timing",
        "operation": operation,
        "window": ["22:00", "06:00"],
    }
    async with crewed(tmp_path, *CREW, rules=rules(night), clock=clock) as crew:
        flow = await crew.begin("name: n\ntasks: {one: {agent: ada, prompt: x}}")
        await crew.until(lambda: crew.told("one") and crew.told("one")[-1].reason)
        opens = datetime(2026, 1, 1, 22, tzinfo=UTC).astimezone().strftime("%H:%M:%S")
        reason = (await crew.task(flow, "one")).reason
        assert reason == (
            f"the rule night: only between 22:00 and 06:00 UTC; it may begin at {opens} local time"
        )
        assert [one.reason for one in (await crew.service.view()).waiting] == [reason]
        clock.advance(1)  # before the timer rings
        await crew.working(one="ada")
        crew.hands.end("one")
        await ended(crew, flow, "completed")


async def test_any_does_not_choose_practice_agents_and_says_so(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("zoe", practice=True)) as crew:
        flow = await crew.begin(ANY)
        await crew.until(lambda: crew.told("one"))
        assert "but practice agents and shells" in (await crew.task(flow, "one")).reason
        some = await crew.begin("name: b\ntasks: {one: {agent: {any_of: [zoe]}, prompt: x}}")
        await crew.working(one="zoe")
        crew.hands.end("one")
        await ended(crew, some, "completed")
        await crew.workflows.cancel(flow.id, NOBODY)


async def test_cancelling_what_nobody_may_begin_takes_the_question_back(tmp_path: Path) -> None:
    async with crewed(tmp_path, *CREW, rules=rules(budgets=PURSE)) as crew:
        flow = await crew.begin(ANY)
        await crew.until(crew.desk.items)
        await crew.workflows.cancel(flow.id, NOBODY)
        await ended(crew, flow, "cancelled")
        assert crew.desk.items() == []
        assert crew.workflows.orchestrator.barred() == []


async def test_after_a_restart_the_rules_are_asked_again_for_what_waits(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    text = "name: w\ntasks: {t: {agent: any, prompt: Do it., foreach: [1, 2, 3]}}"
    hands = Hands(child=ChildKind.PROCESS)
    async with crewed(tmp_path, *CREW, store=store, hands=hands, rules=rules()) as crew:
        flow = await crew.begin(text)
        await crew.until(lambda: len(crew.hands.at_work) == 2)
        before = dict(crew.hands.at_work)
    async with crewed(tmp_path, *CREW, store=store, rules=rules(only("ben"))) as crew:
        await crew.until(lambda: crew.hands.at_work == before)
        last = ({"t[0]", "t[1]", "t[2]"} - set(before)).pop()
        await crew.until(lambda: crew.told(last))
        assert "ada may not take it" in (await crew.task(flow, last)).reason
        crew.hands.end(*before)
        await crew.working(**{last: "ben"})
        crew.hands.end()
        await ended_all(crew, flow)
    await store.close()


async def ended_all(crew: Crew, flow: WorkflowView) -> None:
    await crew.until(
        lambda: {v.id: v.status for v in crew.workflows.views()}[flow.id] == "completed"
    )


async def test_an_agent_whose_breaker_probes_is_passed_over_for_a_free_one(tmp_path: Path) -> None:
    broken = {"breakers": {"agent/ada": {"failures": 1, "timeout": 0.05}}}
    async with crewed(
        tmp_path, agent("ada", slots=2), agent("ben", slots=2), rules=rules(safety=broken)
    ) as crew:
        safety = crew.safety
        assert safety is not None
        states: list[str] = []
        safety.board.heard.append(lambda view: states.append(view.state))  # behind the places
        safety.board.crashed("ada", "it fell over")
        prefer = "{agent: {any_of: [ada, ben], affinity: ada}, prompt: Do it.}"
        await crew.until(lambda: "half_open" in states)
        await crew.begin(f"name: b\ntasks: {{two: {prefer}}}")
        await crew.working(two="ada")  # the probe
        await crew.begin(f"name: c\ntasks: {{three: {prefer}}}")
        await crew.working(two="ada", three="ben")
        crew.hands.end()
        await crew.until(lambda: not crew.hands.at_work)
