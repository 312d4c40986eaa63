"""The Workflows screen, by keys: what is shown, what is asked for, what is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.tui.crew import Crew
from tests.tui.fleet import R, Ship, W, feature, hundred, task
from tests.tui.hand import Hand, aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.workflow_views import AttemptView
from quarterdeck.tui.model.flow.desk import Mode
from quarterdeck.tui.screens.deck import DeckScreen
from quarterdeck.tui.screens.flows import FlowsScreen


@pytest.fixture
def fleet(crew: Crew) -> Crew:
    """Four workflows: one half way, one that waits, one done, one failed."""
    ships = crew.fleet
    half = ships.add("feature", feature(crew.now()))
    half.critical = ("plan", "build", "test", "release")
    half.logs["build", 2] = "building\nstill building\n"
    half.logs["build", 1] = "the first try\n"
    half.results["plan"] = {"steps": ["one", "two"]}
    waits = ships.add(
        "release",
        [task("ship", kind="approve", status=R.RUNNING, started_at=crew.ago(30))],
        age=300,
    )
    ships.gate(waits, "ship")
    ships.add("nightly", [task("a", status=R.COMPLETED)], W.COMPLETED, age=4000, took=62)
    ships.add(
        "broken", [task("a", status=R.FAILED, error="boom"), task("b", "a", status=R.SKIPPED)],
        W.FAILED, age=5000, took=6, error="a failed: boom",
    )  # fmt: skip
    return crew


def ship(crew: Crew, name: str) -> Ship:
    return next(one for one in crew.fleet.ships.values() if one.line.name == name)


def screen(hand: Hand) -> FlowsScreen:
    assert isinstance(hand.screen, FlowsScreen)
    return hand.screen


async def at(hand: Hand, name: str, *keys: str) -> FlowsScreen:
    """Look at a workflow, and press keys."""
    await hand.press("2")
    screen(hand).go_to(ship(hand.crew, name).id, None)
    await hand.settle()
    await hand.press(*keys)
    return screen(hand)


# ---- the list


async def test_the_list_says_how_each_one_stands(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2")
        assert hand.shows(
            "feature", "running", "3/9", "release", "waits for you", "broken", "failed"
        )
        order = [hand.text().index(f"{sign} {name}") for sign, name in
                 (("▸", "feature"), ("!", "release"), ("✓", "nightly"), ("✗", "broken"))]  # fmt: skip
        assert order == sorted(order)
        assert "2 workflows" in hand.top()
        assert "[2 Workflows]" in hand.top()


async def test_a_step_in_the_list_shows_another_workflow(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2", "j", "j")
        assert hand.shows("nightly · ✓ completed")
        await hand.press("k")
        assert hand.shows("Release it?", "y Release it", "x Leave it")


async def test_the_filter_narrows_as_it_is_typed(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2", "slash")
        await hand.write("is:failed")
        assert hand.shows("1 workflow", "broken")
        assert not hand.shows("nightly")
        await hand.press("enter")
        assert hand.shows("is:failed · 1 of 4")
        await hand.press("slash", "escape")
        assert hand.shows("nightly")


async def test_a_faulty_filter_says_what_is_wrong(fleet: Crew) -> None:
    async with aboard(fleet, (120, 30)) as hand:
        await hand.press("2", "slash")
        await hand.write("is:runing")
        assert "is:running?" in hand.keys_line()


async def test_ended_ones_are_folded_and_unfolded(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2", "o")
        assert hand.shows("… 2 workflows ended, 1 failed")
        assert not hand.shows("nightly")
        await hand.press("G", "enter")
        assert hand.shows("nightly")


async def test_minimal_mode_has_one_row_for_each_and_folds_what_ended(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2", "m")
        lines = hand.lines()
        assert any("feature" in line and "3/9" in line and "running" in line for line in lines)
        assert hand.shows("… 2 workflows ended")
        assert hand.sent(c.ToggleMinimal)
        await hand.press("m")
        assert hand.shows("nightly")


async def test_a_workflow_that_begins_or_goes_is_seen(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2")
        new = fleet.fleet.launch("newest", [task("only")])
        await hand.until(lambda: hand.shows("newest"))
        fleet.fleet.remove(new)
        await hand.until(lambda: not hand.shows("newest"))


async def test_times_go_on_by_themselves_without_a_busy_timer(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2")
        alarm = screen(hand)._alarm
        assert alarm.pending
        fleet.clock.advance(61)
        hand.bridge.flush()
        await hand.settle()
        assert hand.shows("2:32")
        await hand.press("1")
        hand.bridge.flush()
        frames = hand.bridge.pacer.flushes
        await hand.settle()
        assert hand.bridge.pacer.flushes == frames


async def test_nothing_ticks_where_nothing_runs(crew: Crew) -> None:
    crew.fleet.add("nightly", [task("a", status=R.COMPLETED)], W.COMPLETED, age=4000, took=62)
    async with aboard(crew) as hand:
        await hand.press("2", "enter")
        for key in "6789":
            await hand.press(key)
            assert not screen(hand)._alarm.pending


async def test_no_workflow_says_how_to_begin(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("2")
        assert hand.shows("No workflow yet.", "c runs a file", "no workflow")
        await hand.press("enter", "f", "6", "p")
        assert "There is no workflow here; c runs a file." in hand.toasts()


# ---- the graph


async def test_the_graph_shows_live_states(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "enter")
        assert hand.shows("✓ plan", "▸ build", "✗ docs", "· review")
        fleet.fleet.change(ship(fleet, "feature"), "build", R.COMPLETED)
        await hand.until(lambda: hand.shows("✓ build"))
        fleet.fleet.change(ship(fleet, "feature"), "test", R.RUNNING)
        await hand.until(lambda: hand.shows("▸ test"))
        assert len(hand.sent(w.ShowWorkflow)) == 1
        assert len(hand.sent(w.DrawWorkflow)) == 1


async def test_the_cursor_moves_along_the_edges(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        desk = (await at(hand, "feature", "enter", "g")).desk
        assert desk.box == "plan"
        await hand.press("j")
        assert desk.box in {"build", "lint", "docs"}
        await hand.press("k")
        assert desk.box == "plan"
        await hand.press("l")
        right = desk.box
        assert right != "plan"
        await hand.press("h")
        assert desk.box == "plan"
        await hand.press("G")
        assert desk.box == "summary"
        assert hand.shows("summary · pending")


async def test_the_graph_scrolls_with_its_cursor(crew: Crew) -> None:
    crew.fleet.add("big", hundred(crew.ago(60)))
    async with aboard(crew) as hand:
        await at(hand, "big", "enter", "g")
        graph = screen(hand).panel.graph
        assert graph.scroll_offset.y == 0
        assert hand.shows("start")
        await hand.press("G")
        assert graph.scroll_offset.y > 0
        assert hand.shows("finish")
        assert len(hand.lines()[-1]) <= 80


async def test_a_fan_out_unfolds_and_folds_by_key(crew: Crew) -> None:
    crew.fleet.add("big", hundred(crew.ago(60)))
    async with aboard(crew, (200, 60)) as hand:
        flows = await at(hand, "big", "enter")
        flows.desk.point("fan")
        await hand.settle()
        assert hand.shows("fan (36)", "12/36", "o unfolds")
        await hand.press("o")
        await hand.until(lambda: flows.feed.picture and "fan[3]" in flows.feed.picture.boxes)
        assert not hand.shows("fan (36)")
        assert hand.sent(w.DrawWorkflow)[-1].unfolded == ("fan",)
        await hand.press("o")
        await hand.until(lambda: hand.shows("fan (36)"))


async def test_enter_on_a_fold_unfolds_it(crew: Crew) -> None:
    crew.fleet.add("big", hundred(crew.ago(60)))
    async with aboard(crew, (200, 60)) as hand:
        flows = await at(hand, "big", "enter")
        flows.desk.point("fan")
        await hand.settle()
        await hand.press("enter")
        assert not flows.desk.detail
        assert "fan" in flows.desk.unfolded


async def test_a_search_marks_its_matches_and_goes_through_them(crew: Crew) -> None:
    crew.fleet.add("big", hundred(crew.ago(60)))
    async with aboard(crew, (120, 36)) as hand:
        flows = await at(hand, "big", "enter", "slash")
        await hand.write("c2-")
        assert "10 matches" in hand.keys_line()
        assert flows.desk.box == "c2-0"
        await hand.press("enter", "n")
        assert flows.desk.box == "c2-1"
        await hand.press("N", "N")
        assert flows.desk.box == "c2-9"
        await hand.press("escape")
        assert flows.desk.needle == ""
        await hand.press("escape")
        assert flows.flows.has_focus


async def test_a_key_leads_to_what_failed(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "enter", "g", "f")
        assert flows.desk.box == "docs"
        assert hand.shows("exit code 2: no such target")
        await hand.press("8", "g", "F")
        assert flows.desk.task_id == "docs"


async def test_another_width_is_drawn_anew(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "enter")
        await hand.pilot.resize_terminal(160, 40)
        await hand.until(lambda: len(hand.sent(w.DrawWorkflow)) >= 2)
        widths = [sent.width for sent in hand.sent(w.DrawWorkflow)]
        assert widths[-1] > widths[0]
        assert len(hand.sent(w.ShowWorkflow)) == 1


async def test_a_task_that_is_new_is_asked_for_with_the_whole(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "enter")
        half = ship(fleet, "feature")
        half.tasks["extra"] = task("extra", "plan")
        fleet.fleet.change(half, "extra", R.RUNNING)
        await hand.until(lambda: hand.shows("extra"))
        assert len(hand.sent(w.ShowWorkflow)) == 2
        assert len(hand.sent(w.DrawWorkflow)) == 2


async def test_the_workflow_has_the_screen_to_itself_by_key(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await at(hand, "feature", "enter", "v")
        assert not hand.shows("WORKFLOWS")
        await hand.until(lambda: hand.sent(w.DrawWorkflow)[-1].width == 78)
        await hand.press("escape")
        assert hand.shows("WORKFLOWS")


async def test_a_box_is_clicked_and_clicked_twice(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature")
        picture = flows.feed.picture
        assert picture is not None
        box = picture.boxes["lint"]
        where = (box.x + 3, box.y + 1)
        await hand.pilot.click("#graph", offset=where)
        await hand.settle()
        assert flows.desk.box == "lint"
        await hand.pilot.click("#graph", offset=where, times=2)
        await hand.until(lambda: flows.desk.detail)
        assert flows.desk.task_id == "lint"


async def test_a_click_chooses_a_view_a_workflow_and_a_task(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature")
        await hand.pilot.click("#flow-tabs", offset=(24, 0))
        await hand.settle()
        assert flows.desk.mode is Mode.TASKS
        await hand.pilot.click("#tasks", offset=(4, 2))
        await hand.settle()
        assert flows.desk.task_id == "lint"
        await hand.pilot.click("#flows", offset=(5, 3))
        await hand.settle()
        assert hand.shows("Release it?")


# ---- the other views


async def test_the_gantt_grows_and_asks_only_for_attempts_that_nobody_saw(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    half.attempts["build"] = [
        AttemptView(task_id="build", attempt=1, status=R.FAILED, started_at=fleet.ago(70), ended_at=fleet.ago(50))
    ]  # fmt: skip
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "7")
        assert hand.shows("╷0s", "╷30s", "▸ build", "▓▓▓", "░░")
        assert [sent.task_id for sent in hand.sent(w.ShowTask)] == ["build"]
        before = hand.text().count("▓")
        fleet.clock.advance(20)
        hand.bridge.flush()
        await hand.settle()
        assert hand.text().count("▓") > before
        await hand.press("j", "k", "6", "7")
        assert len(hand.sent(w.ShowTask)) == 1


async def test_the_table_has_a_filter_of_its_own(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "8", "slash")
        await hand.write("is:failed")
        await hand.press("enter")
        assert hand.shows("✗ docs", "exit code 2: no such target")
        assert not hand.shows("· review")
        await hand.press("slash", "escape")
        assert hand.shows("· review")


async def test_a_task_stays_chosen_from_view_to_view(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "8", "g", "j")
        assert flows.desk.task_id == "build"
        await hand.press("6")
        assert flows.desk.box == "build"
        await hand.press("7")
        assert flows.panel.gantt.cursor == 1


async def test_two_versions_are_compared_and_one_is_gone_back_to(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "9")
        assert hand.shows("version", "10 versions")
        await hand.press("j", "enter")
        await hand.until(lambda: hand.shows("Version 8 → version 9"))
        assert hand.shows("summary", "status: pending → pending")
        await hand.press("space", "j", "j", "j", "enter")
        await hand.until(lambda: hand.shows("Version 6 → version 9"))
        sent = hand.sent(w.CompareVersions)[-1]
        assert (sent.before, sent.after) == (6, 9)
        fleet.fleet.change(ship(fleet, "feature"), "build", R.COMPLETED)
        await hand.settle()
        await hand.press("B")
        assert hand.shows("Go back to version 6 of feature?", "Sessions and files are not undone")
        await hand.press("B")
        assert not hand.sent(w.RollBackWorkflow)
        await hand.press("y")
        assert [sent.version for sent in hand.sent(w.RollBackWorkflow)] == [6]
        await hand.until(lambda: hand.shows("restored from version 6"))
        assert len(hand.sent(w.ShowWorkflow)) == 2
        assert flows.feed.flow is not None


async def test_a_rollback_is_refused_while_tasks_run(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "9", "j", "B")
        assert "1 task still at work; pause or cancel it first." in hand.toasts()


async def test_a_history_grows_while_it_is_looked_at(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "9")
        fleet.fleet.change(ship(fleet, "feature"), "build", R.COMPLETED)
        await hand.until(lambda: hand.shows("11 versions"))
        assert hand.sent(w.WorkflowHistory)[-1].after == 10


async def test_older_versions_are_asked_for_when_the_cursor_comes_to_them(crew: Crew) -> None:
    long = crew.fleet.add("long", [task(f"t{n}") for n in range(700)])
    async with aboard(crew, (120, 36)) as hand:
        flows = await at(hand, "long", "9")
        assert len(flows.feed.history.versions) == 200
        assert hand.shows("and older ones")
        for _ in range(3):
            await hand.press("G")
            await hand.settle()
        assert len(flows.feed.history.versions) == len(long.versions)


# ---- a task


async def test_a_task_is_told_in_full_with_its_log(fleet: Crew) -> None:
    async with aboard(fleet, (160, 40)) as hand:
        flows = await at(hand, "feature", "8", "g", "enter")
        assert hand.shows("RESULT", '"steps": [', "ATTEMPTS")
        await hand.press("escape", "j", "enter")
        await hand.until(lambda: hand.shows("LOG attempt 2 of 2", "still building"))
        assert flows.panel.facts.has_focus
        await hand.press("a")
        await hand.until(lambda: hand.shows("the first try"))
        await hand.press("a")
        await hand.until(lambda: hand.shows("still building"))


async def test_a_log_is_followed_held_and_followed_again(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    half.logs["build", 2] = "".join(f"line {n}\n" for n in range(100))
    async with aboard(fleet, (160, 40)) as hand:
        flows = await at(hand, "feature", "8", "g", "j", "enter", "tab")
        log = flows.panel.log_lines
        assert log.has_focus
        await hand.until(lambda: hand.shows("line 99"))
        await hand.press("k")
        assert hand.shows("holding still")
        top = log.scroll_offset.y
        fleet.fleet.say(half, "build", "line 100\n")
        await hand.until(lambda: len(log.rows) == 101)
        assert log.scroll_offset.y == top
        await hand.press("G")
        fleet.fleet.say(half, "build", "line 101\nline 102")
        await hand.until(lambda: hand.shows("line 102"))
        fleet.fleet.say(half, "build", " goes on\n")
        await hand.until(lambda: hand.shows("line 102 goes on"))


async def test_what_was_written_before_is_fetched_when_one_scrolls_back(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    half.logs["build", 2] = "".join(f"line {n:06}\n" for n in range(12_000))
    async with aboard(fleet, (160, 40)) as hand:
        flows = await at(hand, "feature", "8", "g", "j", "enter", "tab")
        await hand.until(lambda: hand.shows("line 011999"))
        assert flows.feed.log is not None
        held = len(flows.feed.log.lines)
        await hand.press("g")
        await hand.until(lambda: flows.feed.log and len(flows.feed.log.lines) > held)
        await hand.press("g")
        await hand.until(lambda: flows.feed.log and not flows.feed.log.has_older)
        await hand.press("g")
        assert hand.shows("line 000000")
        assert flows.feed.log.lines[5_000] == "line 005000"


async def test_a_log_is_searched(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    half.logs["build", 2] = "".join(
        f"line {n}{' needle' if n % 90 == 5 else ''}\n" for n in range(200)
    )
    async with aboard(fleet, (160, 40)) as hand:
        flows = await at(hand, "feature", "8", "g", "j", "enter", "tab", "slash")
        await hand.write("needle")
        assert "3 matches" in hand.keys_line()
        await hand.press("enter", "N")
        first = flows.panel.log_lines.scroll_offset.y
        assert hand.shows("line 95 needle")
        await hand.press("n")
        assert flows.panel.log_lines.scroll_offset.y != first
        await hand.press("escape")
        assert flows.desk.detail


async def test_a_task_without_output_says_so(fleet: Crew) -> None:
    fleet.refuse("workflow.log", "log_missing", "There is no log.")
    async with aboard(fleet, (160, 40)) as hand:
        await at(hand, "feature", "8", "g", "enter")
        await hand.until(lambda: hand.shows("no output"))
        await hand.press("escape", "G", "enter")
        assert hand.shows("it has not begun")
        assert not hand.toasts()


async def test_a_session_task_leads_to_its_session(fleet: Crew) -> None:
    session = fleet.add("builder", "claude", Activity.WORKING)
    half = ship(fleet, "feature")
    half.tasks["build"] = half.tasks["build"].model_copy(update={"session_id": session.id})
    fleet.add("other", "codex")
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "enter", "g", "d")
        assert "No session and no workflow works on this task." in hand.toasts()
        flows.desk.point("build")
        await hand.press("d")
        assert isinstance(hand.screen, DeckScreen)
        assert hand.current() == "builder"


async def test_a_nested_workflow_is_gone_to(fleet: Crew) -> None:
    half, waits = ship(fleet, "feature"), ship(fleet, "release")
    half.tasks["build"] = half.tasks["build"].model_copy(update={"child_workflow": waits.id})
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature")
        flows.desk.point("build")
        await hand.press("d")
        assert flows.desk.flow_id == waits.id


# ---- gates


async def test_a_gate_is_answered_in_place(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await at(hand, "release")
        assert hand.shows("# ship: Release it?", "y Release it", "x Leave it")
        await hand.press("y")
        (sent,) = hand.sent(c.AnswerItem)
        assert sent.choice == "approve"
        await hand.until(lambda: not hand.shows("Release it?"))
        assert "“Release it”: release: Release it?" in hand.toasts()


async def test_a_gate_is_looked_at_and_answered_there(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await at(hand, "release", "space")
        assert hand.shows("Gate · release", "Tests: completed", "1 Release it", "2 Leave it")
        await hand.press("2")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["reject"]


async def test_an_answer_never_goes_to_what_is_not_shown(busy: Crew) -> None:
    busy.fleet.add("feature", feature(busy.now()))
    async with aboard(busy) as hand:
        await hand.press("2", "y", "A", "x")
        assert not hand.sent(c.Answer)
        assert not hand.sent(c.AnswerItem)
        assert "Nothing here needs you; n goes to what does." in hand.toasts()


async def test_a_gate_that_comes_up_under_the_hand_is_not_answered_at_once(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        flows = await at(hand, "feature", "enter")
        flows.desk.point("build")
        await hand.settle()
        fleet.fleet.ask(ship(fleet, "feature"), "build")
        await hand.until(lambda: hand.shows("# build: Release it?"))
        hand._press("y")
        await hand.settle()
        assert not hand.sent(c.AnswerItem)
        assert any("came up only just now" in toast for toast in hand.toasts())
        await hand.press("y")
        assert hand.sent(c.AnswerItem)


async def test_the_next_item_leads_from_the_deck_to_the_workflow_and_its_task(fleet: Crew) -> None:
    fleet.add("worker", "claude")
    async with aboard(fleet) as hand:
        await hand.press("n")
        assert hand.shows(
            "release · ship · # gate", "Release it?", "y Release it", "enter goes there"
        )
        assert hand.current() == ""
        await hand.press("enter")
        assert isinstance(hand.screen, FlowsScreen)
        assert hand.screen.desk.flow_id == ship(fleet, "release").id
        assert hand.screen.desk.task_id == "ship"


async def test_a_gate_is_answered_on_the_deck(fleet: Crew) -> None:
    fleet.add("worker", "claude")
    async with aboard(fleet) as hand:
        await hand.press("n", "x")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["reject"]
        await hand.until(lambda: hand.current() == "worker")


async def test_a_session_is_not_steered_while_a_gate_is_shown(fleet: Crew) -> None:
    fleet.add("worker", "claude")
    async with aboard(fleet) as hand:
        await hand.press("n", "S", "i")
        assert not hand.shows("Stop worker?")
        await hand.press("j")
        assert hand.current() == "worker"


async def test_the_next_item_leads_on_from_workflow_to_session(fleet: Crew) -> None:
    worker = fleet.add("worker", "claude", Activity.NEEDS_APPROVAL)
    fleet.item(worker)
    fleet.draw(worker, ["$ "])
    async with aboard(fleet) as hand:
        await hand.press("n")
        await hand.press("2", "n")
        await hand.until(lambda: isinstance(hand.screen, DeckScreen) or hand.shows("# ship"))
        await hand.press("2", "n")
        await hand.settle()
        seen = {hand.bridge.deck.item_id}
        assert seen


async def test_a_failure_leads_to_its_workflow(fleet: Crew) -> None:
    broken = ship(fleet, "broken")
    fleet.items.clear()
    item = fleet.item(
        fleet.add("worker", "claude"), AttentionKind.FAILURE, "broken failed: a failed: boom",
        choices=(),
    )  # fmt: skip
    fleet.items[item.item_id] = item.model_copy(update={"session_id": "", "workflow_id": broken.id})
    async with aboard(fleet) as hand:
        await hand.press("2", "n")
        flows = screen(hand)
        assert flows.desk.flow_id == broken.id
        assert hand.shows("✗ broken failed: a failed: boom")
        await hand.press("X")
        assert hand.sent(c.ResolveItem)


# ---- steering

CASES: list[tuple[str, tuple[str, ...], type[c.Payload], dict[str, Any]]] = [
    ("feature", ("p",), w.PauseWorkflow, {"interrupt": False}),
    ("feature", ("P", "y"), w.PauseWorkflow, {"interrupt": True}),
    ("feature", ("S", "y"), w.CancelWorkflow, {}),
    ("broken", ("r",), w.RetryWorkflow, {}),
    ("broken", ("enter", "t", "y"), w.RerunTask, {"task_id": "a"}),
    ("broken", ("D", "y"), w.DeleteWorkflow, {}),
]


@pytest.mark.parametrize(
    ("name", "keys", "kind", "wanted"), CASES, ids=[" ".join(k[1]) for k in CASES]
)
async def test_a_key_sends_its_command(
    fleet: Crew, name: str, keys: tuple[str, ...], kind: type[c.Payload], wanted: dict[str, Any]
) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, name)
        flow_id = ship(fleet, name).id
        await hand.press(*keys)
        (sent,) = hand.sent(kind)
        assert sent.workflow_id == flow_id
        assert {key: getattr(sent, key) for key in wanted} == wanted
        assert hand.toasts()


async def test_a_paused_one_goes_on(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "p")
        await hand.until(lambda: hand.shows("‖ paused"))
        await hand.press("R")
        assert hand.sent(w.ResumeWorkflow)
        fleet.fleet.stand(ship(fleet, "feature"), W.PAUSED)
        await hand.until(lambda: hand.shows("‖ paused"))
        await hand.press("s")
        assert hand.sent(w.StartWorkflow)


@pytest.mark.parametrize("key", ["S", "P", "t", "D"])
async def test_a_held_key_never_confirms(fleet: Crew, key: str) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature" if key in "SP" else "broken", "enter")
        before = len(fleet.commands)
        await hand.hold(key, 8)
        kinds = {type(sent) for sent in fleet.commands[before:]}
        assert not kinds & {w.CancelWorkflow, w.PauseWorkflow, w.RerunTask, w.DeleteWorkflow}


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("feature", "D", "It is running; S cancels it first."),
        ("feature", "r", "It is running; when it has ended it can begin anew."),
        ("feature", "t", "It is running; when it has ended, tasks can run again."),
        ("feature", "s", "It is running already; r begins anew from what failed."),
        ("feature", "R", "It is running, not paused."),
        ("nightly", "p", "It is completed; there is nothing to pause."),
        ("nightly", "P", "It is completed; nothing runs."),
        ("nightly", "S", "It is completed already."),
        ("nightly", "i", "It is completed already."),
        ("nightly", "r", "Nothing failed and nothing was cancelled; t begins anew from a task."),
        ("nightly", "f", "No task has failed."),
        ("nightly", "a", "enter opens the task first."),
    ],
)  # fmt: skip
async def test_what_can_not_be_done_says_why(fleet: Crew, name: str, key: str, said: str) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, name, key)
        assert said in hand.toasts()


async def test_a_refusal_of_the_engine_is_shown(fleet: Crew) -> None:
    fleet.refuse("workflow.pause", "workflow_busy", "Another engine drives it.")
    async with aboard(fleet) as hand:
        await at(hand, "feature", "p")
        assert "workflow_busy: Another engine drives it." in hand.toasts()


async def test_hints_tell_only_what_can_be_done(fleet: Crew) -> None:
    async with aboard(fleet, (250, 70)) as hand:
        for name in ("feature", "release", "nightly", "broken"):
            for keys in ((), ("enter",), ("7",), ("8", "enter"), ("escape", "9")):
                flows = await at(hand, name, *keys)
                for spot in flows.key_line.spots:
                    assert flows.handlers[spot.name].why_not() is None, spot.name
                await hand.press("escape", "escape")


async def test_the_palette_names_workflows_and_every_control(fleet: Crew) -> None:
    async with aboard(fleet, (120, 60)) as hand:
        await at(hand, "feature", "colon")
        assert hand.shows("WORKFLOWS", "Go to feature")
        await hand.write("pause")
        assert hand.shows("Pause: what runs may end", "Pause, and end what runs at once")
        await hand.press("enter")
        assert hand.sent(w.PauseWorkflow)
        await hand.press("1", "colon")
        await hand.write("go to broken")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("broken · ✗ failed") or hand.shows("a failed: boom"))


# ---- gaps


async def test_after_a_lost_link_the_truth_is_asked_for(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "enter")
        half = ship(fleet, "feature")
        fleet.drop()
        half.tasks["build"] = half.tasks["build"].model_copy(
            update={"status": R.COMPLETED, "ended_at": fleet.now(), "version": 90}
        )
        half.tasks["more"] = task("more", "build", version=91)
        await hand.until(lambda: not hand.bridge.link.state.up)
        await hand.press("ctrl+r")
        await hand.until(lambda: hand.shows("✓ build", "more"))
        assert flows.desk.flow_id == half.id
        assert fleet.connects == 2


async def test_a_change_that_overtakes_the_answer_is_not_lost(fleet: Crew) -> None:
    fleet.held.add("workflow.show")
    async with aboard(fleet, (120, 36)) as hand:
        await hand.press("2")
        assert hand.shows("Asking for it…")
        fleet.answer_held()
        await hand.until(lambda: hand.shows("▸ build"))


async def test_an_answer_for_a_workflow_that_was_left_is_dropped(fleet: Crew) -> None:
    fleet.held.add("workflow.show")
    async with aboard(fleet, (120, 36)) as hand:
        await hand.press("2", "j")
        fleet.answer_held()
        await hand.settle()
        fleet.answer_held()
        await hand.until(lambda: screen(hand).feed.flow is not None)
        flow = screen(hand).feed.flow
        assert flow is not None
        assert flow.line.name == "release"


async def test_a_workflow_that_can_not_be_shown_says_why(fleet: Crew) -> None:
    fleet.refuse("workflow.show", "workflow_unknown", "There is no such workflow.")
    async with aboard(fleet, (120, 36)) as hand:
        await hand.press("2")
        await hand.until(lambda: hand.shows("There is no such workflow."))
        assert len(hand.sent(w.ShowWorkflow)) == 1


async def test_events_of_workflows_are_in_the_log(fleet: Crew) -> None:
    async with aboard(fleet, (160, 36)) as hand:
        fleet.fleet.change(ship(fleet, "feature"), "build", R.COMPLETED)
        fleet.fleet.stand(ship(fleet, "feature"), W.COMPLETED)
        fleet.tell(e.SystemInfo(code="x", message="y"))
        await hand.press("5")
        await hand.until(
            lambda: hand.shows("workflow.task", "build: completed", "feature: running → completed")
        )


async def test_a_retry_in_its_wait_says_so(crew: Crew) -> None:
    crew.fleet.add(
        "flaky",
        [task("a", status=R.RETRYING, attempt=1, max_attempts=3, started_at=crew.ago(9),
              ended_at=crew.ago(2), next_attempt_at=crew.now() + timedelta(seconds=60))],
    )  # fmt: skip
    async with aboard(crew, (120, 36)) as hand:
        await at(hand, "flaky", "enter")
        assert hand.shows("↻ a", "try 2/3")
        await hand.press("enter")
        assert hand.shows("tried again in")
