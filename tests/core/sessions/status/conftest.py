"""A detector with a clock of its own, and the recorded screens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, Request, Source, Status
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import Recording, read_recording
from quarterdeck.core.sessions.status.detector import StatusDetector

SCREENS = Path(__file__).parents[3] / "recordings" / "screens"
BORN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Driver:
    """One session's detector, fed by what a test says happens, and woken when it asks to be.

    ``changes`` holds every status it gave, oldest first.
    """

    def __init__(
        self, definition: AgentDefinition, restored: Status | None = None, *, start: bool = True
    ) -> None:
        self.now = 0.0
        self.changes: list[Status] = []
        self.detector = StatusDetector(definition, self.moment(), restored)
        if start:
            self.feed(i.ProcessStarted, resumed=restored is not None)

    def moment(self) -> i.Moment:
        return i.Moment(self.now, BORN + timedelta(seconds=self.now))

    def feed(
        self, observed: Callable[..., i.Observation], *args: Any, **fields: Any
    ) -> Status | None:
        status = self.detector.feed(observed(self.moment(), *args, **fields))
        if status is not None:
            self.changes.append(status)
        return status

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the detector at every moment it asked for."""
        end = self.now + seconds
        while (at := self.detector.wake_at) is not None and at <= end:
            assert at > self.now, "a machine that wants to be woken in the past would spin"
            self.now = at
            self.feed(i.TimePassed)
        self.now = end

    def screen(self, *lines: str) -> Status | None:
        return self.feed(i.ScreenSettled, tuple(lines))

    def show(self, recording: Recording) -> Status | None:
        """The screen, then the title, as after a burst of output."""
        self.feed(i.ScreenSettled, recording.lines)
        return self.feed(i.TitleSeen, recording.title)

    def report(self, state: str, **fields: Any) -> Status | None:
        return self.feed(i.ProgramReport, i.ReportState(state), **fields)

    @property
    def status(self) -> Status:
        return self.detector.status

    def activity(self) -> Activity:
        return self.detector.status.activity

    def source(self) -> Source:
        return self.detector.status.source

    @property
    def request(self) -> Request:
        request = self.detector.status.request
        assert request is not None
        return request


@pytest.fixture(scope="session")
def agents() -> dict[str, AgentDefinition]:
    catalog = load_agents(expansions={"python": "python", "practice": "crew", "shell": "/bin/sh"})
    assert catalog.faults == ()
    return dict(catalog.definitions)


@pytest.fixture
def drive(agents: dict[str, AgentDefinition]) -> Callable[..., Driver]:
    """A driver for an agent by its name, or by a definition."""

    def make(agent: str | AgentDefinition, **options: Any) -> Driver:
        return Driver(agents[agent] if isinstance(agent, str) else agent, **options)

    return make


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Recording]:
    """A recorded or synthetic screen by its file's stem."""

    def read(stem: str) -> Recording:
        places = (SCREENS / f"{stem}.txt", SCREENS / "synthetic" / f"{stem}.txt")
        path = next(place for place in places if place.exists())
        return read_recording(path.read_text(encoding="utf-8"))

    return read
