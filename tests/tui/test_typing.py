"""Typing into a session: every key goes there, none becomes a command; its size, its mouse."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import Hand, aboard
from textual import events
from textual.strip import Strip

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.screen import Cursor, Modes, MouseMode, Run
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import MouseInput, PasteInput


def first(crew: Crew) -> SessionView:
    return next(iter(crew.sessions.values()))


def mouse(crew: Crew) -> list[tuple[str, int, int, int]]:
    return [
        (sent.action, sent.button, sent.x, sent.y)
        for sent in crew.inputs
        if isinstance(sent, MouseInput)
    ]


async def entered(hand: Hand) -> None:
    await hand.press("enter")
    assert hand.deck.terminal.entered


def painted_lines(hand: Hand) -> list[int]:
    """The lines of the panel that are painted from now on."""
    terminal = hand.deck.terminal
    painted: list[int] = []
    render = terminal.render_line

    def note(y: int) -> Strip:
        painted.append(y)
        return render(y)

    terminal.render_line = note  # type: ignore[method-assign]
    return painted


# ---- keys


async def test_every_key_goes_to_the_session_but_the_way_out(busy: Crew) -> None:
    keys = [
        "a", "S", "question_mark", "space", "enter", "escape", "tab", "shift+tab", "up", "ctrl+c",
        "ctrl+q", "ctrl+p", "f1", "pageup", "shift+pageup", "1", "2", "q", "y", "D", "colon",
        "backspace", "delete", "ctrl+at", "alt+b", "ctrl+left_square_bracket",
    ]  # fmt: skip
    async with aboard(busy) as hand:
        await entered(hand)
        await hand.press(*keys)
        assert busy.keys() == [
            "a", "S", "?", " ", "enter", "escape", "tab", "shift+tab", "up", "ctrl+c",
            "ctrl+q", "ctrl+p", "f1", "pageup", "shift+pageup", "1", "2", "q", "y", "D", ":",
            "backspace", "delete", "ctrl+@", "alt+b", "ctrl+[",
        ]  # fmt: skip
        assert {type(sent) for sent in busy.commands} == {c.SetFocus}
        assert hand.screen is hand.deck
        await hand.press("ctrl+right_square_bracket")
        assert not hand.deck.terminal.entered
        assert len(busy.keys()) == len(keys)


async def test_held_keys_go_on_as_repeats(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        await hand.hold("x", 7)
        assert busy.keys() == ["x"] * 7


async def test_the_border_the_line_of_keys_and_the_title_tell_who_gets_the_keys(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        assert hand.shows("all keys go to it · ctrl+] leaves it", "┏━ fix-login · claude · ~/shop")
        assert hand.keys_line() == "typing  ctrl+] leave it"
        await hand.press("ctrl+right_square_bracket")
        assert not hand.shows("leaves it")
        assert "? help" in hand.keys_line()


async def test_the_way_out_is_configurable_and_shown(busy: Crew) -> None:
    async with aboard(busy, keys={"session.leave": "ctrl+g,f12"}) as hand:
        await entered(hand)
        assert hand.shows("ctrl+g leaves it")
        await hand.press("ctrl+right_square_bracket")
        assert busy.keys() == ["ctrl+]"]
        await hand.press("f12")
        assert not hand.deck.terminal.entered


async def test_the_way_out_can_be_clicked(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        await hand.pilot.click("#key-line", offset=(12, 0))
        await hand.settle()
        assert not hand.deck.terminal.entered


async def test_in_a_narrow_terminal_the_session_gets_it_all(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        assert not hand.shows("SESSIONS")
        await hand.press("ctrl+right_square_bracket")
        assert hand.shows("SESSIONS")


@pytest.mark.parametrize(("width", "cols"), [(115, 113), (116, 80), (117, 81)])
async def test_the_lists_stay_where_the_session_has_eighty_columns_beside_them(
    busy: Crew, width: int, cols: int
) -> None:
    async with aboard(busy, (width, 30)) as hand:
        await entered(hand)
        await hand.until(busy.sizes)
        assert busy.sizes() == [(cols, 26)]
        assert hand.bridge.room == (cols, 26)
        assert hand.shows("SESSIONS") is (cols < 100)


async def test_in_a_wide_terminal_the_lists_stay(busy: Crew) -> None:
    async with aboard(busy, (200, 60)) as hand:
        await entered(hand)
        assert hand.shows("SESSIONS", "ATTENTION")


async def test_pasted_text_goes_as_one(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        hand.app.post_message(events.Paste("line one\nline two"))
        await hand.settle()
        assert [s.text for s in busy.inputs if isinstance(s, PasteInput)] == ["line one\nline two"]


async def test_a_paste_without_bounds_is_refused(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        hand.app.post_message(events.Paste("x" * 1_000_001))
        await hand.settle()
        assert busy.inputs == hand_sizes(busy)
        assert "more text than can be pasted" in hand.toasts()[-1]


def hand_sizes(crew: Crew) -> list[object]:
    return [sent for sent in crew.inputs if not isinstance(sent, PasteInput)]


async def test_a_paste_elsewhere_goes_nowhere(busy: Crew) -> None:
    async with aboard(busy) as hand:
        hand.app.post_message(events.Paste("qqq"))
        await hand.settle()
        assert busy.inputs == []


# ---- nothing falls through


async def test_keys_do_not_become_commands_when_the_session_ends_under_the_hand(
    busy: Crew,
) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        busy.act(first(busy), Activity.UNKNOWN, Lifecycle.EXITED, exit_code=0)
        await hand.settle()
        await hand.press("S", "y", "q")
        assert hand.screen is hand.deck
        assert {type(sent) for sent in busy.commands} == {c.SetFocus}
        assert hand.shows("exited with code 0", "ctrl+] leaves it")


async def test_keys_do_not_become_commands_when_the_session_is_deleted(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        busy.delete(first(busy))
        await hand.settle()
        await hand.press("D", "y", "q")
        assert hand.screen is hand.deck
        assert hand.sent(c.DeleteSession) == []
        assert hand.shows("no session", "ctrl+] leaves it")
        await hand.press("ctrl+right_square_bracket")
        assert hand.shows("add-tests", "$ hello from add-tests")


async def test_keys_do_not_become_commands_when_the_link_is_lost(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        busy.unreachable = None
        busy.drop()
        await hand.until(lambda: not hand.bridge.link.state.up)
        await hand.press("S", "y")
        assert hand.screen is hand.deck
        assert hand.sent(c.StopAgent) == []
        assert "takes no input now" in hand.toasts()[-1]


async def test_keys_do_not_become_commands_when_the_terminal_lost_the_focus(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        hand.app.post_message(events.AppBlur())
        await hand.settle()
        hand.screen.set_focus(None)
        await hand.press("S", "q")
        assert busy.keys() == ["S", "q"]
        assert hand.screen is hand.deck


async def test_the_panel_stays_while_one_types_whatever_needs_someone(busy: Crew) -> None:
    async with aboard(busy, (200, 60)) as hand:
        await entered(hand)
        busy.raise_item(list(busy.sessions.values())[2], title="urgent", age=9999)
        await hand.settle()
        assert hand.deck.terminal.model is hand.bridge.watching.model(first(busy).id)


async def test_a_click_on_another_session_leaves_this_one(busy: Crew) -> None:
    async with aboard(busy, (200, 60)) as hand:
        await entered(hand)
        await hand.pilot.click("#sessions", offset=(5, 3))
        await hand.settle()
        assert not hand.deck.terminal.entered
        assert hand.current() == "add-tests"


async def test_a_full_queue_of_input_is_told(busy: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        monkeypatch.setattr("quarterdeck.core.client.client.OUTGOING_LIMIT", 0)
        await hand.press("x")
        assert hand.toasts()[-1] == "The session takes no input now; nothing was sent."


# ---- size


async def test_entering_gives_the_session_the_panels_size_once(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        await hand.until(busy.sizes)
        assert busy.sizes() == [(78, 20)]
        login = first(busy)
        busy.draw(login, ["$ "], cols=78, height=20)
        await hand.press("ctrl+right_square_bracket", "enter")
        await hand.settle()
        assert busy.sizes() == [(78, 20)]


async def test_a_preview_never_resizes(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("j", "j", "k", "m", "m", "space", "escape")
        await hand.pilot.resize_terminal(200, 60)
        await hand.settle()
        assert busy.sizes() == []
        assert hand.shows("80x24") is False


async def test_a_new_terminal_size_reaches_the_session_that_is_typed_into(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        await hand.until(busy.sizes)
        await hand.pilot.resize_terminal(200, 60)
        await hand.until(lambda: len(busy.sizes()) == 2)
        assert busy.sizes()[-1] == (142, 56)


async def test_f_fits_the_session_to_its_panel(busy: Crew) -> None:
    async with aboard(busy, (200, 60)) as hand:
        assert "f fit" in hand.keys_line()
        await hand.press("f")
        assert busy.sizes() == [(142, 56)]
        busy.draw(first(busy), ["$ "], cols=164, height=56)
        await hand.settle()
        await hand.press("f")
        assert hand.toasts() == ["It has the size of its panel already."]
        assert "f fit" not in hand.keys_line()


async def test_a_larger_screen_is_cropped_at_its_lower_end_and_says_so(crew: Crew) -> None:
    session = crew.add("big")
    crew.draw(session, [f"line {n}" for n in range(50)], cols=150, height=50)
    async with aboard(crew) as hand:
        assert hand.shows("line 49", "44x20 of 150x50")
        assert not hand.shows("line 29")


async def test_a_new_session_is_made_in_the_size_it_will_be_typed_into(crew: Crew) -> None:
    for size, room in (((80, 24), (78, 20)), ((200, 60), (142, 56))):
        async with aboard(crew, size) as hand:
            assert hand.bridge.room == room


# ---- the picture


async def test_only_changed_lines_are_painted(busy: Crew) -> None:
    async with aboard(busy) as hand:
        painted = painted_lines(hand)
        busy.redraw(first(busy), {5: "five", 7: "seven"})
        await hand.settle()
        assert set(painted) == {5, 7}
        assert hand.shows("five", "seven")


async def test_a_cursor_that_moves_repaints_its_two_lines(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        painted = painted_lines(hand)
        busy.redraw(first(busy), {}, cursor=Cursor(3, 0))
        await hand.settle()
        assert set(painted) == {0, 1}


async def test_the_cursor_is_shown_only_while_one_types(busy: Crew) -> None:
    async with aboard(busy) as hand:
        terminal = hand.deck.terminal

        def reversed_text() -> str:
            return "".join(s.text for s in terminal.render_line(1) if s.style and s.style.reverse)

        assert reversed_text() == ""
        await entered(hand)
        assert reversed_text() == "$"
        busy.redraw(first(busy), {}, cursor=Cursor(0, 1, visible=False))
        await hand.settle()
        assert reversed_text() == ""


async def test_the_real_cursor_is_put_where_the_program_has_its_own(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await entered(hand)
        busy.redraw(first(busy), {}, cursor=Cursor(4, 1))
        await hand.settle()
        assert tuple(hand.app.cursor_position) == (5, 3)


async def test_wide_characters_and_colours_stay_in_place(crew: Crew) -> None:
    session = crew.add("wide")
    row = (Run("日本", 1), Run("|", -1, 4), Run("é|", -1, -1, 1))
    crew.draw(session, [row])
    async with aboard(crew) as hand:
        assert hand.shows("日本|é|")
        strip = hand.deck.terminal.render_line(0)
        assert strip.cell_length == hand.deck.terminal.size.width


# ---- mouse


@pytest.fixture
def mousy(crew: Crew) -> Crew:
    """A session whose program has asked for the mouse."""
    session = crew.add("vim")
    crew.draw(session, ["one", "two"], modes=Modes(mouse=MouseMode.DRAG), past=["p"] * 50)
    return crew


async def test_the_mouse_is_the_programs_only_while_one_types(mousy: Crew) -> None:
    async with aboard(mousy) as hand:
        await hand.pilot.click("#terminal", offset=(4, 2))
        assert mouse(mousy) == []
        await entered(hand)
        await hand.pilot.click("#terminal", offset=(4, 2))
        await hand.settle()
        assert mouse(mousy) == [("press", 1, 4, 2), ("release", 1, 4, 2)]


async def test_dragging_is_passed_on_to_where_it_ends(mousy: Crew) -> None:
    async with aboard(mousy) as hand:
        await entered(hand)
        await hand.pilot.mouse_down("#terminal", offset=(4, 2))
        terminal = hand.deck.terminal
        move = events.MouseMove(terminal, 6, 3, 1, 1, 1, False, False, False, 7, 5)
        terminal.on_mouse_move(move)
        await hand.pilot.mouse_up("#terminal", offset=(6, 3))
        await hand.settle()
        passed = mouse(mousy)
        start = passed.index(("press", 1, 4, 2))
        assert ("move", 1, 5, 3) in passed[start:] or ("move", 1, 6, 3) in passed[start:]
        assert passed[-1] == ("release", 1, 6, 3)
        assert hand.app.mouse_captured is None
        assert not hand.screen.selections


@pytest.mark.parametrize(
    ("mode", "button", "passed"),
    [
        (MouseMode.CLICK, 1, False),
        (MouseMode.DRAG, 0, False),
        (MouseMode.DRAG, 1, True),
        (MouseMode.MOTION, 0, True),
    ],
)
async def test_motion_is_passed_on_as_the_program_asked(
    mousy: Crew, mode: MouseMode, button: int, passed: bool
) -> None:
    async with aboard(mousy) as hand:
        await entered(hand)
        mousy.redraw(first(mousy), {}, modes=Modes(mouse=mode))
        await hand.settle()
        terminal = hand.deck.terminal
        terminal.on_mouse_move(events.MouseMove(terminal, 1, 1, 1, 0, button, False, False, False))
        await hand.settle()
        assert bool(mouse(mousy)) is passed


async def test_the_wheel_is_the_programs_while_one_types_and_shift_keeps_it_here(
    mousy: Crew,
) -> None:
    async with aboard(mousy) as hand:
        await entered(hand)
        terminal = hand.deck.terminal
        for shift in (False, True):
            terminal.on_mouse_scroll_up(
                events.MouseScrollUp(terminal, 1, 1, 0, 0, 0, shift, False, False)
            )
            terminal.on_mouse_scroll_down(
                events.MouseScrollDown(terminal, 1, 1, 0, 0, 0, False, False, False)
            )
        await hand.settle()
        assert [one[0] for one in mouse(mousy)] == ["scroll_up", "scroll_down", "scroll_down"]
        assert terminal.viewport.scrolled
