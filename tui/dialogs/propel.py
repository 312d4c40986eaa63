"""The form for putting a payload into a lane."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from ...core.base.errors import QuarterdeckError
from ...core.base.priority import Priority
from ...core.protocol.pipeline_commands import PropelPayload
from ...core.protocol.pipeline_views import PipelineView
from ..bridge import Bridge
from ..model.words import clean
from ..widgets.fault_line import FaultLine
from ..widgets.prompt_area import PromptArea
from .base import Dialog, Offer

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
PRIORITIES = tuple(priority.name.lower() for priority in Priority)


def read_data(text: str) -> tuple[JsonValue, str]:
    """JSON, or nothing; and where it is wrong."""
    if not text.strip():
        return None, ""
    try:
        value: JsonValue = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"No JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}."
    return value, ""


def read_priority(text: str) -> tuple[Priority | None, str]:
    """A priority by its name, or by the beginning of it."""
    word = text.strip().casefold()
    if not word:
        return None, ""
    found = [name for name in PRIORITIES if name.startswith(word)]
    if len(found) != 1:
        return None, f"A priority is one of {', '.join(PRIORITIES)}."
    return Priority[found[0].upper()], ""


def read_deadline(text: str, now: datetime) -> tuple[datetime | None, str]:
    """A time from now on, such as 90s, 10m, 2h."""
    word = text.strip().casefold()
    if not word:
        return None, ""
    number, unit = (word[:-1], word[-1]) if word[-1] in UNITS else (word, "s")
    try:
        seconds = float(number) * UNITS[unit]
        found = now + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None, "A deadline is a time from now on, such as 90s, 10m, 2h."
    return (found, "") if seconds > 0 else (None, "A deadline lies ahead.")


class PropelDialog(Dialog[str]):
    """Ends with the event type; data that are no JSON are told while they are written."""

    def __init__(self, bridge: Bridge, pipeline: PipelineView, event: str) -> None:
        super().__init__(bridge, f"Propel into {clean(pipeline.name, 60)}", kind="propel")
        self._pipeline = pipeline.name
        self._lane = event
        events = [lane.event for lane in pipeline.lanes]
        self.event = Input(
            event or next(iter(events), ""), id="propel-event", compact=True,
            suggester=SuggestFromList(events), select_on_focus=not event,
        )  # fmt: skip
        self.data = PromptArea(id="propel-data", placeholder='JSON, such as {"topic": "caching"}')
        self.priority = Input(
            id="propel-priority", compact=True, suggester=SuggestFromList(PRIORITIES),
            placeholder=f"{' '.join(PRIORITIES)}; empty: the file's",
        )  # fmt: skip
        self.deadline = Input(
            id="propel-deadline",
            compact=True,
            placeholder="90s, 10m, 2h from now; empty: the file's",
        )
        self.faults = {name: FaultLine() for name in ("event", "data", "priority", "deadline", "")}
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """The fields, each with its fault under it."""
        faults = self.faults
        return (
            Static("Event", classes="field-label"), self.event, faults["event"],
            Static("Data", classes="field-label"), self.data, faults["data"],
            Static("Priority", classes="field-label"), self.priority, faults["priority"],
            Static("Deadline", classes="field-label"), self.deadline, faults["deadline"],
            faults[""],
        )  # fmt: skip

    def begin(self) -> None:
        """The data first, where the lane is known."""
        (self.data if self.event.value else self.event).focus()

    def drafted(self) -> Sequence[Input | TextArea]:
        """What a person wrote."""
        return (self.event, self.data, self.priority, self.deadline)

    def opened_for(self) -> str:
        """The lane: what was written for one does not fit another."""
        return self._lane

    def offers(self) -> Sequence[Offer]:
        """Propel, move between fields, leave."""
        return (
            Offer(("enter",), "propel", self.submit),
            Offer(("tab",), "next field", self._next, repeatable=True),
            Offer(("shift+tab",), "", self._previous, repeatable=True),
            *((Offer(("alt+enter",), "new line", lambda: None),) if self.data.has_focus else ()),
            self.escape("keep for later"),
        )

    def _next(self) -> None:
        if self.focused in {self.event, self.priority} and isinstance(self.focused, Input):
            self.focused.action_cursor_right()  # take what is suggested
        self.focus_next()

    def _previous(self) -> None:
        self.focus_previous()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say at once what is wrong with the data."""
        event.stop()
        self.faults["data"].say(read_data(self.data.text)[1])

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong with the field may be mended."""
        event.stop()
        name = (event.input.id or "").removeprefix("propel-")
        self.faults[name].say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field propels."""
        event.stop()
        self.submit()

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        """Enter in the data, too."""
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Check what was written, then ask the engine."""
        data, data_fault = read_data(self.data.text)
        priority, priority_fault = read_priority(self.priority.value)
        deadline, deadline_fault = read_deadline(self.deadline.value, self.bridge.clock.now())
        name = self.event.value.strip()
        found = {
            "event": "" if name else "Into which lane?", "data": data_fault,
            "priority": priority_fault, "deadline": deadline_fault, "": "",
        }  # fmt: skip
        for field, fault in found.items():
            self.faults[field].say(fault)
        wrong = next((field for field, fault in found.items() if fault), None)
        if wrong is not None:
            self._go_to(wrong)
        elif not self._sending:
            self._sending = True
            wish = PropelPayload(
                name=self._pipeline, event=name, data=data, priority=priority, deadline=deadline
            )
            self.bridge.send(wish, then=self._taken, failed=self._refused)

    def _go_to(self, field: str) -> None:
        places: dict[str, Widget] = {
            "event": self.event, "data": self.data, "priority": self.priority,
            "deadline": self.deadline,
        }  # fmt: skip
        places[field].focus()

    def _taken(self, _result: dict[str, Any]) -> None:
        self.forget_drafts()
        self.bridge.host.tell(f"Propelled into {clean(self.event.value, 60)}.")
        if self.is_attached:
            self.dismiss(self.event.value.strip())

    def _refused(self, error: QuarterdeckError) -> None:
        self._sending = False
        info = error.info()
        if not self.is_attached:
            self.bridge.complain(error)
            return
        field = next((name for name in ("event", "data") if name in info.code), "")
        self.faults[field].say(info.message)
