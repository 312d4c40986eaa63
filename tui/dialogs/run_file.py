"""The form for running a workflow file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.protocol.workflow_commands import CreateWorkflow
from .base import Offer
from .file_form import FileForm


class RunFileDialog(FileForm):
    """Ends with the new workflow's id."""

    TITLE_TEXT = "Run a workflow file"
    KIND = "run"
    DO = "run"

    def more(self) -> Sequence[Offer]:
        """Create it, and start it later."""
        return (Offer(("ctrl+s",), "create only", lambda: self.submit(start=False)),)

    def wish(
        self, file: str, inputs: Mapping[str, str], cwd: str | None, *, start: bool
    ) -> CreateWorkflow:
        """Create the workflow, and start it."""
        return CreateWorkflow(file=file, inputs=dict(inputs), cwd=cwd, start=start)

    def made(self, result: dict[str, Any]) -> str:
        """The workflow's id."""
        return str(result["workflow"]["id"])
