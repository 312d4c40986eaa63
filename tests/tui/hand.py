"""A hand on deck: opens the dashboard on a scripted engine, presses keys, reads the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.tui.crew import Crew
from textual import events
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from quarterdeck.core.protocol import commands as c
from quarterdeck.tui.app import QuarterdeckApp
from quarterdeck.tui.pace import Pacing
from quarterdeck.tui.screens.deck import DeckScreen

AT_ONCE = Pacing(frame=0.0, focus=0.0, size=0.05, notify=5.0, retry=60.0, rest=0.0, pull=0.0)
PATIENCE = 60.0
SOON = 0.02
"""Seconds: what a clock will begin within them belongs to what is under way."""
TURNS = 3
"""Of the loop, in each of which what came over a socket or from a thread would be taken up."""
ENDLESS = 5000
"""Turns after which what is under way is a flood that will not end."""


async def calm(ready: Callable[[], bool]) -> None:
    """Return once the loop has nothing to do and will have nothing soon, and ``ready`` holds.

    Asking every widget whether its queue is empty, time and again, costs more than all else.
    """
    loop: Any = asyncio.get_running_loop()
    horizon, turns, busy = loop.time() + SOON, 0, 0
    while turns < TURNS and busy < ENDLESS:
        await asyncio.sleep(0)
        if loop._ready:
            turns, busy = 0, busy + 1
        elif not ready() or any(h._when < horizon for h in loop._scheduled if not h._cancelled):
            turns = 0
            await asyncio.sleep(0.001)
        else:
            turns += 1


class Hand:
    """Acts as a person would; the clock moves on by a second with each key."""

    def __init__(self, crew: Crew, app: QuarterdeckApp, pilot: Pilot[None]) -> None:
        self.crew = crew
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> Screen[Any]:
        return self.app.screen

    @property
    def bridge(self) -> Any:
        return self.app.bridge

    @property
    def deck(self) -> DeckScreen:
        """The deck's screen."""
        deck = self.app._screen_stacks["deck"][0]
        assert isinstance(deck, DeckScreen)
        return deck

    async def settle(self) -> None:
        """Let everything under way come to its end, and have it painted."""
        await self.pilot._wait_for_screen()
        await calm(lambda: self._painting() and not self.app.gate.held)
        self.screen._on_timer_update()
        await self.pilot._wait_for_screen()  # what was to be done after that painting
        await calm(self._painting)

    def _painting(self) -> bool:
        """Whether what changes is painted: Textual waits with that for 50 ms when another screen comes."""
        return not self.app._batch_count or self.app._exit

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, unhurried."""
        for key in keys:
            self.crew.clock.advance(1)
            self._press(key)
            await self.settle()

    async def hold(self, key: str, times: int = 5) -> None:
        """Hold a key down."""
        self.crew.clock.advance(1)
        for _ in range(times):
            self._press(key)
            await self.pilot._wait_for_screen()
            self.crew.clock.advance(0.03)
        await self.settle()

    def _press(self, key: str) -> None:
        """One press as a terminal's driver reports it; Textual's pilot would wait 40 ms."""
        driver = self.app._driver
        assert driver is not None
        event = events.Key(key, CHARACTERS.get(key) or key_to_character(key))
        event.set_sender(self.app)
        event.time = self.crew.clock.monotonic()
        driver.send_message(event)

    async def write(self, text: str) -> None:
        """Type text."""
        await self.press(*(NAMES.get(character, character) for character in text))

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait for ``condition``, and for what it leads to."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.001)
                await self.pilot._wait_for_screen()
        assert condition(), what
        if self.app.is_running and not self.app._exit:
            await self.settle()

    def lines(self) -> list[str]:
        """What is on the screen, line by line."""
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]

    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.lines())

    def shows(self, *texts: str) -> bool:
        """Whether all of ``texts`` are on the screen."""
        shown = self.text()
        return all(text in shown for text in texts)

    def keys_line(self) -> str:
        """The line of keys at the bottom."""
        return self.lines()[-1].strip()

    def top(self) -> str:
        """The line of status at the top."""
        return self.lines()[0].strip()

    def toasts(self) -> list[str]:
        """The messages that were shown and have not gone yet, oldest first."""
        return [
            f"{note.title}: {note.message}" if note.title else note.message
            for note in self.app._notifications
        ]

    def current(self) -> str:
        """The name of the focused session."""
        session = self.bridge.deck.session
        return session.name if session else ""

    def widget(self, selector: str) -> Widget:
        """A widget of the screen on top."""
        return self.screen.query_one(selector)

    def sent(self, kind: type[c.Payload]) -> list[Any]:
        """Commands of a type that the engine got."""
        return self.crew.sent(kind)


NAMES = {
    " ": "space", "?": "question_mark", "/": "slash", ":": "colon", "-": "minus", ".": "full_stop",
    ",": "comma", "_": "underscore", "~": "tilde", "\n": "enter", '"': "quotation_mark",
}  # fmt: skip


CHARACTERS = {name: character for character, name in NAMES.items() if character != "\n"}


def share_styles() -> None:
    """Have each style sheet read once for all dashboards of this process, not once for each."""
    known: dict[Any, list[RuleSet]] = {}
    read = Stylesheet._parse_rules

    def rules(
        sheet: Stylesheet,
        css: str,
        read_from: tuple[str, str],
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        place = (css, read_from, is_default_rules, tie_breaker, scope)
        key = (place, tuple(sorted(sheet._variables.items())))
        if key not in known:
            known[key] = read(sheet, *place)
        return known[key]

    Stylesheet._parse_rules = rules  # type: ignore[assignment, method-assign]  # the one place


share_styles()


@asynccontextmanager
async def aboard(
    crew: Crew, size: tuple[int, int] = (80, 24), *, toasts: bool = False, **options: Any
) -> AsyncIterator[Hand]:
    """The dashboard on ``crew``, linked and painted; messages are painted only with ``toasts``."""
    app = dashboard(crew, **options)
    async with app.run_test(size=size, notifications=toasts) as pilot:
        hand = Hand(crew, app, pilot)
        if crew.unreachable is None:
            await hand.until(lambda: app.bridge.ready, "the first snapshot")
        await hand.settle()
        yield hand


def dashboard(crew: Crew, **options: Any) -> QuarterdeckApp:
    """A dashboard on ``crew`` that waits for nothing."""
    chosen: dict[str, Any] = {"directory": "/home/ann/shop", "pacing": AT_ONCE, **options}
    return QuarterdeckApp(crew, clock=crew.clock, **chosen)


def plain(app: App[Any]) -> str:
    """What is on an app's screen."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())
