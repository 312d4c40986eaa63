"""What is wrong with a workflow's file, its inputs or its templates: where, what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...base.errors import ResourceFault, ValidationFault

SHOWN = 20


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault. ``line`` and ``column`` count from 1; ``hint`` says what to do, or is empty.

    ``key`` is the path of keys, such as ``tasks.build.retry.initial``.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}:{key} {self.message}{hint}"


class FileInvalid(ValidationFault):
    """A file has faults; ``faults`` holds all of them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            lines.append(f"... and {len(self.faults) - SHOWN} more")
        super().__init__("\n".join(lines), faults=[str(fault) for fault in self.faults])


class WorkflowFileInvalid(FileInvalid):
    """A workflow's file has faults; ``faults`` holds all of them."""

    code = "workflow_file_invalid"


class FileUnreadable(ResourceFault):
    """A file is not there, or can't be read."""


class WorkflowFileUnreadable(FileUnreadable):
    """A workflow's file is not there, or can't be read."""

    code = "workflow_file_unreadable"


class InputsInvalid(ValidationFault):
    """The inputs given to a workflow are not those that its file asks for."""

    code = "workflow_inputs_invalid"


class TemplateFailed(ValidationFault):
    """A template of a workflow can't be rendered with the values at hand."""

    code = "template_failed"


class TemplateTooLong(TemplateFailed):
    """A template takes too many steps, too long, or gives too much."""

    code = "template_too_long"


class FanOutTooLarge(ValidationFault):
    """A fan-out was given more items than its ``max``, or what is no list."""

    code = "fan_out_invalid"
