"""Scripted engines for the dashboard's tests."""

from __future__ import annotations

import time

import pytest
from tests.tui.crew import Crew, agent
from tests.tui.fleet import R, W, feature, task

from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import Activity, Choice, Lifecycle


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have asked for no colour, and lives somewhere."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def crew() -> Crew:
    """An engine without sessions, three agents on PATH."""
    crew = Crew()
    crew.agents = (
        agent("claude"),
        agent("codex"),
        agent("gemini", found=False),
        agent("shell"),
        agent("practice-approver", practice=True),
        agent("practice-asker", practice=True),
    )
    return crew


@pytest.fixture
def busy(crew: Crew) -> Crew:
    """Sessions of every kind, three items that need someone."""
    login = crew.add("fix-login", "claude", Activity.NEEDS_APPROVAL, title="Fix the login")
    tests = crew.add("add-tests", "codex", Activity.TURN_DONE, since=190)
    docs = crew.add("docs", "gemini", Activity.WORKING, repo="/home/ann/site", since=3)
    crew.add("site-idle", "opencode", Activity.IDLE, repo="/home/ann/site", since=4000)
    crew.add(
        "old", "aider", Activity.UNKNOWN, lifecycle=Lifecycle.EXITED, exit_code=1,
        reason="No API key was found", resumable=True,
    )  # fmt: skip
    crew.item(login, text="npm i left-pad --save\n\nThis changes package.json.")
    crew.item(
        docs, AttentionKind.QUESTION, "Which colour?", age=700, free_text=True,
        choices=(Choice(key="a", label="Red"), Choice(key="b", label="Blue")),
    )  # fmt: skip
    crew.item(tests, AttentionKind.TURN_DONE, "tests added", age=190)
    for session in crew.sessions.values():
        crew.draw(session, [f"$ hello from {session.name}", "$ "])
    return crew


@pytest.fixture
def fleet(crew: Crew) -> Crew:
    """Four workflows: one half way, one that waits, one done, one failed."""
    ships = crew.fleet
    half = ships.add("feature", feature(crew.now()))
    half.critical = ("plan", "build", "test", "release")
    half.logs["build", 2] = "building\nstill building\n"
    half.logs["build", 1] = "the first try\n"
    half.results["plan"] = {"steps": ["one", "two"]}
    waits = ships.add(
        "release",
        [task("ship", kind="approve", status=R.RUNNING, started_at=crew.ago(30))],
        age=300,
    )
    ships.gate(waits, "ship")
    ships.add("nightly", [task("a", status=R.COMPLETED)], W.COMPLETED, age=4000, took=62)
    ships.add(
        "broken", [task("a", status=R.FAILED, error="boom"), task("b", "a", status=R.SKIPPED)],
        W.FAILED, age=5000, took=6, error="a failed: boom",
    )  # fmt: skip
    return crew
