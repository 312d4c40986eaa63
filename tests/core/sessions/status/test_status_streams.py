"""Recorded streams of real agents, byte for byte through the emulator into a detector.

The recordings hold no times: bytes are spread evenly over the seconds they took, and the screen is
read after every few of them, half-drawn frames included.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.terminal.factory import open_emulator
from quarterdeck.core.sessions.terminal.signals import ProgramStatus, TitleChanged

STREAMS = Path(__file__).parents[3] / "recordings" / "streams"
COLS, ROWS, SECONDS = 120, 40, 35.0
A = Activity

Drive = Callable[..., Any]


class Replay:
    """Feeds a session with one recording; ``reports``: OSC 7501 gets through."""

    def __init__(self, session: Any, *, reports: bool) -> None:
        self.session = session
        self.reports = reports
        self.emulator = open_emulator(COLS, ROWS)

    def run(self, data: bytes, step: int) -> None:
        pause = SECONDS * step / len(data)
        for start in range(0, len(data), step):
            self.session.wait(pause)
            self.emulator.feed(data[start : start + step])
            self._signals()
            self.session.feed(i.OutputSeen)
            self.session.screen(*self.emulator.lines())
        self.session.wait(3)
        self.session.feed(i.ProcessExited, "exited with code 0")

    def _signals(self) -> None:
        for signal in self.emulator.take_signals():
            if isinstance(signal, TitleChanged):
                self.session.feed(i.TitleSeen, signal.title)
            elif isinstance(signal, ProgramStatus) and self.reports:
                report = signal.report
                kind = DialogKind(report.kind) if report.kind else None
                self.session.report(report.state, kind=kind, message=report.msg, id=report.id)


@pytest.fixture
def replayed(drive: Drive) -> Callable[..., Any]:
    def replay(agent: str, stream: str, step: int, *, reports: bool) -> Any:
        session = drive(agent)
        data = (STREAMS / f"{stream}.raw").read_bytes()
        Replay(session, reports=reports).run(data, step)
        return session

    return replay


def activities(session: Any) -> list[Activity]:
    """What was shown, in order, each once as long as it lasted."""
    shown = [A.UNKNOWN, *(status.activity for status in session.changes)]
    return [after for before, after in pairwise(shown) if before is not after]


def asked(session: Any) -> list[tuple[DialogKind, str, int]]:
    """Every request with its text and the number of its options as they stood at last."""
    last = {each.request.request_id: each.request for each in session.changes if each.request}
    return [(each.kind, each.text, len(each.choices)) for each in last.values()]


CLAUDE_TURNS = [
    A.IDLE,
    A.WORKING, A.TURN_DONE,
    A.WORKING, A.NEEDS_APPROVAL, A.WORKING, A.TURN_DONE,
    A.NEEDS_ANSWER, A.WORKING, A.TURN_DONE,
    A.WORKING, A.ERRORED,
    A.WORKING, A.IDLE,
]  # fmt: skip


def test_claude_by_its_reports(replayed: Callable[..., Any]) -> None:
    session = replayed("claude", "claude-pty1", 64, reports=True)
    shown = activities(session)
    assert shown[: len(CLAUDE_TURNS)] == CLAUDE_TURNS
    assert asked(session) == [
        (DialogKind.PERMISSION, "approve Bash: touch t1", 4),
        (
            DialogKind.QUESTION,
            "answer: Which colour do you want? (Red · Blue)",
            4,
        ),
    ]


def test_claude_by_its_screen_alone(replayed: Callable[..., Any]) -> None:
    """As on a terminal that doesn't speak the protocol: the same turns and the same requests."""
    session = replayed("claude", "claude-pty1", 64, reports=False)
    shown = [activity for activity in activities(session) if activity not in {A.IDLE, A.UNKNOWN}]
    assert shown[:13] == [
        A.WORKING, A.TURN_DONE,
        A.WORKING, A.NEEDS_APPROVAL, A.WORKING, A.TURN_DONE,
        A.WORKING, A.NEEDS_ANSWER, A.WORKING, A.TURN_DONE,
        A.WORKING, A.ERRORED,
        A.WORKING,
    ]  # fmt: skip
    assert asked(session) == [
        (DialogKind.PERMISSION, "touch t1", 4),
        (DialogKind.QUESTION, "Which colour do you want?", 4),
    ]


def test_codex_by_its_reports(replayed: Callable[..., Any]) -> None:
    session = replayed("codex", "codex-pty1", 40, reports=True)
    shown = activities(session)
    blip = shown.index(A.TURN_DONE) - 1
    turns = [
        A.WORKING, A.TURN_DONE, A.IDLE,
        A.WORKING, A.NEEDS_APPROVAL, A.WORKING, A.TURN_DONE, A.IDLE,
        A.WORKING, A.ERRORED, A.IDLE,
        A.WORKING, A.IDLE,
        A.UNKNOWN,
    ]  # fmt: skip
    assert shown[blip : blip + len(turns)] == turns
    assert asked(session) == [(DialogKind.PERMISSION, "$ touch t1", 3)]


def test_codex_by_title_and_screen(replayed: Callable[..., Any]) -> None:
    session = replayed("codex", "codex-pty1", 40, reports=False)
    shown = [activity for activity in activities(session) if activity is not A.IDLE]
    begin = shown.index(A.TURN_DONE) - 1
    assert shown[begin:] == [
        A.WORKING, A.TURN_DONE,
        A.WORKING, A.NEEDS_APPROVAL, A.WORKING, A.TURN_DONE,
        A.WORKING, A.ERRORED,
        A.WORKING,
        A.UNKNOWN,
    ]  # fmt: skip
    assert asked(session) == [(DialogKind.PERMISSION, "$ touch t1", 3)]


def test_gemini_by_its_title(replayed: Callable[..., Any]) -> None:
    session = replayed("gemini", "gemini-pty", 400, reports=False)
    shown = [activity for activity in activities(session) if activity is not A.IDLE]
    assert shown == [
        A.WORKING, A.TURN_DONE,
        A.WORKING, A.NEEDS_APPROVAL, A.WORKING, A.TURN_DONE,
        A.WORKING, A.ERRORED,
        A.WORKING,  # and cancelled
        A.UNKNOWN,
    ]  # fmt: skip
    assert [kind for kind, _, _ in asked(session)] == [DialogKind.PERMISSION]


@pytest.mark.parametrize(
    ("agent", "stream", "step"),
    [("claude", "claude-pty1", 64), ("codex", "codex-pty1", 40), ("gemini", "gemini-pty", 400)],
)
def test_every_word_on_a_stream_has_its_evidence(
    agent: str, stream: str, step: int, replayed: Callable[..., Any]
) -> None:
    session = replayed(agent, stream, step, reports=True)
    assert all(status.evidence for status in session.changes)
    assert session.status.request is None
    assert session.activity() in {A.UNKNOWN, A.IDLE}


def test_shell_reads_nothing_off_an_agents_screen(replayed: Callable[..., Any]) -> None:
    session = replayed("shell", "claude-pty1", 200, reports=False)
    assert asked(session) == []
