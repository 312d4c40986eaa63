"""A look at one attention item: what is asked, the session's screen, and the answer in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from ...core.protocol.attention import AttentionItem
from ...core.protocol.status import Choice
from ..bridge import Bridge
from ..going import show_item
from ..keys.names import name_of
from ..model.ages import age_of, age_text
from ..model.answering import WORDS, choice_for
from ..model.cells import Cell, Row
from ..model.deck import identity
from ..model.words import KIND_SIGNS, KIND_WORDS, clean, text_under
from ..widgets.terminal import TerminalView
from ..widgets.text_lines import Paragraphs, TextLines
from .base import Dialog, Offer

if TYPE_CHECKING:
    from textual.widgets import TextArea

CHOICES_SHOWN = 9
WORD = 20
LINES, LEAST = 8, 2
"""Lines of the question that are seen at once; it scrolls."""
BORDERS, KEYS, GAP, FIELD, SCREEN = 2, 2, 1, 2, 5
"""Lines that the rest takes, the session's screen at least."""
GONE = "It is gone or was answered elsewhere."
CHANGED = "It has changed: look again before you answer."


class Answering(Protocol):
    """What answers, snoozes and resolves the item that is shown."""

    def answer(
        self, item: AttentionItem, *, choice: str | None = None, text: str | None = None, said: str
    ) -> bool:
        """Send an answer to ``item`` as it was shown; False if it was refused."""
        ...

    def snooze(self) -> None:
        """Put it aside."""
        ...

    def resolve(self) -> None:
        """Take it off the queue."""
        ...

    def start(self, item: AttentionItem) -> None:
        """Start its session again."""
        ...


class PeekDialog(Dialog[None]):
    """Answers go to the item as it was opened; if it changes, the person looks again first."""

    def __init__(self, bridge: Bridge, item: AttentionItem, answers: Answering) -> None:
        name = clean(bridge.owner(item)) or "something that is gone"
        super().__init__(bridge, f"{KIND_WORDS[item.kind].capitalize()} · {name}", kind="peek")
        self.item = item
        self._answers = answers
        self.text = Paragraphs(LINES, id="peek-text")
        self.terminal = TerminalView(id="peek-screen", interval=bridge.pacing.frame)
        self.choices = TextLines(id="peek-choices")
        self.input = Input(placeholder="your answer", compact=True, id="peek-input")
        self._look_away: Callable[[], None] = lambda: None

    def body(self) -> Iterable[Widget]:
        """Question, screen, choices, field."""
        return (self.text, self.terminal, self.choices, self.input)

    def drafted(self) -> Sequence[Input | TextArea]:
        """The answer that was begun."""
        return (self.input,)

    def opened_for(self) -> str:
        """The request: an answer is for no other."""
        return f"{self.item.item_id}/{self.item.request_id}"

    def begin(self) -> None:
        """Watch the session's screen; an item of a workflow has none."""
        session_id = self.item.session_id
        self.terminal.display = bool(session_id)
        if session_id:
            self._look_away = self.bridge.watching.look(session_id, self._frame)
            self.terminal.show_model(self.bridge.watching.model(session_id))
        else:
            self.frame.styles.height = "auto"
        self.terminal.show_note("no picture of the session")
        self.text.can_focus = self.choices.can_focus = False
        self._show_item()

    def end(self) -> None:
        """Watch it no more."""
        self._look_away()

    def _frame(self, changed: frozenset[int] | None) -> None:
        model = self.bridge.watching.model(self.item.session_id)
        if model is not self.terminal.model:
            self.terminal.show_model(model)
        self.terminal.frame_changed(changed)

    def _show_item(self) -> None:
        """Show the item as it is now; that is what an answer will be for."""
        item = self.item
        mark, tone = KIND_SIGNS[item.kind]
        lines = text_under(item.title, item.text)
        self.text.say([Cell(f"{mark} {clean(item.title)}", tone), *map(Cell, lines)])
        self.choices.show_text([_choice(n, c) for n, c in enumerate(self._choices, 1)])
        self.choices.styles.height = max(1, len(self._choices))
        self.choices.display = bool(self._choices)
        self.input.display = item.free_text
        self._fit()
        if item.free_text and not self._choices:
            self.input.focus()

    def on_resize(self) -> None:
        """There is room for more of the question, or for less."""
        self._fit()

    def _fit(self) -> None:
        """The choices, the field and the keys stand whole; what is left is for the question and the screen."""
        highest = self.frame.styles.height
        room = self.app.size.height
        if highest is not None and highest.is_cells:
            room = min(room, int(highest.value))
        screen = SCREEN if self.item.session_id else 0
        field = FIELD if self.item.free_text else 0
        room -= BORDERS + KEYS + GAP + len(self._choices) + field + screen
        self.text.limit(max(LEAST, min(LINES, room)))

    @property
    def _choices(self) -> Sequence[Choice]:
        return self.item.choices[:CHOICES_SHOWN]

    @property
    def problem(self) -> str:
        """Why it can't be answered; empty if it can."""
        current = self.bridge.view.attention.get(self.item.item_id)
        if current is None:
            return GONE
        return "" if identity(current) == identity(self.item) else CHANGED

    def show_state(self) -> None:
        """Say how long it has waited, or that it changed."""
        age = age_text(age_of(self.item.created_at, self.bridge.clock.now()))
        self.frame.set_class(bool(self.problem), "-stale")
        self.frame.border_subtitle = Content(f" {self.problem or f'waiting {age}'} ")
        super().show_state()

    def offers(self) -> Sequence[Offer]:
        """What can be done with it."""
        label = self.bridge.keymap.keys
        go = Offer(("g",), "go there", self._go)
        if self.problem == GONE:
            return (self.escape(), go)
        if self.problem:
            return (Offer(("space",), "look again", self._look_again), self.escape(), go)
        return (
            *self._meanings(),
            *(
                Offer((str(number),), "", partial(self._choose, choice), guarded=True)
                for number, choice in enumerate(self._choices, 1)
            ),
            *((Offer(("t",), "write", self._write),) if self.item.free_text else ()),
            *self._scrolling(),
            *self._again(),
            Offer(label["attention.snooze"], "snooze", self._do(self._answers.snooze)),
            Offer(label["attention.resolve"], "take off", self._do(self._answers.resolve)),
            go,
            self.escape(),
        )

    def _meanings(self) -> Iterable[Offer]:
        for meaning, said in WORDS.items():
            choice = choice_for(self.item, meaning)
            keys = self.bridge.keymap.keys[f"answer.{meaning}"]
            if choice is not None and keys:
                usual = meaning.replace("_", " ")
                text = usual if self.item.session_id else clean(choice.label, WORD)
                yield Offer(keys, text, partial(self._choose, choice, said), guarded=True)

    def _scrolling(self) -> Iterable[Offer]:
        """A question that is longer than its room."""
        if self.text.overflows:
            yield Offer(("down", "j"), "read on", partial(self._scroll, 1), repeatable=True)
            yield Offer(("up", "k"), "", partial(self._scroll, -1), repeatable=True)

    def _scroll(self, by: int) -> None:
        self.text.scroll_relative(y=by, animate=False)

    def _again(self) -> Iterable[Offer]:
        """A session that has ended can be started from here."""
        session = self.bridge.view.sessions.get(self.item.session_id)
        if session is not None and not session.living:
            start = partial(self._answers.start, self.item)
            yield Offer(self.bridge.keymap.keys["agent.start"], "start", self._do(start))

    def take_key(self, event: events.Key) -> None:
        """While an answer is written, only escape and enter mean something else."""
        if not self.input.has_focus:
            super().take_key(event)
            return
        key = name_of(event)
        self.bridge.repeats.press(key, event.time)
        if key == "escape":
            event.stop()
            self._stop_writing()

    def _write(self) -> None:
        self.input.focus()

    def _stop_writing(self) -> None:
        if self._choices:
            self.set_focus(None)
        else:
            self.give_up()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send what was written."""
        event.stop()
        if event.value.strip() and self._answers.answer(
            self.item, text=event.value, said="Answered"
        ):
            self.dismiss(None)

    def _choose(self, choice: Choice, said: str = "Answered") -> None:
        if self._answers.answer(self.item, choice=choice.key, said=said):
            self.dismiss(None)

    def _do(self, what: Callable[[], None]) -> Callable[[], None]:
        def done() -> None:
            what()
            self.give_up()

        return done

    def _look_again(self) -> None:
        current = self.bridge.view.attention.get(self.item.item_id)
        if current is not None:
            self.item = current
            self._show_item()
            self.show_state()
            self.ask()

    def _go(self) -> None:
        self.give_up()
        if not self.item.session_id:
            show_item(self.bridge, self.item)
            return
        self.bridge.deck.select_session(self.item.session_id, jump=True)
        self.bridge.moved()


def _choice(number: int, choice: Choice) -> Row:
    return (Cell(f" {number} ", "key"), Cell(clean(choice.label, 200)))
