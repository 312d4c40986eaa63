"""The preferences: shown with their meanings, changed in place, kept by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from ...core.protocol.preferences import (
    PREFERENCES,
    InvalidPreference,
    Preference,
    check_preference,
)
from ..bridge import Bridge
from ..keys.names import name_of
from ..model.cells import Column, Row, arrange
from ..widgets.fault_line import FaultLine
from ..widgets.lines import Lines
from .base import Dialog, Offer

NOT_SHOWN = frozenset(("welcomed", "last_agent"))


class PreferenceList(Lines):
    """One line per preference: its value, its meaning."""

    def compose_row(self, row: Any, width: int) -> Row:
        """Value and meaning."""
        preference, value = row
        shown = {True: "on", False: "off"}.get(value, str(value)) if _is_flag(preference) else value
        meaning = f" {preference.meaning}"
        name = Column(f" {preference.name}", "key", 18)
        return arrange((name, Column(f"{shown}", "head", 22), Column(meaning)), width)


def _is_flag(preference: Preference) -> bool:
    return isinstance(preference.default, bool)


class SettingsDialog(Dialog[None]):
    """Enter turns a flag, goes to the next choice, or opens a field."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge, "Preferences", kind="settings")
        self.list = PreferenceList(id="settings-list")
        self.input = Input(compact=True, id="settings-input")
        self.fault = FaultLine()
        self._cursor = 0
        self._shown = [p for name, p in PREFERENCES.items() if name not in NOT_SHOWN]

    def body(self) -> Iterable[Widget]:
        """List, field, fault."""
        return (self.list, self.input, self.fault)

    def begin(self) -> None:
        """The field opens only when it is needed."""
        self.input.display = False
        self.list.focus()

    def show_state(self) -> None:
        """Show the values in force."""
        values = self.bridge.preferences
        self.list.show(tuple((p, values[p.name]) for p in self._shown), self._cursor)
        self.frame.border_subtitle = Content(f" {self._preference.meaning} ")
        super().show_state()

    @property
    def _preference(self) -> Preference:
        return self._shown[self._cursor]

    def offers(self) -> Sequence[Offer]:
        """Change, put back, move."""
        if self.input.has_focus:
            return (Offer(("enter",), "keep", lambda: None), self.escape("give up"))
        return (
            Offer(("enter", "space"), "change", self._change),
            Offer(("backspace", "delete"), "default", self._default),
            Offer(("down", "j"), "", lambda: self._step(1), repeatable=True),
            Offer(("up", "k"), "", lambda: self._step(-1), repeatable=True),
            self.escape(),
        )

    def take_key(self, event: events.Key) -> None:
        """While a value is written, escape gives the value up, not the dialog."""
        if not self.input.has_focus:
            super().take_key(event)
        elif name_of(event) == "escape":
            event.stop()
            self._close_input()

    def _step(self, by: int) -> None:
        self._cursor = min(max(0, self._cursor + by), len(self._shown) - 1)
        self.show_state()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A click chooses, a second one changes."""
        event.stop()
        again = event.index == self._cursor
        self._cursor = event.index
        self.show_state()
        if again:
            self._change()

    def _change(self) -> None:
        preference = self._preference
        value = self.bridge.preferences[preference.name]
        choices = self._choices(preference)
        if _is_flag(preference):
            self._keep(not value)
        elif choices:
            place = choices.index(value) if value in choices else -1
            self._keep(choices[(place + 1) % len(choices)])
        else:
            self.input.display = True
            self.input.value = str(value)
            self.input.focus()
            self.show_state()

    def _choices(self, preference: Preference) -> Sequence[str]:
        if preference.name == "theme":
            return sorted(self.app.available_themes)
        return preference.choices

    def _default(self) -> None:
        self._keep(self._preference.default)

    def _keep(self, value: bool | int | str) -> None:
        self.fault.say("")
        self.bridge.prefer(self._preference.name, value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was written, if the preference can have it."""
        event.stop()
        preference = self._preference
        read: Callable[[str], int | str] = int if isinstance(preference.default, int) else str
        try:
            value = check_preference(preference.name, read(event.value.strip()))
        except InvalidPreference as error:
            self.fault.say(error.message)
        except ValueError:
            self.fault.say(f"{preference.name} is a whole number.")
        else:
            self._keep(value)
            self._close_input()

    def _close_input(self) -> None:
        self.fault.say("")
        self.input.display = False
        self.list.focus()
        self.show_state()
