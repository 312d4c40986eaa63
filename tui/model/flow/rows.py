"""The rows of the list of workflows; values only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ....core.protocol.workflow_status import WorkflowStatus
from ....core.protocol.workflow_views import WorkflowView
from ..query import Vocabulary
from ..words import clean, plural
from .words import ENDED, FLOW_SIGNS, WAITING, flow_state, flow_word, time_lasts, time_of


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One workflow."""

    id: str
    sign: str
    tone: str
    name: str
    word: str
    done: int
    total: int
    time: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """What stands under a workflow's name where a row is narrow."""

    flow: FlowRow


@dataclass(frozen=True, slots=True)
class EndedRow:
    """The workflows that have ended, folded into one line."""

    text: str


FlowListRow = FlowRow | ProgressRow | EndedRow


def _is(*states: str) -> Callable[[WorkflowView], bool]:
    return lambda flow: flow_state(flow) in states


_STATES: dict[str, Callable[[WorkflowView], bool]] = {
    "running": _is("running", WAITING),
    "waiting": _is(WAITING),
    "paused": _is("paused"),
    "pending": _is("pending"),
    "failed": _is("failed"),
    "completed": _is("completed"),
    "cancelled": _is("cancelled"),
    "ended": lambda flow: flow.status in ENDED,
}

FLOWS: Vocabulary[WorkflowView] = Vocabulary(
    fields={
        "is": lambda flow, value: _STATES[value](flow),
        "name": lambda flow, value: value in flow.name.casefold(),
        "file": lambda flow, value: value in flow.file.casefold(),
        "id": lambda flow, value: flow.id.casefold().startswith(value),
    },
    text=lambda flow: f"{flow.name} {flow.file} {flow_word(flow)} {flow.error or ''}",
    values={"is": tuple(_STATES)},
)


def in_order(flows: Iterable[WorkflowView]) -> list[WorkflowView]:
    """The ones that have not ended before those that have; among them the newest first."""
    newest = sorted(flows, key=lambda flow: (flow.created_at, flow.id), reverse=True)
    return sorted(newest, key=lambda flow: flow.status in ENDED)


def flow_row(flow: WorkflowView, now: datetime) -> FlowRow:
    """A workflow's row."""
    sign, tone = FLOW_SIGNS[flow_state(flow)]
    return FlowRow(
        id=flow.id,
        sign=sign,
        tone=tone,
        name=clean(flow.name, 100),
        word=flow_word(flow),
        done=flow.done,
        total=flow.total,
        time=time_of(flow.started_at, flow.ended_at, now),
        file=clean(flow.file.rpartition("/")[2], 100),
    )


def flow_rows(
    flows: Sequence[WorkflowView],
    now: datetime,
    *,
    tall: bool,
    folded: bool = False,
    keep: str | None = None,
) -> list[FlowListRow]:
    """The list's rows; ``tall``: two for each workflow. ``folded``: the ended ones, all but ``keep``, are one."""
    hidden = [flow for flow in flows if folded and flow.status in ENDED and flow.id != keep]
    gone = {flow.id for flow in hidden}
    rows: list[FlowListRow] = []
    for flow in flows:
        if flow.id not in gone:
            row = flow_row(flow, now)
            rows += [row, ProgressRow(row)] if tall else [row]
    if hidden:
        failed = sum(flow.status is WorkflowStatus.FAILED for flow in hidden)
        told = f", {failed} failed" if failed else ""
        rows.append(EndedRow(f"… {plural(len(hidden), 'workflow')} ended{told}"))
    return rows


def rows_last(flows: Iterable[WorkflowView], now: datetime) -> float | None:
    """Seconds until a time in the rows says something else; ``None``: never."""
    found = (time_lasts(flow.started_at, flow.ended_at, now) for flow in flows)
    return min((seconds for seconds in found if seconds is not None), default=None)
