"""What every dialog has: a frame with a title, a body, a line of its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from ..bridge import Bridge
from ..copying import copy_selection
from ..keys.actions import Context
from ..keys.names import name_of
from ..widgets.key_line import Hint, KeyLine
from ..widgets.one_line import OneLine

if TYPE_CHECKING:
    from textual.widgets import TextArea

T = TypeVar("T")
READ_IN = 0.15
"""Seconds within which nobody has read a question: a key typed ahead of it answers something else."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Keys that do something in a dialog; one without ``text`` is not hinted at.

    The repeats of a held key count only for one that is ``repeatable``. One that is ``guarded``
    does nothing before its question has stood long enough to be read.
    """

    keys: tuple[str, ...]
    text: str
    run: Callable[[], None]
    repeatable: bool = False
    guarded: bool = False


class Dialog(ModalScreen[T], Generic[T], inherit_bindings=False):
    """A dialog over the screen; escape leaves it without a result."""

    def __init__(self, bridge: Bridge, title: str, *, kind: str) -> None:
        super().__init__()
        self.bridge = bridge
        self._title = title
        self._asked = float("inf")
        self._offered: dict[str, str] = {}
        self.frame = Vertical(id=f"{kind}-dialog", classes="dialog")
        self.key_line = KeyLine()

    def body(self) -> Iterable[Widget]:
        """What stands in the frame, over the line of keys."""
        return ()

    def offers(self) -> Sequence[Offer]:
        """What can be done now, by key."""
        return (self.escape(),)

    def escape(self, text: str = "close") -> Offer:
        """Leave without a result."""
        return Offer(("escape",), text, self.give_up)

    def drafted(self) -> Sequence[Input | TextArea]:
        """The fields whose text is kept when the dialog is given up, until it is opened again for the same."""
        return ()

    def opened_for(self) -> str:
        """What of its kind the form is about: drafts of one are not offered for another."""
        return ""

    def give_up(self) -> None:
        """Leave without a result; if something was written, all that stands in the form is kept."""
        texts = {self._draft_of(field): _text_of(field) for field in self.drafted()}
        if any(text.strip() and text != self._offered.get(key) for key, text in texts.items()):
            self.bridge.drafts |= texts
        self.dismiss(None)

    def forget_drafts(self) -> None:
        """What was written has been taken, perhaps after the form was left."""
        for key in self._offered:
            self.bridge.drafts.pop(key, None)

    def _take_drafts(self) -> None:
        for field in self.drafted():
            self._offered[self._draft_of(field)] = _text_of(field)
            text = self.bridge.drafts.pop(self._draft_of(field), None)
            if text is None:
                continue
            if isinstance(field, Input):
                field.value = text
                field.select_on_focus = False  # what is typed goes on with it
            else:
                field.load_text(text)
                field.move_cursor(field.document.end)

    def _draft_of(self, field: Widget) -> str:
        return f"{self._title} {self.opened_for()} #{field.id}"

    def compose(self) -> ComposeResult:
        """Frame, body, keys."""
        self.frame.border_title = Content(f" {self._title} ")
        with self.frame:
            yield from self.body()
            yield self.key_line

    def on_mount(self) -> None:
        """Begin to listen."""
        self.bridge.listeners.append(self.show_state)
        self._take_drafts()
        self.begin()
        self.show_state()
        self.ask()

    def ask(self) -> None:
        """The question that is shown is a new one: it has to be read before it is answered."""
        self._asked = float("inf")
        self.call_after_refresh(self._is_painted)

    def _is_painted(self) -> None:
        self._asked = self.bridge.clock.monotonic()

    def begin(self) -> None:
        """What a dialog does when it is opened; Textual calls every class's own ``on_mount``."""

    def end(self) -> None:
        """What a dialog does when it is gone."""

    def on_unmount(self) -> None:
        """Listen no more."""
        self.bridge.listeners.remove(self.show_state)
        self.end()

    def show_state(self) -> None:
        """Show how all stands now."""
        shown = [offer for offer in self.offers() if offer.text]
        self.key_line.show_hints(
            [
                Hint(offer.keys[0].replace("escape", "esc"), offer.text, offer.keys[0])
                for offer in shown
            ],
            (),
        )

    def on_key(self, event: events.Key) -> None:
        """Do what the key stands for; nothing reaches the screen below."""
        self.take_key(event)

    def take_key(self, event: events.Key) -> None:
        """The same; here to be overridden, since Textual calls every class's own ``on_key``."""
        key = name_of(event)
        held = self.bridge.repeats.press(key, event.time)
        if self.selections and self._about_selection(key):
            event.stop()
            event.prevent_default()
            return
        offer = next((offer for offer in self.offers() if key in offer.keys), None)
        if offer is None:
            return
        event.stop()
        event.prevent_default()
        if held and not offer.repeatable:
            return
        if offer.guarded and event.time - self._asked < READ_IN:
            self.bridge.host.tell(f"{key} came before this could be read; press it now.", "warning")
            return
        offer.run()

    def on_descendant_focus(self) -> None:
        """Other keys hold in another field."""
        self.show_state()

    def _about_selection(self, key: str) -> bool:
        """Copy or drop the selected text, if ``key`` stands for that."""
        action = self.bridge.keymap.find(Context.SELECTION, key)
        if action == "ui.copy":
            copy_selection(self, self.bridge)
        elif action == "ui.deselect":
            self.clear_selection()
        return action is not None

    def on_one_line_pressed(self, event: OneLine.Pressed) -> None:
        """A hint was clicked."""
        event.stop()
        for offer in self.offers():
            if event.name in offer.keys:
                offer.run()
                return


def _text_of(field: Input | TextArea) -> str:
    return field.value if isinstance(field, Input) else field.text
