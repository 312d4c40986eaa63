"""The deck: sessions, what needs a person, and the focused session."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from textual.widget import Widget

from ...core.protocol.commands import ToggleMinimal
from ...core.protocol.status import Lifecycle
from ...core.protocol.views import SessionView
from ..bridge import Bridge
from ..going import show_item
from ..handlers.answers import Answers
from ..handlers.base import Handler, Handlers
from ..handlers.moves import Moves
from ..handlers.sessions import Sessions
from ..handlers.viewing import Viewing
from ..keys.actions import Context
from ..keys.strokes import Stroke
from ..model.ages import age_of, age_text
from ..model.frame import ATTENTION_TITLE, SESSIONS_TITLE
from ..model.query import SESSIONS, parse
from ..model.words import clean, is_quiet, plural
from ..widgets.asked import item_note, item_titles
from ..widgets.attention_list import AttentionList
from ..widgets.boxes import AcrossBox, DownBox
from ..widgets.input_bar import InputBar
from ..widgets.lines import Lines
from ..widgets.panel import SessionPanel
from ..widgets.session_list import SessionList
from ..widgets.terminal import TerminalView
from .beside import BesideScreen

STEPS = frozenset(("nav.down", "nav.up", "nav.page_down", "nav.page_up", "nav.first", "nav.last"))
LEAST_TO_TYPE = 80


class DeckScreen(BesideScreen):
    """Sessions and attention at the left, the focused session at the right."""

    NAME = "deck"
    HINTS = (
        "link.reconnect",
        "answer.allow_once", "answer.allow_always", "answer.reject", "attention.peek", "attention.go",
        "attention.snooze", "attention.resolve", "agent.start", "agent.resume", "session.prompt",
        "nav.next_actionable", "session.create", "ui.filter", "agent.stop", "session.fit",
        "ui.toggle_minimal", "nav.back", "ui.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.deck = bridge.deck
        self.sessions = SessionList(id="sessions")
        self.attention = AttentionList(id="attention")
        self.terminal = TerminalView(id="terminal", interval=bridge.pacing.frame)
        self.panel = SessionPanel(self.terminal, id="panel")
        self.filter_bar = InputBar("filter ", id="filter")
        self.search_bar = InputBar("search ", id="search")
        self.left = DownBox(self.sessions, self.attention, id="left")
        self.middle = AcrossBox(self.left, self.panel, id="middle")
        self.moves = Moves(bridge, self.sessions, self.attention)
        self.viewing = Viewing(bridge, self.terminal, self.search_bar, self.rearrange)
        self.answers = Answers(bridge)
        self._looking_at: str | None = None
        self._look_away: Callable[[], None] = lambda: None
        self._answered = False

    def body(self) -> Iterable[Widget]:
        """Lists, panel, and the bars that open at the bottom."""
        self.sessions.border_title = SESSIONS_TITLE
        self.attention.border_title = ATTENTION_TITLE
        return (self.middle, self.filter_bar, self.search_bar)

    def own_handlers(self) -> Handlers:
        """All that can be done on the deck."""
        return {
            **self.moves.handlers(),
            **self.viewing.handlers(),
            **self.answers.handlers(),
            **Sessions(self.bridge).handlers(),
            "attention.go": Handler(self.go_to_item),
            "ui.filter": Handler(self.open_filter),
            "ui.toggle_minimal": Handler(self.toggle_minimal),
            "ui.toggle_idle": Handler(self.toggle_idle, self._none_quiet),
            **self.width_handlers(),
        }

    def begin(self) -> None:
        """The list has the focus at first."""
        self.sessions.focus()

    def end(self) -> None:
        """Look at nothing any more."""
        self._look_away()
        self.viewing.close()

    def contexts(self) -> Sequence[Context]:
        """While the person types into the session, only the way out is left."""
        if self.terminal.entered:
            return (Context.ENTERED,)
        over = self.terminal.viewport.scrolled or self.viewing.searching
        return (
            *self.over(), *((Context.HISTORY,) if over else ()),
            *((Context.ITEM,) if self.deck.lone_item else ()),
            Context.DECK, Context.BOARD, Context.APP,
        )  # fmt: skip

    def take_strokes(self, strokes: deque[Stroke]) -> bool:
        """What is meant for the session never becomes a command, wherever the focus went."""
        if self.terminal.entered:
            self.bridge.repeats.forget()
            self.terminal.take(strokes)
        return self.terminal.entered

    def perform(self, name: str) -> None:
        """Carry out an action on what is shown: after a step, all is shown first."""
        if name not in STEPS:
            self.bridge.catch_up()
        super().perform(name)

    # ---- showing

    def show_state(self) -> None:
        """Bring lists and panel up to date."""
        if self.bridge.ready and not self._answered:
            self._answered = True
            self._first_state()
        super().show_state()
        self._show_lists()
        self._look_at(None if self.deck.lone_item else self.deck.session_id)
        self._show_panel()

    def show_steps(self) -> None:
        """Steps are shown in the list of sessions alone."""
        self.sessions.show_sessions(self.deck.session_rows(), self.deck.session_id)

    def _first_state(self) -> None:
        """The engine has answered for the first time."""
        preferences = self.bridge.preferences
        self.deck.minimal = self.deck.minimal or bool(preferences["minimal"])
        self.deck.folded = self.deck.minimal
        self.rearrange()
        alone = self.app.screen is self
        if alone and not preferences["welcomed"] and not self.deck.view.sessions:
            from ..dialogs.welcome import WelcomeDialog  # noqa: PLC0415 - start-up time

            self.bridge.host.open(WelcomeDialog(self.bridge))

    def _show_lists(self) -> None:
        self.show_steps()
        self.attention.show_items(self.deck.item_rows(), self.deck.item_id)
        text = self.deck.query.text
        subtitle = (
            f" {clean(text, 40)} · {len(self.deck.listed())} of {len(self.deck.view.sessions)} "
        )
        self.sessions.show_foot(subtitle if text else "")
        self.left.styles.width = "1fr" if self.deck.minimal else self.list_width

    def _look_at(self, session_id: str | None) -> None:
        """Watch the focused session's screen; one that is typed into stays."""
        if session_id == self._looking_at or self.terminal.entered:
            return
        self._look_away()
        self._looking_at = session_id
        self._look_away = lambda: None
        if session_id is not None:
            self._look_away = self.bridge.watching.look(session_id, self._frame)
        self.terminal.show_model(
            self.bridge.watching.model(session_id) if session_id is not None else None
        )

    def _frame(self, changed: frozenset[int] | None) -> None:
        model = self.bridge.watching.model(self._looking_at or "")
        if model is not self.terminal.model:  # the link was made anew
            self.terminal.show_model(model)
        first = model is not None and self.terminal.model is model and changed is None
        self.terminal.frame_changed(changed)
        if first:
            self.bridge.changed()

    def _show_panel(self) -> None:
        session = self.deck.view.sessions.get(self._looking_at or "")
        age = ""
        if session is not None:
            age = age_text(age_of(session.shown_since, self.bridge.clock.now()))
        item = self.deck.lone_item
        self.panel.show_session(session, age, item_titles(item, self.bridge) if item else ())
        self.terminal.show_note(self._terminal_note(session))
        self.show_foot()

    def _terminal_note(self, session: SessionView | None) -> str:
        """What the panel says where there is no picture."""
        label = self.bridge.keymap.label
        item = self.deck.lone_item
        if item is not None:
            return item_note(item, self.bridge.keymap)
        if session is None:
            if not self.bridge.ready:
                return "Reaching the engine…"
            ways = (
                f"{label('session.create')} creates one",
                f"{label('ui.palette')} finds everything",
                f"{label('ui.help')} shows all keys",
            )
            return "\n".join(("No session yet.", "", *ways))
        if session.lifecycle is Lifecycle.CREATED:
            return f"Not started yet.\n\n{label('agent.start')} starts it"
        if not session.living:
            again = f" · {label('agent.resume')} resumes it" if session.resumable else ""
            return f"Nothing is left of its screen.\n\n{label('agent.start')} starts it{again}"
        return "Waiting for its first picture."

    def show_hints(self) -> None:
        """Show the keys that do something now; while the cursor moves on they stay."""
        if not self.bridge.stepping:
            super().show_hints()

    def show_foot(self) -> None:
        """Bring the panel's lower edge up to date."""
        if not self.terminal.waiting:
            self.panel.show_foot(self.viewing.foot())

    def note(self) -> str:
        """Say who gets the keys."""
        return "typing" if self.terminal.entered else ""

    def hint_names(self) -> Sequence[str]:
        """What can be done, by what the person is about."""
        if self.terminal.entered:
            return ("session.leave",)
        if not self.selections and Context.HISTORY in self.contexts():
            past = ("search.next", "search.previous", "search.again", "history.up")
            return (*past, "history.down", "history.close")
        target = self.deck.target
        answerable = target is not None and bool(target.choices)
        names = super().hint_names()
        return [name for name in names if not (answerable and name == "attention.resolve")]

    def ending(self) -> Sequence[str]:
        """While the person types into the session, nothing else holds."""
        if self.terminal.entered:
            return ()
        return super().ending() if self.deck.lone_item else ("session.enter", *super().ending())

    def rearrange(self) -> None:
        """Lay out for the mode: all panels, minimal, or one session that is typed into."""
        self.lay_out()
        if not self.terminal.entered and (self.deck.minimal or not self.attention.has_focus):
            self.sessions.focus()
        self.bridge.changed()

    def lay_out(self) -> None:
        """Hide the lists while the person types, where the session would have no room beside them."""
        entered, width = self.terminal.entered, self.size.width
        left = self.list_width
        alone = self.deck.minimal or width - left - 2 < LEAST_TO_TYPE
        self.set_class(self.deck.minimal, "-minimal")
        self.set_class(entered, "-entered")
        self.set_class(entered and alone, "-alone")
        self.bridge.room = (width - (0 if alone else left) - 2, self.size.height - 4)

    # ---- what widgets say

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A row was clicked; a second time quickly: type into it."""
        event.stop()
        if self.terminal.entered:
            self.viewing.leave()
        self.moves.pick(event.lines, event.index, jump=True)
        if event.double:
            self.perform("session.enter")

    def on_terminal_view_left(self) -> None:
        """The person leaves the session."""
        self.viewing.leave()

    def on_terminal_view_scrolled(self) -> None:
        """The window on the output moved."""
        self.show_foot()
        self.show_hints()

    def on_terminal_view_resized(self) -> None:
        """A session that is typed into takes the panel's size."""
        self.viewing.size_later()
        self.show_foot()
        self.show_hints()

    def on_terminal_view_wanted(self, event: TerminalView.Wanted) -> None:
        """Lines of the past are missing."""
        self.viewing.fetch(event.start, event.count)

    def on_terminal_view_refused(self, event: TerminalView.Refused) -> None:
        """Input could not be taken."""
        self.bridge.host.tell(event.reason, "warning")

    def on_resize(self) -> None:
        """The panel may have another size."""
        self.lay_out()
        self.bridge.changed()

    def on_input_bar_typed(self, event: InputBar.Typed) -> None:
        """The filter works as it is typed."""
        if event.bar is self.filter_bar:
            self._filter(event.text)

    def on_input_bar_closed(self, event: InputBar.Closed) -> None:
        """A bar was closed."""
        if event.bar is self.search_bar:
            if event.kept:
                self.viewing.search(event.text)
            return
        self._filter(event.text if event.kept else "")

    # ---- actions of the whole deck

    def open_filter(self) -> None:
        """Ask which sessions to show."""
        self.filter_bar.open(self.deck.query.text, SESSIONS.tokens())

    def _filter(self, text: str) -> None:
        self.deck.query = parse(text, SESSIONS)
        faults = self.deck.query.faults
        if faults:
            self.filter_bar.show_note(faults[0], fault=True)
        else:
            found = plural(len(self.deck.listed()), "session")
            self.filter_bar.show_note(found if text else SESSIONS.tokens())
        self.show_hints()
        self.bridge.moved()

    def go_to_item(self) -> None:
        """Go to what the item that is shown is about."""
        item = self.deck.lone_item
        if item is not None:
            show_item(self.bridge, item)

    def toggle_minimal(self) -> None:
        """Minimal mode on or off; the engine hears of it, as any client's state."""
        self.deck.minimal = not self.deck.minimal
        self.deck.folded = self.deck.minimal
        self.bridge.send(ToggleMinimal())
        self.rearrange()
        self.bridge.moved()

    def toggle_idle(self) -> None:
        """Fold quiet sessions, or show each."""
        self.deck.folded = not self.deck.folded
        self.bridge.moved()

    def _none_quiet(self) -> str | None:
        quiet = any(is_quiet(session) for session in self.deck.listed())
        return None if quiet else "No session is idle or done."
