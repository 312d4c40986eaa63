"""The form for loading a pipeline from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.protocol.pipeline_commands import LoadPipeline
from .file_form import FileForm


class LoadFileDialog(FileForm):
    """Ends with the pipeline's name."""

    TITLE_TEXT = "Load a pipeline file"
    KIND = "load"
    DO = "load"

    def wish(
        self, file: str, inputs: Mapping[str, str], cwd: str | None, *, start: bool
    ) -> LoadPipeline:
        """Load it; it works from then on, so that there is no other ``start``."""
        del start
        return LoadPipeline(file=file, inputs=dict(inputs), cwd=cwd)

    def made(self, result: dict[str, Any]) -> str:
        """The pipeline's name."""
        return str(result["pipeline"]["name"])
