"""The Workflows screen, by keys: what is shown, what is asked for, what is sent."""

from __future__ import annotations

from tests.tui.crew import Crew
from tests.tui.fleet import R, hundred, task
from tests.tui.flows_hand import at, screen, ship
from tests.tui.hand import aboard
from tests.tui.lanes import debate

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.workflow_views import AttemptView
from quarterdeck.tui.model.flow.desk import Mode
from quarterdeck.tui.screens.deck import DeckScreen
from quarterdeck.tui.screens.pipelines import PipelinesScreen

# ---- the list


async def test_the_list_says_how_each_one_stands_and_is_walked_through(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2")
        assert hand.shows("running", "3/9", "waits for you")
        signs = (("▸", "feature"), ("!", "release"), ("✓", "nightly"), ("✗", "broken"))
        order = [hand.text().index(f"{sign} {name}") for sign, name in signs]
        assert order == sorted(order)
        assert "2 workflows" in hand.top()
        assert "[2 Workflows]" in hand.top()
        await hand.press("j", "j")
        assert hand.shows("nightly · ✓ completed")
        await hand.press("k")
        assert hand.shows("Release it?", "y Release it", "x Leave it")
        new = fleet.fleet.launch("newest", [task("only")])
        await hand.until(lambda: hand.shows("newest"))
        fleet.fleet.remove(new)
        await hand.until(lambda: not hand.shows("newest"))


async def test_the_list_is_filtered_as_one_types_and_folded_by_key(fleet: Crew) -> None:
    async with aboard(fleet, (120, 30)) as hand:
        await hand.press("2", "slash")
        await hand.write("is:faild")
        assert "is:failed?" in hand.keys_line()
        await hand.press("backspace")
        await hand.write("ed")
        assert hand.shows("1 workflow", "broken")
        assert not hand.shows("nightly")
        await hand.press("enter")
        assert hand.shows("is:failed · 1 of 4")
        await hand.press("slash", "escape", "g", "o")
        assert hand.shows("… 2 workflows ended, 1 failed")
        await hand.press("G", "enter")
        assert hand.shows("nightly")
        await hand.press("m")
        assert hand.shows("… 2 workflows ended") or hand.shows("… 1 workflow ended")
        lines = hand.lines()
        assert any("feature" in line and "3/9" in line and "running" in line for line in lines)
        assert hand.sent(c.ToggleMinimal)


async def test_times_go_on_by_themselves_and_nothing_ticks_unseen(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await hand.press("2")
        assert screen(hand)._alarm.pending
        fleet.clock.advance(61)
        hand.bridge.flush()
        await hand.settle()
        assert hand.shows("2:32")
        for one in list(fleet.fleet.ships.values()):
            if one.line.name != "nightly":
                fleet.fleet.remove(one)
        await hand.until(lambda: hand.shows("nightly · ✓ completed"))
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


async def test_the_graph_follows_what_happens_and_is_drawn_once(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "enter", "g")
        half, desk = ship(fleet, "feature"), flows.desk
        assert hand.shows("✓ plan", "▸ build", "✗ docs", "· review")
        fleet.fleet.change(half, "build", R.COMPLETED)
        await hand.until(lambda: hand.shows("✓ build"))
        fleet.fleet.change(half, "test", R.RUNNING)
        await hand.until(lambda: hand.shows("▸ test"))
        assert desk.box == "plan"
        await hand.press("j")
        assert desk.box in {"build", "lint", "docs"}
        await hand.press("k", "l")
        assert desk.box not in {None, "plan"}
        await hand.press("h", "f")
        assert desk.box == "docs"
        assert hand.shows("exit code 2: no such target")
        await hand.press("G")
        assert desk.box == "summary"
        assert len(hand.sent(w.ShowWorkflow)) == len(hand.sent(w.DrawWorkflow)) == 1
        await hand.pilot.resize_terminal(160, 40)
        await hand.until(lambda: hand.sent(w.DrawWorkflow)[-1].width == 114)
        assert len(hand.sent(w.DrawWorkflow)) <= 3  # the list beside it may get its size later
        assert len(hand.sent(w.ShowWorkflow)) == 1
        half.tasks["extra"] = task("extra", "plan")
        fleet.fleet.change(half, "extra", R.RUNNING)
        await hand.until(lambda: hand.shows("▸ extra"))
        assert len(hand.sent(w.ShowWorkflow)) == 2


async def test_a_hundred_tasks_are_walked_searched_and_unfolded(crew: Crew) -> None:
    crew.fleet.add("big", hundred(crew.ago(60)))
    async with aboard(crew) as hand:
        flows = await at(hand, "big", "enter", "v", "g")
        graph, desk = flows.panel.graph, flows.desk
        assert not hand.shows("WORKFLOWS")
        assert graph.scroll_offset.y == 0
        assert hand.shows("✓ start")
        await hand.press("G")
        assert graph.scroll_offset.y > 0
        assert hand.shows("· finish")
        await hand.press("f")
        assert hand.shows("✗ c3-5")
        await hand.press("slash")
        await hand.write("c2-")
        assert "10 matches" in hand.keys_line()
        await hand.press("enter")
        desk.point("c2-0")
        hand.bridge.flush()
        await hand.press("n")
        assert desk.box == "c2-1"
        await hand.press("N", "N")
        assert desk.box == "c2-9"
        await hand.press("escape")
        assert desk.needle == ""
        flows.go_to(ship(crew, "big").id, "fan")
        await hand.settle()
        assert hand.shows("fan (36)", "12/36", "o unfolds")
        await hand.press("enter")
        await hand.until(lambda: flows.feed.picture and "fan[3]" in flows.feed.picture.boxes)
        assert not desk.detail
        assert hand.sent(w.DrawWorkflow)[-1].unfolded == ("fan",)
        await hand.press("o")
        await hand.until(lambda: hand.shows("fan (36)"))
        await hand.press("escape")
        assert hand.shows("WORKFLOWS")
        assert len(hand.sent(w.ShowWorkflow)) == 1


async def test_boxes_views_workflows_and_tasks_are_clicked(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature")
        assert flows.feed.picture is not None
        box = flows.feed.picture.boxes["lint"]
        where = (box.x + 3, box.y + 1)
        await hand.pilot.click("#graph", offset=where)
        await hand.settle()
        assert flows.desk.box == "lint"
        await hand.pilot.click("#graph", offset=where, times=2)
        await hand.until(lambda: flows.desk.detail)
        await hand.pilot.click("#flow-tabs", offset=(24, 0))
        await hand.settle()
        assert flows.desk.mode is Mode.TASKS
        await hand.pilot.click("#tasks", offset=(4, 1))
        await hand.settle()
        assert flows.desk.task_id == "build"
        await hand.pilot.click("#flows", offset=(5, 3))
        await hand.settle()
        assert hand.shows("Release it?")


# ---- the other views


async def test_chart_and_table_show_the_same_task_and_fetch_only_what_is_missing(
    fleet: Crew,
) -> None:
    half = ship(fleet, "feature")
    half.attempts["build"] = [
        AttemptView(
            task_id="build", attempt=1, status=R.FAILED, started_at=fleet.ago(70),
            ended_at=fleet.ago(50),
        )
    ]  # fmt: skip
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "7")
        assert hand.shows("╷0s", "╷30s", "▸ build", "▓▓▓", "░░")
        before = hand.text().count("▓")
        fleet.clock.advance(20)
        hand.bridge.flush()
        await hand.settle()
        assert hand.text().count("▓") > before
        await hand.press("g", "j", "6")
        assert flows.desk.box == "build"
        await hand.press("8")
        assert flows.panel.tasks.cursor == 1
        assert [sent.task_id for sent in hand.sent(w.ShowTask)] == ["build"]
        await hand.press("slash")
        await hand.write("is:failed")
        await hand.press("enter")
        assert hand.shows("✗ docs")
        assert not hand.shows("· review")
        await hand.press("slash", "escape")
        assert hand.shows("· review")


async def test_two_versions_are_compared_and_one_is_gone_back_to(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "feature", "9")
        assert hand.shows("version", "10 versions")
        await hand.press("j", "enter")
        await hand.until(lambda: hand.shows("Version 8 → version 9"))
        await hand.press("space", "j", "j", "j", "enter")
        await hand.until(lambda: hand.shows("Version 6 → version 9"))
        await hand.press("B")
        assert "1 task still at work; pause or cancel it first." in hand.toasts()
        fleet.fleet.change(half, "build", R.COMPLETED)
        await hand.until(lambda: hand.shows("11 versions"))
        assert hand.sent(w.WorkflowHistory)[-1].after == 10
        await hand.press("B")
        assert hand.shows("Go back to version 6 of feature?", "not undone")
        await hand.press("B")
        assert not hand.sent(w.RollBackWorkflow)
        await hand.press("y")
        assert [sent.version for sent in hand.sent(w.RollBackWorkflow)] == [6]
        await hand.until(lambda: hand.shows("12 versions"))
        await hand.press("g")
        assert hand.shows("restored from version 6")
        assert len(hand.sent(w.ShowWorkflow)) == 2


async def test_a_question_names_only_keys_that_answer_it_where_the_cursor_is(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        await at(hand, "release", "9")
        await hand.until(lambda: not hand.shows("space peek"))
        assert hand.shows("space mark")
        await hand.press("6")
        await hand.until(lambda: hand.shows("space peek"))


async def test_older_versions_are_asked_for_when_the_cursor_comes_to_them(crew: Crew) -> None:
    long = crew.fleet.add("long", [task(f"t{n}") for n in range(700)])
    async with aboard(crew, (120, 36)) as hand:
        flows = await at(hand, "long", "9")
        assert len(flows.feed.history.versions) == 200
        assert hand.shows("and older ones")
        await hand.press("G", "G", "G")
        assert len(flows.feed.history.versions) == len(long.versions)


# ---- a task


async def test_a_task_is_told_in_full_and_its_log_is_followed_and_searched(fleet: Crew) -> None:
    half = ship(fleet, "feature")
    lines = (f"line {n}{' needle' if n % 90 == 5 else ''}\n" for n in range(100))
    half.logs["build", 2] = "".join(lines)
    async with aboard(fleet, (160, 40)) as hand:
        flows = await at(hand, "feature", "8", "g", "enter")
        assert hand.shows("RESULT", '"steps": [', "ATTEMPTS", "no output")
        await hand.press("escape", "j", "enter")
        await hand.until(lambda: hand.shows("LOG attempt 2 of 2", "line 99"))
        await hand.press("a")
        await hand.until(lambda: hand.shows("the first try"))
        await hand.press("a")
        await hand.until(lambda: hand.shows("line 99"))
        await hand.press("tab")
        log = flows.panel.log_lines
        assert log.has_focus
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
        await hand.press("slash")
        await hand.write("needle")
        assert "2 matches" in hand.keys_line()
        await hand.press("enter", "N")
        assert hand.shows("line 5 needle") or hand.shows("line 95 needle")
        await hand.press("escape", "escape", "G", "enter")
        assert hand.shows("it has not begun")


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


async def test_a_task_leads_to_its_session_or_its_nested_workflow(fleet: Crew) -> None:
    session = fleet.add("builder", "claude", Activity.WORKING)
    half, waits = ship(fleet, "feature"), ship(fleet, "release")
    more = {"build": {"session_id": session.id}, "lint": {"child_workflow": waits.id}}
    for name, changes in more.items():
        half.tasks[name] = half.tasks[name].model_copy(update=changes)
    async with aboard(fleet, (120, 36)) as hand:
        flows = await at(hand, "feature", "enter", "g", "d")
        assert (
            "No session and no workflow works on this task, and no payload belongs to it."
            in hand.toasts()
        )
        flows.desk.point("build")
        await hand.press("d")
        assert isinstance(hand.screen, DeckScreen)
        assert hand.current() == "builder"
        await hand.press("2")
        flows.desk.point("lint")
        await hand.press("d")
        assert flows.desk.flow_id == waits.id


async def test_a_task_whose_nested_workflow_is_gone_leads_to_its_payload(crew: Crew) -> None:
    debate(crew)
    payload = next(iter(crew.lanes.payloads))
    nested = task("lint", kind="workflow", status=R.COMPLETED, child_workflow="GONE")
    crew.fleet.add("feature", [nested], parent=f"payload/{payload}/pack")
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "enter", "d")
        assert isinstance(hand.screen, PipelinesScreen)
        assert hand.screen.desk.payload_id == payload
