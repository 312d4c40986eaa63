"""The five patterns of coordination, each in a few lines, with imagined agents.

python examples/patterns.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from quarterdeck.core.coordination import CoordinationLayer, CoordinationPattern, PlannedStep


async def count_words(part: Any) -> int:
    """A worker counts; the leader adds up."""
    if isinstance(part, dict):
        return sum(part["merge"])
    return len(str(part).split())


def estimator(hours: int) -> Any:
    """A peer that moves halfway to what the others think."""

    async def estimate(asked: dict[str, Any]) -> int:
        mine = hours if asked["mine"] is None else asked["mine"]
        others = list(asked["others"].values())
        return round((mine + sum(others) / len(others)) / 2) if others else mine

    return estimate


def reviewer(limit: int) -> Any:
    """A voter that approves of small changes."""

    async def review(asked: dict[str, Any]) -> str:
        return "approve" if asked["data"]["lines"] <= limit else "reject"

    return review


async def merger(action: dict[str, Any]) -> str:
    """Does what was agreed."""
    return f"merged {action['lines']} lines"


async def builder(heard: dict[str, Any]) -> Any:
    """Reacts to a push by announcing a build."""
    return {"emit": {"built": f"{heard['data']}.whl"}}


async def publisher(heard: dict[str, Any]) -> str:
    """Reacts to a build; emits nothing more."""
    return f"published {heard['data']}"


async def shell(action: str) -> str:
    """Carries out a step of a plan."""
    return action.upper()


async def main() -> None:
    """One after the other."""
    layer = CoordinationLayer()
    agents = {
        "leader": count_words, "w1": count_words, "w2": count_words,
        "ann": estimator(2), "bob": estimator(10),
        "careful": reviewer(100), "bold": reviewer(1000), "merger": merger,
        "builder": builder, "publisher": publisher, "shell": shell,
    }  # fmt: skip
    for name, executor in agents.items():
        layer.register_agent(name, executor)
    pattern = CoordinationPattern

    texts = ["one two", "three", "four five six"]
    words = await layer.coordinate(
        ["w1", "w2"], texts, leader="leader", pattern=pattern.MASTER_SLAVE
    )
    print("leader and workers:", words.detail, "words")

    hours = await layer.coordinate(["ann", "bob"], "how long?", pattern=pattern.PEER_TO_PEER)
    print("peers:", dict(hours.results), "after", hours.detail["rounds"], "rounds")

    voters = ["careful", "bold"]
    agreed = await layer.coordinate(
        voters, "merge?", {"lines": 80}, by="merger", pattern=pattern.CONSENSUS
    )
    print("consensus:", agreed.detail["result"], "->", agreed.results["merger"])

    reactions = {"pushed": ["builder"], "built": ["publisher"]}
    danced = await layer.coordinate(reactions, "pushed", "shop", pattern=pattern.CHOREOGRAPHY)
    print("choreography:", " -> ".join(danced.detail["events"]), "->", danced.results["publisher"])

    plan = {
        "fetch": PlannedStep("shell", "fetch"),
        "build": PlannedStep("shell", lambda done: f"build after {done['fetch']}", ("fetch",)),
    }
    conducted = await layer.coordinate(plan)
    print("orchestration:", dict(conducted.results))
    await layer.close()


if __name__ == "__main__":
    asyncio.run(main())
