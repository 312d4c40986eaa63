"""Agents with their load, shared limits, work that waits and work that runs; values only."""

from __future__ import annotations

from datetime import datetime

from ....core.protocol.crew_views import AgentLoadView, CrewView, PlacedView, WaitingView
from ..ages import age_of, age_text
from ..cells import Cell
from ..lanes.rows import figure
from ..lanes.words import PRIORITY_SIGNS, deadline_text
from ..table import AnyRow, Col, Line, TableRow, head, heading, one
from ..words import clean
from .words import AGENT_SIGNS, UNKNOWN, Slots, words

MISSING = "missing"
AGENTS = (
    Col("agent"),
    Col("state", 12),
    Col("load", 14),
    Col("run", 6, right=True),
    Col("wait", 5, right=True),
    Col("sess", 5, right=True),
    Col("done", 6, right=True),
    Col("fail", 5, right=True),
    Col("score", 6, right=True),
    Col("can", 20, since=95),
)
GROUPS = (
    Col("shared limit"),
    Col("", 12),
    Col("load", 14),
    Col("run", 6, right=True),
    Col("wait", 5, right=True),
    Col("", 22, since=70),
)
WAITING = (Col("p", 3), Col("waits"), Col("due", 14, right=True), Col("since", 7, right=True))
PLACED = (Col("", 3), Col("runs"), Col("on", 30, wide=40), Col("since", 7, right=True))


def agent_rows(crew: CrewView) -> list[AnyRow]:
    """Agents as work is placed on them, the missing ones last; then what several of them share."""
    rows: list[AnyRow] = [heading(AGENTS)]
    for agent in sorted(crew.agents, key=lambda one: one.state == MISSING):
        rows += _agent(agent)
    if not crew.agents:
        rows.append(Line(one("no agent takes work", "muted")))
    if crew.groups:
        rows += [Line(()), heading(GROUPS)]
        rows += [
            TableRow(
                GROUPS,
                (
                    one(clean(group.name, 80)), (), Slots(group.running, group.limit),
                    one(f"{group.running}/{group.limit}", "working" if group.running else "muted"),
                    figure(group.waiting, "needs"), (),
                ),
                f"group/{group.name}",
            )
            for group in crew.groups
        ]  # fmt: skip
    rows += [Line(()), Line((Cell("placed by ", "muted"), Cell(words(crew.strategy))))]
    return rows


def _agent(agent: AgentLoadView) -> list[AnyRow]:
    sign, tone = AGENT_SIGNS.get(agent.state, UNKNOWN)
    row = TableRow(
        AGENTS,
        (
            one(clean(agent.name, 80), "" if agent.state == MISSING else "head"),
            one(f"{sign} {words(agent.state)}", tone),
            Slots(agent.running, agent.capacity),
            one(f"{agent.running}/{agent.capacity}", "working" if agent.running else "muted"),
            figure(agent.waiting, "needs"),
            figure(agent.sessions, ""),
            figure(agent.completed, "done"),
            figure(agent.failed, "error"),
            one(f"{agent.score:.0f}", "muted"),
            one(clean(", ".join(agent.capabilities), 80), "muted"),
        ),
        f"agent/{agent.name}",
    )
    if not agent.reason or agent.state == MISSING:  # its state says it all
        return [row]
    return [row, Line((Cell("  "), Cell(clean(agent.reason, 300), tone)))]


def work_rows(crew: CrewView, now: datetime) -> list[AnyRow]:
    """What waits for a place and why, then what runs."""
    rows: list[AnyRow] = [heading(WAITING)]
    for work in crew.waiting:
        rows += _waiting(work, now)
    if not crew.waiting:
        rows.append(Line(one("nothing waits for a place", "muted")))
    if crew.placed:
        rows += [*head(f"RUNNING {len(crew.placed)}"), heading(PLACED)]
        rows += [_placed(work, now) for work in crew.placed]
    return rows


def _waiting(work: WaitingView, now: datetime) -> list[AnyRow]:
    letter, tone = PRIORITY_SIGNS[work.priority]
    row = TableRow(
        WAITING,
        (
            one(letter, tone),
            one(clean(work.title or work.what, 200), "head"),
            one(deadline_text(work.deadline, now) if work.deadline else "", "muted"),
            one(age_text(age_of(work.since, now)), "muted"),
        ),
        work.what,
    )
    return [row, Line(one(f"   {clean(work.reason, 300)}", "needs"))]


def _placed(work: PlacedView, now: datetime) -> TableRow:
    return TableRow(
        PLACED,
        (
            one("▸", "working"),
            one(clean(work.title or work.what, 200)),
            one(clean(work.agent, 80), "muted"),
            one(age_text(age_of(work.since, now)), "muted"),
        ),
        work.what,
    )
