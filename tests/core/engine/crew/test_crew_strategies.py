"""The example's hundred tasks over its five agents: each choice is the one that its strategy promises."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import pytest
from tests.core.engine.crew.crew_rig import NOBODY, Crew, crewed

from quarterdeck.core.engine.workflows.service import WorkflowService
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.scheduling.items import Agent
from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.settings import Settings

EXAMPLE = Path(__file__).parents[4] / "examples" / "crew"
NAMES = ("ada", "ben", "cleo", "dan", "eve")
Choice = tuple[dict[str, float], str]
"""The loads of those that were free, and who was chosen."""


def watch(crew: Crew) -> list[Choice]:
    """Every choice from now on."""
    choices: list[Choice] = []
    placing = crew.placing.places._placing  # there is no other way to see choices
    choose: Callable[[Sequence[Agent]], Agent] = placing._choose  # as above

    def seen(free: Sequence[Agent]) -> Agent:
        chosen = choose(free)
        choices.append(({agent.id: agent.load for agent in free}, chosen.id))
        return chosen

    placing._choose = seen  # as above
    return choices


async def play(crew: Crew, service: WorkflowService) -> dict[str, Counter[str]]:
    """Run the example to its end; who did how many of each kind."""
    wish = w.CreateWorkflow(file=str(EXAMPLE / "crew.yaml"))
    flow = await service.create(wish, NOBODY, "01M7YJZV2SFCDFMYKVH1111111")
    turns = cycle((0, 1, 2))

    def over() -> bool:
        at_work = list(crew.hands.at_work)
        # Some are quicker than others, so that not all that is free is free at once.
        crew.hands.end(*at_work[next(turns) :: 2] or ["nobody"])
        loads = {agent.id: len(agent.running) for agent in crew.placing.places.agents()}
        assert loads["cleo"] + loads["dan"] <= 3
        return service.views()[0].status == "completed"

    await crew.until(over)
    done: dict[str, Counter[str]] = {}
    whole = await service.reading.whole(w.ShowWorkflow(workflow_id=flow.id))
    for task in whole.tasks:
        if task.parent is not None:
            done.setdefault(task.parent, Counter())[task.agent] += 1
    return done


@pytest.mark.parametrize(
    "strategy",
    ["least_loaded", "round_robin", "priority_weighted", "capability_match", "random"],
)
async def test_a_hundred_tasks_are_placed_as_promised(tmp_path: Path, strategy: str) -> None:
    values = tomllib.loads((EXAMPLE / "quarterdeck.toml").read_text())
    settings = Settings.model_validate(values)
    catalog = load_agents(config=settings.agents)
    assert not catalog.faults
    agents = [catalog.definitions[name] for name in NAMES]
    given = {**settings.crew.model_dump(), "strategy": strategy}
    async with crewed(tmp_path, *agents, **given) as crew:
        choices = watch(crew)
        done = await play(crew, crew.workflows)
    assert {kind: counts.total() for kind, counts in done.items()} == dict.fromkeys(done, 25)
    assert set(done["docs"]) <= {"cleo", "dan"}
    assert set(done["tests"]) <= {"ada", "dan"}
    assert done["train"] == {"eve": 25}
    open_ones = [choice for choice in choices if len(choice[0]) > 1]
    assert len(open_ones) > 10
    abilities = {one.name: len(one.capabilities) for one in agents}
    scores = {one.name: one.score for one in agents}
    if strategy == "least_loaded":
        assert all(free[chosen] == min(free.values()) for free, chosen in open_ones)
    elif strategy == "capability_match":
        assert all(abilities[one] == min(abilities[n] for n in free) for free, one in open_ones)
        assert done["code"]["ben"] >= 10
    elif strategy == "round_robin":
        last = -1
        for free, chosen in choices:
            after = [at for at, name in enumerate(NAMES) if name in free and at > last]
            assert NAMES.index(chosen) == min(after or [NAMES.index(name) for name in free])
            last = NAMES.index(chosen)
    elif strategy == "priority_weighted":
        assert all(scores[one] > 0 for _, one in open_ones)
        chosen_scores = sum(scores[one] for _, one in open_ones)
        plain = sum(sum(scores[n] for n in free) / len(free) for free, _ in open_ones)
        assert chosen_scores > 0.85 * plain  # by lot alone it is equal, and a lot may err
    else:
        assert len({one for _, one in open_ones}) >= 2
