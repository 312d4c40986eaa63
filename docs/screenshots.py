"""Draw every screen and dialog of the dashboard, on a real engine with the practice crew at work.

    make screenshots        writes docs/screenshots/*.svg

Times and ids on the pictures are those of the run; nothing else differs from one run to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarterdeck.cli.connector import EngineConnector
from quarterdeck.core.client.client import Client
from quarterdeck.core.protocol.commands import CreateSession, SetPreference
from quarterdeck.core.protocol.pipeline_commands import LoadPipeline, PropelPayload
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.workflow_commands import CreateWorkflow
from quarterdeck.core.settings import Settings, StateSettings
from quarterdeck.tui.app import QuarterdeckApp

PICTURES = Path(__file__).parent / "screenshots"
SIZES = ((80, 24), (200, 60))
LEFT, AROUND = 36, 4  # what the left column, the lines and the borders take
SECONDS = 30.0
PACE = ("--pace", "fast", "--seed", "7")


@dataclass(frozen=True)
class Scene:
    """A picture: its name, and the keys that lead to it from the deck and back."""

    name: str
    keys: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


SCENES = (
    Scene("deck", ("n",)),
    Scene("peek", ("space",), ("escape",)),
    Scene("create", ("c",), ("escape",)),
    Scene("prompt", ("i",), ("escape",)),
    Scene("filter", ("slash", *"is:needs"), ("escape",)),
    Scene("palette", ("colon", *"theme"), ("escape",)),
    Scene("help", ("question_mark", *"answer"), ("escape",)),
    Scene("confirm", ("S",), ("escape",)),
    Scene("preferences", ("comma",), ("escape",)),
    Scene("quit", ("q",), ("escape",)),
    Scene("minimal", ("m",), ("m",)),
    Scene("log", ("5",), ("1",)),
)
FLOWS = (
    Scene("workflows", ("2", "enter")),
    Scene("workflows-gantt", ("7",)),
    Scene("workflows-tasks", ("8",)),
    Scene("workflows-history", ("9", "enter"), ("6",)),
    Scene("workflows-task", ("g", "enter"), ("escape",)),
    Scene("workflows-run", ("c",), ("escape", "1")),
)
LANES = (
    Scene("pipelines", ("3", "j", "enter")),
    Scene("pipelines-payload", ("G", "enter"), ("escape",)),
    Scene("pipelines-propel", ("i",), ("escape",)),
    Scene("crew", ("4",)),
    Scene("crew-limits", ("8",)),
    Scene("crew-locks", ("9",), ("1",)),
)
FILE = Path(__file__).parent.parent / "examples" / "feature.yaml"
DEBATE = FILE.with_name("debate.yaml")
TOPIC = {"topic": "Which cache do we use?"}
CREW = (
    CreateSession(
        name="fix-login", agent="practice-approver", prompt="Make the login test pass", args=PACE
    ),
    CreateSession(
        name="plan-release", agent="practice-asker", prompt="Plan the next release", args=PACE
    ),
    CreateSession(
        name="add-tests", agent="practice-worker", prompt="Add tests for the parser", args=PACE
    ),
    CreateSession(name="import-data", agent="practice-crasher", args=PACE),
    CreateSession(name="spare", agent="practice-idler", args=PACE),
)
WANTED = {
    "fix-login": Activity.NEEDS_APPROVAL,
    "plan-release": Activity.NEEDS_ANSWER,
    "add-tests": Activity.TURN_DONE,
    "spare": Activity.IDLE,
}


async def main() -> None:
    """Draw all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as home:
        workspace = Path(home) / "shop"
        (workspace / ".git").mkdir(parents=True)
        shutil.copy(FILE, workspace)
        shutil.copy(DEBATE, workspace)
        os.environ["HOME"] = home  # pictures show paths as ~/shop, whoever draws them
        os.chdir(workspace)
        for size in SIZES:
            settings = Settings(state=StateSettings(dir=Path(state) / str(size[0])))
            await welcome(settings, size, workspace)
            await tour(settings, size, workspace)


async def welcome(settings: Settings, size: tuple[int, int], workspace: Path) -> None:
    """The first run."""
    connector = EngineConnector(settings.state_dir, lambda: settings, parting=True)
    app = QuarterdeckApp(connector, directory=str(workspace))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.bridge.ready and len(app.screen_stack) > 1, "the welcome")
        await settle(pilot)
        save(app, "welcome", size)
    await connector.release(stop_sessions=True)


async def tour(settings: Settings, size: tuple[int, int], workspace: Path) -> None:
    """Everything else."""
    connector = EngineConnector(settings.state_dir, lambda: settings, parting=True)
    client = Client(await connector.connect(), "pictures")
    await client.start()
    await client.follow()
    await client.call(SetPreference(key="welcomed", value=True))
    for wish in CREW:
        room = {"cols": size[0] - LEFT, "lines": size[1] - AROUND}
        given = wish.model_copy(update={"cwd": str(workspace), **room})
        await client.call(given)
    await until(lambda: ready(client), "the crew")
    await client.call(CreateWorkflow(file=str(workspace / FILE.name), cwd=str(workspace)))
    await until(lambda: any(flow.done for flow in client.view.workflows.values()), "the workflow")
    await client.call(LoadPipeline(file=str(workspace / DEBATE.name)))
    await client.call(PropelPayload(name="debate", event="proposals_ready", data=TOPIC))
    await until(lambda: debated(client), "the debate")
    app = QuarterdeckApp(connector, directory=str(workspace))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.bridge.ready, "the dashboard")
        await settle(pilot)
        for scene in (*SCENES, *FLOWS, *LANES):
            await pilot.press(*scene.keys)
            await settle(pilot)
            save(app, scene.name, size)
            await pilot.press(*scene.back)
            await settle(pilot)
    await client.close()
    await connector.release(stop_sessions=True)


def debated(client: Client) -> bool:
    """Whether the debate has come to its end."""
    lanes = client.view.pipelines["debate"].lanes
    ends = {"consensus_reached", "no_consensus"}
    return any(lane.completed for lane in lanes if lane.event in ends)


def ready(client: Client) -> bool:
    """Whether every member of the crew has come to what its picture shows."""
    sessions = {session.name: session for session in client.view.sessions.values()}
    crashed = sessions["import-data"].lifecycle is Lifecycle.CRASHED
    return crashed and all(
        sessions[name].status.activity is state for name, state in WANTED.items()
    )


async def until(wanted: Callable[[], bool], what: str) -> None:
    """Wait until ``wanted``; a picture that can't be drawn ends the run."""
    async with asyncio.timeout(SECONDS):
        while not wanted():  # noqa: ASYNC110  # it watches the app and the engine at once
            await asyncio.sleep(0.05)
    print(f"{what}: there", file=sys.stderr)


async def settle(pilot: Any) -> None:
    """Let the last key's effect be drawn."""
    for _ in range(3):
        await pilot.pause(0.15)


def save(app: QuarterdeckApp, name: str, size: tuple[int, int]) -> None:
    """Write one picture."""
    path = PICTURES / f"{name}-{size[0]}x{size[1]}.svg"
    path.write_text(app.export_screenshot(title="quarterdeck"))
    print(path.name)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
