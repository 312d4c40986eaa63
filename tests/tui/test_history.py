"""The past of a session's output, searches in it, and text selected and copied."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.screen import Modes, MouseMode, Run
from quarterdeck.core.protocol.views import SessionView


@pytest.fixture
def talker(crew: Crew) -> Crew:
    """A session with two hundred lines of past."""
    session = crew.add("talker")
    crew.add("other")
    past = [f"past {number:03} {'needle' if number % 50 == 7 else ''}" for number in range(200)]
    crew.draw(session, ["now one", "now two", "$ "], past=past)
    crew.draw(list(crew.sessions.values())[1], ["other"])
    return crew


def first(crew: Crew) -> SessionView:
    return next(iter(crew.sessions.values()))


# ---- scrolling


async def test_a_page_back_and_on(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        assert hand.shows("past 181", "past 199", "now one", "19 lines back")
        assert not hand.shows("now two")
        assert "esc to the present" in hand.keys_line()
        await hand.press("shift+pageup")
        assert hand.shows("past 162", "38 lines back")
        await hand.press("shift+pagedown", "shift+pagedown")
        assert hand.shows("now two")
        assert not hand.shows("back ")
        assert "y" not in hand.keys_line().split()


async def test_brackets_scroll_where_the_terminal_keeps_shift_pageup(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("left_square_bracket")
        assert hand.deck.terminal.viewport.scrolled
        await hand.press("right_square_bracket")
        assert not hand.deck.terminal.viewport.scrolled


async def test_escape_comes_back_to_the_present(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup", "shift+pageup", "escape")
        assert hand.shows("now two")


async def test_the_wheel_scrolls_by_three(talker: Crew) -> None:
    async with aboard(talker) as hand:
        terminal = hand.deck.terminal
        await hand.pilot._post_mouse_events([], "#terminal")
        for _ in range(4):
            terminal.scroll_lines(-3)
        await hand.settle()
        assert hand.shows("12 lines back", "past 188")


async def test_the_past_is_asked_for_with_room_and_not_again(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        asked = hand.sent(c.ReadScreen)
        assert [(sent.start, sent.count, sent.styled) for sent in asked] == [(161, 60, True)]
        hand.deck.terminal.scroll_lines(-3)
        await hand.settle()
        assert len(hand.sent(c.ReadScreen)) == 1


async def test_the_past_stands_still_while_the_program_writes_on(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        before = [line[34:] for line in hand.lines()[2:20]]
        talker.redraw(first(talker), {0: "changed", 1: "changed"}, history=210)
        await hand.settle()
        assert [line[34:] for line in hand.lines()[2:20]] == before
        await hand.press("escape")
        assert hand.shows("changed")


async def test_colours_of_the_past_are_kept(talker: Crew) -> None:
    session = first(talker)
    talker.past[session.id][190] = (Run("red", 1, -1, 1),)
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        strips = [hand.deck.terminal.render_line(y) for y in range(20)]
        strip = next(strip for strip in strips if strip.text.startswith("red"))
        style = next(iter(strip)).style
        assert style is not None
        assert style.bold


async def test_another_session_begins_in_its_present(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup", "j")
        assert hand.shows("other")
        assert not hand.deck.terminal.viewport.scrolled


async def test_lines_that_come_too_late_are_not_shown_elsewhere(talker: Crew) -> None:
    talker.held.add("session.screen")
    async with aboard(talker) as hand:
        await hand.press("shift+pageup", "j")
        talker.answer_held()
        await hand.settle()
        assert hand.shows("other")
        assert not hand.shows("past 190")


async def test_typing_begins_in_the_present(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup", "enter")
        assert hand.shows("now two")


async def test_keys_that_do_not_fit_say_why(crew: Crew) -> None:
    crew.add("blank")
    async with aboard(crew) as hand:
        await hand.press("shift+pageup")
        assert hand.toasts() == ["There is no output to look at."]
        await hand.press("shift+pagedown")
        assert hand.toasts()[-1] == "This is the present already."
        await hand.press("ctrl+f")
        assert not hand.widget("#search").display


# ---- searching


async def searching(hand: Hand, text: str, key: str = "ctrl+f") -> None:
    await hand.press(key)
    await hand.write(text)
    await hand.press("enter")


async def test_a_search_goes_to_the_newest_match_and_on_to_older_ones(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await searching(hand, "needle")
        assert [sent.text for sent in hand.sent(c.SearchScreen)] == ["needle"]
        assert hand.shows("past 157 needle", "“needle” 1 of 4")
        await hand.press("n")
        assert hand.shows("past 107 needle", "“needle” 2 of 4")
        await hand.press("N", "N")
        assert hand.shows("past 007 needle", "“needle” 4 of 4")
        await hand.press("n")
        assert hand.shows("“needle” 1 of 4")


async def test_matches_are_marked(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await searching(hand, "NEEDLE")
        terminal = hand.deck.terminal
        mark = terminal.get_component_rich_style("terminal--match").bgcolor
        marked = "".join(
            segment.text
            for y in range(terminal.size.height)
            for segment in terminal.render_line(y)
            if segment.style and segment.style.bgcolor == mark
        )
        assert marked == "needle"


async def test_a_match_in_the_present_is_marked_in_the_present(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await searching(hand, "now two")
        assert hand.shows("“now two” 1 of 1")
        assert not hand.deck.terminal.viewport.scrolled
        await hand.press("escape")
        assert not hand.shows("1 of 1")


async def test_slash_searches_again_while_scrolled_and_filters_else(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        await searching(hand, "past 050", key="slash")
        assert hand.shows("past 050", "1 of 1")
        await hand.press("escape", "slash")
        assert hand.widget("#filter").display


async def test_what_is_nowhere_is_told(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await searching(hand, "no such")
        assert hand.toasts() == ["“no such” is nowhere in its output."]
        assert not hand.shows(" of 0")


async def test_a_search_can_be_given_up_and_nothing_is_not_searched_for(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("ctrl+f", "x", "escape", "ctrl+f", "space", "enter")
        assert hand.sent(c.SearchScreen) == []
        assert hand.deck.sessions.has_focus


async def test_matches_that_come_too_late_are_left_out(talker: Crew) -> None:
    talker.held.add("session.search")
    async with aboard(talker) as hand:
        await searching(hand, "needle")
        await hand.press("j")
        talker.answer_held()
        await hand.settle()
        assert not hand.deck.viewing.searching


async def test_n_means_the_next_item_unless_something_was_searched_for(talker: Crew) -> None:
    talker.item(list(talker.sessions.values())[1])
    async with aboard(talker) as hand:
        hand.bridge.deck.select_session(first(talker).id)
        hand.bridge.moved()
        await hand.press("shift+pageup", "n")
        assert hand.current() == "other"


# ---- selecting and copying


async def test_text_dragged_over_is_copied_by_y_and_never_answers(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.mouse_down("#terminal", offset=(2, 0))
        await hand.pilot.hover("#terminal", offset=(7, 0))
        await hand.pilot.mouse_up("#terminal", offset=(7, 0))
        await hand.settle()
        assert hand.keys_line().startswith("y copy  esc deselect")
        await hand.press("y")
        assert hand.app.clipboard == "hello"
        assert hand.toasts() == ["Copied 5 characters."]
        assert hand.sent(c.Answer) == []
        assert hand.keys_line().startswith("y allow once")


async def test_ctrl_c_copies_what_is_selected_and_leaves_else(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.screen.selections = {hand.deck.terminal: SELECT_ALL}
        await hand.press("ctrl+c")
        assert hand.app.clipboard == "$ hello from fix-login\n$"
        await hand.press("ctrl+c")
        assert hand.shows("Leave the dashboard?")


async def test_escape_deselects(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.screen.selections = {hand.deck.terminal: SELECT_ALL}
        await hand.press("escape")
        assert not hand.screen.selections


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("#sessions", "fix-login"),
        ("#attention", "run: npm i"),
        ("#status-line", "2 need you"),
        ("#key-line", "y copy"),
        ("#panel-top", "needs approval"),
        ("#terminal", "hello from fix-login"),
    ],
)
async def test_text_of_every_panel_can_be_copied(busy: Crew, selector: str, text: str) -> None:
    async with aboard(busy) as hand:
        hand.screen.selections = {hand.widget(selector): SELECT_ALL}
        await hand.settle()
        await hand.press("y")
        assert text in hand.app.clipboard


async def test_a_part_of_the_past_can_be_copied(talker: Crew) -> None:
    async with aboard(talker) as hand:
        await hand.press("shift+pageup")
        part = Selection(Offset(5, 190), Offset(8, 191))
        hand.screen.selections = {hand.deck.terminal: part}
        await hand.settle()
        await hand.press("y")
        assert hand.app.clipboard == "190\npast 191"


async def test_selected_text_looks_selected(busy: Crew) -> None:
    async with aboard(busy) as hand:
        for selector in ("#terminal", "#sessions", "#status-line"):
            widget = hand.widget(selector)
            before = [widget.render_line(y) for y in range(2)]
            hand.screen.selections = {widget: SELECT_ALL}
            await hand.settle()
            assert [widget.render_line(y) for y in range(2)] != before


async def test_dragging_over_a_list_does_not_move_its_cursor(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.mouse_down("#sessions", offset=(3, 3))
        await hand.pilot.hover("#sessions", offset=(9, 3))
        await hand.pilot.mouse_up("#sessions", offset=(9, 3))
        await hand.settle()
        assert hand.current() == "fix-login"
        await hand.press("y")
        assert hand.app.clipboard


async def test_text_of_dialogs_can_be_copied_without_answering(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("space")
        hand.screen.selections = {hand.widget("#peek-text"): SELECT_ALL}
        await hand.press("y")
        assert "npm i left-pad --save" in hand.app.clipboard
        assert hand.sent(c.Answer) == []
        hand.screen.selections = {hand.widget("#peek-text"): SELECT_ALL}
        await hand.press("escape")
        assert not hand.screen.selections
        assert hand.screen is not hand.deck


async def test_a_program_with_the_mouse_keeps_its_drags(crew: Crew) -> None:
    session = crew.add("vim")
    crew.draw(session, ["text"], modes=Modes(mouse=MouseMode.DRAG))
    async with aboard(crew) as hand:
        assert hand.deck.terminal.allow_select
        await hand.press("enter")
        assert not hand.deck.terminal.allow_select
