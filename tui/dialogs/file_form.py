"""The form for a file with inputs: what workflows and pipelines are begun with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual import events
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import Payload
from ..bridge import Bridge
from ..keys.names import name_of
from ..model.directories import full_path
from ..model.words import short_path
from ..widgets.fault_line import FaultLine
from ..widgets.path_field import PathField
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


class FileForm(Dialog[str]):
    """Ends with what ``made`` gives of the engine's answer; what is wrong stands under the fields."""

    TITLE_TEXT: ClassVar[str]
    KIND: ClassVar[str]
    DO: ClassVar[str]
    """What enter does."""

    def __init__(self, bridge: Bridge, file: str = "") -> None:
        super().__init__(bridge, self.TITLE_TEXT, kind=f"{self.KIND}-file")
        self.file = PathField(
            short_path(file), bridge.directory, id=f"{self.KIND}-file", endings=ENDINGS,
            select_on_focus=True, placeholder="path of a YAML or JSON file",
        )  # fmt: skip
        self.directory = Input(
            id=f"{self.KIND}-directory", compact=True,
            placeholder="where it works; empty: the file's own directory",
        )  # fmt: skip
        self.inputs = PromptArea(
            id=f"{self.KIND}-inputs", placeholder="NAME=VALUE, one on a line; may stay empty"
        )
        self.faults = {name: FaultLine() for name in ("file", "inputs", "")}
        self._sending = False

    @abstractmethod
    def wish(
        self, file: str, inputs: Mapping[str, str], cwd: str | None, *, start: bool
    ) -> Payload:
        """The command that the form stands for."""

    @abstractmethod
    def made(self, result: dict[str, Any]) -> str:
        """What was made, by the engine's answer."""

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

    def more(self) -> Sequence[Offer]:
        """What else can be done with the file."""
        return ()

    def drafted(self) -> Sequence[Input | TextArea]:
        """What a person wrote."""
        return (self.file, self.inputs, self.directory)

    def offers(self) -> Sequence[Offer]:
        """Begin it, move between fields, leave."""
        return (
            Offer(("enter",), self.DO, self.submit),
            *self.more(),
            Offer(("tab",), "next field", self._next, repeatable=True),
            Offer(("shift+tab",), "", self._previous, repeatable=True),
            *((Offer(("alt+enter",), "new line", lambda: None),) if self.inputs.has_focus else ()),
            self.escape("keep for later"),
        )

    def _next(self) -> None:
        self.focus_next()

    def _previous(self) -> None:
        self.focus_previous()

    def take_key(self, event: events.Key) -> None:
        """The end of a path is filled in by tab."""
        if name_of(event) == "tab" and self.file.complete():
            event.stop()
            event.prevent_default()
            return
        super().take_key(event)

    def on_descendant_focus(self) -> None:
        """What stands in the file's field before the person writes is no beginning."""
        self.file.note()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong with the field may be mended."""
        event.stop()
        self.faults["file"].say("")

    def on_text_area_changed(self) -> None:
        """The same for the inputs."""
        self.faults["inputs"].say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field begins it."""
        event.stop()
        self.submit()

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        """Enter in the inputs, too."""
        event.stop()
        self.submit()

    def submit(self, *, start: bool = True) -> None:
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
            base, directory = self.bridge.directory, self.directory.value.strip()
            cwd = full_path(directory, base) if directory else None
            wish = self.wish(full_path(self.file.value, base), inputs, cwd, start=start)
            self.bridge.send(wish, then=self._made, failed=self._refused)

    def _made(self, result: dict[str, Any]) -> None:
        self.forget_drafts()
        if self.is_attached:
            self.dismiss(self.made(result))

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
