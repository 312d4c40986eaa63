"""Two terminals, one on each back end, through the same life: output, sizes, crashes, frames, time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.sessions.terminal.test_emulator_properties import PLAIN_WORDS, outputs, shown

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.screen import Row
from quarterdeck.core.sessions.terminal.factory import available, open_emulator, restore
from quarterdeck.core.sessions.terminal.port import Emulator

SCROLLBACK = 30
BACKENDS = ["rust", "pyte"]


class Follower:
    """What a dashboard has that fetches only the lines that are said to have changed."""

    def __init__(self, emulator: Emulator) -> None:
        self.begin(emulator)

    def begin(self, emulator: Emulator) -> None:
        """Fetch everything."""
        self.rows = [emulator.row(y) for y in range(emulator.rows)]
        self.generation = emulator.generation

    def follow(self, emulator: Emulator) -> list[Row]:
        """Fetch what changed."""
        dirty = emulator.dirty_since(self.generation)
        if dirty is None:
            self.begin(emulator)
        for y in dirty or ():
            self.rows[y] = emulator.row(y)
        self.generation = emulator.generation
        return self.rows


class Terminals(RuleBasedStateMachine):
    """Whatever happens to them, both show the same, and a crash of the engine changes nothing."""

    @initialize(cols=st.integers(4, 20), rows=st.integers(2, 8))
    def begin(self, cols: int, rows: int) -> None:
        self.clock = ManualClock()
        self.size = cols, rows
        self.fed = 0
        self.narrowed = False
        self.terminals = [
            open_emulator(cols, rows, backend=name, scrollback=SCROLLBACK, clock=self.clock)
            for name in BACKENDS
        ]
        self.followers = [Follower(one) for one in self.terminals]

    @rule(data=outputs(words=PLAIN_WORDS))
    def write(self, data: bytes) -> None:
        for terminal in self.terminals:
            terminal.feed(data)
        self.fed += len(data)

    @rule(data=outputs(words=PLAIN_WORDS), at=st.integers(0, 500))
    def write_in_two(self, data: bytes, at: int) -> None:
        """Each back end is split elsewhere."""
        cut = at % (len(data) + 1)
        first, second = self.terminals
        first.feed(data[:cut])
        first.feed(data[cut:])
        second.feed(data[: len(data) - cut])
        second.feed(data[len(data) - cut :])
        self.fed += len(data)

    @rule(sizes=st.lists(st.tuples(st.integers(2, 24), st.integers(2, 10)), min_size=1, max_size=6))
    def resize(self, sizes: list[tuple[int, int]]) -> None:
        """A storm of them, as a window that is dragged makes."""
        for size in sizes:
            self.narrowed |= size[0] < self.size[0]
            self.size = size
            for terminal in self.terminals:
                terminal.resize(*size)

    @rule(text=st.sampled_from(["a", "日本", "é"]), count=st.integers(1, 60))
    def fill(self, text: str, count: int) -> None:
        """Lines that wrap and scroll."""
        self.write_all((text * count + "\r\n").encode())

    @rule(rows=st.tuples(st.integers(1, 8), st.integers(1, 8)), lines=st.integers(1, 12))
    def scroll_a_region(self, rows: tuple[int, int], lines: int) -> None:
        top, bottom = min(rows), max(rows)
        self.write_all(b"\x1b[%d;%dr\x1b[%d;1H" % (top, bottom, bottom))
        self.write_all(b"".join(b"x%d\r\n" % number for number in range(lines)))
        self.write_all(b"\x1b[r")

    @rule(inside=outputs(words=PLAIN_WORDS))
    def visit_the_alternate_screen(self, inside: bytes) -> None:
        """As an editor does: what was there is there again, the size it had then or not."""
        self.write_all(b"\x1b[?2026l\x1b[?1049h" + inside + b"\x18\x1b[?2026l\x1b[?1049l")

    @rule(seconds=st.sampled_from([0.01, 0.2, 5.0]))
    def let_time_pass(self, seconds: float) -> None:
        """An open frame ends by itself."""
        self.clock.advance(seconds)

    @rule(across=st.booleans())
    def crash(self, across: bool) -> None:
        """The engine is killed: what comes back is what the snapshots hold."""
        before = [self.kept(one) for one in self.terminals]
        saved = [one.snapshot(offset=self.fed, history=SCROLLBACK) for one in self.terminals]
        names = BACKENDS[::-1] if across else BACKENDS
        for one in self.terminals:
            one.take_replies()
        found = [
            restore(data, backend=name, clock=self.clock)
            for data, name in zip(saved, names, strict=True)
        ]
        assert [one.offset for one in found] == [self.fed, self.fed]
        self.terminals = [one.emulator for one in found]
        if across:
            self.terminals.reverse()
            before.reverse()
        assert [self.kept(one) for one in self.terminals] == before
        self.narrowed = False
        self.followers = [Follower(one) for one in self.terminals]

    def kept(self, terminal: Emulator) -> dict[str, Any]:
        """What a snapshot holds: of lines that scrolled off, no more than the present width."""
        found = shown(terminal)
        return {**found, "history": len(found["history"])} if self.narrowed else found

    def write_all(self, data: bytes) -> None:
        """Feed both."""
        for terminal in self.terminals:
            terminal.feed(data)
        self.fed += len(data)

    @invariant()
    def both_are_alike(self) -> None:
        rust, pyte = self.terminals
        assert shown(rust) == shown(pyte)
        assert rust.take_replies() == pyte.take_replies()
        assert rust.take_signals() == pyte.take_signals()

    @invariant()
    def all_is_within_bounds(self) -> None:
        for terminal in self.terminals:
            assert (terminal.cols, terminal.rows) == self.size
            assert len(terminal.lines()) == self.size[1]
            assert 0 <= terminal.cursor.x < self.size[0]
            assert 0 <= terminal.cursor.y < self.size[1]
            assert terminal.history_length <= SCROLLBACK

    @invariant()
    def dirty_lines_tell_of_every_change(self) -> None:
        for terminal, follower in zip(self.terminals, self.followers, strict=True):
            rows = follower.follow(terminal)
            assert rows == [terminal.row(y) for y in range(terminal.rows)]


Terminals.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    derandomize=settings.get_current_profile_name() != "terminal-thorough",
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestBothTerminals = pytest.mark.skipif(
    set(available()) != set(BACKENDS), reason="only one back end is installed for this Python"
)(Terminals.TestCase)


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_a_recording_is_restored_at_every_byte(
    backend: str, recordings: dict[str, bytes], clock: ManualClock, agent: str, share: float
) -> None:
    """In the midst of characters, sequences and strings: the rest comes out as if never cut."""
    data = recordings[agent]
    start = int(len(data) * share)
    end = min(start + 32, len(data))
    open_one: Callable[[], Emulator] = lambda: open_emulator(120, 40, backend=backend, clock=clock)  # noqa: E731
    whole = open_one()
    whole.feed(data[:start])
    snapshots = []
    for at, after in pairwise(range(start, end + 1)):
        snapshots.append((at, whole.snapshot(offset=at), shown(whole)))
        whole.feed(data[at:after])
    whole.take_replies()
    for at, snapshot, before in snapshots:
        again, offset = restore(snapshot, backend=backend, clock=clock)
        assert (offset, shown(again)) == (at, before)
        again.feed(data[at:end])
        assert shown(again) == shown(whole), f"restored at byte {at}"
