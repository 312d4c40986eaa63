"""Locks, sagas and proposals; values only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ....core.protocol.crew_views import CrewView, LockView, ProposalView, SagaView, StepView
from ..about import short_id
from ..ages import age_of, age_text
from ..cells import Cell
from ..flow.words import time_of
from ..lanes.words import deadline_text
from ..table import AnyRow, Line, head, one
from ..words import clean, plural
from .words import DECIDED, SAGA_SIGNS, STEP_SIGNS, UNKNOWN, VOTE_SIGNS, until_text, words


def lock_rows(crew: CrewView, now: datetime) -> list[AnyRow]:
    """Proposals first, since they wait for somebody; then sagas and locks."""
    rows: list[AnyRow] = [Line(one("PROPOSALS", "head"))]
    for proposal in crew.proposals:
        rows += _proposal(proposal, now)
    rows += _none(crew.proposals, "nothing is under vote")
    rows += head("SAGAS")
    for saga in crew.sagas:
        rows += _saga(saga, now)
    rows += _none(crew.sagas, "no saga runs")
    rows += head("LOCKS")
    for lock in crew.locks:
        rows += _lock(lock, now)
    return [*rows, *_none(crew.locks, "nothing is locked")]


def _none(found: Sequence[object], text: str) -> list[AnyRow]:
    return [] if found else [Line(one(text, "muted"))]


def is_open(proposal: ProposalView) -> bool:
    """Whether it can be voted on."""
    return proposal.status not in DECIDED


def _proposal(proposal: ProposalView, now: datetime) -> list[AnyRow]:
    sign, tone = DECIDED.get(proposal.status, ("?", "needs"))
    due = f" · {deadline_text(proposal.deadline, now)}" if proposal.deadline else ""
    by = f" · by {clean(proposal.proposer, 40)}" if proposal.proposer else ""
    rows: list[AnyRow] = [
        Line(
            (
                Cell(f"{sign} ", tone),
                Cell(clean(proposal.question, 300), "head"),
                Cell(f" · {words(proposal.status)}", tone),
                Cell(f"{by}{due if is_open(proposal) else ''}", "muted"),
            ),
            f"proposal/{proposal.id}",
        ),
        Line(one(f"    {_tally(proposal)}", "muted")),
    ]
    for vote in proposal.votes:
        letter, colour = VOTE_SIGNS.get(vote.choice, UNKNOWN)
        weight = f", counts {vote.weight:g}" if vote.weight != 1 else ""
        why = f"  {clean(vote.reason, 200)}" if vote.reason else ""
        rows.append(
            Line(
                (
                    Cell(f"    {letter} {clean(vote.choice, 20)} ", colour),
                    Cell(clean(vote.voter, 60)),
                    Cell(f"{weight}{why}", "muted"),
                )
            )
        )
    return rows


def _tally(proposal: ProposalView) -> str:
    """How many voted, who has not, and what decides."""
    missing = ", ".join(clean(name, 40) for name in proposal.missing[:8])
    parts = [plural(len(proposal.votes), "vote")]
    parts += [f"missing {missing}"] if missing else []
    parts += [f"passes at {proposal.threshold:.0%}"] if proposal.threshold else []
    parts += [f"needs {plural(proposal.quorum, 'vote')}"] if proposal.quorum else []
    return " · ".join(parts)


def _saga(saga: SagaView, now: datetime) -> list[AnyRow]:
    sign, tone = SAGA_SIGNS.get(saga.status, UNKNOWN)
    time = time_of(saga.started_at, saga.ended_at, now)
    error = (Cell(f"  {clean(saga.error, 200)}", "error"),) if saga.error else ()
    rows: list[AnyRow] = [
        Line(
            (
                Cell(f"{sign} ", tone),
                Cell(clean(saga.name, 80), "head"),
                Cell(f" {short_id(saga.id)}", "muted"),
                Cell(f" · {words(saga.status)}", tone),
                Cell(f" {time}", "muted"),
                *error,
            ),
            f"saga/{saga.id}",
        )
    ]
    if saga.steps:
        rows.append(Line(tuple(cell for step in saga.steps for cell in _step(step))))
    for step in saga.steps:
        if step.error:
            told = f"      {clean(step.name, 60)}: {clean(step.error, 300)}"
            rows.append(Line(one(told, "error")))
    return rows


def _step(step: StepView) -> tuple[Cell, ...]:
    sign, tone = STEP_SIGNS.get(step.status, UNKNOWN)
    tries = f" ({step.attempts} tries)" if step.attempts > 1 else ""
    return (Cell("  "), Cell(f"  {sign} ", tone), Cell(f"{clean(step.name, 40)}{tries}"))


def _lock(lock: LockView, now: datetime) -> list[AnyRow]:
    since = f" {age_text(age_of(lock.since, now))}" if lock.since else ""
    left = f" · ends in {until_text(lock.ends_at, now)}" if lock.ends_at else ""
    rows: list[AnyRow] = [
        Line(
            (
                Cell("■ ", "working"),
                Cell(clean(lock.resource, 120), "head"),
                Cell(f" · {clean(lock.holder, 80)}"),
                Cell(f"{since}{left} · token {lock.token}", "muted"),
            ),
            f"lock/{lock.resource}",
        )
    ]
    rows += [
        Line((Cell(f"    {place}. ", "muted"), Cell(clean(waiter, 80)), Cell(" waits", "muted")))
        for place, waiter in enumerate(lock.waiters, 1)
    ]
    return rows
