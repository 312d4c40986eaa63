"""The Pipelines screen, by keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.tui.crew import Crew
from tests.tui.fleet import R, task
from tests.tui.hand import Hand, aboard
from tests.tui.lanes import S, debate
from tests.tui.test_every_key import spelled

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import pipeline_commands as p
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.pipeline_views import RunView
from quarterdeck.core.protocol.status import Choice
from quarterdeck.tui.keys.actions import ACTIONS
from quarterdeck.tui.keys.keymap import resolve
from quarterdeck.tui.screens.deck import DeckScreen
from quarterdeck.tui.screens.flows import FlowsScreen
from quarterdeck.tui.screens.pipelines import PipelinesScreen

Seen = Callable[[Hand, PipelinesScreen], object]
REPLAY = (Choice(key="replay", label="Replay it", meaning="allow_once"),)


@pytest.fixture
def lanes(crew: Crew) -> Crew:
    """A debate under way, and a session that works on one of its payloads."""
    crew.add("worker", "claude")
    debate(crew)
    return crew


def shows(*texts: str) -> Seen:
    return lambda hand, _: hand.shows(*texts)


def sends(kind: type[c.Payload]) -> Seen:
    return lambda hand, _: hand.sent(kind)


def screen(hand: Hand) -> PipelinesScreen:
    assert isinstance(hand.screen, PipelinesScreen)
    return hand.screen


async def at(hand: Hand, status: S, event: str = "proposals_ready") -> PipelinesScreen:
    """Stand on a payload of a lane."""
    await hand.press("3")
    found = next(
        one
        for one in hand.crew.lanes.payloads.values()
        if (one.status, one.event) == (status, event)
    )
    shown = screen(hand)
    shown.desk.select(f"pipeline/debate/{event}")
    shown.payloads.focus()
    await hand.settle()
    shown.payloads.chosen = shown.desk.payload_id = f"payload/{found.id}"
    shown.desk.payload_id = found.id
    hand.bridge.moved()
    await hand.settle()
    return shown


TOUR: tuple[tuple[str, tuple[str, ...], Seen], ...] = (
    ("pipeline.open", ("j", "j"), lambda _, s: s.payloads.has_focus),
    ("pipeline.handlers", (), shows("HANDLERS · debate · proposals_ready", "emits critiques_ready")),
    ("pipeline.payloads", (), shows("PAYLOADS · debate · proposals_ready")),
    ("pipeline.close", (), lambda _, s: s.lanes.has_focus),
    ("pipeline.pause", (), lambda hand, _: hand.shows("‖ debate · paused")),
    ("pipeline.resume", (), sends(p.ResumePipeline)),
    ("pipeline.propel", (), shows("Propel into debate")),
    ("pipeline.load", ("escape",), shows("Load a pipeline file")),
    ("pipeline.unload", ("escape",), shows("Unload debate?", "not ended: cancelled")),
    ("pipeline.cancel", ("escape", "enter"), shows("Cancel proposals_ready")),
    ("pipeline.retry", ("escape", *"jjjjjj"), sends(p.RetryPayload)),
    ("pipeline.discard", ("j", "j", "j"), shows("Discard proposals_ready")),
    ("pipeline.replay", ("escape",), sends(p.ReplayPayload)),
    ("pipeline.go", ("k", "enter"), lambda hand, _: hand.current() == "worker" and hand.shows("SESSIONS")),
    ("screen.pipelines", (), shows("[3 Pipelines]")),
)  # fmt: skip


def test_the_tour_comes_to_every_action_of_the_pipelines() -> None:
    mine = {name for name in ACTIONS if name.startswith("pipeline.")}
    assert {action for action, _, _ in TOUR} == {*mine, "screen.pipelines"}


async def test_every_key_of_the_pipelines_does_what_it_says(lanes: Crew) -> None:
    keymap = resolve()
    async with aboard(lanes) as hand:
        await hand.press("3")
        shown = screen(hand)
        for action, before, seen in TOUR:
            await hand.press(*before)
            assert not seen(hand, shown), f"{action}: it is there before the key"
            await hand.press(spelled(keymap.label(action)))
            await hand.until(lambda seen=seen: seen(hand, shown), action)  # type: ignore[misc]


async def test_without_a_pipeline_it_says_what_to_type(crew: Crew) -> None:
    async with aboard(crew) as hand:
        await hand.press("3", "j", "enter", "7", "p", "r", "slash")
        assert hand.shows("No pipeline yet.", "quarterdeck pipeline load examples/debate.yaml")
        assert not hand.sent(p.ShowPipeline)
        assert not hand.sent(p.ListPayloads)
        await hand.press("c")
        crew.refuse("pipeline.load", "pipeline_faulty", "debate.yaml, line 3: no such event.")
        await hand.write("flows/debate.yaml")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("debate.yaml, line 3: no such event."))
        crew.refusals.clear()
        await hand.press("enter")
        await hand.until(lambda: hand.shows("· debate · at rest", "begun", "no payload yet"))
        assert hand.sent(p.LoadPipeline)[-1].file == "/home/ann/shop/flows/debate.yaml"


async def test_lanes_follow_what_happens_and_the_cursor_stays(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3", "j", "j")
        shown = screen(hand)
        assert shown.desk.lane == "proposals_ready"
        first, *others = lanes.lanes.pipelines["debate"].lanes
        lanes.lanes.change("debate", lanes=(first.changed(completed=99), *others))
        await hand.until(lambda: hand.shows("99"))
        lanes.lanes.add("another", [first])
        lanes.lanes.change("another")
        await hand.until(lambda: hand.shows("another · at work"))
        assert shown.desk.key == "pipeline/debate/proposals_ready"
        lanes.lanes.unload("debate")
        await hand.until(lambda: not hand.shows("debate"))
        assert shown.desk.name == "another"


async def test_the_list_follows_its_payloads_and_asks_once(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3", "j", "j", "enter")
        asked = len(hand.sent(p.ListPayloads))
        under = screen(hand).payloads.chosen
        new = lanes.lanes.payload("proposals_ready", age=0, summary="Brand new")
        lanes.lanes.move(new, S.QUEUED)
        lanes.lanes.move(lanes.lanes.payload("verdict", age=0, summary="elsewhere"), S.QUEUED)
        await hand.until(lambda: hand.shows("Brand new"))
        assert not hand.shows("elsewhere")
        lanes.lanes.move(new, S.RUNNING, handlers=("critique",))
        await hand.until(lambda: hand.shows("critique  Brand new"))
        assert screen(hand).payloads.chosen == under
        assert len(hand.sent(p.ListPayloads)) == asked
        lanes.drop()
        await hand.until(lambda: hand.shows("no link to the engine"))
        await hand.press("ctrl+r")
        await hand.until(lambda: len(hand.sent(p.ListPayloads)) > asked)


async def test_the_filter_is_the_engines_too(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3", "slash")
        await hand.write("is:dead")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("is:dead · 1 payload", "exit code 3"))
        assert hand.sent(p.ListPayloads)[-1].statuses == (S.DEAD,)
        await hand.press("slash")
        await hand.write(" nonsense")
        assert hand.shows("nothing fits the filter", "0 payloads")
        await hand.press("escape")
        await hand.until(lambda: hand.shows("No cache: measure first"))
        await hand.press("slash")
        await hand.write("is:ded")
        assert hand.shows("is:dead? Or")


async def test_handlers_are_asked_for_only_while_they_are_seen_and_one_at_a_time(
    lanes: Crew,
) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3", "1")
        lanes.lanes.change("debate")
        await hand.settle()
        assert not hand.sent(p.ShowPipeline)
        lanes.held.add("pipeline.show")
        await hand.press("3", "7")
        assert hand.shows("asking for them…")
        for _ in range(5):
            lanes.lanes.change("debate")
            await hand.settle()
        assert len(hand.sent(p.ShowPipeline)) == 1
        lanes.answer_held()
        await hand.until(lambda: len(hand.sent(p.ShowPipeline)) == 2)
        lanes.answer_held()
        await hand.until(lambda: hand.shows("exit code 3"))
        await hand.settle()
        assert len(hand.sent(p.ShowPipeline)) == 2
        await hand.press("j", "enter")
        assert screen(hand).desk.lane == "proposals_ready"
        assert screen(hand).payloads.has_focus


async def test_a_payload_leads_through_its_chain_and_to_its_session(lanes: Crew) -> None:
    async with aboard(lanes, (80, 24)) as hand:
        shown = await at(hand, S.RUNNING)
        await hand.press("enter")
        assert hand.shows("PAYLOAD 000002", "CHAIN", "← this one")
        assert not hand.shows("LANES")
        await hand.press("j")
        while not shown.detail.chosen:
            await hand.press("j")
        assert shown.detail.chosen.endswith("000001")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("PAYLOAD 000001", "Which cache do we use?"))
        await hand.press("escape")
        assert shown.payloads.has_focus
        assert shown.desk.payload_id.endswith("000002")
        await hand.press("enter", "G")
        while not shown.detail.chosen.startswith("session"):
            await hand.press("k")
        await hand.press("enter")
        assert isinstance(hand.screen, DeckScreen)
        assert hand.current() == "worker"


async def test_a_run_in_a_workflow_leads_there(lanes: Crew) -> None:
    flow = lanes.fleet.add("review", [task("read", status=R.RUNNING, started_at=lanes.now())])
    async with aboard(lanes, (200, 60)) as hand:
        shown = await at(hand, S.RUNNING)
        run = RunView(handler="critique", attempt=1, status=S.RUNNING, workflow_id=flow.id)
        lanes.lanes.details[shown.desk.payload_id] = {"runs": (run,)}
        lanes.lanes.move(lanes.lanes.payloads[shown.desk.payload_id], S.RUNNING)
        await hand.until(lambda: hand.shows(f"→ workflow {flow.id[-6:]}"))
        await hand.press("d")
        assert isinstance(hand.screen, FlowsScreen)
        assert hand.screen.desk.flow_id == flow.id


async def test_a_workflow_that_the_list_does_not_have_is_shown_when_one_goes_there(
    lanes: Crew,
) -> None:
    lanes.fleet.add("listed", [task("a")])
    async with aboard(lanes, (200, 60)) as hand:
        hidden = lanes.fleet.add(
            "critique", [task("ask", status=R.RUNNING, started_at=lanes.now())]
        )
        lanes.refuse("workflow.show", "workflow_unknown", "There is no such workflow.")
        hand.app.show_flow(hidden.id)
        await hand.until(lambda: any("There is no such workflow." in one for one in hand.toasts()))
        lanes.refusals.clear()
        hand.app.show_flow(hidden.id, "ask")
        await hand.until(lambda: hand.shows("critique · ~/shop/critique.yaml", "ask"))
        assert isinstance(hand.screen, FlowsScreen)
        await hand.press("enter", "8", "escape", "j")
        await hand.until(lambda: hand.shows("listed · ~/shop/listed.yaml"))


async def test_a_detail_is_asked_for_anew_when_something_of_its_chain_changes(lanes: Crew) -> None:
    async with aboard(lanes, (200, 60)) as hand:
        shown = await at(hand, S.RUNNING)
        await hand.until(lambda: hand.shows("Too costly"))
        asked = len(hand.sent(p.ShowPayload))
        lanes.lanes.move(next(iter(lanes.lanes.payloads.values())), S.COMPLETED)
        await hand.until(lambda: len(hand.sent(p.ShowPayload)) == asked + 1)
        stranger = lanes.lanes.payload("verdict", age=0)
        lanes.lanes.move(stranger, S.QUEUED)
        await hand.settle()
        assert len(hand.sent(p.ShowPayload)) == asked + 1
        assert shown.tables() == [shown.lanes, shown.handler_list, shown.payloads, shown.detail]
        await hand.press("m")
        assert len(shown.tables()) == 2
        assert hand.sent(c.ToggleMinimal)


async def test_what_can_not_be_undone_wants_another_key(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        shown = await at(hand, S.DEAD)
        dead = shown.desk.payload_id
        assert "r retry now" not in hand.keys_line()
        assert all(word in hand.keys_line() for word in ("t replay", "D discard"))
        await hand.press("S")
        assert "It is dead already." in hand.toasts()
        await hand.press("D", "D")
        assert not hand.sent(p.DiscardPayload)
        await hand.press("y")
        assert [sent.payload_id for sent in hand.sent(p.DiscardPayload)] == [dead]
        await hand.until(lambda: not hand.shows("A cache of caches", "✗ dead"))
        assert shown.desk.payload_id not in {"", dead}
        shown = await at(hand, S.RUNNING)
        await hand.press("S", "y")
        assert [one.payload_id for one in hand.sent(p.CancelPayload)] == [shown.desk.payload_id]
        await hand.press("U", "y")
        assert hand.sent(p.UnloadPipeline) == [p.UnloadPipeline(name="debate", force=True)]


async def test_a_payload_is_propelled_by_form(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3", "j", "i")
        await hand.write('{"topic": ')
        assert hand.shows("No JSON: expecting value in line 1, column 11.")
        await hand.press("enter")
        assert not hand.sent(p.PropelPayload)
        await hand.write('"tests"}')
        assert not hand.shows("No JSON")
        await hand.press("tab")
        await hand.write("urgent")
        await hand.press("enter")
        assert hand.shows("A priority is one of")
        await hand.press(*["backspace"] * 6)
        await hand.write("hi")
        await hand.press("tab")
        await hand.write("10m")
        lanes.refuse("pipeline.propel", "data_unfit", "topic: too short.")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("topic: too short."))
        lanes.refusals.clear()
        await hand.press("enter")
        await hand.until(lambda: "Propelled into topic_raised." in hand.toasts())
        sent = hand.sent(p.PropelPayload)[-1]
        assert (sent.name, sent.event, sent.data) == ("debate", "topic_raised", {"topic": "tests"})
        assert sent.priority is Priority.HIGH
        assert 500 < (sent.deadline - lanes.now()).total_seconds() <= 600
        await hand.press("i", "shift+tab")
        await hand.write("x")
        await hand.press("escape")
        assert len(hand.sent(p.PropelPayload)) == 2


async def test_an_item_about_a_payload_is_answered_there_and_leads_there(lanes: Crew) -> None:
    dead = next(one for one in lanes.lanes.payloads.values() if one.status is S.DEAD)
    why = f"It failed for good{' and again' * 4}, and ends with the reason"
    lanes.lanes.item(f"payload/{dead.id}", why, AttentionKind.FAILURE, REPLAY)
    async with aboard(lanes) as hand:
        await hand.press("n")
        assert hand.shows(f"payload {dead.id[-6:]}", "y Replay it", "enter goes there")
        assert hand.shows("ends with the reason"), "long lines are wrapped"
        assert hand.keys_line().startswith("y Replay it  space peek  enter go there")
        await hand.press("enter")
        await hand.until(lambda: hand.shows(f"PAYLOAD {dead.id[-6:]}", "y Replay it"))
        shown = screen(hand)
        assert (shown.desk.name, shown.desk.lane) == ("debate", "proposals_ready")
        await hand.press("1", "2", "n")
        await hand.until(lambda: isinstance(hand.screen, PipelinesScreen))
        await hand.press("y")
        assert [sent.choice for sent in hand.sent(c.AnswerItem)] == ["replay"]


@pytest.mark.parametrize(("others", "size"), [(True, (80, 24)), (False, (200, 60))])
async def test_an_item_of_a_pipeline_that_is_not_loaded_says_what_to_do(
    lanes: Crew, others: bool, size: tuple[int, int]
) -> None:
    dead = next(one for one in lanes.lanes.payloads.values() if one.status is S.DEAD)
    lanes.lanes.item(f"payload/{dead.id}", "It failed", AttentionKind.FAILURE, REPLAY)
    if others:
        lanes.lanes.add("other", ())
    del lanes.lanes.pipelines["debate"]
    async with aboard(lanes, size=size) as hand:
        await hand.press("n", "enter")
        await hand.until(lambda: hand.shows(f"PAYLOAD {dead.id[-6:]}"))
        await hand.until(lambda: hand.shows("Its pipeline debate is not loaded"))
        assert hand.shows("c loads its file", "D forgets it now")
        lanes.lanes.add("debate", ())
        lanes.lanes.change("debate")
        await hand.until(lambda: not hand.shows("is not loaded"))
        assert screen(hand).desk.name == "debate"


async def test_the_palette_names_pipelines_and_their_actions(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("colon")
        await hand.write("go to debate")
        await hand.press("enter")
        assert screen(hand).desk.name == "debate"
        await hand.press("colon")
        await hand.write("pause the pipe")
        await hand.press("enter")
        assert hand.sent(p.PausePipeline)
        await hand.press("colon")
        await hand.write("left column wid")
        await hand.press("enter")
        assert "The panels of this screen share its width." in hand.toasts()


async def test_a_click_chooses_and_a_double_click_opens(lanes: Crew) -> None:
    async with aboard(lanes) as hand:
        await hand.press("3")
        shown = screen(hand)
        await hand.pilot.click(shown.lanes, offset=(5, 4))
        await hand.settle()
        assert shown.desk.lane == "proposals_ready"
        await hand.pilot.click(shown.payloads, offset=(5, 4), times=2)
        await hand.settle()
        assert shown.desk.detail
