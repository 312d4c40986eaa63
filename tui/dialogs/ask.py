"""A form of one field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import Payload
from ..bridge import Bridge
from ..widgets.fault_line import FaultLine
from .base import Dialog, Offer

Read = Callable[[str], Payload | str]
"""The command that was written, or what is wrong with it."""


class AskDialog(Dialog[bool]):
    """Ends with ``True`` once the engine has taken what was written."""

    def __init__(
        self, bridge: Bridge, title: str, *, text: str, label: str, verb: str, read: Read,
        value: str = "",
    ) -> None:  # fmt: skip
        super().__init__(bridge, title, kind="ask")
        self._text, self._label, self._verb, self._read = text, label, verb, read
        self.input = Input(value, id="ask-input", compact=True, select_on_focus=True)
        self.fault = FaultLine()
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """What it is about, and the field."""
        return (
            Static(self._text, classes="dialog-text", markup=False),
            Static(self._label, classes="field-label", markup=False), self.input, self.fault,
        )  # fmt: skip

    def begin(self) -> None:
        """Write at once."""
        self.input.focus()

    def offers(self) -> Sequence[Offer]:
        """Do it, or leave."""
        return (Offer(("enter",), self._verb, self.submit), self.escape("give up"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong may be mended."""
        event.stop()
        self.fault.say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sends it."""
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Check what was written, then ask the engine."""
        wish = self._read(self.input.value.strip())
        if isinstance(wish, str):
            self.fault.say(wish)
        elif not self._sending:
            self._sending = True
            self.bridge.send(wish, then=self._taken, failed=self._refused)

    def _taken(self, _result: dict[str, Any]) -> None:
        if self.is_attached:
            self.dismiss(True)

    def _refused(self, error: QuarterdeckError) -> None:
        self._sending = False
        if self.is_attached:
            self.fault.say(error.info().message)
        else:
            self.bridge.complain(error)
