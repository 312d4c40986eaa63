"""Every key of every preset is pressed once, and something is to be seen of it.

An action that gets into the keymap without a row here fails the first test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard
from textual.keys import _character_to_key
from textual.selection import SELECT_ALL

from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.tui.keys.actions import ACTIONS, PRESETS
from quarterdeck.tui.keys.keymap import resolve

Seen = Callable[[Hand], object]
Setup = Callable[[Hand], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """What leads up to the key, and what is to be seen after it that was not to be seen before."""

    seen: Seen
    setup: Setup | None = None


def shows(*texts: str) -> Seen:
    return lambda hand: hand.shows(*texts)


def sends(kind: type[c.Payload]) -> Seen:
    return lambda hand: hand.sent(kind)


def at(name: str) -> Setup:
    """The session in focus."""

    async def go(hand: Hand) -> None:
        (found,) = (one for one in hand.crew.sessions.values() if one.name == name)
        hand.bridge.deck.select_session(found.id, jump=True)
        hand.bridge.moved()
        await hand.settle()

    return go


def after(*actions: str) -> Setup:
    """Other actions, by name."""

    async def act(hand: Hand) -> None:
        for action in actions:
            hand.app.perform(action)
            await hand.settle()

    return act


async def searching(hand: Hand) -> None:
    await after("search.open")(hand)
    await hand.write("needle")
    await hand.press("enter")


async def selecting(hand: Hand) -> None:
    hand.screen.selections = {hand.deck.terminal: SELECT_ALL}
    await hand.settle()


async def lost(hand: Hand) -> None:
    hand.crew.unreachable = LinkClosed("No engine answers.")
    hand.crew.drop()
    await hand.until(lambda: hand.shows("out of reach"))


async def shut_down(hand: Hand) -> None:
    hand.crew.goodbye(asked=True)
    await hand.until(lambda: hand.shows("The engine was shut down"))


async def event_of_docs(hand: Hand) -> None:
    (docs,) = (one for one in hand.crew.sessions.values() if one.name == "docs")
    hand.crew.tell(e.SystemInfo(code="about", message="it"), docs.id)
    await after("screen.log")(hand)


def on(name: str) -> Seen:
    return lambda hand: hand.current() == name


def focused(name: str) -> Seen:
    return lambda hand: hand.app.focused is not None and hand.app.focused.id == name


def width_is_not_34(hand: Hand) -> bool:
    return hand.bridge.preferences["list_width"] not in {0, START_WIDTH}


START_WIDTH = 34
TOURED = {name for name in ACTIONS if name.startswith("flow.")} | {"screen.flows", "attention.go"}
"""Those of the Workflows screen are pressed in one go, in ``test_flows_keys``."""
ELSEWHERE = {name for name in ACTIONS if name.startswith(("pipeline.", "crew."))}
"""Those of the Pipelines and the Crew screens: in ``test_pipelines_screen`` and ``test_crew_screen``."""
ELSEWHERE |= {"screen.pipelines", "screen.crew"}
IN_THE_LOG = after("screen.log")
ROWS: dict[str, Row] = {
    "ui.help": Row(shows("Help", "type to search")),
    "ui.palette": Row(shows("Palette", "type to search")),
    "ui.preferences": Row(shows("Preferences", "notify")),
    "screen.deck": Row(shows("SESSIONS"), IN_THE_LOG),
    "screen.log": Row(shows("EVENTS")),
    "link.reconnect": Row(lambda hand: hand.crew.connects > 1, lost),
    "link.start": Row(lambda hand: hand.crew.connects > 1, shut_down),
    "app.quit": Row(shows("Leave the dashboard?")),
    "nav.down": Row(on("add-tests"), at("fix-login")),
    "nav.up": Row(on("fix-login"), at("add-tests")),
    "nav.page_down": Row(lambda hand: hand.current() != "fix-login", at("fix-login")),
    "nav.page_up": Row(on("fix-login"), at("docs")),
    "nav.first": Row(on("fix-login"), at("docs")),
    "nav.last": Row(lambda hand: hand.current() != "fix-login", at("fix-login")),
    "nav.panel": Row(focused("attention")),
    "nav.panel_back": Row(focused("attention")),
    "nav.next_actionable": Row(on("docs"), at("fix-login")),
    "nav.previous_actionable": Row(on("fix-login"), at("docs")),
    "nav.back": Row(on("fix-login"), at("docs")),
    "session.enter": Row(shows("all keys go to it")),
    "session.leave": Row(lambda hand: not hand.deck.terminal.entered, after("session.enter")),
    "session.prompt": Row(shows("Prompt for")),
    "answer.allow_once": Row(sends(c.Answer)),
    "answer.allow_always": Row(sends(c.Answer)),
    "answer.reject": Row(sends(c.Answer)),
    "attention.peek": Row(shows("Approval · fix-login"), at("fix-login")),
    "attention.snooze": Row(sends(c.SnoozeItem), at("fix-login")),
    "attention.resolve": Row(sends(c.ResolveItem), at("add-tests")),
    "session.create": Row(shows("Create a session")),
    "agent.start": Row(sends(c.StartAgent), at("old")),
    "agent.resume": Row(lambda h: [s for s in h.sent(c.StartAgent) if s.resume], at("old")),
    "agent.stop": Row(shows("Stop docs?"), at("docs")),
    "agent.restart": Row(shows("Restart docs?"), at("docs")),
    "session.delete": Row(shows("Delete docs?"), at("docs")),
    "session.fit": Row(lambda hand: hand.crew.sizes(), at("docs")),
    "ui.filter": Row(shows("filter", "esc give up")),
    "ui.toggle_minimal": Row(sends(c.ToggleMinimal)),
    "ui.toggle_idle": Row(lambda hand: not hand.shows("site-idle")),
    "ui.narrower": Row(width_is_not_34),
    "ui.wider": Row(width_is_not_34),
    "history.up": Row(lambda hand: hand.deck.terminal.viewport.scrolled, at("docs")),
    "history.down": Row(lambda hand: not hand.deck.terminal.viewport.scrolled, after("history.up")),
    "search.open": Row(lambda hand: hand.widget("#search").display, at("docs")),
    "log.filter": Row(shows("esc give up"), IN_THE_LOG),
    "log.follow": Row(
        lambda hand: "holding" in hand.text() or "held" in hand.text(), event_of_docs
    ),
    "log.go": Row(
        lambda hand: hand.screen is hand.deck and hand.current() == "docs", event_of_docs
    ),
    "search.next": Row(shows("2 of 4"), searching),
    "search.previous": Row(shows("4 of 4"), searching),
    "search.again": Row(lambda hand: hand.widget("#search").display, searching),
    "history.close": Row(
        lambda hand: not hand.deck.terminal.viewport.scrolled, after("history.up")
    ),
    "ui.copy": Row(lambda hand: "hello" in hand.app.clipboard, selecting),
    "ui.deselect": Row(lambda hand: not hand.screen.selections, selecting),
}


def presses() -> list[Any]:
    """Every key of every action by default, and what the other presets change of it."""
    found = []
    usual = resolve().keys
    for preset in PRESETS:
        keymap = resolve(preset).keys
        for action in ROWS:
            known = () if preset == "default" else usual[action]
            found += [
                pytest.param(preset, action, key, id=f"{preset}-{action}-{key}")
                for key in keymap[action]
                if key not in known
            ]
    return found


def test_every_action_has_a_row_and_every_row_an_action() -> None:
    assert set(ROWS) | TOURED | ELSEWHERE == set(ACTIONS)
    assert not set(ROWS) & (TOURED | ELSEWHERE)
    assert all(ACTIONS[name].keys for name in ROWS)


@pytest.fixture
def talking(busy: Crew) -> Crew:
    """Sessions of every kind, with a past."""
    past = [f"past {number:03} {'needle' if number % 50 == 7 else ''}" for number in range(200)]
    for session in busy.sessions.values():
        busy.draw(session, [f"$ hello from {session.name}", "$ "], past=past)
    return busy


def spelled(key: str) -> str:
    """A key of the keymap as the toolkit names it."""
    head, plus, last = key.rpartition("+")
    name = _character_to_key(last) if len(last) == 1 and not last.isalnum() else last
    return f"{head}{plus}{name}"


@pytest.mark.parametrize(("preset", "action", "key"), presses())
async def test_the_key_does_what_it_says(talking: Crew, preset: str, action: str, key: str) -> None:
    row = ROWS[action]
    async with aboard(talking, preset=preset) as hand:
        if row.setup is not None:
            await row.setup(hand)
        assert not row.seen(hand), "it is there before the key"
        before = hand.text(), hand.app.focused, len(hand.crew.inputs), hand.app.clipboard
        await hand.press(spelled(key))
        await hand.until(lambda: row.seen(hand), f"{key} for {action}")
        after_ = hand.text(), hand.app.focused, len(hand.crew.inputs), hand.app.clipboard
        assert before != after_, "nothing is to be seen of it"
