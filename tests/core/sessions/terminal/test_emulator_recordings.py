"""What real agents wrote, recorded at 120 by 40: their screens, titles, reports and questions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.screen import Modes, MouseMode
from quarterdeck.core.sessions.terminal.factory import open_emulator, restore
from quarterdeck.core.sessions.terminal.port import Emulator
from quarterdeck.core.sessions.terminal.signals import ProgramStatus, TitleChanged

AGENTS = ["claude", "codex", "gemini"]
CHUNK = 4096

Open = Callable[..., Emulator]
Recordings = dict[str, bytes]


@pytest.fixture
def played(terminal: Open, recordings: Recordings) -> Callable[..., Emulator]:
    """A terminal that took a recording in, up to a mark's frame (everything without a mark)."""

    def play(agent: str, mark: bytes = b"", end_of_frame: bytes = b"\x1b[?2026l") -> Emulator:
        data = recordings[agent]
        end = len(data)
        if mark:
            end = data.index(end_of_frame, data.index(mark)) + len(end_of_frame)
        emulator = terminal(cols=120, rows=40)
        for at in range(0, end, CHUNK):
            emulator.feed(data[at : min(end, at + CHUNK)])
        return emulator

    return play


def text(emulator: Emulator) -> str:
    return "\n".join(emulator.lines())


FINAL = {
    "claude": ["Resume this session with:", "claude --permission-mode default --resume 0925202f"],
    "codex": ["Token usage: total=54 input=33 output=21", "codex resume 01a1fa1d-5cf3-7001-93af"],
    "gemini": ["To resume this session: gemini --resume f742b602-be9b", "Agent powering down"],
}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_last_screen(played: Callable[..., Emulator], agent: str) -> None:
    emulator = played(agent)
    seen = text(emulator)
    for expected in FINAL[agent]:
        assert expected in seen
    assert emulator.modes == Modes(), "an agent that left has put every mode back"
    assert emulator.cursor.visible
    assert emulator.title == ""


def test_a_permission_dialog_of_claude(played: Callable[..., Emulator]) -> None:
    emulator = played("claude", b"Esc to cancel")
    seen = text(emulator)
    for expected in ("touch t1", "Do you want to proceed?", "❯ 1. Yes", "4. No"):
        assert expected in seen
    assert emulator.modes == Modes(
        alt_screen=True,
        mouse=MouseMode.MOTION,
        mouse_sgr=True,
        bracketed_paste=True,
        focus_events=True,
        keyboard_flags=1,
    )
    status = emulator.status.aggregate()
    assert status is not None
    assert (status.state, status.kind, status.msg) == (
        "blocked",
        "permission",
        "approve Bash: touch t1",
    )


def test_a_permission_dialog_of_codex(played: Callable[..., Emulator]) -> None:
    seen = text(played("codex", b"Yes, proceed"))
    for expected in (
        "Would you like to run the following command?",
        "$ touch t1",
        "1. Yes, proceed (y)",
    ):
        assert expected in seen


def test_a_working_gemini(played: Callable[..., Emulator]) -> None:
    emulator = played("gemini", b"(esc to cancel, 2s)", b"no sandbox")
    assert emulator.title == "✦  Working… (proj)"
    assert "Thinking... (esc to cancel, 2s)" in text(emulator)


def test_gemini_leaves_a_history_of_its_own_lines(played: Callable[..., Emulator]) -> None:
    emulator = played("gemini")
    assert emulator.history_length == 38
    assert emulator.search("Which colour") == []
    (found,) = emulator.search("This request failed. Press F12")
    assert (found.line, found.column, found.cells) == (35, 2, 30)


TITLES = {
    "claude": ["✳ Claude Code", "Claude Code", ""],
    "codex": ["proj", "[ ! ] Action Required | ok | proj", "ok | proj", ""],
    "gemini": ["◇  Ready (proj)", "✦  Working… (proj)", "✋  Action Required (proj)", ""],
}


@pytest.mark.parametrize("agent", AGENTS)
def test_titles_come_in_order(played: Callable[..., Emulator], agent: str) -> None:
    emulator = played(agent)
    titles = [
        signal.title for signal in emulator.take_signals() if isinstance(signal, TitleChanged)
    ]
    wanted = iter(titles)
    assert all(title in wanted for title in TITLES[agent]), titles
    assert all(a != b for a, b in pairwise(titles))
    assert emulator.dropped_signals == 0


STATES = {
    "claude": "idle working done working blocked:permission working done blocked:question working "
    "done working error working idle clear clear",
    "codex": "idle working done idle working blocked:permission working done idle working error "
    "idle working idle clear",
    "gemini": "",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_reports_come_in_order(played: Callable[..., Emulator], agent: str) -> None:
    signals = played(agent).take_signals()
    reports = [signal.report for signal in signals if isinstance(signal, ProgramStatus)]
    states = [f"{r.state}:{r.kind}" if r.kind else str(r.state) for r in reports]
    assert states == STATES[agent].split()
    assert {report.app for report in reports if report.state != "clear"} <= {"claude-code", "codex"}


REPLIES = {
    "claude": b"\x1bP>|quarterdeck\x1b\\ \x1b[?0u \x1b]7501;?\x07 \x1b[?62;22c \x1b[?2026;2$y "
    b"\x1b[6;20;10t \x1b[?1016;0$y \x1b[?62;22c",
    "codex": b"\x1b[?1u \x1b[?62;22c \x1b[3;1R \x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\ "
    b"\x1b]11;rgb:1212/1212/1212\x1b\\ \x1b[?62;22c",
    "gemini": b"\x1b[?0u \x1b]11;rgb:1212/1212/1212\x1b\\ \x1bP>|quarterdeck\x1b\\ \x1b[?62;22c",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_every_query_is_answered_once_in_order(played: Callable[..., Emulator], agent: str) -> None:
    emulator = played(agent)
    assert emulator.take_replies() == REPLIES[agent].replace(b" ", b"")
    assert emulator.take_replies() == b""


@pytest.mark.parametrize("agent", AGENTS)
def test_both_back_ends_show_every_frame_alike(
    both: tuple[str, str], recordings: Recordings, clock: ManualClock, agent: str
) -> None:
    rust, pyte = (open_emulator(120, 40, backend=name, clock=clock) for name in both)
    data = recordings[agent]
    step = max(101, len(data) // 250)
    held = (rust.generation, pyte.generation)
    for at in range(0, len(data), step):
        for emulator in (rust, pyte):
            emulator.feed(data[at : at + step])
        dirty = rust.dirty_since(held[0]), pyte.dirty_since(held[1])
        held = (rust.generation, pyte.generation)
        lines = range(40) if None in dirty else {*(dirty[0] or ()), *(dirty[1] or ())}
        for y in lines:
            assert rust.row(y) == pyte.row(y), f"line {y} after byte {at}"
        assert (rust.cursor, rust.modes, rust.title) == (pyte.cursor, pyte.modes, pyte.title)
    assert rust.history(0, 1000) == pyte.history(0, 1000)
    assert rust.lines() == pyte.lines()


def state(emulator: Emulator) -> tuple[Any, ...]:
    rows = [emulator.row(y) for y in range(emulator.rows)]
    history = emulator.history(0, 1000)
    records = emulator.status.records()
    return rows, history, records, emulator.cursor, emulator.modes, emulator.title


@pytest.mark.parametrize("agent", AGENTS)
def test_a_recording_goes_on_after_a_snapshot_anywhere(
    backend: str, recordings: Recordings, clock: ManualClock, agent: str
) -> None:
    data = recordings[agent]
    points = range(1, len(data), len(data) // 14 + 1)
    whole = open_emulator(120, 40, backend=backend, clock=clock)
    saved: list[tuple[int, bytes]] = []
    before = 0
    for point in (*points, len(data)):
        whole.feed(data[before:point])
        saved.append((point, whole.snapshot(offset=point)))
        before = point
    for point, snapshot in saved:
        again, offset = restore(snapshot, backend=backend, clock=clock)
        assert offset == point
        with again.mute():
            again.feed(data[offset:])
        assert state(again) == state(whole), f"restored at byte {point}"
        assert again.take_replies() == b""
        assert again.take_signals() == []


@pytest.mark.parametrize("agent", AGENTS)
def test_a_snapshot_by_one_back_end_is_restored_by_the_other(
    both: tuple[str, str], recordings: Recordings, clock: ManualClock, agent: str
) -> None:
    data = recordings[agent][:30_000]
    half = len(data) // 2
    for one, other in (both, both[::-1]):
        first = open_emulator(120, 40, backend=one, clock=clock)
        first.feed(data[:half])
        second, offset = restore(first.snapshot(offset=half), backend=other, clock=clock)
        assert second.backend == other
        assert state(second) == state(first)
        first.feed(data[offset:])
        second.feed(data[offset:])
        assert state(second) == state(first)


@pytest.mark.parametrize("agent", AGENTS)
def test_snapshots_are_small(
    backend: str, recordings: Recordings, clock: ManualClock, agent: str
) -> None:
    emulator = open_emulator(120, 40, backend=backend, clock=clock)
    emulator.feed(recordings[agent][:20_000])
    assert len(emulator.snapshot()) < 8_000


@pytest.mark.parametrize("agent", AGENTS)
def test_following_dirty_lines_only(
    backend: str, recordings: Recordings, clock: ManualClock, agent: str
) -> None:
    data = recordings[agent][:40_000]
    emulator = open_emulator(120, 40, backend=backend, clock=clock)
    follower = [emulator.row(y) for y in range(40)]
    generation = emulator.generation
    sent = 0
    for at in range(0, len(data), 700):
        emulator.feed(data[at : at + 700])
        dirty = emulator.dirty_since(generation)
        for y in range(40) if dirty is None else dirty:
            follower[y] = emulator.row(y)
            sent += 1
        generation = emulator.generation
    assert follower == [emulator.row(y) for y in range(40)]
    assert sent < 40 * len(range(0, len(data), 700)), "some lines stayed clean"
