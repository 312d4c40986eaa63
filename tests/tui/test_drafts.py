"""What was written into a form and not sent: it stands there again, where it belongs."""

from __future__ import annotations

from pathlib import Path

from tests.tui.crew import Crew
from tests.tui.fleet import R, task
from tests.tui.hand import aboard
from tests.tui.lanes import debate

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.tui.dialogs.create import CreateDialog


async def test_a_form_in_which_nothing_was_written_keeps_nothing(crew: Crew) -> None:
    for name in ("release", "feature"):
        crew.fleet.add(name, [task("a", status=R.RUNNING)])
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "g", "c")
        assert hand.shows("shop/feature.yaml")
        await hand.press("escape", "j", "c")
        assert hand.shows("shop/release.yaml")
        assert not hand.shows("shop/feature.yaml")


async def test_data_for_one_lane_are_not_offered_for_another(crew: Crew) -> None:
    debate(crew)
    async with aboard(crew) as hand:
        await hand.press("3", "j", "i")
        await hand.write('["x9z"]')
        await hand.press("escape", "j", "i")
        assert not hand.shows("x9z")
        await hand.press("escape", "k", "i")
        assert hand.shows('["x9z"]')


async def test_an_answer_that_was_begun_is_kept_for_its_question(crew: Crew) -> None:
    crew.item(crew.add("a"), AttentionKind.QUESTION, "Name?", choices=(), free_text=True)
    crew.item(crew.add("b"), AttentionKind.QUESTION, "Place?", choices=(), free_text=True)
    async with aboard(crew) as hand:
        await hand.press("space")
        await hand.write("An answ")
        await hand.press("escape", "n", "space")
        assert hand.shows("Place?", "your answer")
        assert not hand.shows("An answ")
        await hand.press("escape", "b", "space")
        await hand.write("er")
        await hand.press("enter")
        assert [sent.text for sent in hand.sent(c.Answer)] == ["An answer"]


async def test_directory_and_name_of_a_new_session_are_kept_too(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    async with aboard(crew, directory=str(tmp_path)) as hand:
        await hand.press("c")
        form = hand.screen
        assert isinstance(form, CreateDialog)
        form.directory.value = "shop"
        form.name_field.value = "mine"
        await hand.press("escape", "c")
        again = hand.screen
        assert isinstance(again, CreateDialog)
        assert (again.directory.value, again.name_field.value) == ("shop", "mine")
        await hand.press("escape", "c")
        assert again is not hand.screen
        assert hand.screen.name_field.value == "mine"  # type: ignore[attr-defined]  # as asserted above


async def test_a_signals_value_is_kept_for_its_workflow(crew: Crew) -> None:
    waits = [task("wait", kind="wait_for", status=R.RUNNING, started_at=crew.now())]
    for name in ("release", "feature"):
        crew.fleet.add(name, waits)
    async with aboard(crew) as hand:
        await hand.press("2", "g", "i")
        await hand.write("yes9")
        await hand.press("escape", "j", "i")
        assert not hand.shows("yes9")
        await hand.press("escape", "k", "i")
        assert hand.shows("yes9")


async def test_what_was_taken_after_the_form_was_left_is_no_draft(crew: Crew) -> None:
    debate(crew)
    crew.held.add("pipeline.propel")
    async with aboard(crew) as hand:
        await hand.press("3", "j", "i")
        await hand.write('["x9z"]')
        await hand.press("enter", "escape")
        assert hand.bridge.drafts
        crew.answer_held()
        await hand.until(lambda: not hand.bridge.drafts)
        await hand.press("i")
        assert not hand.shows("x9z")
