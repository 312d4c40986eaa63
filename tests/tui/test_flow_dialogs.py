"""The forms of the Workflows screen: running a file, signals, schedules."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tui.crew import Crew
from tests.tui.fleet import R, task
from tests.tui.hand import aboard

from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.workflow_views import ScheduleView
from quarterdeck.tui.dialogs.file_form import read_inputs
from quarterdeck.tui.dialogs.run_file import RunFileDialog
from quarterdeck.tui.dialogs.signal import value_of
from quarterdeck.tui.model.directories import file_completion


@pytest.mark.parametrize(
    ("text", "values", "fault"),
    [
        ("", {}, ""), ("a=1\n\n b = two = 2 \n", {"a": "1", "b": "two = 2"}, ""),
        ("a=1\nnothing", {}, "Line 2 is no NAME=VALUE: nothing"), ("=1", {}, "Line 1 is no NAME=VALUE: =1"),
        ("a=", {"a": ""}, ""),
    ],
)  # fmt: skip
def test_inputs_are_lines_of_name_and_value(text: str, values: dict[str, str], fault: str) -> None:
    assert read_inputs(text) == (values, fault)


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("7", 7), ('{"a": [1]}', {"a": [1]}), ("just text", "just text"), ("true", True)],
)
def test_a_signals_value_is_json_where_it_is_some(text: str, value: object) -> None:
    assert value_of(text) == value


def test_files_are_completed_by_their_endings(tmp_path: Path) -> None:
    for name in ("feature.yaml", "feature.txt", "nightly.yml"):
        (tmp_path / name).touch()
    (tmp_path / "fear").mkdir()
    base, endings = str(tmp_path), (".yaml", ".yml")
    assert file_completion("feat", base, endings) == "feature.yaml"
    assert file_completion("fea", base, endings) == "fear/"
    assert file_completion("n", base, endings) == "nightly.yml"
    assert file_completion("n", base, ()) is None
    assert file_completion("", base, endings) is None


async def test_what_was_written_into_a_form_outlives_escape(crew: Crew) -> None:
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "c")
        await hand.write("flows/feature.yaml")
        await hand.press("tab")
        await hand.write("feature=a dry run")
        await hand.press("escape", "1", "c", "tab", "tab")
        await hand.write("Mend the parser")
        await hand.press("escape", "c")
        assert hand.shows("Mend the parser")
        await hand.press("escape", "2", "c", "tab")
        assert hand.shows("flows/feature.yaml", "feature=a dry run")
        await hand.write(" of it")
        await hand.press("enter")
        sent = hand.sent(w.CreateWorkflow)[-1]
        assert sent.file == "/home/ann/shop/flows/feature.yaml"
        assert sent.inputs == {"feature": "a dry run of it"}
        await hand.until(lambda: hand.shows("feature · "))
        await hand.press("c")
        assert not hand.shows("feature=a dry run")


async def test_a_file_is_run_with_its_inputs(crew: Crew) -> None:
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "c", "enter")
        assert hand.shows("Which file?")
        await hand.write("flows/feature.yaml")
        await hand.press("tab")
        await hand.write("wrong")
        await hand.press("enter")
        assert hand.shows("Line 1 is no NAME=VALUE: wrong")
        await hand.write("=not so")
        await hand.press("alt+enter")
        await hand.write("n=3")
        crew.refuse("workflow.create", "input_unknown", "There is no input n; there is wrong.")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("There is no input n"))
        crew.refusals.clear()
        await hand.press("enter")
        sent = hand.sent(w.CreateWorkflow)[-1]
        assert sent.file == "/home/ann/shop/flows/feature.yaml"
        assert sent.inputs == {"wrong": "not so", "n": "3"}
        assert (sent.cwd, sent.start) == (None, True)
        await hand.until(lambda: hand.shows("feature · "))
        await hand.press("c", "ctrl+s")
        await hand.settle()
        sent = hand.sent(w.CreateWorkflow)[-1]
        assert (sent.file, sent.start) == ("/home/ann/shop/feature.yaml", False)


async def test_tab_goes_on_with_a_path_that_was_begun(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "release.yaml").touch()
    async with aboard(crew, (120, 36), directory=str(tmp_path)) as hand:
        await hand.press("2", "c")
        dialog = hand.screen
        assert isinstance(dialog, RunFileDialog)
        await hand.write("rel")
        await hand.until(lambda: dialog.file._suggestion)
        await hand.press("tab")
        assert dialog.file.value == "release.yaml"
        await hand.press("tab")
        assert dialog.inputs.has_focus


async def test_a_signal_is_sent_and_a_refusal_stays_in_the_form(crew: Crew) -> None:
    ship = crew.fleet.add("wait", [task("deployed", kind="wait_for", status=R.RUNNING)])
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "i")
        assert hand.shows("Signal to wait", "deployed")
        crew.refuse("workflow.signal", "workflow_ended", "It has ended.")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("It has ended."))
        crew.refusals.clear()
        await hand.press("tab")
        await hand.write("k1")
        await hand.press("down")
        await hand.write("7")
        await hand.press("enter")
        sent = hand.sent(w.SignalWorkflow)[-1]
        assert sent == w.SignalWorkflow(workflow_id=ship.id, name="deployed", key="k1", value=7)
        assert "Signalled." in hand.toasts()


async def test_schedules_are_switched_and_removed(crew: Crew) -> None:
    for name, on in (("nightly", True), ("weekly", False)):
        crew.fleet.schedules[name] = ScheduleView(
            name=name, file=f"/f/{name}.yaml", cron="0 3 * * *", enabled=on, next_at=crew.now()
        )
    async with aboard(crew, (120, 36)) as hand:
        await hand.press("2", "w")
        await hand.until(lambda: hand.shows("● on", "○ off", "2026-03-01 12:00"))
        await hand.press("space")
        await hand.until(lambda: hand.text().count("○ off") == 2)
        assert hand.sent(w.SaveSchedule)[-1].enabled is False
        await hand.press("j", "D", "D")
        assert not hand.sent(w.RemoveSchedule)
        await hand.press("y")
        await hand.until(lambda: not hand.shows("weekly"))
        assert [sent.name for sent in hand.sent(w.RemoveSchedule)] == ["weekly"]
        crew.refuse("schedule.save", "cron_unusable", "That is no time.")
        await hand.press("enter")
        await hand.until(lambda: hand.shows("That is no time."))
