"""Workflows that an engine of one's own takes up beside the one that was asked for, and leaves again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...core.client.client import Client
from ...core.protocol import workflow_commands as w
from ...core.protocol.workflow_status import TaskStatus, WorkflowStatus
from ...core.protocol.workflow_views import WorkflowView

MOST_TOLD = 5

Again = Callable[[str], str]
"""The command line that comes back to a workflow."""

Words = Callable[[Sequence[WorkflowView], Again], Iterator[str]]


async def others(client: Client, home: str, workflow_id: str) -> list[WorkflowView]:
    """What the engine of ``home`` drives besides ``workflow_id``, oldest first."""
    found = await client.call(w.ListWorkflows(statuses=(WorkflowStatus.RUNNING,), limit=10_000))
    views = [WorkflowView.model_validate(one) for one in found["workflows"]]
    mine = [one for one in views if one.engine_id == home and one.parent is None]
    return [one for one in reversed(mine) if one.id != workflow_id]


def taken_up(views: Sequence[WorkflowView], again: Again) -> Iterator[str]:
    """What to say of them as it begins: an engine that is gone has left them."""
    for one in views[:MOST_TOLD]:
        yield (
            f"Goes on beside it, left by an engine that is gone: {one.name} ({one.id}), {_tasks(one)}. "
            f"Follow it with: {again(one.id)}"
        )
    yield from _more(views)


def left(views: Sequence[WorkflowView], again: Again) -> Iterator[str]:
    """What to say of them at the end, when this engine goes too."""
    for one in views[:MOST_TOLD]:
        yield (
            f"Not over, and left for the next engine: {one.name} ({one.id}), {_tasks(one)}. "
            f"Go on with it, or end it (ctrl+c there), with: {again(one.id)}"
        )
    yield from _more(views)


def _more(views: Sequence[WorkflowView]) -> Iterator[str]:
    if len(views) > MOST_TOLD:
        yield f"... and {len(views) - MOST_TOLD} more workflows that run."


def _tasks(view: WorkflowView) -> str:
    running = view.counts.get(TaskStatus.RUNNING, 0)
    return f"{running} of {view.total} tasks running"
