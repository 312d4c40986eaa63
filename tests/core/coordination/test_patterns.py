"""The five patterns: each behaves in a way of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quarterdeck.core.coordination import (
    ConsensusResult,
    CoordinationConfig,
    CoordinationLayer,
    CoordinationPattern,
    PlannedStep,
)
from quarterdeck.core.coordination.faults import PatternInvalid

P = CoordinationPattern


def layer(**agents: Any) -> CoordinationLayer:
    found = CoordinationLayer(CoordinationConfig(call_timeout_seconds=10))
    for name, executor in agents.items():
        found.register_agent(name, executor)
    return found


async def double(part: Any) -> Any:
    if isinstance(part, dict):
        return sum(part["merge"])
    await asyncio.sleep(0)
    return part * 2


async def broken(_: Any) -> None:
    raise OSError("down")


async def test_leader_and_workers_share_the_parts_and_merge() -> None:
    crew = layer(boss=double, w1=double, w2=double)
    outcome = await crew.coordinate(
        ["w1", "w2"], [1, 2, 3, 4], leader="boss", pattern=P.MASTER_SLAVE
    )
    assert (outcome.success, outcome.detail) == (True, 20)
    assert dict(outcome.results) == {"0": 2, "1": 4, "2": 6, "3": 8}


async def test_the_parts_of_a_worker_that_fails_go_to_the_others() -> None:
    crew = layer(bad=broken, good=double)
    outcome = await crew.coordinate(["bad", "good"], [1, 2, 3], pattern=P.MASTER_SLAVE)
    assert (outcome.success, outcome.errors) == (True, {})
    nobody = await crew.coordinate(["bad"], [1, 2], pattern=P.MASTER_SLAVE)
    assert not nobody.success
    assert nobody.errors == {"0": "bad: OSError: down", "1": "no worker is left"}


async def test_a_waiting_worker_takes_over_what_another_one_gives_up() -> None:
    gate = asyncio.Event()

    async def late(_: Any) -> None:
        await gate.wait()
        raise OSError("down")

    async def quick(part: Any) -> Any:
        asyncio.get_running_loop().call_soon(gate.set)
        return part

    outcome = await layer(late=late, quick=quick).coordinate(
        ["late", "quick"], ["a", "b"], pattern=P.MASTER_SLAVE
    )
    assert dict(outcome.results) == {"0": "a", "1": "b"}


async def test_peers_meet_until_nothing_changes() -> None:
    def peer(start: int) -> Any:
        async def stand(asked: dict[str, Any]) -> int:
            return max(int(one) for one in [asked["mine"] or start, *asked["others"].values()])

        return stand

    crew = layer(a=peer(1), b=peer(5), c=peer(3))
    outcome = await crew.coordinate(["a", "b", "c"], "who is right", pattern=P.PEER_TO_PEER)
    assert outcome.success
    assert dict(outcome.results) == {"a": 5, "b": 5, "c": 5}
    assert outcome.detail == {"rounds": 3}


async def test_peers_that_never_agree_stop_and_one_that_fails_is_named() -> None:
    async def restless(asked: dict[str, Any]) -> int:
        return int(asked["round"])

    outcome = await layer(a=restless, b=broken).coordinate(
        ["a", "b"], "t", max_rounds=3, pattern=P.PEER_TO_PEER
    )
    assert not outcome.success
    assert outcome.errors == {"b": "OSError: down"}
    assert outcome.results == {"a": 3}


@pytest.mark.parametrize(("votes", "acted"), [("aar", True), ("arr", False), ("a!!", False)])
async def test_consensus_acts_only_if_the_voters_approve(votes: str, *, acted: bool) -> None:
    done: list[Any] = []
    said = {"a": "approve", "r": "reject", "!": "what?"}
    voters = {f"v{at}": (lambda _, vote=vote: said[vote]) for at, vote in enumerate(votes)}
    crew = layer(actor=done.append, **voters)
    outcome = await crew.coordinate(
        list(voters), "raise the heat", {"to": 500}, by="actor", pattern=P.CONSENSUS
    )
    assert outcome.success is acted
    assert done == ([{"to": 500}] if acted else [])
    if votes == "a!!":
        assert outcome.detail["result"] is ConsensusResult.INSUFFICIENT_VOTERS
    await crew.close()


async def test_what_was_agreed_may_still_fail() -> None:
    crew = layer(v=lambda _: "approve", actor=broken)
    outcome = await crew.coordinate(["v"], "t", "go", by="actor", pattern=P.CONSENSUS)
    assert outcome.errors == {"actor": "OSError: down"}
    await crew.close()


async def test_choreography_goes_from_event_to_event_without_a_leader() -> None:
    async def cook(heard: dict[str, Any]) -> Any:
        return {"emit": {"cooked": f"{heard['data']} pie"}}

    async def serve(heard: dict[str, Any]) -> Any:
        return heard["data"]

    crew = layer(cook=cook, serve=serve, bad=broken)
    reactions = {"ordered": ["cook"], "cooked": ["serve"]}
    outcome = await crew.coordinate(reactions, "ordered", "apple", pattern=P.CHOREOGRAPHY)
    assert outcome.results["serve"] == "apple pie"
    assert outcome.detail == {"events": ["ordered", "cooked"]}
    failed = await crew.coordinate({"e": ["bad"]}, "e", pattern=P.CHOREOGRAPHY)
    assert failed.errors == {"bad": "OSError: down"}


async def test_a_dance_without_end_is_broken_off() -> None:
    async def echo(heard: dict[str, Any]) -> Any:
        return {"emit": {"again": 1}}

    outcome = await layer(a=echo).coordinate(
        {"again": ["a"]}, "again", max_events=7, pattern=P.CHOREOGRAPHY
    )
    assert not outcome.success
    assert len(outcome.detail["events"]) == 7


async def test_orchestration_follows_its_plan_and_is_the_default() -> None:
    crew = layer(a=double, bad=broken)
    plan = {
        "sum": PlannedStep("a", lambda given: given["one"] + given["two"], ("one", "two")),
        "one": PlannedStep("a", 1),
        "two": PlannedStep("a", 2),
        "no": PlannedStep("bad", 1),
        "after": PlannedStep("a", 1, ("no",)),
    }
    outcome = await crew.coordinate(plan)
    assert outcome.pattern is P.ORCHESTRATION
    assert outcome.results["sum"] == 12
    assert outcome.errors == {"no": "OSError: down", "after": "left out, since no was not done"}


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"a": PlannedStep("x", 1, ("b",)), "b": PlannedStep("x", 1, ("a",))}, "cycle: "),
        ({"a": PlannedStep("x", 1, ("z",))}, "no step z"),
    ],
)
async def test_a_plan_that_can_not_be_followed_is_refused(plan: Any, why: str) -> None:
    with pytest.raises(PatternInvalid, match=why):
        await layer().coordinate(plan)


async def test_patterns_need_agents() -> None:
    with pytest.raises(PatternInvalid):
        await layer().coordinate([], [1], pattern=P.MASTER_SLAVE)


async def test_an_agent_can_be_forgotten() -> None:
    crew = layer(a=double)
    crew.unregister_agent("a")
    with pytest.raises(Exception, match="no executor"):
        await crew.ask("a", 1)
