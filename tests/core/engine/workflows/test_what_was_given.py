"""What an attempt was given, as it is told of a task."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.engine.workflows.flow_rig import rigged

from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.workflows.executors.given import LONGEST, NAME, Given, given_to

FLOW = """
name: flow
inputs:
  who: {type: string}
  key: {type: string, secret: true}
tasks:
  say:
    python: "json:dumps"
    trusted: true
    env: {GREETING: "hello {{ inputs.who }}"}
    with: {obj: "{{ inputs.who }} with {{ inputs.key }}"}
  ask:
    needs: [say]
    approve: {question: "Send {{ tasks.say.result }}?", choices: {approve: "To {{ inputs.who }}", reject: "No"}}
  later: {needs: [ask], python: "json:dumps", trusted: true, with: {obj: "{{ inputs.who }}"}}
"""


async def test_it_is_what_the_templates_gave_without_secrets(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.create(FLOW, inputs={"who": "Ada", "key": "open-sesame"}, start=True)
        await rig.asked()
        said = await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="say"))
        assert said.given == {
            "env": {"GREETING": "hello Ada"},
            "with": {"obj": "Ada with [redacted]"},
            "function": "json:dumps",
        }
        assert said.attempts[-1].given == said.given
        asked = await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="ask"))
        assert asked.given["choices"] == {"approve": "To Ada", "reject": "No"}
        assert "open-sesame" not in asked.given["question"]
        later = await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="later"))
        assert later.given["with"] == {"obj": "{{ inputs.who }}"}  # it has not begun


def test_long_texts_are_cut_and_secrets_of_any_form_hidden(tmp_path: Path) -> None:
    given = Given(tmp_path / "a", lambda text: text.replace('se"cret', "***"))
    given.add(
        {
            "prompt": 'a se"cret' + "x" * LONGEST,
            "items": [{"deep": 'se"cret', "api_key": "k"}, 1, None],
        }
    )
    given.keep()
    found = given_to(tmp_path / "a")
    assert found is not None
    assert found["prompt"].startswith("a ***xxx")
    assert found["prompt"].endswith("(5 characters more)")
    assert found["items"] == [{"deep": "***", "api_key": "[redacted]"}, 1, None]
    assert (tmp_path / "a" / NAME).stat().st_mode & 0o777 == 0o600


def test_a_disk_that_takes_nothing_is_no_fault_of_the_attempt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    given = Given(tmp_path / "file", str)
    given.add({"prompt": "x"})
    given.keep()
    assert given_to(tmp_path / "file") is None
    assert "could not be kept" in caplog.text
