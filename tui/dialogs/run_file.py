"""The form for running a workflow file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textual import events
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.base.errors import QuarterdeckError
from ...core.protocol.workflow_commands import CreateWorkflow
from ..bridge import Bridge
from ..keys.names import name_of
from ..model.directories import file_completion, full_path
from ..model.words import short_path
from ..widgets.fault_line import FaultLine
from ..widgets.prompt_area import PromptArea
from .base import Dialog, Offer

ENDINGS = (".yaml", ".yml", ".json")


def read_inputs(text: str) -> tuple[Mapping[str, str], str]:
    """``NAME=VALUE`` lines as values by name, and what is wrong with them."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            return {}, f"Line {number} is no NAME=VALUE: {line.strip()[:40]}"
        found[name.strip()] = value.strip()
    return found, ""


class FileSuggester(Suggester):
    """Goes on with the name of a directory or a workflow file; the disk is read in a thread."""

    def __init__(self, base: str) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._base = base

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path."""
        return await asyncio.to_thread(file_completion, value, self._base, ENDINGS)


class RunFileDialog(Dialog[str]):
    """Ends with the new workflow's id; what is wrong with file or inputs stands under them."""

    def __init__(self, bridge: Bridge, file: str = "") -> None:
        super().__init__(bridge, "Run a workflow file", kind="run-file")
        self.file = Input(
            short_path(file), id="run-file", compact=True, select_on_focus=True,
            suggester=FileSuggester(bridge.directory), placeholder="path of a YAML or JSON file",
        )  # fmt: skip
        self.directory = Input(
            id="run-directory", compact=True, placeholder="where it works; empty: the file's own directory",
        )  # fmt: skip
        self.inputs = PromptArea(
            id="run-inputs", placeholder="NAME=VALUE, one on a line; may stay empty"
        )
        self.faults = {name: FaultLine() for name in ("file", "inputs", "")}
        self._found = self.file.value
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """The fields, each with its fault under it."""
        return (
            Static("File", classes="field-label"), self.file, self.faults["file"],
            Static("Inputs", classes="field-label"), self.inputs, self.faults["inputs"],
            Static("Directory", classes="field-label"), self.directory, self.faults[""],
        )  # fmt: skip

    def begin(self) -> None:
        """The file first: what is written takes the place of the one that is offered."""
        self.file.focus()

    def offers(self) -> Sequence[Offer]:
        """Run, create only, move between fields, leave."""
        return (
            Offer(("enter",), "run", lambda: self.submit(start=True)),
            Offer(("ctrl+s",), "create only", lambda: self.submit(start=False)),
            Offer(("tab",), "next field", self._next, repeatable=True),
            Offer(("shift+tab",), "", self._previous, repeatable=True),
            *((Offer(("alt+enter",), "new line", lambda: None),) if self.inputs.has_focus else ()),
            self.escape("give up"),
        )

    def _next(self) -> None:
        self.focus_next()

    def _previous(self) -> None:
        self.focus_previous()

    def take_key(self, event: events.Key) -> None:
        """The end of a path is filled in by tab."""
        if name_of(event) == "tab" and self._complete():
            event.stop()
            event.prevent_default()
            return
        super().take_key(event)

    def _complete(self) -> bool:
        """Take the suggested path, if one was begun here; whether there was one."""
        before = self.file.value
        if self.file.has_focus and before != self._found:
            self.file.action_cursor_right()
        return self.file.value != before

    def on_descendant_focus(self) -> None:
        """What stands in the file's field before the person writes is no beginning."""
        self._found = self.file.value

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong with the field may be mended."""
        event.stop()
        self.faults["file"].say("")

    def on_text_area_changed(self) -> None:
        """The same for the inputs."""
        self.faults["inputs"].say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field runs it."""
        event.stop()
        self.submit(start=True)

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        """Enter in the inputs, too."""
        event.stop()
        self.submit(start=True)

    def submit(self, *, start: bool) -> None:
        """Check what was written, then ask the engine."""
        for line in self.faults.values():
            line.say("")
        inputs, fault = read_inputs(self.inputs.text)
        if not self.file.value.strip():
            self._refuse("file", "Which file?")
        elif fault:
            self._refuse("inputs", fault)
        elif not self._sending:
            self._sending = True
            self.bridge.send(self._wish(inputs, start=start), then=self._made, failed=self._refused)

    def _wish(self, inputs: Mapping[str, str], *, start: bool) -> CreateWorkflow:
        base = self.bridge.directory
        directory = self.directory.value.strip()
        return CreateWorkflow(
            file=full_path(self.file.value, base),
            inputs=dict(inputs),
            cwd=full_path(directory, base) if directory else None,
            start=start,
        )

    def _made(self, result: dict[str, Any]) -> None:
        if self.is_attached:
            self.dismiss(str(result["workflow"]["id"]))

    def _refused(self, error: QuarterdeckError) -> None:
        info = error.info()
        self._refuse("inputs" if "input" in info.code else "file", info.message)

    def _refuse(self, field: str, text: str) -> None:
        self._sending = False
        if not self.is_attached:
            self.bridge.host.tell(text, "error")
            return
        self.faults[field].say(text)
        (self.inputs if field == "inputs" else self.file).focus()
