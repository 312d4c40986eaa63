"""A hand on the Workflows screen, and the models behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.tui.crew import Crew
from tests.tui.fleet import Ship
from tests.tui.hand import Hand

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.workflow_views import TaskView
from quarterdeck.tui.model.cells import row_text
from quarterdeck.tui.model.flow.graph import Picture, graph_row
from quarterdeck.tui.model.flow.state import Flow
from quarterdeck.tui.screens.flows import FlowsScreen

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ship(crew: Crew, name: str) -> Ship:
    return next(one for one in crew.fleet.ships.values() if one.line.name == name)


def screen(hand: Hand) -> FlowsScreen:
    assert isinstance(hand.screen, FlowsScreen)
    return hand.screen


async def at(hand: Hand, name: str, *keys: str) -> FlowsScreen:
    """Look at a workflow, and press keys."""
    await hand.press("2")
    screen(hand).go_to(ship(hand.crew, name).id, None)
    await hand.settle()
    await hand.press(*keys)
    return screen(hand)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def flow_of(tasks: list[TaskView], *, critical: tuple[str, ...] = (), **more: object) -> Flow:
    crew = Crew(ManualClock(NOW))
    ship = crew.fleet.add("feature", tasks, **more)  # type: ignore[arg-type]
    ship.critical = critical
    return Flow(crew.fleet.whole(ship.id))


def texts(picture: Picture, flow: Flow, cursor: str | None = None) -> list[str]:
    lines = range(len(picture.graph.lines))
    return [row_text(graph_row(picture, flow, y, NOW, cursor=cursor)) for y in lines]
