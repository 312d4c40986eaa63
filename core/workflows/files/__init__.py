"""Workflows from files: ``load_workflow``, ``check``, templates and the format's JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .executing import command_of, fan_out, rendered, scope_of, wanted
    from .faults import (
        FanOutTooLarge,
        Fault,
        InputsInvalid,
        TemplateFailed,
        TemplateTooLong,
        WorkflowFileInvalid,
        WorkflowFileUnreadable,
    )
    from .loading import LoadedFile, check, load_workflow, read_file
    from .schema import shipped_schema, workflow_schema
    from .templates import Scope, holds, render, render_text

__all__ = [
    "FanOutTooLarge",
    "Fault",
    "InputsInvalid",
    "LoadedFile",
    "Scope",
    "TemplateFailed",
    "TemplateTooLong",
    "WorkflowFileInvalid",
    "WorkflowFileUnreadable",
    "check",
    "command_of",
    "fan_out",
    "holds",
    "load_workflow",
    "read_file",
    "render",
    "render_text",
    "rendered",
    "scope_of",
    "shipped_schema",
    "wanted",
    "workflow_schema",
]

_HOMES = {
    **dict.fromkeys(("command_of", "fan_out", "rendered", "scope_of", "wanted"), ".executing"),
    **dict.fromkeys(("LoadedFile", "check", "load_workflow", "read_file"), ".loading"),
    **dict.fromkeys(("shipped_schema", "workflow_schema"), ".schema"),
    **dict.fromkeys(("Scope", "holds", "render", "render_text"), ".templates"),
}
_HOMES |= {name: ".faults" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    from ...base.lazy import find_name  # noqa: PLC0415  # start-up time: most come for a module

    return find_name(__name__, name, _HOMES)
