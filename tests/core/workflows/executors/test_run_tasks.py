"""Commands of workflow files, as real processes."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.core.sessions.rig import alive
from tests.core.workflows.executors.conftest import NewStage
from tests.core.workflows.executors.stage import Stage, until

from quarterdeck.core.safety.budgets import Usage
from quarterdeck.core.workflows.guarding import Pass
from quarterdeck.core.workflows.machine import Run


async def test_outputs_become_results_as_the_file_says(stage: Stage) -> None:
    found = await stage.results(
        r"""
        tasks:
          text: {run: [printf, 'a b\n\n']}
          lines: {run: [printf, 'a\nb\n'], outputs: {stdout: lines}}
          json:
            run: [echo, '{"n": 3}']
            outputs: {stdout: json, schema: {type: object, required: [n]}}
          shell: {run: "echo $((6 * 7)) | cat", shell: true}
          each: {needs: lines, foreach: "{{ tasks.lines.result }}", run: [echo, "{{ item }}{{ index }}"]}
          all: {needs: each, run: [echo, "{{ tasks.each.result | join('+') }}"]}
        """
    )
    assert (found["text"], found["lines"], found["json"]) == ("a b\n", ["a", "b"], {"n": 3})
    assert (found["shell"], found["all"]) == ("42", "a0+b1")
    assert await until(lambda: not stage.left())


async def test_a_command_has_its_directory_its_environment_and_its_identity(
    new_stage: NewStage, folder: Path
) -> None:
    stage = await new_stage(environment={"PASSED": "through"})
    (folder / "sub").mkdir()
    found = await stage.results(
        """
        env: {PASSED: }
        tasks:
          all:
            cwd: sub
            env: {OWN: "{{ workflow.name }}"}
            run: "pwd; echo $OWN $PASSED $QUARTERDECK_TASK_ID $QUARTERDECK_ATTEMPT; cat"
            shell: true
            outputs: {stdout: lines}
        """
    )
    assert found["all"] == [str((folder / "sub").resolve()), "flow through all 1"]


async def test_a_failure_tells_the_exit_code_and_the_last_words(stage: Stage) -> None:
    error = await stage.error("tasks: {bad: {run: 'echo told; echo why >&2; exit 3', shell: true}}")
    assert error == "CommandFailed: echo told; echo why >&2; exit 3 exited with code 3:\nwhy"
    error = await stage.error("tasks: {bad: {run: 'kill -9 $$', shell: true}}")
    assert "was ended by signal 9, and said nothing." in error


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("{run: [no-such-command-here]}", "no command no-such-command-here"),
        ("{run: [pwd], cwd: nowhere}", "nowhere is not there"),
    ],
)
async def test_what_can_never_be_run_is_not_tried_again(stage: Stage, task: str, told: str) -> None:
    state = await stage.run(f"retry: 3\ntasks: {{bad: {task}}}")
    assert told in str(state.tasks["bad"].error)
    assert (state.tasks["bad"].error_type, state.tasks["bad"].attempt) == ("PermanentFailure", 1)


async def test_results_that_do_not_fit_fail(stage: Stage) -> None:
    error = await stage.error("tasks: {bad: {run: [echo, nope], outputs: {stdout: json}}}")
    assert error.startswith("ResultUnreadable: The output is no JSON")
    error = await stage.error(
        "tasks: {bad: {run: [echo, '{}'], outputs: {stdout: json, schema: {required: [n]}}}}"
    )
    assert "does not fit outputs.schema at $: 'n' is a required property" in error


async def test_files_are_kept_and_found_by_those_that_need_them(stage: Stage) -> None:
    state = await stage.run(
        """
        tasks:
          make: {run: "printf kept > made.txt", shell: true, outputs: {files: {it: made.txt}}}
          read: {needs: make, run: [cat, "{{ tasks.make.outputs.it }}"]}
        """
    )
    assert state.tasks["read"].result == "kept"
    (record,) = await stage.store.artifacts(state.workflow_id)
    assert (record.name, record.size, record.task_id) == ("it", 4, "make")
    assert record.sha256 == hashlib.sha256(b"kept").hexdigest()
    assert (stage.folder / "artifacts" / record.path).read_text() == "kept"


async def test_a_file_that_is_missing_fails_the_task_by_its_name(stage: Stage) -> None:
    error = await stage.error("tasks: {bad: {run: ['true'], outputs: {files: {it: none.txt}}}}")
    assert "The file it can't be kept" in error
    assert f"{stage.folder}/none.txt: it is not there" in error


async def test_conditions_see_true_statuses(stage: Stage) -> None:
    state = await stage.run(
        """
        tasks:
          ok: {run: ['true']}
          bad: {run: ['false'], allow_failure: true}
          off: {run: ['true'], when: "false"}
          after:
            needs: [ok, bad, off]
            run: [echo, "{{ tasks.ok.status }} {{ tasks.bad.status }} {{ tasks.off.status }}"]
          unless: {needs: bad, when: "tasks.bad.status == 'completed'", run: ['true']}
        finally:
          last: {run: [echo, "{{ tasks.unless.status }}"]}
        """
    )
    assert state.tasks["after"].result == "completed failed skipped"
    assert (state.tasks["unless"].status, state.tasks["last"].result) == ("skipped", "skipped")


async def test_logs_grow_live_and_hide_secrets(new_stage: NewStage) -> None:
    stage = await new_stage(environment={"TOKEN": "tok-4711-xyz"})
    workflow_id = await stage.begin(
        """
        tasks:
          talk:
            env: {TOKEN: }
            run: "echo it is $TOKEN; echo err >&2; touch said; sleep 60; exit 1"
            shell: true
        """
    )
    await until(lambda: any(size > 0 for *_, size in stage.told), "the log did not grow")
    await until((stage.folder / "said").exists)
    await until(lambda: stage.told[-1][3] >= len("it is [redacted]\nerr\n"))
    log = await stage.log(workflow_id, "talk")
    assert sorted(log.splitlines()) == ["err", "it is [redacted]"]
    await stage.orchestrator.cancel_workflow(workflow_id)
    (attempt,) = await stage.store.attempts(workflow_id)
    assert attempt.log == f"{workflow_id}/talk/1/log"


async def test_messages_hide_secrets(stage: Stage) -> None:
    error = await stage.error(
        """
        inputs: {key: {type: string, secret: true}}
        tasks: {bad: {run: "echo {{ inputs.key | quote }} >&2; exit 1", shell: true}}
        """,
        {"key": "open-sesame"},
    )
    assert "open-sesame" not in error
    assert "[redacted]" in error


async def test_cancelling_ends_the_whole_tree(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.core.workflows.executors.process.GRACE", 0.3)
    workflow_id = await stage.begin(
        """
        tasks:
          tree:
            run: "trap '' TERM; setsid sh -c 'echo $$ > pids; exec sleep 300' & sleep 300; wait"
            shell: true
            timeout: 5m
        """
    )
    pids = stage.folder / "pids"
    await until(lambda: pids.exists() and pids.read_text().strip())
    pid = int(pids.read_text())
    assert alive(pid)
    state = await stage.orchestrator.cancel_workflow(workflow_id)
    assert state.status == "cancelled"
    assert not alive(pid)
    assert await until(lambda: not stage.left())


async def test_what_a_command_leaves_running_ends_with_it(stage: Stage) -> None:
    found = await stage.results(
        "tasks: {it: {run: 'sleep 300 >/dev/null 2>&1 & echo $!', shell: true}}"
    )
    assert not alive(int(found["it"]))


async def test_a_timeout_ends_the_attempt(stage: Stage) -> None:
    state = await stage.run("tasks: {slow: {run: [sleep, 300], timeout: 300ms}}")
    assert (state.tasks["slow"].status, state.tasks["slow"].error_type) == ("failed", "timeout")


async def test_an_engine_that_closes_leaves_its_commands_running_for_the_next(
    new_stage: NewStage, folder: Path
) -> None:
    first = await new_stage()
    workflow_id = await first.begin(
        "tasks: {it: {run: 'echo begun; touch here; while [ ! -e go ]; do sleep 0.05; done; "
        "echo done', shell: true}}"
    )
    await until((folder / "here").exists)
    await first.close()
    second = await new_stage()
    assert await second.orchestrator.recover() == [workflow_id]
    await asyncio.to_thread((folder / "go").touch)
    await second.orchestrator.wait(workflow_id)
    state = await second.orchestrator.get_workflow_status(workflow_id)
    assert (state.tasks["it"].result, state.tasks["it"].attempt) == ("begun\ndone", 1)
    assert await second.log(workflow_id, "it") == "begun\ndone\n"


async def test_resources_that_this_machine_has_no_amounts_of_are_refused(stage: Stage) -> None:
    error = await stage.error("tasks: {a: {run: [echo, x], resources: {gpu: 1}, retry: 3}}")
    assert error.startswith("ResourcesUnknown: a asks for resources (gpu)")
    assert "--executor dask://" in error


class Slow:
    """A guard that takes its time to hear of an end."""

    refusal = None

    def admits(self, run: Run, task: int) -> bool:
        return True

    def reason(self, run: Run, task: int) -> str:
        return ""

    def left(self, run: Run, task: int) -> None:
        pass

    def withdrawn(self, run: Run, task: int) -> None:
        pass

    def begins(self, run: Run, task: int, *, adopted: bool) -> Slow:
        return self

    def report(self, usage: Usage) -> None:
        pass

    async def ended(self, given: Pass, error: BaseException | None) -> None:
        await asyncio.sleep(0.1)


async def test_what_each_attempt_leaves_is_forgotten_however_late_its_end_is_on_disk(
    stage: Stage,
) -> None:
    stage.orchestrator.guard(Slow())
    state = await stage.run(
        "tasks: {it: {run: 'exit 3', shell: true, retry: {attempts: 3, initial: 0.01}}}"
    )
    assert (state.status, state.tasks["it"].attempt) == ("failed", 3)
    await stage.orchestrator.close()
    assert not stage.left()
