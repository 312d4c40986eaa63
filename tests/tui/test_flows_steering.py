"""The Workflows screen, by keys: gates, controls, gaps, and very many tasks."""

from __future__ import annotations

from tests.tui.crew import Crew
from tests.tui.fleet import R, W, feature, many, task
from tests.tui.flows_hand import at, screen, ship
from tests.tui.hand import aboard

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import Activity
from quarterdeck.tui.screens.deck import DeckScreen

# ---- gates


async def test_a_gate_is_answered_in_place_or_after_a_closer_look(fleet: Crew) -> None:
    async with aboard(fleet) as hand:
        await at(hand, "release")
        assert hand.shows("# ship: Release it?", "y Release it", "x Leave it")
        await hand.press("y")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["approve"]
        await hand.until(lambda: not hand.shows("# ship"))
        assert "“Release it”: release: Release it?" in hand.toasts()
        fleet.clock.advance(1)
        fleet.fleet.ask(ship(fleet, "release"), "ship", "Again?")
        fleet.fleet.change(ship(fleet, "release"), "ship", R.RUNNING)
        await hand.until(lambda: hand.shows("# ship: Again?"))
        hand._press("y")
        await hand.settle()
        assert any("came up only just now" in toast for toast in hand.toasts())
        await hand.press("space")
        assert hand.shows("Gate · release", "Tests: completed", "1 Release it", "2 Leave it")
        await hand.press("2")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["approve", "reject"]


async def test_an_answer_never_goes_to_what_is_not_shown(busy: Crew) -> None:
    busy.fleet.add("feature", feature(busy.now()))
    async with aboard(busy) as hand:
        await hand.press("2", "y", "A", "x")
        assert not hand.sent(c.Answer)
        assert not hand.sent(c.AnswerItem)
        assert "Nothing here needs you; n goes to what does." in hand.toasts()


async def test_the_deck_shows_a_gate_and_leads_to_its_task(fleet: Crew) -> None:
    fleet.add("worker", "claude")
    async with aboard(fleet) as hand:
        await hand.press("n")
        shown = ("release · ship · # gate", "Release it?", "y Release it", "enter goes there")
        assert hand.shows(*shown)
        await hand.press("S", "i")
        assert hand.current() == ""
        assert not hand.shows("Stop worker?")
        await hand.press("j")
        assert hand.current() == "worker"
        await hand.press("n", "enter")
        flows = screen(hand)
        assert (flows.desk.flow_id, flows.desk.task_id) == (ship(fleet, "release").id, "ship")
        await hand.press("1", "n", "x")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["reject"]
        await hand.until(lambda: hand.current() == "worker")


async def test_a_failure_leads_to_its_workflow_and_the_next_item_back_to_the_deck(
    fleet: Crew,
) -> None:
    broken = ship(fleet, "broken")
    fleet.items.clear()
    worker = fleet.add("worker", "claude", Activity.NEEDS_APPROVAL)
    item = fleet.item(worker, AttentionKind.FAILURE, "broken failed: a failed: boom", choices=())
    changes = {"session_id": "", "workflow_id": broken.id}
    fleet.items[item.item_id] = item.model_copy(update=changes)
    async with aboard(fleet) as hand:
        await hand.press("2", "n")
        assert screen(hand).desk.flow_id == broken.id
        assert hand.shows("✗ broken failed: a failed: boom")
        await hand.press("X")
        assert hand.sent(c.ResolveItem)
        fleet.raise_item(worker)
        await hand.settle()
        await hand.press("n")
        assert isinstance(hand.screen, DeckScreen)


# ---- steering


async def test_every_control_sends_its_command(fleet: Crew) -> None:
    async with aboard(fleet, (120, 36)) as hand:
        half, broken = ship(fleet, "feature"), ship(fleet, "broken")
        await at(hand, "feature", "p")
        assert hand.sent(w.PauseWorkflow)[-1].interrupt is False
        await hand.until(lambda: hand.shows("‖ paused"))
        await hand.press("R")
        assert hand.sent(w.ResumeWorkflow)[-1].workflow_id == half.id
        await hand.press("P", "y")
        assert hand.sent(w.PauseWorkflow)[-1].interrupt is True
        await hand.press("s")
        assert hand.sent(w.StartWorkflow)
        await hand.press("S", "S", "n")
        assert not hand.sent(w.CancelWorkflow)
        await hand.press("S", "y")
        assert hand.sent(w.CancelWorkflow)[-1].workflow_id == half.id
        await at(hand, "broken", "r")
        assert hand.sent(w.RetryWorkflow)[-1].workflow_id == broken.id
        fleet.fleet.stand(broken, W.FAILED)
        await hand.until(lambda: hand.shows("✗ failed"))
        await at(hand, "broken", "enter", "g", "t", "y")
        assert hand.sent(w.RerunTask)[-1].task_id == "a"
        fleet.fleet.stand(broken, W.FAILED)
        await hand.settle()
        before = len(fleet.commands)
        for key in ("D", "t"):
            await hand.hold(key, 6)
            await hand.press("escape")
        assert len(fleet.commands) == before
        await hand.press("D", "y")
        assert hand.sent(w.DeleteWorkflow)[-1].workflow_id == broken.id
        await hand.until(lambda: not hand.shows("broken"))
        assert "Deleting broken." in hand.toasts()


CANT = (
    ("feature", "D", "It is running; S cancels it first."),
    ("feature", "r", "It is running; when it has ended it can begin anew."),
    ("feature", "t", "It is running; when it has ended, tasks can run again."),
    ("feature", "s", "It is running already; r begins anew from what failed."),
    ("feature", "R", "It is running, not paused."),
    ("nightly", "p", "It is completed; there is nothing to pause."),
    ("nightly", "P", "It is completed; nothing runs."),
    ("nightly", "S", "It is completed already."),
    ("nightly", "r", "Nothing failed and nothing was cancelled; t begins anew from a task."),
    ("nightly", "f", "No task has failed."),
    ("nightly", "a", "enter opens the task first."),
)


async def test_what_can_not_be_done_says_why_and_is_not_hinted_at(fleet: Crew) -> None:
    async with aboard(fleet, (250, 70)) as hand:
        for name, key, said in CANT:
            flows = await at(hand, name, key)
            assert said in hand.toasts()
            for spot in flows.key_line.spots:
                assert flows.handlers[spot.name].why_not() is None, spot.name
        fleet.refuse("workflow.pause", "workflow_busy", "Another engine drives it.")
        await at(hand, "feature", "p")
        assert "workflow_busy: Another engine drives it." in hand.toasts()


async def test_the_palette_names_workflows_and_every_control(fleet: Crew) -> None:
    async with aboard(fleet, (120, 60)) as hand:
        await at(hand, "feature")
        await hand.press("colon")
        assert hand.shows("WORKFLOWS", "Go to feature")
        await hand.write("pause")
        assert hand.shows("Pause: what runs may end", "Pause, and end what runs at once")
        await hand.press("enter")
        assert hand.sent(w.PauseWorkflow)
        await hand.press("1", "colon")
        await hand.write("go to broken")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("broken · ~/shop"))


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


async def test_an_answer_for_a_workflow_that_was_left_is_dropped(fleet: Crew) -> None:
    fleet.held.add("workflow.show")
    async with aboard(fleet, (120, 36)) as hand:
        await hand.press("2")
        assert hand.shows("Asking for it…")
        await hand.press("j")
        fleet.answer_held()
        await hand.settle()
        fleet.answer_held()
        await hand.until(lambda: screen(hand).feed.flow is not None)
        flow = screen(hand).feed.flow
        assert flow is not None
        assert flow.line.name == "release"
        fleet.held.clear()
        fleet.refuse("workflow.show", "workflow_unknown", "There is no such workflow.")
        await hand.press("j")
        await hand.until(lambda: hand.shows("There is no such workflow."))
        assert len(hand.sent(w.ShowWorkflow)) == 3


async def test_events_of_workflows_are_in_the_log(fleet: Crew) -> None:
    async with aboard(fleet, (160, 36)) as hand:
        half = ship(fleet, "feature")
        fleet.fleet.change(half, "build", R.COMPLETED)
        fleet.fleet.say(half, "build", "x")
        fleet.fleet.stand(half, W.COMPLETED)
        fleet.fleet.remove(fleet.fleet.launch("short", [task("a")]))
        await hand.press("5")
        told = ("build: completed", "bytes of output", "feature: running → completed", "short (")
        await hand.until(lambda: hand.shows("workflow.task", *told))


async def test_ten_thousand_tasks_stay_usable(crew: Crew) -> None:
    big = crew.fleet.add("huge", many(10_000, crew.ago(5)))
    async with aboard(crew, (120, 36)) as hand:
        flows = await at(hand, "huge", "8")
        await hand.press("G")
        assert hand.shows("t09999")
        for number in range(5_000, 5_400):
            crew.fleet.change(big, f"t{number:05}", R.RUNNING)
        await hand.until(lambda: flows.feed.flow and flows.feed.flow.line.version == 10_401)
        await hand.press("slash")
        await hand.write("is:running")
        await hand.press("enter", "g")
        assert hand.shows("▸ t05000")
        assert len(flows.showing.listed) == 400
        composed = flows.panel.tasks._strips
        assert len(composed) <= 512
        await hand.press("7", "pagedown", "9")
        assert hand.shows("200 versions")
        assert len(hand.sent(w.ShowWorkflow)) == 1
