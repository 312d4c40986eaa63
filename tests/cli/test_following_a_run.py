"""What ``run`` shows of a workflow, and of those beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from quarterdeck.cli.running.others import MOST_TOLD, left, others, taken_up
from quarterdeck.cli.running.runner import Ending, Runner
from quarterdeck.core.client.client import Client
from quarterdeck.core.protocol.workflow_status import TaskStatus, WorkflowStatus
from quarterdeck.core.protocol.workflow_views import WorkflowView

ID = "01M800RRF1K3G3B111B39XZ32V"
AT = datetime(2026, 3, 1, tzinfo=UTC)
RUNNING = {TaskStatus.RUNNING: 1, TaskStatus.PENDING: 2}


def workflow(name: str, **more: Any) -> WorkflowView:
    given: dict[str, Any] = {
        "id": f"{name}-id",
        "status": WorkflowStatus.RUNNING,
        "engine_id": "here",
        "counts": RUNNING,
        **more,
    }
    return WorkflowView(name=name, created_at=AT, **given)


class Answering:
    """A client whose engine has these workflows."""

    def __init__(self, *views: WorkflowView) -> None:
        self.views = views
        self.view = SimpleNamespace(open_items=list)
        self.on_event: Any = None
        self.on_closed: Any = None

    async def follow(self, *_: str) -> None:
        pass

    async def call(self, _: Any) -> dict[str, Any]:
        found = [one.model_dump(mode="json") for one in self.views]
        return {"workflows": found, "whole": {"workflow": found[0], "tasks": []}}


class Shown:
    """A face that notes what it is told to show."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.said.append(name)


async def test_nothing_is_shown_behind_the_end() -> None:
    one = workflow("one", id=ID, status=WorkflowStatus.COMPLETED)
    client, face = Answering(one), Shown()

    async def nobody() -> None:
        pass

    runner = Runner(
        cast("Client", client), cast("Any", face), lines=None, reconnect=nobody, again=str
    )
    assert await runner.follow(ID) is Ending.OVER
    shown = list(face.said)
    client.on_event(SimpleNamespace(payload=SimpleNamespace(workflow_id=ID)))
    assert (shown[-1], face.said) == ("end", shown)


async def test_only_what_this_engine_drives_goes_on_beside_it() -> None:
    views = (
        workflow("new"), workflow("asked"), workflow("part", parent="x/y/1"),
        workflow("elsewhere", engine_id="there"), workflow("nobodys", engine_id=None), workflow("old"),
    )  # fmt: skip
    found = await others(cast("Client", Answering(*views)), "here", "asked-id")
    assert [one.name for one in found] == ["old", "new"]


def test_what_is_said_of_them_names_each_and_how_to_go_on() -> None:
    views = [workflow(f"flow{n}") for n in range(MOST_TOLD + 2)]
    for words in (taken_up, left):
        told = list(words(views, lambda one: f"qd run --resume {one}"))
        assert len(told) == MOST_TOLD + 1
        assert "flow0 (flow0-id), 1 of 3 tasks running." in told[0]
        assert told[0].endswith(" with: qd run --resume flow0-id")
        assert told[-1] == "... and 2 more workflows that run."
        assert list(words([], str)) == []
