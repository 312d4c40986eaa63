"""The release of the demo: a workflow that waits for a person's word."""

from __future__ import annotations

from pathlib import Path

from ..core.client.client import Client
from ..core.protocol.attention import AttentionItem, AttentionKind
from ..core.protocol.workflow_commands import CreateWorkflow
from ..core.protocol.workflow_events import WorkflowChanged
from ..core.protocol.workflow_status import WorkflowStatus

FILE = Path(__file__).with_name("release.yaml")
NAME = "release"


async def begin_release(client: Client, cwd: str | None) -> str:
    """Start the workflow; its id.

    :raises QuarterdeckError: if that is refused.
    """
    found = await client.call(CreateWorkflow(file=str(FILE), cwd=cwd))
    return str(found["workflow"]["id"])


class ReleasePart:
    """What has come of the release so far."""

    def __init__(self) -> None:
        self.workflow_id = ""
        self.asked = False
        self.status: WorkflowStatus | None = None

    def take(self, event: WorkflowChanged) -> None:
        """A workflow stands otherwise."""
        if event.workflow.name == NAME:
            self.status = event.workflow.status

    def is_gate(self, item: AttentionItem) -> bool:
        """Whether ``item`` is the question of this workflow; noted if so."""
        mine = item.kind is AttentionKind.GATE and item.task_id == NAME
        self.asked = self.asked or mine
        return mine

    @property
    def missing(self) -> list[str]:
        """What it has not done yet, in words."""
        found = [] if self.asked else ["item gate"]
        return found if self.status is WorkflowStatus.COMPLETED else [*found, "its end"]
