"""The app as a whole: keys that all do something, links, preferences, notifications, lean starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.tui.crew import Crew, CrewEndpoint
from tests.tui.hand import CHARACTERS, NAMES, Hand, aboard, dashboard
from textual import events

from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.crew_commands import ShowCrew
from quarterdeck.core.protocol.status import Activity
from quarterdeck.tui.app import MOUSE_OFF, MOUSE_ON, QuarterdeckApp
from quarterdeck.tui.keys.actions import ACTIONS, PRESETS, Context
from quarterdeck.tui.keys.keymap import resolve
from quarterdeck.tui.screens.deck import DeckScreen
from quarterdeck.tui.screens.flows import FlowsScreen
from quarterdeck.tui.screens.log import LogScreen

ON_DECK = [
    name
    for name, action in ACTIONS.items()
    if action.context in {Context.APP, Context.BOARD, Context.DECK}
]
ON_FLOWS = [
    name
    for name, action in ACTIONS.items()
    if action.context
    in {Context.APP, Context.BOARD, Context.FLOWS, Context.GRAPH, Context.VERSIONS}
]
ON_LOG = [name for name, action in ACTIONS.items() if action.context in {Context.APP, Context.LOG}]
QUIET = {"screen.deck", "screen.log", "nav.panel", "nav.panel_back", "nav.first", "nav.up",
         "nav.page_up", "history.up", "nav.down", "nav.page_down", "nav.last"}  # fmt: skip
"""Actions that may find the person where they would have led."""


def pressed(name: str, preset: str = "default") -> str:
    """How the pilot calls the first key of an action."""
    key = resolve(preset).label(name)
    return (
        NAMES.get(key, key) if len(key) == 1 else key.replace("ctrl+]", "ctrl+right_square_bracket")
    )


def state(hand: Hand) -> tuple[Any, ...]:
    """What a key could change."""
    focused = hand.app.focused.id if hand.app.focused else None
    return hand.text(), len(hand.crew.commands), len(hand.crew.inputs), focused, hand.toasts()


# ---- no dead keys


async def test_every_action_has_someone_to_carry_it_out(busy: Crew) -> None:
    async with aboard(busy) as hand:
        assert isinstance(hand.screen, DeckScreen)
        over = [
            n
            for n, a in ACTIONS.items()
            if a.context
            in {
                Context.HISTORY,
                Context.SELECTION,
                Context.ENTERED,
                Context.SHUT_DOWN,
                Context.ITEM,
            }
        ]
        assert set(ON_DECK + over) == set(hand.screen.handlers)
        await hand.press("5")
        assert isinstance(hand.screen, LogScreen)
        assert set(ON_LOG) <= set(hand.screen.handlers)
        await hand.press("2")
        assert isinstance(hand.screen, FlowsScreen)
        assert set(ON_FLOWS) <= set(hand.screen.handlers)


@pytest.mark.parametrize("name", ON_DECK)
async def test_no_key_of_the_deck_is_dead(busy: Crew, name: str) -> None:
    async with aboard(busy, (120, 30)) as hand:
        await hand.press("j")
        before = state(hand)
        await hand.press(pressed(name))
        assert name in QUIET or state(hand) != before


@pytest.mark.parametrize("name", ON_LOG)
async def test_no_key_of_the_log_is_dead(busy: Crew, name: str) -> None:
    async with aboard(busy, (120, 30)) as hand:
        await hand.press("5")
        before = state(hand)
        await hand.press(pressed(name))
        assert name in QUIET or state(hand) != before


@pytest.mark.parametrize("name", [n for n in ON_DECK if n not in QUIET])
async def test_without_any_session_no_key_of_the_deck_is_dead(crew: Crew, name: str) -> None:
    async with aboard(crew) as hand:
        before = state(hand)
        await hand.press(pressed(name))
        assert state(hand) != before or hand.app._exit


async def test_keys_that_stand_for_nothing_do_nothing(busy: Crew) -> None:
    async with aboard(busy) as hand:
        before = state(hand)
        for key in ("Q", "h", "l", "w", "9", "f9", "ctrl+q", "ctrl+p", "escape"):
            hand._press(key)
        await hand.settle()
        assert state(hand) == before


async def test_hints_tell_only_what_can_be_done(busy: Crew) -> None:
    async with aboard(busy, (250, 70)) as hand:
        for _ in range(5):
            for spot in hand.deck.key_line.spots:
                assert hand.deck.handlers[spot.name].why_not() is None
            await hand.press("j")


@pytest.mark.parametrize("preset", PRESETS)
async def test_every_preset_is_read(busy: Crew, preset: str) -> None:
    async with aboard(busy, preset=preset) as hand:
        await hand.press(pressed("session.prompt", preset))
        assert hand.shows("Prompt for fix-login")
        await hand.press("escape", pressed("search.open", preset))
        assert hand.widget("#search").display


async def test_a_preset_given_at_the_start_wins_over_the_preference(busy: Crew) -> None:
    busy.preferences["keymap"] = "vim"
    async with aboard(busy, preset="default") as hand:
        await hand.press("i")
        assert hand.shows("Prompt for fix-login")
    async with aboard(busy) as hand:
        await hand.press("i")
        assert hand.deck.terminal.entered


async def test_what_is_wrong_with_the_keymap_is_told_once(busy: Crew) -> None:
    async with aboard(busy, keys={"session.crate": "c", "session.create": "n"}) as hand:
        assert [toast.partition(":")[0] for toast in hand.toasts()] == ["keymap", "keymap"]
        assert "Did you mean session.create?" in hand.toasts()[0]
        hand.bridge.prefer("minimal", True)
        await hand.settle()
        assert len(hand.toasts()) == 2


def test_the_names_of_keys_used_here_are_what_terminals_send() -> None:
    assert set(CHARACTERS) <= set(NAMES.values())


# ---- links


async def test_before_the_first_link_the_dashboard_says_what_it_does(crew: Crew) -> None:
    crew.unreachable = LinkClosed("No engine answers at /x.")
    async with aboard(crew) as hand:
        await hand.until(lambda: hand.bridge.link.state.attempt)
        assert hand.shows("The engine is out of reach: No engine")
        assert hand.shows("Reaching the engine…", "no link to the engine")
        assert hand.keys_line().startswith("ctrl+r reconnect")


async def test_a_lost_link_shows_a_banner_and_comes_back_with_all_it_had(busy: Crew) -> None:
    async with aboard(busy, (160, 40)) as hand:
        await hand.press("j")
        busy.drop()
        await hand.until(lambda: hand.bridge.link.state.attempt)
        told = ("! The engine is out of reach", "attempt 2 in 60 s, ctrl+r: at once")
        await hand.until(lambda: hand.shows(*told, "no link to the engine", "✓ add-tests"))
        await hand.press("ctrl+r")
        await hand.until(lambda: hand.bridge.link.state.up)
        assert not hand.shows("out of reach")
        assert hand.current() == "add-tests"
        assert hand.shows("$ hello from add-tests")
        focus = hand.bridge.deck.session_id
        await hand.until(lambda: [s.session_id for s in hand.sent(c.SetFocus)].count(focus) == 2)


async def test_a_panel_opened_before_the_first_link_is_filled_when_it_comes(crew: Crew) -> None:
    go = asyncio.Event()
    connect = crew.connect

    async def later() -> CrewEndpoint:
        await go.wait()
        return await connect()

    crew.connect = later  # type: ignore[method-assign]
    app = dashboard(crew)
    async with app.run_test(notifications=True) as pilot:
        hand = Hand(crew, app, pilot)
        app.perform("screen.crew")
        await hand.settle()
        assert not hand.shows("nothing was sent")
        assert not hand.sent(ShowCrew)
        go.set()
        await hand.until(lambda: hand.sent(ShowCrew))


async def test_commands_without_a_link_say_so(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.drop()
        await hand.until(lambda: not hand.bridge.link.state.up)
        await hand.press("z")
        assert "link_closed: There is no link to the engine now; nothing was sent." in hand.toasts()


async def test_a_command_whose_answer_is_lost_says_so(busy: Crew) -> None:
    busy.held.add("attention.snooze")
    async with aboard(busy) as hand:
        await hand.press("z")
        busy.drop()
        await hand.until(hand.toasts)
        assert hand.toasts()[0].startswith("link_closed: The link to the engine ended")


async def test_an_engine_that_leaves_is_taken_over(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.goodbye("the other dashboard left", takeover=True)
        await hand.until(lambda: busy.connects == 2 and hand.bridge.link.state.up)
        assert hand.shows("fix-login")


async def test_reconnecting_is_refused_while_the_link_is_up(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("ctrl+r")
        assert hand.toasts() == ["The link to the engine is up."]


async def test_the_same_message_is_not_shown_twice_in_a_row(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.app.tell("once")
        hand.app.tell("once")
        await hand.settle()
        assert hand.toasts() == ["once"]
        busy.clock.advance(3)
        hand.app.tell("once")
        await hand.settle()
        assert hand.toasts() == ["once", "once"]


async def test_messages_are_never_markup(busy: Crew) -> None:
    busy.refuse("attention.snooze", "odd", "[red]x[/red] [@click=app.quit]y[/]")
    async with aboard(busy, toasts=True) as hand:
        await hand.press("z")
        await hand.until(lambda: hand.shows("[red]x[/red]", "[@click=app.quit]"))


# ---- preferences


async def test_the_kept_theme_is_in_force_and_changes_from_elsewhere_too(busy: Crew) -> None:
    busy.preferences["theme"] = "gruvbox"
    async with aboard(busy) as hand:
        assert hand.app.theme == "gruvbox"
        hand.bridge.link.client.view.preferences = {**hand.bridge.preferences, "theme": "nord"}
        hand.bridge.changed()
        await hand.settle()
        assert hand.app.theme == "nord"


async def test_a_theme_that_is_gone_is_told(busy: Crew) -> None:
    busy.preferences["theme"] = "solarised"
    async with aboard(busy) as hand:
        assert hand.toasts() == ["theme: There is no theme 'solarised'; : lists the themes."]
        assert hand.app.theme == "textual-dark"


async def test_a_preference_is_in_force_at_once_and_sent(busy: Crew) -> None:
    busy.held.add("ui.set_preference")
    async with aboard(busy) as hand:
        hand.bridge.prefer("group_by_repo", False)
        await hand.settle()
        assert not hand.shows("site ───")
        assert [(s.key, s.value) for s in hand.sent(c.SetPreference)] == [("group_by_repo", False)]


async def test_the_mouse_can_be_left_to_the_terminal(
    busy: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(QuarterdeckApp, "write", lambda _self, text: written.append(text))
    async with aboard(busy) as hand:
        hand.bridge.prefer("mouse", False)
        await hand.settle()
        hand.bridge.prefer("mouse", True)
        await hand.settle()
        assert written == [MOUSE_OFF, MOUSE_ON]


async def test_nothing_is_written_to_a_terminal_that_is_not_there(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.app.write("\x07")
        hand.app.ring()


# ---- colour


@pytest.mark.parametrize("theme", ["textual-dark", "ansi-dark"])
async def test_without_colour_nothing_is_coloured_and_everything_is_said(
    busy: Crew, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    busy.preferences["theme"] = theme
    async with aboard(busy) as hand:
        assert hand.shows("! fix-login", "claude", "approve", "▸ docs", "[1 Deck]")
        for strip in hand.screen._compositor.render_strips():
            shown = strip
            for one in hand.app._filters:
                shown = shown.apply_filter(one, hand.screen.background_colors[1])
            for segment in shown:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    triplet = colour.triplet if colour is not None else None
                    assert triplet is None or len(set(triplet)) == 1


# ---- notifications


async def test_what_needs_someone_notifies_unless_it_is_looked_at(
    busy: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(QuarterdeckApp, "write", lambda _self, text: written.append(text))
    rung: list[int] = []
    monkeypatch.setattr(QuarterdeckApp, "ring", lambda _self: rung.append(1))
    busy.preferences.update(notify_osc9=True, notify_bell=True)
    docs = next(s for s in busy.sessions.values() if s.name == "docs")
    async with aboard(busy) as hand:
        busy.raise_item(next(iter(busy.sessions.values())), title="looked at")
        await hand.settle()
        assert (written, rung) == ([], [])
        busy.raise_item(docs, title="rm -rf x\x07y")
        await hand.settle()
        assert written == ["\x1b]9;docs: approval: rm -rf x y\x07"]
        assert rung == [1]


async def test_a_dashboard_in_the_background_notifies_of_its_focused_session_too(
    busy: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QuarterdeckApp, "desktop", lambda _self, text: shown.append(text))
    busy.preferences["notify_desktop"] = True
    async with aboard(busy) as hand:
        hand.app.post_message(events.AppBlur())
        await hand.settle()
        busy.raise_item(next(iter(busy.sessions.values())), AttentionKind.FAILURE, "it broke")
        await hand.settle()
        assert shown == ["fix-login: failure: it broke"]


async def test_a_desktop_notification_is_sent_beside_everything_else(
    busy: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    async def send(text: str) -> None:
        shown.append(text)

    monkeypatch.setattr("quarterdeck.tui.notifier.send_to_desktop", send)
    async with aboard(busy) as hand:
        hand.app.desktop("text")
        await hand.until(lambda: shown == ["text"])


# ---- lean


ROOT = Path(__file__).resolve().parents[2]
LATE = (
    "textual.widgets._text_area",
    "quarterdeck.tui.dialogs.create",
    "quarterdeck.tui.dialogs.peek",
)
NEVER = {"sqlite3", "aiosqlite", "typer", "structlog", "tenacity", "prometheus_client", "networkx",
         "jinja2", "jsonschema", "pyte", "par_term_emu_core_rust"}  # fmt: skip


def test_the_first_paint_loads_no_dialog_and_nothing_of_the_engine() -> None:
    program = "import sys, quarterdeck.tui.app\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert not loaded & {*NEVER, *LATE}
    ours = {name for name in loaded if name.startswith("quarterdeck.")}
    rooms = {".".join(name.split(".")[1:3]) for name in ours}
    allowed = ("tui", "core.client", "core.protocol", "core.base", "core")
    assert {room for room in rooms if not room.startswith(allowed)} == set()
    assert not any(name.startswith("quarterdeck.core.engine") for name in ours)
    assert not any(name.startswith("quarterdeck.core.sessions") for name in ours)


def test_the_app_mounts_binds_and_routes_and_does_no_more() -> None:
    source = (ROOT / "tui" / "app.py").read_text(encoding="utf-8")
    start = source.index("class QuarterdeckApp")
    assert source[start:].count("\n") <= 140


async def test_leaving_leaves_no_timer_and_no_task(busy: Crew) -> None:
    app = dashboard(busy)
    async with app.run_test(size=(80, 24)):
        pass
    assert app.bridge.pacer._handle is None
    assert not app.bridge._age_alarm.pending
    assert not app.bridge._focus_alarm.pending
    assert all(endpoint.closed for endpoint in busy.endpoints)


async def test_at_rest_nothing_is_painted(busy: Crew) -> None:
    for session in list(busy.sessions.values()):
        busy.sessions[session.id] = session.model_copy(
            update={"status": session.status.model_copy(update={"since": busy.ago(90_000)})}
        )
    busy.items.clear()
    async with aboard(busy) as hand:
        flushes = hand.bridge.pacer.flushes
        before = hand.screen._compositor._dirty_regions.copy()
        await hand.pilot.pause(0.2)
        assert hand.bridge.pacer.flushes == flushes
        assert hand.screen._compositor._dirty_regions == before
        assert hand.bridge.deck.session is not None
        assert hand.bridge.deck.session.status.activity is Activity.NEEDS_APPROVAL
