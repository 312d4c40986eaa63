"""Help, palette, preferences, quitting."""

from __future__ import annotations

from typing import Any

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard

from quarterdeck.core.base.errors import SystemFault
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.preferences import PREFERENCES
from quarterdeck.tui.dialogs.finder import Entry, narrow
from quarterdeck.tui.dialogs.help import entries as help_entries
from quarterdeck.tui.keys.actions import ACTIONS
from quarterdeck.tui.keys.keymap import resolve
from quarterdeck.tui.model.words import SIGNS

# ---- narrowing


def titles(entries: list[Entry]) -> list[str]:
    return [entry.title for entry in entries]


def test_every_word_must_be_found_and_beginnings_come_first() -> None:
    entries = [
        Entry("Restart it", "r", "A", "agent.restart"),
        Entry("Start it", "s", "A", "agent.start"),
        Entry("Quit", "q", "B", "start over"),
    ]
    assert titles(narrow(entries, "")) == ["Restart it", "Start it", "Quit"]
    assert titles(narrow(entries, "START")) == ["Start it", "Restart it", "Quit"]
    assert titles(narrow(entries, "it re")) == ["Restart it"]
    assert titles(narrow(entries, "start b")) == ["Quit"]
    assert narrow(entries, "zzz") == []


# ---- help


def test_help_has_every_action_every_sign_and_every_token() -> None:
    found = list(help_entries(resolve(overrides={"session.create": "ctrl+n"})))
    words = {entry.words for entry in found}
    assert set(ACTIONS) <= words
    create = next(entry for entry in found if entry.words == "session.create")
    assert create.key == "ctrl+n"
    text = "\n".join(titles(found))
    for word in SIGNS:
        assert f"the session is: {word}" in text
    assert "is:needs" in text
    assert "type:…" in text


def test_help_tells_what_is_wrong_with_the_keymap() -> None:
    found = list(help_entries(resolve(overrides={"session.crate": "c"})))
    assert found[-1].group == "PROBLEMS OF THE KEYMAP"
    assert "Did you mean session.create?" in found[-1].title


async def test_help_is_searched_and_closed(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("question_mark")
        assert hand.shows("EVERYWHERE", "Show every key, with search")
        await hand.write("snooz")
        assert hand.shows("Put the item aside for ten minutes, or back")
        assert not hand.shows("EVERYWHERE")
        await hand.press("enter")
        assert hand.sent(c.SnoozeItem) == []
        await hand.press("escape")
        assert hand.screen is hand.deck


async def test_help_scrolls_with_its_cursor(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("question_mark", "pagedown", "pagedown", "pagedown")
        assert hand.shows("Stop the session's processes")
        assert not hand.shows("EVERYWHERE")
        await hand.hold("pageup", 9)
        assert hand.shows("EVERYWHERE")


async def test_help_of_something_unknown_says_so(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("question_mark")
        await hand.write("zzz")
        assert hand.shows("nothing fits")
        await hand.press("down", "up", "escape")


# ---- palette


async def test_the_palette_does_actions_by_name(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("colon")
        assert hand.shows("SESSIONS", "Go to fix-login", "approve")
        await hand.write("minimal")
        await hand.press("enter")
        assert hand.sent(c.ToggleMinimal)


async def test_the_palette_goes_to_sessions(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("colon")
        await hand.write("site-idle")
        await hand.press("enter")
        assert hand.current() == "site-idle"
        await hand.press("b")
        assert hand.current() == "fix-login"


async def test_the_palette_goes_to_sessions_from_the_log(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("5", "colon")
        await hand.write("go docs")
        await hand.press("enter")
        assert "[1 Deck]" in hand.top()
        assert hand.current() == "docs"


async def test_the_palette_changes_the_theme_and_it_is_kept(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("colon")
        await hand.write("theme: nord")
        await hand.press("enter")
        assert hand.app.theme == "nord"
        assert busy.preferences["theme"] == "nord"


async def test_the_palette_offers_what_works_where_the_person_is(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("5", "colon")
        titles_there = titles(hand.screen.entries)  # type: ignore[attr-defined]
        assert ACTIONS["log.follow"].title in titles_there
        assert ACTIONS["session.create"].title not in titles_there


async def test_every_named_action_of_the_deck_is_in_the_palette(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("shift+pageup", "colon")
        there = {entry.words for entry in hand.screen.entries}  # type: ignore[attr-defined]
        wanted = {
            name
            for name, action in ACTIONS.items()
            if action.context.name in {"APP", "DECK"} and name != "ui.palette"
        }
        assert wanted <= there


async def test_an_action_that_can_not_be_done_says_why(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("colon")
        await hand.write("agent.stop")
        await hand.press("enter")
        assert hand.toasts() == ["There is no session here; c creates one."]


async def test_the_palette_is_moved_through_and_clicked(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("colon", "down", "down", "up", "enter")
        assert hand.current() == "add-tests"
        await hand.press("colon")
        line = next(n for n, text in enumerate(hand.lines()) if "Go to docs" in text)
        await hand.pilot.click(offset=(20, line))
        await hand.settle()
        assert hand.current() == "docs"


async def test_nothing_found_chooses_nothing(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("colon")
        await hand.write("zzz")
        await hand.press("enter")
        assert hand.shows("nothing fits")
        await hand.press("escape")
        assert hand.screen is hand.deck


# ---- preferences


async def go_to(hand: Hand, name: str) -> None:
    await hand.press("comma")
    shown = [p for p in PREFERENCES if p not in {"welcomed", "last_agent"}]
    await hand.press(*["down"] * shown.index(name))


async def test_preferences_are_shown_with_values_and_meanings(busy: Crew) -> None:
    async with aboard(busy, (120, 40)) as hand:
        await hand.press("comma")
        assert hand.shows(
            "theme", "textual-dark", "ring the terminal's bell when someone is needed"
        )
        assert not hand.shows("welcomed")


@pytest.mark.parametrize(
    ("name", "value"),
    [("minimal", True), ("group_by_repo", False), ("keymap", "vim"), ("notify_bell", True)],
)
async def test_flags_turn_and_choices_go_on(busy: Crew, name: str, value: Any) -> None:
    async with aboard(busy) as hand:
        await go_to(hand, name)
        await hand.press("enter")
        assert busy.preferences[name] == value
        await hand.press("backspace")
        assert busy.preferences[name] == PREFERENCES[name].default


async def test_themes_go_on_through_textuals_own(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await go_to(hand, "theme")
        await hand.press("space")
        assert hand.app.theme == busy.preferences["theme"] == "textual-light"


async def test_a_number_is_written_and_checked(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await go_to(hand, "list_width")
        await hand.press("enter", "backspace", "backspace")
        await hand.write("7")
        await hand.press("enter")
        assert hand.shows("list_width lies from 20 to 120.")
        await hand.press("backspace")
        await hand.write("x")
        await hand.press("enter")
        assert hand.shows("list_width is a whole number.")
        await hand.press("backspace")
        await hand.write("44")
        await hand.press("enter")
        assert busy.preferences["list_width"] == 44
        await hand.press("escape")
        assert hand.widget("#left").size.width == 44


async def test_a_text_can_be_given_up(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await go_to(hand, "notify_kinds")
        await hand.press("enter")
        await hand.write("x")
        await hand.press("escape", "escape")
        assert hand.screen is hand.deck
        assert hand.sent(c.SetPreference) == []


async def test_a_preference_is_clicked_twice(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("comma", "down", "up")
        line = next(n for n, text in enumerate(hand.lines()) if " minimal " in text)
        for _ in range(2):
            await hand.pilot.click(offset=(20, line))
            await hand.settle()
        assert busy.preferences["minimal"] is True


async def test_a_preset_chosen_in_the_dialog_is_in_force_at_once(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.bridge.prefer("keymap", "vim")
        await hand.settle()
        await hand.press("p")
        assert hand.shows("Prompt for fix-login")


# ---- leaving


async def test_nothing_running_is_left_at_once(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("q")
        await hand.until(lambda: crew.released)
        assert crew.released == [False]


async def test_leaving_keeps_sessions_running(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("q")
        assert hand.shows("4 sessions run on without the dashboard.", "The engine ends with it")
        await hand.press("enter")
        await hand.until(lambda: busy.released)
        assert busy.released == [False]
        assert hand.sent(c.StopAgent) == []


async def test_staying_stays(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.hold("q", 10)
        await hand.press("escape")
        assert hand.screen is hand.deck
        assert busy.released == []


async def test_stopping_all_asks_for_a_second_key(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("q")
        await hand.hold("S", 10)
        assert hand.shows("Stop 4 sessions and quit?", "y yes, stop all and quit")
        assert busy.released == []
        await hand.press("n")
        assert hand.shows("enter leave them running")
        await hand.press("S", "y")
        await hand.until(lambda: busy.released)
        assert busy.released == [True]


async def test_other_clients_take_the_engine_over(busy: Crew) -> None:
    busy.health = busy.healthy(clients=3)
    async with aboard(busy) as hand:
        await hand.press("q")
        assert hand.shows("2 other clients are attached; one of them takes the engine over.")


async def test_one_other_client_keeps_even_an_empty_engine_from_ending(crew: Crew) -> None:
    crew.health = crew.healthy(clients=2)
    async with aboard(crew) as hand:
        await hand.press("q")
        assert hand.shows(
            "0 sessions run on", "Another client is attached and takes the engine over."
        )


async def test_an_engine_elsewhere_goes_on_and_its_sessions_are_stopped_one_by_one(
    busy: Crew,
) -> None:
    busy.host = False
    async with aboard(busy) as hand:
        await hand.press("q")
        assert hand.shows("The engine runs in another process and goes on, too.")
        await hand.press("S", "y")
        await hand.until(lambda: busy.released)
        assert len(hand.sent(c.StopAgent)) == 4


async def test_a_stop_that_fails_does_not_keep_the_person(busy: Crew) -> None:
    busy.host = False
    busy.refuse("agent.stop", "stop_failed", "It would not end.")
    async with aboard(busy) as hand:
        await hand.press("q", "S", "y")
        await hand.until(lambda: busy.released)


async def test_a_release_that_fails_is_told_on_the_terminal(
    busy: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def release(*, stop_sessions: bool = False) -> None:
        raise SystemFault("The disk is full.")

    monkeypatch.setattr(busy, "release", release)
    async with aboard(busy) as hand:
        await hand.press("q", "enter")
        await hand.until(lambda: hand.app._exit)
        assert hand.app.last_words == "internal: The disk is full."
        assert hand.app.return_code == 1


async def test_leaving_says_how_many_go_on(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("q", "enter")
        await hand.until(lambda: hand.app._exit)
        assert hand.bridge.left_running == 4


async def test_a_demo_says_that_it_takes_its_sessions_along(busy: Crew) -> None:
    busy.parting = True
    async with aboard(busy) as hand:
        await hand.press("q")
        assert hand.shows("4 sessions end with the demo", "enter end the demo", "esc stay")
        assert not hand.shows("leave them running")
        await hand.press("S")
        assert busy.released == []
        await hand.press("enter")
        await hand.until(lambda: busy.released)
        assert hand.bridge.left_running == 0


async def test_without_a_link_nothing_is_promised(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.goodbye(asked=True)
        await hand.until(lambda: hand.shows("The engine was shut down", "r starts it again"))
        await hand.press("q")
        assert hand.shows("There is no link to the engine.", "enter leave")
        assert not hand.shows("stop all")
        await hand.press("escape", "r")
        await hand.until(lambda: busy.connects == 2)
        await hand.until(lambda: not hand.shows("The engine was shut down"))
        assert hand.sent(c.RestartAgent) == []
