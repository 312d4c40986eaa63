"""Workflows over the protocol: every command, its reply, and what a client's view makes of the events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.ship import Ship, sailing, until

from quarterdeck.core.client.client import Client, CommandRefused
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.commands import Payload, command
from quarterdeck.core.protocol.workflow_status import WorkflowStatus
from quarterdeck.core.workflows.statuses import ENDED

TEXT = """
name: waits
schedule: {cron: "0 3 * * *", zone: Europe/Vienna, catch_up: one}
inputs: {count: {type: integer, default: 1}, token: {secret: true, default: hidden}}
tasks:
  first: {wait_for: begun}
  second: {needs: first, wait_for: done}
"""


class Helm:
    """A client, and the file it works with."""

    def __init__(self, client: Client, file: Path) -> None:
        self.client, self.file = client, str(file)

    async def call(self, payload: Payload) -> dict[str, Any]:
        return await self.client.call(payload)

    async def create(self, **wish: Any) -> str:
        made = await self.call(w.CreateWorkflow(file=self.file, **wish))
        return str(made["workflow"]["id"])

    async def stands(self, workflow_id: str, status: str) -> None:
        view = self.client.view.workflows
        await until(lambda: workflow_id in view and view[workflow_id].status == status)

    async def refused(self, payload: Payload) -> str:
        with pytest.raises(CommandRefused) as refusal:
            await self.client.call(payload)
        return refusal.value.code


async def helm_of(ship: Ship, folder: Path) -> Helm:
    file = folder / "waits.yaml"
    file.write_text(TEXT)
    return Helm(await ship.client(), file)


async def test_a_workflow_is_steered_by_commands_and_followed_in_the_view(place: Path) -> None:
    async with sailing(place) as ship:
        helm = await helm_of(ship, place)
        one = await helm.create(inputs={"count": "3"})
        await helm.stands(one, "running")
        on: dict[str, Any] = {"workflow_id": one}
        whole = (await helm.call(w.ShowWorkflow(**on)))["whole"]
        assert whole["inputs"] == {"count": 3, "token": "***"}
        assert [task["reason"] for task in whole["tasks"]] == [
            "waits for an event", "waits for first",
        ]  # fmt: skip
        await helm.call(w.PauseWorkflow(**on))
        await helm.stands(one, "paused")
        await helm.call(w.ResumeWorkflow(**on))
        await helm.stands(one, "running")
        assert await helm.call(w.SignalWorkflow(**on, name="begun", value=[1])) == {"awaited": True}
        await until(lambda: helm.client.view.workflows[one].done == 1)
        task = (await helm.call(w.ShowTask(**on, task_id="first")))["task"]
        assert task["result"] == [1]
        await helm.call(w.CancelWorkflow(**on))
        await helm.stands(one, "cancelled")
        await helm.call(w.RetryWorkflow(**on))
        await helm.stands(one, "running")
        await helm.call(w.SignalWorkflow(**on, name="done"))
        await helm.stands(one, "completed")
        await helm.call(w.RerunTask(**on, task_id="second"))
        await helm.stands(one, "completed")
        versions = (await helm.call(w.WorkflowHistory(**on)))["versions"]
        found = (await helm.call(w.CompareVersions(**on, before=1, after=2)))["difference"]
        assert found["before"] == 1
        assert len((await helm.call(w.DrawWorkflow(**on)))["graph"]["boxes"]) == 2
        back = (await helm.call(w.RollBackWorkflow(**on, version=2)))["workflow"]
        assert back["version"] > len(versions)
        await helm.call(w.CancelWorkflow(**on))
        await helm.stands(one, "cancelled")
        assert await helm.call(w.DeleteWorkflow(**on)) == on
        await until(lambda: one not in helm.client.view.workflows)
        await helm.client.close()


async def test_what_can_not_be_done_has_its_own_code(place: Path) -> None:
    async with sailing(place) as ship:
        helm = await helm_of(ship, place)
        one = await helm.create(start=False)
        nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        on: dict[str, Any] = {"workflow_id": one}
        codes = {
            "workflow_unknown": w.ShowWorkflow(workflow_id=nobody),
            "task_unknown": w.ShowTask(**on, task_id="third"),
            "version_unknown": w.ShowWorkflow(**on, version=99),
            "log_missing": w.ReadTaskLog(**on, task_id="first"),
            "illegal_transition": w.ResumeWorkflow(**on),
            "workflow_inputs_invalid": w.CreateWorkflow(file=helm.file, inputs={"count": "many"}),
            "workflow_file_unreadable": w.CreateWorkflow(file="/nowhere.yaml"),
            "schedule_unknown": w.RemoveSchedule(name="x"),
            "schedule_invalid": w.SaveSchedule(name="x", file=helm.file, cron="never"),
        }
        await helm.call(w.CancelWorkflow(**on))
        assert {code: await helm.refused(wish) for code, wish in codes.items()} == {
            code: code for code in codes
        }
        await helm.client.close()


async def test_a_repeated_command_creates_nothing_again(place: Path) -> None:
    async with sailing(place) as ship:
        helm = await helm_of(ship, place)
        sent = command(w.CreateWorkflow(file=helm.file))
        first = await helm.client.call_command(sent)
        assert await helm.client.call_command(sent) == first
        assert first["workflow"]["id"] == sent.id
        assert len((await helm.call(w.ListWorkflows()))["workflows"]) == 1
        await helm.client.close()


async def test_a_fresh_client_has_the_workflows_in_its_snapshot(place: Path) -> None:
    async with sailing(place) as ship:
        helm = await helm_of(ship, place)
        ids = [await helm.create(start=False) for _ in range(3)]
        for one in ids[:2]:
            await helm.call(w.CancelWorkflow(workflow_id=one))
        late = await ship.client("late")
        await until(lambda: len(late.view.workflows) == 3)
        ended = [one for one in late.view.workflows.values() if one.status in ENDED]
        assert sorted(one.id for one in ended) == sorted(ids[:2])
        listed = await helm.call(w.ListWorkflows(statuses=(WorkflowStatus.PENDING,)))
        assert [one["id"] for one in listed["workflows"]] == ids[2:]
        await late.close()
        await helm.client.close()


async def test_a_schedule_takes_what_is_not_given_from_the_file(place: Path) -> None:
    async with sailing(place) as ship:
        helm = await helm_of(ship, place)
        made = (await helm.call(w.SaveSchedule(name="n", file=helm.file)))["schedule"]
        assert (made["cron"], made["zone"], made["catch_up"]) == (
            "0 3 * * *", "Europe/Vienna", "one",
        )  # fmt: skip
        given = w.SaveSchedule(name="n", file=helm.file, cron="5 4 * * *", enabled=False)
        await helm.call(given)
        (kept,) = (await helm.call(w.ListSchedules()))["schedules"]
        assert (kept["cron"], kept["enabled"]) == ("5 4 * * *", False)
        assert await helm.call(w.RemoveSchedule(name="n")) == {"name": "n"}
        assert (await helm.call(w.ListSchedules()))["schedules"] == []
        await helm.client.close()
