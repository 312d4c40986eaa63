"""Telling a workflow that something happened outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.base.errors import QuarterdeckError
from ...core.protocol.workflow_commands import SignalWorkflow
from ...core.protocol.workflow_views import WorkflowView
from ..bridge import Bridge
from ..model.words import clean
from ..widgets.fault_line import FaultLine
from .base import Dialog, Offer

if TYPE_CHECKING:
    from textual.widgets import TextArea


def value_of(text: str) -> JsonValue:
    """What was written as a value: JSON where it is some, else the text itself; empty: nothing."""
    if not text.strip():
        return None
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


class SignalDialog(Dialog[None]):
    """A name, perhaps a key and a value; stays open until the engine has taken it."""

    def __init__(self, bridge: Bridge, flow: WorkflowView, name: str = "") -> None:
        super().__init__(bridge, f"Signal to {clean(flow.name, 60)}", kind="signal")
        self._flow_id, self._awaited = flow.id, name
        self.name_field = Input(name, id="signal-name", compact=True, select_on_focus=False)
        self.key_field = Input(
            id="signal-key", compact=True, placeholder="may stay empty: the first of a key counts"
        )
        self.value = Input(
            id="signal-value", compact=True, placeholder="text or JSON; may stay empty"
        )
        self.fault = FaultLine()
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """The fields."""
        return (
            Static("What happened", classes="field-label"), self.name_field,
            Static("Key", classes="field-label"), self.key_field,
            Static("Value", classes="field-label"), self.value,
            self.fault,
        )  # fmt: skip

    def begin(self) -> None:
        """Its name first."""
        self.name_field.focus()

    def drafted(self) -> Sequence[Input | TextArea]:
        """What a person wrote."""
        return (self.name_field, self.key_field, self.value)

    def opened_for(self) -> str:
        """The workflow, and what it waits for."""
        return f"{self._flow_id}/{self._awaited}"

    def offers(self) -> Sequence[Offer]:
        """Send it, move between fields, leave."""
        return (
            Offer(("enter",), "send", self.submit),
            Offer(("tab", "down"), "next field", lambda: _move(self, 1), repeatable=True),
            Offer(("shift+tab", "up"), "", lambda: _move(self, -1), repeatable=True),
            self.escape("keep for later"),
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field sends it."""
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Send it."""
        name = self.name_field.value.strip()
        if not name:
            self.fault.say("A signal has a name.")
        elif not self._sending:
            self._sending = True
            wish = SignalWorkflow(
                workflow_id=self._flow_id, name=name, key=self.key_field.value.strip() or None,
                value=value_of(self.value.value),
            )  # fmt: skip
            self.bridge.send(wish, then=self._taken, failed=self._refused)

    def _taken(self, result: dict[str, Any]) -> None:
        self.forget_drafts()
        awaited = bool(result.get("awaited", True))
        doubt = "" if awaited else " Nothing waits for it yet; it is kept."
        self.bridge.host.tell(f"Signalled.{doubt}")
        if self.is_attached:
            self.dismiss(None)

    def _refused(self, error: QuarterdeckError) -> None:
        self._sending = False
        if self.is_attached:
            self.fault.say(error.info().message)
        else:
            self.bridge.complain(error)


def _move(dialog: Dialog[Any], way: int) -> None:
    if way > 0:
        dialog.focus_next()
    else:
        dialog.focus_previous()
