"""Every key of the Workflows screen, pressed one after the other; after each something is to be seen."""

from __future__ import annotations

from collections.abc import Callable

from tests.tui.crew import Crew
from tests.tui.fleet import R, W, feature, hundred, task
from tests.tui.hand import Hand, aboard
from tests.tui.test_every_key import TOURED, spelled

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.status import Activity
from quarterdeck.tui.keys.keymap import resolve
from quarterdeck.tui.model.flow.desk import Mode
from quarterdeck.tui.screens.flows import FlowsScreen

Seen = Callable[[Hand, FlowsScreen], object]


def shows(*texts: str) -> Seen:
    return lambda hand, _: hand.shows(*texts)


def sends(kind: type[c.Payload]) -> Seen:
    return lambda hand, _: hand.sent(kind)


def at_box(name: str) -> Seen:
    return lambda _, flows: flows.desk.box == name


TOUR: tuple[tuple[str, tuple[str, ...], Seen], ...] = (
    ("flow.open", (), lambda _, flows: flows.panel.graph.has_focus),
    ("flow.right", ("g",), lambda _, flows: flows.desk.box != "plan"),
    ("flow.left", (), at_box("plan")),
    ("flow.next_failed", (), at_box("docs")),
    ("flow.previous_failed", ("g",), at_box("docs")),
    ("flow.alone", (), lambda hand, _: not hand.shows("WORKFLOWS")),
    ("flow.close", (), lambda _, flows: flows.flows.has_focus),
    ("flow.gantt", (), lambda _, flows: flows.desk.mode is Mode.GANTT),
    ("flow.tasks", (), lambda _, flows: flows.desk.mode is Mode.TASKS),
    ("flow.go", ("g", "j"), lambda hand, _: hand.current() == "builder" and hand.shows("SESSIONS")),
    ("screen.flows", (), lambda hand, _: hand.shows("[2 Workflows]")),
    ("flow.attempt", ("enter",), shows("LOG attempt 1 of 2")),
    ("flow.history", ("escape",), shows("10 versions")),
    ("flow.mark", ("j",), shows("version 9 is marked")),
    ("flow.graph", (), lambda _, flows: flows.desk.mode is Mode.GRAPH),
    ("flow.signal", (), shows("Signal to feature")),
    ("flow.schedules", ("escape",), shows("Schedules")),
    ("flow.run", ("escape",), shows("Run a workflow file")),
    ("flow.pause", ("escape",), sends(w.PauseWorkflow)),
    ("flow.resume", (), sends(w.ResumeWorkflow)),
    ("flow.interrupt", (), shows("Interrupt feature?")),
    ("flow.cancel", ("escape",), shows("Cancel feature?")),
    ("flow.start", ("y",), lambda hand, _: "It is cancelled already" in " ".join(hand.toasts())),
    ("flow.retry", (), sends(w.RetryWorkflow)),
    ("flow.fold", ("escape",), lambda _, flows: flows.desk.folded),
    ("flow.rerun", ("o", "G"), shows("Rerun old?")),
    ("flow.delete", ("escape",), shows("Delete old?")),
    ("flow.rollback", ("escape", "9", "j"), shows("Go back to version 1 of old?")),
    ("attention.go", ("escape", "1", "n"), lambda hand, _: hand.shows("[2 Workflows]", "# ship")),
)  # fmt: skip


def harbour(crew: Crew) -> Crew:
    """A session at work on a task, a gate, a workflow that ended."""
    builder = crew.add("builder", "claude", Activity.WORKING)
    crew.add("other", "claude")
    half = crew.fleet.add("feature", feature(crew.now()))
    half.tasks["build"] = half.tasks["build"].model_copy(update={"session_id": builder.id})
    crew.fleet.add("big", hundred(crew.ago(60)), age=200)
    gate = crew.fleet.add("gate", [task("ship", status=R.RUNNING, started_at=crew.now())], age=300)
    crew.fleet.gate(gate, "ship")
    crew.fleet.add("old", [task("a", status=R.COMPLETED)], W.COMPLETED, age=4000, took=62)
    return crew


def test_the_tour_comes_to_every_action_of_the_workflows() -> None:
    assert {action for action, _, _ in TOUR} == TOURED


async def test_every_key_of_the_workflows_does_what_it_says(crew: Crew) -> None:
    keymap = resolve()
    async with aboard(harbour(crew), (140, 40)) as hand:
        await hand.press("2")
        flows = hand.screen
        assert isinstance(flows, FlowsScreen)
        for action, before, seen in TOUR:
            await hand.press(*before)
            assert not seen(hand, flows), f"{action}: it is there before the key"
            await hand.press(spelled(keymap.label(action)))
            await hand.until(lambda seen=seen: seen(hand, flows), action)  # type: ignore[misc]


async def test_other_keys_and_presets_do_the_same_in_the_graph(crew: Crew) -> None:
    for preset in ("vim", "vscode"):
        async with aboard(harbour(crew), (140, 40), preset=preset) as hand:
            await hand.press("2", "enter", "g", "l")
            flows = hand.screen
            assert isinstance(flows, FlowsScreen)
            assert flows.panel.graph.has_focus
            assert flows.desk.box != "plan"
            await hand.press("h", "right", "left")
            assert flows.desk.box == "plan"
