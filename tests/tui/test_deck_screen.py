"""The deck: what it shows, and moving through it."""

from __future__ import annotations

import pytest
from tests.tui.crew import Crew, agent
from tests.tui.hand import aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import Activity, Lifecycle

# ---- what is shown


async def test_the_deck_shows_sessions_items_and_the_focused_session(busy: Crew) -> None:
    async with aboard(busy) as hand:
        assert hand.top().startswith("1 working · 2 need you")
        assert hand.top().endswith("1 idle                   [1 Deck] 2  3  4  5")
        assert hand.shows("! fix-login", "claude", " approve", "✓ add-tests", "□ old", "exit 1")
        assert hand.shows("! fix-login run: npm i      0:42", "? docs      Which colour?    11m")
        assert hand.shows("─ fix-login · claude · needs approval 0:42 ─", "$ hello from fix-login")


async def test_a_wide_title_has_the_directory_too(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        assert hand.shows("fix-login · claude · ~/shop · needs approval 0:42")


async def test_with_room_the_line_at_the_top_names_every_screen(busy: Crew) -> None:
    async with aboard(busy, (100, 30)) as hand:
        assert "1 done · 1 idle" in hand.top()
        assert hand.top().endswith("[1 Deck] 2 Workflows  3 Pipelines  4 Crew  5 Log")


async def test_counts_are_shown_before_the_names_of_other_screens(busy: Crew) -> None:
    """What has failed, is done and idle was not told in 80 columns."""
    for number in range(12):
        busy.add(f"more-{number}", activity=Activity.WORKING)
    busy.add("bad", lifecycle=Lifecycle.CRASHED)
    async with aboard(busy) as hand:
        assert hand.top().startswith("13 working · 2 need you · 1 failed · 1 done · 1 idle  ")
        assert hand.top().endswith("  [1 Deck] 2  3  4  5")
        await hand.press("2")
        assert hand.top().endswith("  1 [2 Workflows] 3  4  5")


async def test_in_little_room_agents_of_the_crew_are_told_apart(crew: Crew) -> None:
    crew.add("plan", agent="practice-approver")
    crew.add("build", agent="practice-worker")
    async with aboard(crew) as hand:
        assert hand.shows(" approver ", " worker ")


async def test_in_the_narrowest_list_names_have_as_much_room_as_agents(crew: Crew) -> None:
    crew.add("planning", agent="practice-approver")
    crew.preferences["list_width"] = 20
    async with aboard(crew) as hand:
        assert hand.shows("│· pla… ap… idle")


async def test_without_sessions_the_deck_says_how_to_begin(crew: Crew) -> None:
    async with aboard(crew) as hand:
        assert hand.shows("No session yet.", "c creates one", "nothing needs you", "no sessions")


async def test_a_session_without_a_picture_says_what_can_be_done(crew: Crew) -> None:
    fresh = crew.add("fresh", lifecycle=Lifecycle.CREATED)
    async with aboard(crew, (120, 30)) as hand:
        assert hand.shows("Not started yet.", "s starts it")
        crew.act(fresh, Activity.UNKNOWN, Lifecycle.STARTING)
        await hand.settle()
        assert hand.shows("Waiting for its first picture.")
        crew.act(fresh, Activity.UNKNOWN, Lifecycle.LOST, resumable=True)
        await hand.settle()
        assert hand.shows("Nothing is left of its screen.", "s starts it · R resumes it")
        assert hand.shows("¤ lost")


async def test_a_dead_session_keeps_its_screen_and_tells_why_it_ended(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        await hand.press("j", "j")
        assert hand.current() == "old"
        assert hand.shows("$ hello from old", "□ exited with code 1: No API key was found")
        assert "s start" in hand.keys_line()
        assert "R resume" in hand.keys_line()
        assert "S stop" not in hand.keys_line()


async def test_ages_go_on_while_nothing_else_happens(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.clock.advance(5)
        hand.bridge.changed()
        await hand.settle()
        assert hand.shows("needs approval 0:47", "run: npm i      0:47")
        assert hand.bridge._age_alarm.pending


async def test_old_ages_need_no_wake_up_for_a_long_time(crew: Crew) -> None:
    crew.add("old", since=7200)
    async with aboard(crew) as hand:
        alarm = hand.bridge._age_alarm._handle
        assert alarm is not None
        assert hand.bridge.deck.changes_in() == 3600


async def test_titles_of_agents_can_not_break_the_screen(crew: Crew) -> None:
    crew.add("evil", title="[red]x[/]\x1b]0;y\x07\u202e", reason="[b]")
    async with aboard(crew, minimal=True) as hand:
        assert hand.shows("[red]x[/] ]0;y")


# ---- moving


async def test_j_and_k_move_through_sessions_and_wrap_nowhere(busy: Crew) -> None:
    async with aboard(busy) as hand:
        seen = [hand.current()]
        for _ in range(5):
            await hand.press("j")
            seen.append(hand.current())
        assert seen == ["fix-login", "add-tests", "old", "docs", "site-idle", "site-idle"]
        await hand.press("k")
        assert hand.current() == "docs"


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("G",), "site-idle"),
        (("G", "g"), "fix-login"),
        (("end", "home"), "fix-login"),
        (("pagedown",), "site-idle"),
        (("G", "pageup"), "fix-login"),
        (("down", "down", "up"), "add-tests"),
    ],
)
async def test_the_other_ways_to_move(busy: Crew, keys: tuple[str, ...], name: str) -> None:
    async with aboard(busy) as hand:
        await hand.press(*keys)
        assert hand.current() == name


async def test_a_held_key_moves_on(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.hold("j", 4)
        assert hand.current() == "site-idle"


async def test_n_goes_through_what_needs_someone_and_b_goes_back(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("n")
        assert hand.current() == "docs"
        assert hand.bridge.deck.target.title == "Which colour?"
        await hand.press("n")
        assert hand.current() == "add-tests"
        await hand.press("n", "N")
        assert hand.current() == "add-tests"
        await hand.press("b")
        assert hand.current() == "fix-login"
        await hand.press("b")
        assert hand.current() == "add-tests"


async def test_b_says_when_there_is_nowhere_to_go_back_to(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("b")
        assert hand.toasts() == ["There is no session to go back to."]


async def test_n_says_when_nothing_needs_anyone(crew: Crew) -> None:
    crew.add("calm")
    async with aboard(crew) as hand:
        await hand.press("n")
        assert hand.toasts() == ["Nothing needs you."]


async def test_tab_goes_to_the_attention_queue_and_j_moves_there(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("tab", "j")
        assert hand.current() == "docs"
        assert hand.bridge.deck.target.kind is AttentionKind.QUESTION
        await hand.press("G")
        assert hand.current() == "add-tests"
        await hand.press("shift+tab", "g")
        assert hand.current() == "fix-login"


async def test_moving_through_nothing_says_so(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("j")
        assert hand.toasts() == ["There is nothing to move through."]


async def test_the_engine_hears_where_the_cursor_rests(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.until(lambda: hand.sent(c.SetFocus))
        first = hand.bridge.deck.session_id
        await hand.press("j")
        second = hand.bridge.deck.session_id
        await hand.until(lambda: len(hand.sent(c.SetFocus)) == 2)
        assert [sent.session_id for sent in hand.sent(c.SetFocus)] == [first, second]


async def test_nobody_looks_while_the_terminal_is_in_the_background(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.until(lambda: hand.sent(c.SetFocus))
        hand.app.on_app_blur()
        await hand.until(lambda: hand.sent(c.SetFocus)[-1].session_id is None)
        hand.app.on_app_focus()
        await hand.until(lambda: hand.sent(c.SetFocus)[-1].session_id is not None)


async def test_nobody_looks_at_a_session_from_the_log(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.until(lambda: hand.sent(c.SetFocus))
        await hand.press("5")
        await hand.until(lambda: hand.sent(c.SetFocus)[-1].session_id is None)
        await hand.press("1")
        await hand.until(lambda: hand.sent(c.SetFocus)[-1].session_id is not None)


async def test_only_the_focused_session_is_watched(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("j")
        assert busy.watched == {hand.bridge.deck.session_id}


# ---- events


async def test_the_list_follows_events_and_keeps_its_order(busy: Crew) -> None:
    async with aboard(busy) as hand:
        idle = next(s for s in busy.sessions.values() if s.name == "site-idle")
        busy.act(idle, Activity.NEEDS_APPROVAL)
        busy.raise_item(idle, title="rm -rf build", age=0)
        busy.create("newest", repo="/home/ann/site")
        await hand.settle()
        assert hand.current() == "fix-login"
        lines = hand.lines()
        places = [
            next(n for n, line in enumerate(lines) if f" {name} " in line)
            for name in ("fix-login", "add-tests", "old", "docs", "site-idle", "newest")
        ]
        assert places == sorted(places)
        assert "3 need you" in hand.top()


async def test_a_deleted_session_leaves_the_list_and_the_panel(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.delete(next(iter(busy.sessions.values())))
        await hand.settle()
        assert not hand.shows("fix-login")
        assert hand.current() == "add-tests"
        assert hand.shows("$ hello from add-tests")


async def test_progress_and_titles_reach_the_row(busy: Crew) -> None:
    async with aboard(busy, (160, 40), minimal=True) as hand:
        login = next(iter(busy.sessions.values()))
        busy.tell(e.StatusProgress(session_id=login.id, progress=70, title="Testing"))
        await hand.settle()
        assert hand.shows("70% Testing")


# ---- filter, fold, minimal, width


async def test_the_filter_works_as_it_is_typed_and_is_kept_by_enter(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("slash")
        assert hand.keys_line().endswith("enter keep  esc give up")
        await hand.write("agent:codex")
        assert not hand.shows("✗ old")
        assert hand.shows("agent:codex · 1 of 5", "1 session")
        await hand.press("enter", "j")
        assert hand.current() == "add-tests"
        assert hand.shows("agent:codex · 1 of 5")


async def test_keys_typed_into_the_filter_are_no_commands(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("slash")
        await hand.write("Sqyn:")
        await hand.press("home", "end", "left", "tab")
        assert hand.bridge.deck.query.text == "Sqyn:"
        assert hand.screen is hand.deck
        assert not hand.sent(c.Answer)


async def test_escape_gives_the_filter_up(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("slash")
        await hand.write("nothing at all")
        assert hand.shows("no session")
        await hand.press("escape")
        assert hand.shows("□ old")
        assert not hand.widget("#filter").display


async def test_an_unknown_token_tells_the_valid_ones(busy: Crew) -> None:
    async with aboard(busy, (160, 40)) as hand:
        await hand.press("slash")
        await hand.write("is:neds")
        assert hand.shows("is:needs? Or working idle done failed ended")


async def test_the_filter_opens_with_what_is_in_force(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("slash")
        await hand.write("is:idle")
        await hand.press("enter", "slash", "backspace", "enter")
        assert hand.bridge.deck.query.text == "is:idl"


async def test_o_folds_quiet_sessions_and_a_click_or_j_unfolds_them(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("o")
        assert hand.shows("… 1 idle, 1 done")
        assert not hand.shows("site-idle")
        await hand.press("G")
        assert hand.shows("site-idle")
        assert not hand.bridge.deck.folded


async def test_minimal_mode_has_one_list_and_the_focused_panel(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("m")
        assert hand.sent(c.ToggleMinimal)
        assert not hand.shows("ATTENTION")
        assert hand.shows("… 1 idle, 1 done", "$ hello from fix-login", "shop", "Fix the login")
        assert hand.lines()[2].startswith("│! fix-login")
        await hand.press("tab")
        assert hand.toasts() == ["Minimal mode has one list only."]
        await hand.press("m")
        assert hand.shows("ATTENTION", "site-idle")


async def test_minimal_can_be_asked_for_at_the_start(busy: Crew) -> None:
    async with aboard(busy, minimal=True) as hand:
        assert not hand.shows("ATTENTION")


async def test_minimal_can_be_the_users_preference(busy: Crew) -> None:
    busy.preferences["minimal"] = True
    async with aboard(busy) as hand:
        assert not hand.shows("ATTENTION")


async def test_the_left_column_has_a_width_of_choice_that_is_kept(busy: Crew) -> None:
    async with aboard(busy, (120, 30)) as hand:
        await hand.press("greater_than_sign")
        assert busy.preferences["list_width"] == 38
        assert hand.widget("#left").size.width == 38
        await hand.hold("less_than_sign", 8)
        assert busy.preferences["list_width"] == 20
        await hand.hold("greater_than_sign", 40)
        assert busy.preferences["list_width"] == 80


async def test_grouping_is_a_preference(busy: Crew) -> None:
    busy.preferences["group_by_repo"] = False
    async with aboard(busy) as hand:
        assert not hand.shows("site ────")


# ---- mouse


async def test_a_click_goes_to_a_session_and_two_type_into_it(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.click("#sessions", offset=(5, 3))
        await hand.settle()
        assert hand.current() == "add-tests"
        await hand.press("b")
        assert hand.current() == "fix-login"
        await hand.pilot.click("#sessions", offset=(5, 3), times=2)
        await hand.settle()
        assert hand.deck.terminal.entered
        assert hand.current() == "add-tests"


async def test_a_click_on_a_heading_or_on_nothing_does_nothing(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.click("#sessions", offset=(5, 1))
        await hand.pilot.click("#sessions", offset=(5, 11))
        await hand.settle()
        assert hand.current() == "fix-login"


async def test_a_click_goes_to_an_item(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.click("#attention", offset=(5, 2))
        await hand.settle()
        assert hand.current() == "docs"
        assert hand.bridge.deck.target.title == "Which colour?"


async def test_hints_and_screen_names_can_be_clicked(busy: Crew) -> None:
    async with aboard(busy) as hand:
        busy.clock.advance(1)
        await hand.pilot.click("#key-line", offset=(3, 0))
        await hand.settle()
        assert [sent.choice for sent in hand.sent(c.Answer)] == ["1"]
        await hand.pilot.click("#status-line", offset=(78, 0))
        await hand.settle()
        assert hand.top().endswith("1  2  3  4 [5 Log]")


async def test_a_click_beside_the_hints_does_nothing(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.click("#key-line", offset=(60, 0))
        await hand.settle()
        assert busy.commands == hand.sent(c.SetFocus)


# ---- size


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (20, 5)])
async def test_a_terminal_too_small_is_told_and_recovers(busy: Crew, size: tuple[int, int]) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.resize_terminal(*size)
        await hand.settle()
        assert hand.shows("80x24", f"{size[0]}x{size[1]}")
        assert not hand.shows("SESSIONS")
        await hand.press("S", "y", "q")
        assert not hand.sent(c.StopAgent)
        await hand.pilot.resize_terminal(250, 70)
        await hand.settle()
        assert hand.shows("SESSIONS", "$ hello from fix-login")


async def test_a_start_in_a_small_terminal_says_so(busy: Crew) -> None:
    async with aboard(busy, (60, 20)) as hand:
        assert hand.shows("80x24; this is 60x20.")
        await hand.pilot.resize_terminal(80, 24)
        await hand.settle()
        assert hand.shows("SESSIONS")


async def test_a_dialog_survives_a_small_terminal(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.press("S")
        await hand.pilot.resize_terminal(40, 10)
        await hand.settle()
        assert not hand.shows("Stop fix-login?")
        await hand.pilot.resize_terminal(100, 30)
        await hand.settle()
        assert hand.shows("Stop fix-login?")


async def test_a_new_size_is_filled(busy: Crew) -> None:
    async with aboard(busy) as hand:
        await hand.pilot.resize_terminal(200, 60)
        await hand.settle()
        lines = hand.lines()
        assert len(lines) == 60
        assert lines[0].endswith("[1 Deck] 2 Workflows  3 Pipelines  4 Crew  5 Log")
        assert lines[1].endswith("╮")
        assert "? help" in lines[-1]


async def test_agents_that_come_and_go_are_known(busy: Crew) -> None:
    busy.agents = (agent("later"),)
    async with aboard(busy) as hand:
        assert [known.name for known in hand.bridge.view.agents] == ["later"]


async def test_in_minimal_mode_a_long_list_scrolls_with_the_cursor_there_and_back(
    crew: Crew,
) -> None:
    for number in range(30):
        crew.add(f"s{number}", activity=Activity.WORKING)
    async with aboard(crew, (80, 24)) as hand:
        await hand.press("m", "end")
        assert hand.current() == "s29"
        assert hand.shows("s29  ", "╰")
        assert hand.deck.sessions.region.bottom <= hand.deck.left.region.bottom
        await hand.press("m")
        top, height = hand.deck.sessions.scroll_offset.y, hand.deck.sessions.size.height
        assert top <= 29 < top + height, "the cursor stays in sight in the other height, too"
