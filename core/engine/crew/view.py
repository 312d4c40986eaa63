"""How the crew stands, as front ends see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ulid import ULID

from ...base.ids import is_id
from ...coordination.consensus import Proposal
from ...coordination.layer import CoordinationLayer
from ...coordination.lock_line import KeptLock
from ...coordination.locks import LockStatistics
from ...coordination.saga import SagaRun
from ...protocol.crew_views import (
    AgentLoadView,
    CrewView,
    GroupView,
    LockView,
    PlacedView,
    ProposalView,
    SagaView,
    StepView,
    VoteView,
    WaitingView,
)
from ...scheduling.items import Agent
from ...workflows.instance import Instance
from ...workflows.machine import Placed
from .placing import Placing
from .ports import SafetyViews

ENDED_SHOWN = 20
"""Sagas and proposals that have ended, of each the newest."""
MOST_SHOWN = 1000
"""What waits and what runs, of each the first."""

Why = Callable[[str, str], str]
Record = TypeVar("Record")


async def crew_view(
    placing: Placing | None,
    layer: CoordinationLayer,
    safety: SafetyViews,
    why: Why,
    barred: Sequence[Placed] = (),
    *,
    elsewhere: Sequence[WaitingView] = (),
    now: datetime,
) -> CrewView:
    """All of it. ``why`` says why a task of a workflow waits; ``barred`` are those that no place would help.

    ``elsewhere`` is what waits besides.
    """
    locks = await layer.locks.all()
    return CrewView(
        **({} if placing is None else _placing_fields(placing, safety, why, barred, elsewhere)),
        locks=_locks(layer.locks.statistics(), locks, now),
        sagas=_sagas(await layer.list_sagas()),
        proposals=_proposals(await layer.votes.all()),
        breakers=safety.breakers(),
        limits=safety.limits(),
        budgets=safety.budgets(),
        halt=safety.halt_view(),
        violations=safety.violations(),
        constraints=dict(safety.constraints()),
    )


# ---- agents, what waits, what runs --------------------------------------------------------------


def _placing_fields(
    placing: Placing,
    safety: SafetyViews,
    why: Why,
    barred: Sequence[Placed],
    elsewhere: Sequence[WaitingView],
) -> dict[str, Any]:
    places = placing.places
    waiting, there = places.waiting(), placing.there()
    wanted = Counter(agent for one in waiting for agent in _could_take(one))
    by_group = Counter(group for one in waiting for group in _groups_of(one))
    broken = {one.about for one in safety.breakers() if one.state == "open"}
    return {
        "strategy": places.strategy.value,
        "agents": tuple(
            _agent(
                agent,
                waiting=wanted[agent.id],
                there=agent.id in there,
                broken=f"agent/{agent.id}" in broken,
            )
            for agent in places.agents()
        ),
        "groups": tuple(
            GroupView(name=name, limit=limit, running=running, waiting=by_group[name])
            for name, limit, running in places.limits()
        ),
        "waiting": (
            *(_waiting(one, why) for one in [*waiting, *barred][:MOST_SHOWN]),
            *elsewhere[:MOST_SHOWN],
        ),
        "placed": tuple(_placed(one) for one in places.placed()[:MOST_SHOWN]),
    }


def _agent(agent: Agent, *, waiting: int, there: bool, broken: bool) -> AgentLoadView:
    state, reason = _state(agent, there=there, broken=broken)
    return AgentLoadView(
        name=agent.id,
        capabilities=tuple(sorted(agent.capacity.capabilities)),
        capacity=agent.size,
        running=len(agent.running),
        waiting=waiting,
        sessions=agent.others,
        groups=tuple(group.name for group in agent.groups),
        score=agent.capacity.performance_score,
        state=state,
        reason=reason,
        completed=agent.completed,
        failed=agent.failed,
    )


def _state(agent: Agent, *, there: bool, broken: bool) -> tuple[str, str]:
    if not there:
        return "missing", "its program is not on this machine"
    if broken:
        return "open", "it failed too often lately"
    if agent.closed:
        return "open", agent.closed
    if agent.ready:
        return "available", ""
    full = next((group for group in agent.groups if not group.free), None)
    if len(agent.running) + agent.others >= agent.size or full is None:
        return "full", f"{len(agent.running) + agent.others} of {agent.size} running"
    return "full", f"{full.name} is full ({full.running} of {full.limit})"


def _could_take(one: Placed) -> Iterable[str]:
    return () if one.need is None else (agent.id for agent in one.need.agents)


def _groups_of(one: Placed) -> set[str]:
    if one.need is None:
        return set()
    own = {group.name for group in one.need.groups}
    return own | {group.name for agent in one.need.agents for group in agent.groups}


def _waiting(one: Placed, why: Why) -> WaitingView:
    instance: Instance = one.run.label
    task = instance.tasks[one.task]
    return WaitingView(
        what=what_of(one),
        title=_title(one),
        reason=why(one.run.id, task.task_id),
        priority=one.priority,
        deadline=task.deadline,
        since=one.since,
    )


def _placed(one: Placed) -> PlacedView:
    return PlacedView(what=what_of(one), title=_title(one), agent=one.agent, since=one.since)


def what_of(one: Placed) -> str:
    """Which work it is: ``payload/ID/HANDLER`` for a pipeline's, else ``workflow/ID/TASK``."""
    instance: Instance = one.run.label
    parent = instance.record.parent or ""
    if parent.startswith("payload/") and parent.count("/") > 1:
        return parent
    return f"workflow/{one.run.id}/{instance.tasks[one.task].task_id}"


def _title(one: Placed) -> str:
    instance: Instance = one.run.label
    name, task = instance.record.name, instance.tasks[one.task].task_id
    return name if len(instance.tasks) == 1 else f"{name} · {task}"


# ---- locks, sagas, proposals --------------------------------------------------------------------


def _locks(
    here: Sequence[LockStatistics], kept: Sequence[KeptLock], now: datetime
) -> tuple[LockView, ...]:
    """Those that are held, by any engine, with who waits for them in any; since when is known here only."""
    mine = {one.resource: one for one in here if one.since is not None}
    found: list[LockView] = []
    for lock in kept:
        own = mine.get(lock.resource)
        found.append(
            LockView(
                resource=lock.resource,
                holder=lock.holder,
                token=lock.token,
                since=own.since if own is not None else None,
                ttl_seconds=lock.ttl,
                ends_at=now + timedelta(seconds=own.left) if own is not None else None,
                waiters=lock.waiters,
            )
        )
    return tuple(found)


def _sagas(runs: Sequence[SagaRun]) -> tuple[SagaView, ...]:
    shown = _newest(runs, lambda run: run.saga.saga_id, lambda run: run.ended)
    return tuple(saga_view(run) for run in shown)


def saga_view(run: SagaRun) -> SagaView:
    """One saga."""
    steps = zip(run.saga.steps, run.steps, strict=True)
    return SagaView(
        id=run.saga.saga_id,
        name=run.saga.name,
        status=run.status.value,
        steps=tuple(
            StepView(
                name=step.name,
                status=state.status.value,
                attempts=state.attempts,
                error=state.error,
            )
            for step, state in steps
        ),
        started_at=_time_of(run.saga.saga_id),
        error=run.error,
    )


def _proposals(found: Sequence[Proposal]) -> tuple[ProposalView, ...]:
    shown = _newest(found, lambda one: one.proposal_id, lambda one: one.result is not None)
    return tuple(proposal_view(one) for one in shown)


def proposal_view(one: Proposal) -> ProposalView:
    """One proposal."""
    weights = one.voters or {}
    return ProposalView(
        id=one.proposal_id,
        question=one.topic,
        proposer=one.proposed_by,
        status="open" if one.result is None else one.result.value,
        votes=tuple(
            VoteView(
                voter=voter,
                choice=vote.value,
                weight=weights.get(voter, 1.0),
                reason=one.reasons.get(voter, ""),
            )
            for voter, vote in one.votes.items()
        ),
        missing=tuple(voter for voter in weights if voter not in one.votes),
        quorum=one.quorum,
        threshold=one.required_approval,
        deadline=one.deadline,
        created_at=_time_of(one.proposal_id),
    )


def _newest(
    records: Sequence[Record], key: Callable[[Record], str], ended: Callable[[Record], bool]
) -> list[Record]:
    """What has not ended, and the newest of what has; newest first."""
    ordered = sorted(records, key=key, reverse=True)
    over = {key(one) for one in [one for one in ordered if ended(one)][ENDED_SHOWN:]}
    return [one for one in ordered if key(one) not in over]


def _time_of(found: str) -> datetime | None:
    """When something of this id was made; ``None`` if the id doesn't tell."""
    return ULID.from_str(found).datetime.astimezone(UTC) if is_id(found) else None
