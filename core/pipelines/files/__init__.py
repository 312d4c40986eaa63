"""Pipelines from files: ``load_pipeline``, ``check``, and the format's JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import PayloadDataInvalid, PipelineFileInvalid, PipelineFileUnreadable
    from .loading import LoadedPipelineFile, check, load_pipeline, read_file
    from .schema import pipeline_schema, shipped_schema

__all__ = [
    "LoadedPipelineFile",
    "PayloadDataInvalid",
    "PipelineFileInvalid",
    "PipelineFileUnreadable",
    "check",
    "load_pipeline",
    "pipeline_schema",
    "read_file",
    "shipped_schema",
]

_HOMES = {
    **dict.fromkeys(("LoadedPipelineFile", "check", "load_pipeline", "read_file"), ".loading"),
    **dict.fromkeys(("pipeline_schema", "shipped_schema"), ".schema"),
}
_HOMES |= {name: ".faults" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    from ...base.lazy import find_name  # noqa: PLC0415  # start-up time: most come for a module

    return find_name(__name__, name, _HOMES)
