"""What every screen has: the line of status, the banner, the line of keys, and its actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from ..bridge import Bridge
from ..copying import copy_selection
from ..handlers.base import Handler, Handlers
from ..handlers.general import General
from ..keys.actions import ACTIONS, Context
from ..keys.names import name_of
from ..keys.strokes import Stroke
from ..widgets.banner import Banner
from ..widgets.input_bar import InputBar
from ..widgets.key_line import Hint, KeyLine
from ..widgets.lines import KeyTaker
from ..widgets.one_line import OneLine
from ..widgets.status_line import ScreenTab, StatusLine
from ..widgets.styled import Kept

SCREENS = (
    ("deck", "Deck", "screen.deck"),
    ("flows", "Workflows", "screen.flows"),
    ("pipelines", "Pipelines", "screen.pipelines"),
    ("crew", "Crew", "screen.crew"),
    ("log", "Log", "screen.log"),
)
ALWAYS = ("ui.help",)
IN_A_FIELD = (Hint("enter", "keep", ""), Hint("esc", "give up", ""))


# Textual's screens name a parameter of ``arrange`` otherwise than its widgets do.
class MainScreen(KeyTaker, Screen[None], Kept, inherit_bindings=False):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A screen of the dashboard.

    Keys are looked up in the keymap, in the contexts that are active, and carried out by the
    handlers; a key whose action can't be carried out now says why.
    """

    NAME: ClassVar[str]
    HINTS: ClassVar[Sequence[str]] = ()

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.status_line = StatusLine(id="status-line")
        self.banner = Banner(id="banner")
        self.key_line = KeyLine(id="key-line")
        self.handlers: Handlers = {}

    def body(self) -> Iterable[Widget]:
        """What stands between the lines."""
        return ()

    def own_handlers(self) -> Handlers:
        """What can be done on this screen."""
        return {}

    def contexts(self) -> Sequence[Context]:
        """The active contexts, the one that wins first."""
        return (*self.over(), Context.APP)

    def over(self) -> Sequence[Context]:
        """The contexts that lie over the screen's own now."""
        shut_down = (Context.SHUT_DOWN,) if self.bridge.link.state.shut_down else ()
        return (*shut_down, Context.SELECTION) if self.selections else shut_down

    def compose(self) -> ComposeResult:
        """The lines and the body."""
        yield self.status_line
        yield self.banner
        yield from self.body()
        yield self.key_line

    def on_mount(self) -> None:
        """Begin to listen."""
        general = General(self.bridge, self.app)
        copying = {"ui.copy": Handler(self._copy), "ui.deselect": Handler(self.clear_selection)}
        self.handlers = {**general.handlers(), **copying, **self.own_handlers()}
        self.bridge.listeners.append(self.bring_up_to_date)
        self.begin()
        self.bring_up_to_date()

    def begin(self) -> None:
        """What a screen does when it is made; Textual calls every class's own ``on_mount``."""

    def end(self) -> None:
        """What a screen does when it goes."""

    def on_unmount(self) -> None:
        """Listen no more."""
        self.bridge.listeners.remove(self.bring_up_to_date)
        self.end()

    def on_screen_resume(self) -> None:
        """Show what came while another screen was on top."""
        self.bridge.look(place=self.NAME)
        self.bring_up_to_date()

    def bring_up_to_date(self) -> None:
        """Show how all stands now, if this screen can be seen."""
        if not self.is_attached or self not in self.app.screen_stack:
            return
        if self.bridge.steps_only:
            self.show_steps()
        else:
            self.show_state()

    def show_steps(self) -> None:
        """Show what sessions told of their steps; nothing else changed."""
        self.show_state()

    def show_state(self) -> None:
        """Show how all stands now."""
        keymap, state = self.bridge.keymap, self.bridge.link.state
        tabs = [
            ScreenTab(keymap.label(action), title, action, name == self.NAME)
            for name, title, action in SCREENS
        ]
        halt = self.bridge.view.halt
        self.status_line.show_state(self.bridge.deck.counts(), tabs, state, halt)
        self.banner.show_link(state, keymap.label("link.reconnect"), keymap.label("link.start"))
        self.show_hints()

    # ---- keys

    def on_key(self, event: events.Key) -> None:
        """Carry out what the key stands for."""
        self.take_key(event)

    def take_key(self, event: events.Key) -> None:
        """The same; in a field, keys are the field's. Textual calls every class's ``on_key``."""
        if (
            self.app.screen is not self
        ):  # typed ahead of a dialog that has just come: meant for neither
            event.stop()
            event.prevent_default()
            return
        key = name_of(event)
        held = self.bridge.repeats.press(key, event.time)
        if isinstance(self.focused, Input):
            return
        name = self.find(key)
        if name is not None:
            event.stop()
            event.prevent_default()
            if not held or self.handlers[name].repeatable:
                self.perform(name)

    def take_strokes(self, strokes: deque[Stroke]) -> bool:
        """Take off the left what goes past the keymap, into a session; whether anything does."""
        return False

    def find(self, key: str) -> str | None:
        """The action that ``key`` stands for here: the first that can be carried out, if any."""
        found = (self.bridge.keymap.find(context, key) for context in self.contexts())
        names = [name for name in found if name is not None and name in self.handlers]
        ready = (name for name in names if self.handlers[name].why_not() is None)
        return next(ready, names[0] if names else None)

    def perform(self, name: str) -> None:
        """Carry out an action, or say why it can't be now."""
        handler = self.handlers[name]
        problem = handler.why_not()
        if problem is not None:
            self.bridge.host.tell(self.bridge.keymap.told(problem), "warning")
            return
        handler.run()
        self.show_hints()

    def on_one_line_pressed(self, event: OneLine.Pressed) -> None:
        """A word in one of the lines was clicked."""
        event.stop()
        self.perform(event.name)

    def hint(self, name: str) -> Hint | None:
        """The hint for an action, if it has a key and can be carried out now."""
        key = self.bridge.keymap.label(name)
        handler = self.handlers.get(name)
        if not key or handler is None or handler.why_not() is not None:
            return None
        if not self.key_here(name):
            return None
        word = handler.word() or ACTIONS[name].hint
        return Hint("esc" if key == "escape" else key, word, name)

    def key_here(self, name: str) -> str:
        """An action's key; empty if it has none, or if here the key stands for something else."""
        key = self.bridge.keymap.label(name)
        return key if self.find(key) in {name, None} else ""

    def hint_names(self) -> Sequence[str]:
        """The actions to hint at, the most useful first."""
        return ("ui.copy", "ui.deselect") if self.selections else self.HINTS

    def show_hints(self) -> None:
        """Show the keys that do something now."""
        if isinstance(self.focused, Input) and isinstance(self.focused.parent, InputBar):
            bar = self.focused.parent
            self.key_line.show_hints((), IN_A_FIELD, bar.note, "error" if bar.faulty else "muted")
            return
        left = [hint for name in self.hint_names() if (hint := self.hint(name)) is not None]
        right = [hint for name in self.ending() if (hint := self.hint(name)) is not None]
        self.key_line.show_hints(left, right, self.note())

    def ending(self) -> Sequence[str]:
        """The actions to hint at at the right end."""
        return ALWAYS

    def note(self) -> str:
        """What stands before the keys."""
        return ""

    def on_descendant_focus(self) -> None:
        """Other keys hold in a field than in a list."""
        self.show_hints()

    # ---- selected text

    def on_text_selected(self) -> None:
        """Text was selected, or no longer is: other keys hold."""
        self.call_later(self.show_hints)

    def _copy(self) -> None:
        copy_selection(self, self.bridge)

    def watch_selections(self) -> None:
        """Selecting and deselecting change the keys that hold."""
        if self.is_attached:
            self.show_hints()
