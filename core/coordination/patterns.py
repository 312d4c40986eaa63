"""The five patterns of coordination, each with a behaviour of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from . import faults as f
from .consensus import ConsensusResult, Vote


class CoordinationPattern(StrEnum):
    """How agents work together. MASTER_SLAVE is the document's name for leader and workers."""

    MASTER_SLAVE = "leader_worker"
    PEER_TO_PEER = "peer_to_peer"
    CONSENSUS = "consensus"
    CHOREOGRAPHY = "choreography"
    ORCHESTRATION = "orchestration"


@dataclass(frozen=True, slots=True)
class PatternOutcome:
    """What came of it: results by agent, step or part, and what went wrong by the same keys."""

    pattern: CoordinationPattern
    success: bool
    results: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    detail: Any = None


class Crew(Protocol):
    """What the patterns need of a coordination layer."""

    async def ask(self, agent_id: str, action: Any) -> Any:
        """What the agent's action gives."""
        ...

    async def decide(
        self, topic: str, proposed_by: str, data: Any, voters: Sequence[str], required: float
    ) -> tuple[ConsensusResult, Mapping[str, Vote]]:
        """Let the voters vote, by asking each."""
        ...


async def lead(
    crew: Crew,
    workers: Sequence[str],
    parts: Sequence[Any],
    *,
    leader: str | None = None,
    max_attempts: int = 3,
) -> PatternOutcome:
    """Leader and workers: each free worker takes the next part; one that fails passes it on.

    A worker that failed gets no further part. With a ``leader`` that agent merges the results:
    ``{"merge": [...]}`` in the order of the parts. ``results`` are by the part's number.
    """
    _some(workers)
    line = deque((number, part, 1) for number, part in enumerate(parts))
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    at_work = 0
    changed = asyncio.Event()

    async def work(worker: str) -> None:
        nonlocal at_work
        while len(results) < len(parts):
            if not line:
                if not at_work:
                    return
                changed.clear()
                await changed.wait()
                continue
            number, part, attempt = line.popleft()
            at_work += 1
            try:
                results[str(number)] = await crew.ask(worker, part)
                errors.pop(str(number), None)
            except Exception as error:  # noqa: BLE001  # the part goes to another worker
                errors[str(number)] = f"{worker}: {_said(error)}"
                if attempt < max_attempts:
                    line.append((number, part, attempt + 1))
                return
            finally:
                at_work -= 1
                changed.set()

    await _together(work(worker) for worker in workers)
    for number, _, _ in line:
        errors.setdefault(str(number), "no worker is left")
    whole = len(results) == len(parts)
    merged = None
    if whole and leader is not None:
        merged = await crew.ask(leader, {"merge": [results[str(at)] for at in range(len(parts))]})
    return PatternOutcome(CoordinationPattern.MASTER_SLAVE, whole, results, errors, merged)


async def meet(
    crew: Crew, peers: Sequence[str], topic: Any, *, max_rounds: int = 5
) -> PatternOutcome:
    """Peers, none above another: in each round every one says where it stands, knowing the others.

    Each is asked ``{"topic", "round", "mine", "others"}``. It ends when a round changes nothing
    (success), or after ``max_rounds``. One that fails keeps its last stand.
    """
    _some(peers)
    stands: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for number in range(1, max_rounds + 1):
        before = dict(stands)

        async def say(peer: str, number: int = number, before: dict[str, Any] = before) -> None:
            others = {one: stand for one, stand in before.items() if one != peer}
            asked = {"topic": topic, "round": number, "mine": before.get(peer), "others": others}
            try:
                stands[peer] = await crew.ask(peer, asked)
                errors.pop(peer, None)
            except Exception as error:  # noqa: BLE001  # the others go on
                errors[peer] = _said(error)

        await _together(say(peer) for peer in peers)
        if before and stands == before:
            return PatternOutcome(
                CoordinationPattern.PEER_TO_PEER, not errors, stands, errors, {"rounds": number}
            )
    return PatternOutcome(
        CoordinationPattern.PEER_TO_PEER, False, stands, errors, {"rounds": max_rounds}
    )


async def agree(
    crew: Crew,
    voters: Sequence[str],
    topic: str,
    action: Any,
    *,
    by: str,
    required_approval: float = 0.5,
) -> PatternOutcome:
    """Consensus: the voters are asked; ``by`` acts only if they approve."""
    _some(voters)
    result, votes = await crew.decide(topic, by, action, voters, required_approval)
    detail = {"result": result, "votes": dict(votes)}
    if result is not ConsensusResult.ACHIEVED:
        return PatternOutcome(CoordinationPattern.CONSENSUS, False, {}, {}, detail)
    try:
        done = {by: await crew.ask(by, action)}
    except Exception as error:  # noqa: BLE001  # the outcome says so
        return PatternOutcome(CoordinationPattern.CONSENSUS, False, {}, {by: _said(error)}, detail)
    return PatternOutcome(CoordinationPattern.CONSENSUS, True, done, {}, detail)


async def dance(
    crew: Crew,
    reactions: Mapping[str, Sequence[str]],
    event: str,
    data: Any = None,
    *,
    max_events: int = 1000,
) -> PatternOutcome:
    """Choreography: nobody leads; agents react to events, and what they emit others react to.

    ``reactions`` say which agents hear which event. An agent is asked ``{"event", "data"}`` and
    answers with ``{"emit": {event: data}}``, or anything else, which emits nothing. It ends when
    nothing is emitted any more; beyond ``max_events`` it is broken off.
    """
    line: deque[tuple[str, Any]] = deque([(event, data)])
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    heard: list[str] = []
    while line and len(heard) < max_events:
        name, given = line.popleft()
        heard.append(name)

        async def react(agent: str, name: str = name, given: Any = given) -> None:
            try:
                answer = await crew.ask(agent, {"event": name, "data": given})
            except Exception as error:  # noqa: BLE001  # the others dance on
                errors[agent] = _said(error)
                return
            results[agent] = answer
            if isinstance(answer, Mapping) and isinstance(answer.get("emit"), Mapping):
                line.extend(answer["emit"].items())

        await _together(react(agent) for agent in reactions.get(name, ()))
    if line:
        errors[""] = f"broken off after {max_events} events, with {len(line)} left"
    return PatternOutcome(
        CoordinationPattern.CHOREOGRAPHY, not errors, results, errors, {"events": heard}
    )


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a plan; ``action`` may be a function of the results of what it comes after."""

    agent_id: str
    action: Any
    after: tuple[str, ...] = ()


async def conduct(crew: Crew, plan: Mapping[str, PlannedStep]) -> PatternOutcome:
    """Orchestration: one plan, each step begun when those before it are done, with their results.

    After a failure what comes after it is left out; the rest is done.

    :raises PatternInvalid: if the plan has a cycle, or names a step that it does not have.
    """
    _check_plan(plan)
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    ended: dict[str, asyncio.Event] = {name: asyncio.Event() for name in plan}

    async def do(name: str, step: PlannedStep) -> None:
        for before in step.after:
            await ended[before].wait()
        try:
            missing = [before for before in step.after if before not in results]
            if missing:
                errors[name] = f"left out, since {', '.join(missing)} was not done"
                return
            given = {before: results[before] for before in step.after}
            action = step.action(given) if callable(step.action) else step.action
            results[name] = await crew.ask(step.agent_id, action)
        except Exception as error:  # noqa: BLE001  # the rest of the plan goes on
            errors[name] = _said(error)
        finally:
            ended[name].set()

    await _together(do(name, step) for name, step in plan.items())
    return PatternOutcome(CoordinationPattern.ORCHESTRATION, not errors, results, errors)


def _check_plan(plan: Mapping[str, PlannedStep]) -> None:
    unknown = {before for step in plan.values() for before in step.after} - set(plan)
    if unknown:
        raise f.PatternInvalid(f"The plan has no step {', '.join(sorted(unknown))}.")
    try:
        TopologicalSorter({name: step.after for name, step in plan.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise f.PatternInvalid(f"The plan has a cycle: {circle}.") from error


async def _together(work: Any) -> None:
    """Run all at once; if one is cancelled, so are the others."""
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)


def _some(agents: Sequence[str]) -> None:
    if not agents:
        raise f.PatternInvalid("A pattern needs at least one agent.")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
