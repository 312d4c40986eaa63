"""The format of pipelines as a JSON schema, for editors.

It is made from the model, lies beside it as ``pipeline.schema.json``, and is published in docs/.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ...workflows.files.schema import schema_of
from ...workflows.files.shapes import Format
from .model import PipelineFile

FILE_NAME = "pipeline.schema.json"


@cache
def pipeline_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of pipeline files; must not be changed."""
    return schema_of(PipelineFile, "Quarterdeck pipeline")


def shipped_schema() -> str:
    """The text of the schema as it is shipped."""
    return Path(__file__).with_name(FILE_NAME).read_text(encoding="utf-8")


PIPELINE = Format(PipelineFile, pipeline_schema, "pipeline", "events")
