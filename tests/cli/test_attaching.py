"""``session attach`` in a real terminal: what passes, and the terminal as it was on every way out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.fake_engine import FakeEngine

from quarterdeck.cli.commands import attaching
from quarterdeck.cli.leaving import LeaveKey
from quarterdeck.cli.realterm import LEAVING, RESET
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import Hello, RawInput, SizeInput, Watch

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

PATIENCE = 20.0
PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"


class Terminal:
    """A real terminal with ``session attach`` in it; the test is the person and the window."""

    def __init__(self, state_dir: Path, *words: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--state-dir", str(state_dir), *words],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def resize(self, cols: int, lines: int) -> None:
        """The person pulls at the window."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, cols, 0, 0))

    def type(self, data: bytes) -> None:
        """The person types."""
        os.write(self.ours, data)

    def read_until(self, what: bytes) -> bytes:
        """All that is shown up to ``what``."""
        end = time.monotonic() + PATIENCE
        while what not in self.shown:
            ready, _, _ = select.select([self.ours], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{what!r} is not in {self.shown!r}"
            self.shown += os.read(self.ours, 65_536)
        return self.shown

    def end(self) -> int:
        """The exit code, once everything shown was read."""
        end = time.monotonic() + PATIENCE
        while self.child.poll() is None:
            assert time.monotonic() < end, f"it still runs; shown: {self.shown!r}"
            self._drain(0.02)
        self._drain(0)
        return self.child.returncode

    def _drain(self, seconds: float) -> None:
        while select.select([self.ours], [], [], seconds)[0]:
            self.shown += os.read(self.ours, 65_536)

    @property
    def attributes(self) -> Any:
        """The terminal's modes as the kernel has them."""
        return termios.tcgetattr(self.theirs)

    def close(self) -> None:
        """Take the window away."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        assert self.child.stderr is not None
        self.child.stderr.close()
        for fd in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.fixture
def docs(engine: FakeEngine) -> SessionView:
    return engine.add("docs")


@pytest.fixture
def attach(
    engine: FakeEngine, docs: SessionView, state_dir: Path
) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        terminal = Terminal(state_dir, "session", "attach", "docs", *words)
        opened.append(terminal)
        engine.wait_for(lambda: any(isinstance(one, Watch) for one in engine.came))
        engine.output(docs.id, b"\x1b[2J\x1b[Hhello")
        terminal.read_until(b"leaves it")
        return terminal

    yield begin
    for terminal in opened:
        terminal.close()


def typed(engine: FakeEngine) -> bytes:
    return b"".join(one.data for one in engine.came if isinstance(one, RawInput))


def sizes(engine: FakeEngine) -> list[tuple[int, int]]:
    return [(one.cols, one.lines) for one in engine.came if isinstance(one, SizeInput)]


def is_raw(attributes: Any) -> bool:
    return not attributes[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


# ---- while attached ------------------------------------------------------------------------


def test_the_terminal_is_raw_and_everything_typed_passes(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    assert is_raw(terminal.attributes)
    terminal.type(b"ls\r\x03\x1a\x1b[A\xc3\xa9")
    engine.wait_for(lambda: typed(engine) == b"ls\r\x03\x1a\x1b[A\xc3\xa9")


def test_the_size_is_told_before_the_screen_is_asked_for_and_when_it_changes(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    kinds = [type(one) for one in engine.came]
    assert kinds.index(SizeInput) < kinds.index(Watch)
    assert sizes(engine) == [(100, 30)]
    terminal.resize(90, 20)
    os.kill(terminal.child.pid, signal.SIGWINCH)
    engine.wait_for(lambda: sizes(engine)[-1] == (90, 20))


def test_the_leave_key_is_shown_once_and_goes_with_the_next_key(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    terminal = attach()
    assert b"docs: ctrl+] leaves it" in terminal.shown
    terminal.type(b"x")
    engine.wait_for(lambda: sum(isinstance(one, Watch) for one in engine.came) == 2)
    engine.output(docs.id, b"painted again")
    terminal.read_until(b"painted again")
    assert terminal.shown.count(b"leaves it") == 2  # the line and the title, once each


def test_output_passes_but_for_what_the_terminal_would_answer(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    terminal = attach()
    engine.output(docs.id, b"\x1b[31mred\x1b[6n\x1b]52;c;aGk=\x07\x1b]0;title\x07end")
    shown = terminal.read_until(b"end")
    assert b"\x1b[31mredend" in shown


def test_a_new_engine_is_taken_up(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    terminal = attach()
    engine.cut()
    engine.wait_for(lambda: sum(isinstance(one, Watch) for one in engine.came) == 2)
    assert is_raw(terminal.attributes)
    engine.output(docs.id, b"still there")
    terminal.read_until(b"still there")
    terminal.type(b"y")
    engine.wait_for(lambda: typed(engine) == b"y")


def test_a_key_that_looks_like_the_leave_key_s_beginning_is_not_kept(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    """Alt with [ sends what a longer sequence begins with; nothing follows, so it goes on."""
    terminal = attach()
    terminal.type(b"\x1b[")
    engine.wait_for(lambda: typed(engine) == b"\x1b[")


def test_input_that_the_engine_does_not_take_holds_the_terminal_back(
    engine: FakeEngine, docs: SessionView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "UNSENT_LIMIT", 1000)
    ours, theirs = socket.socketpair()
    invocation = SimpleNamespace(link=SimpleNamespace(stream=theirs))
    terminal = SimpleNamespace(fd_in=ours.fileno(), fd_out=2, unwritten=0, size=(80, 24))
    given: Any = (invocation, {"id": docs.id}, terminal, LeaveKey("ctrl+]"))
    attachment = attaching.Attachment(*given)
    with ours, theirs, attachment._selector as selector:
        attachment._open()
        attachment._type(b"x" * 1000)
        attachment._balance()
        assert ours not in selector.get_map()
        assert selector.get_key(theirs).events & selectors.EVENT_WRITE
        attachment._exchange(selectors.EVENT_WRITE)
        attachment._balance()
        assert ours in selector.get_map()
        assert not selector.get_key(theirs).events & selectors.EVENT_WRITE


def test_a_paste_of_a_megabyte_arrives_whole(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    data = b"\x1b[200~" + b"0123456789abcdef" * 65_536 + b"\x1b[201~"
    sent = 0
    while sent < len(data):
        sent += os.write(terminal.ours, data[sent : sent + 2048])
    engine.wait_for(lambda: len(typed(engine)) == len(data))
    assert typed(engine) == data


def test_a_window_that_is_pulled_at_in_this_process(
    engine: FakeEngine, docs: SessionView, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in the test's own process, with the hint gone by itself."""
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", 30, 100, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    before = termios.tcgetattr(theirs)
    handlers = [signal.getsignal(number) for number in (*LEAVING, signal.SIGWINCH)]
    monkeypatch.setattr(attaching, "HINT_SECONDS", 0.01)
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs, closefd=False))
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(theirs), "w"))

    def person() -> None:
        engine.wait_for(lambda: any(isinstance(one, Watch) for one in engine.came))
        engine.output(docs.id, b"hello")
        engine.wait_for(lambda: sum(isinstance(one, Watch) for one in engine.came) == 2)
        os.kill(os.getpid(), signal.SIGWINCH)
        engine.wait_for(lambda: len(sizes(engine)) == 2)
        os.write(ours, b"abc\x1d")

    thread = threading.Thread(target=person)
    thread.start()
    done = qd("session", "attach", "docs")
    thread.join()
    sys.stdout.close()
    assert done.code == 0
    engine.wait_for(lambda: typed(engine) == b"abc")
    assert termios.tcgetattr(theirs) == before
    assert [signal.getsignal(number) for number in (*LEAVING, signal.SIGWINCH)] == handlers
    os.close(ours)
    os.close(theirs)


# ---- ways out ------------------------------------------------------------------------------


def assert_as_before(terminal: Terminal) -> None:
    assert terminal.attributes == terminal.before
    _, reset, after = terminal.shown.rpartition(RESET)
    assert reset, f"not reset: {terminal.shown[-200:]!r}"
    assert b"\x1b[23;2t" in after  # the title


def test_the_leave_key_leaves(engine: FakeEngine, attach: Callable[..., Terminal]) -> None:
    terminal = attach()
    terminal.type(b"last words\x1dnot this")
    assert terminal.end() == 0
    assert_as_before(terminal)
    assert b"Left docs; it goes on." in terminal.shown
    engine.wait_for(lambda: typed(engine) == b"last words")


@pytest.mark.parametrize("key", [b"\x1b[93;5u", b"\x1b[27;5;93~", b"\x1b[93;133u"])
def test_the_leave_key_as_the_kitty_protocol_sends_it(
    attach: Callable[..., Terminal], key: bytes
) -> None:
    terminal = attach()
    terminal.type(key)
    assert terminal.end() == 0
    assert_as_before(terminal)


def test_another_leave_key(engine: FakeEngine, attach: Callable[..., Terminal]) -> None:
    terminal = attach("--leave", "ctrl+o")
    assert b"docs: ctrl+o leaves it" in terminal.shown
    terminal.type(b"\x1d")
    engine.wait_for(lambda: typed(engine) == b"\x1d")
    terminal.type(b"\x0f")
    assert terminal.end() == 0
    assert_as_before(terminal)


def test_the_session_s_end_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    terminal = attach()
    ended = docs.model_copy(update={"lifecycle": Lifecycle.EXITED, "exit_code": 7})
    engine.sessions[docs.id] = ended
    engine.output(docs.id, b"bye\r\n", ended=True)
    assert terminal.end() == 0
    assert_as_before(terminal)
    assert b"bye" in terminal.shown
    assert b"docs exited: exit code 7." in terminal.shown


@pytest.mark.parametrize("number", LEAVING)
def test_a_signal_leaves(attach: Callable[..., Terminal], number: signal.Signals) -> None:
    terminal = attach()
    terminal.child.send_signal(number)
    assert terminal.end() == 128 + number
    assert_as_before(terminal)


def test_two_signals_at_once_leave_a_clean_terminal(attach: Callable[..., Terminal]) -> None:
    terminal = attach()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        terminal.child.send_signal(number)
    assert terminal.end() != 0
    assert_as_before(terminal)


def test_without_an_engine_it_says_so_and_the_leave_key_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    engine.leave("the owner was closed")
    terminal.read_until(
        b"docs: no engine, waiting for one; the session goes on; ctrl+] leaves (the owner"
    )
    terminal.type(b"lost words")
    terminal.type(b"\x1d")
    assert terminal.end() == 0
    assert_as_before(terminal)
    assert b"Left docs; it goes on." in terminal.shown


def test_the_next_engine_is_found_wherever_it_listens(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView, state_dir: Path
) -> None:
    terminal = attach()
    engine.close()
    terminal.read_until(b"no engine")
    with closing(FakeEngine(state_dir / "another")) as second:
        second.sessions[docs.id] = docs
        second.wait_for(lambda: any(isinstance(one, Watch) for one in second.came))
        second.output(docs.id, b"painted by the second")
        terminal.read_until(b"painted by the second")
        terminal.type(b"z")
        second.wait_for(lambda: typed(second) == b"z")
        terminal.type(b"\x1d")
        assert terminal.end() == 0
    assert_as_before(terminal)


def test_an_engine_that_does_not_greet_holds_nobody_up(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    engine.greeting = "silence"
    engine.cut()
    engine.wait_for(lambda: sum(isinstance(one, Hello) for one in engine.came) == 2)
    terminal.type(b"\x1d")
    assert terminal.end() == 0
    assert_as_before(terminal)


def test_a_window_that_changes_while_there_is_no_engine(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    engine.close()
    terminal.read_until(b"no engine")
    terminal.shown = b""
    terminal.resize(60, 11)
    terminal.child.send_signal(signal.SIGWINCH)
    terminal.read_until(b"\x1b[11;1H")
    terminal.read_until(b"no engine")
    terminal.child.send_signal(signal.SIGHUP)
    assert terminal.end() == 128 + signal.SIGHUP
    assert_as_before(terminal)


def test_an_engine_that_refuses_the_link_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    """As one that speaks another version of the protocol does."""
    terminal = attach()
    engine.greeting = "old"
    engine.cut()
    assert terminal.end() == 1
    assert_as_before(terminal)
    assert terminal.child.stderr is not None
    assert b"quarterdeck: protocol_unsupported: " in terminal.child.stderr.read()


def test_a_session_that_the_next_engine_does_not_know_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    error = {"code": "session_unknown", "category": "business", "message": "There is none."}
    reply = {"kind": "reply", "command_id": "", "ok": False, "result": {}, "error": error}
    engine._loop.call_soon_threadsafe(engine._to_all, json.dumps(reply).encode() + b"\n")
    assert terminal.end() == 1
    assert_as_before(terminal)
    assert terminal.child.stderr is not None
    assert terminal.child.stderr.read() == b"quarterdeck: session_unknown: There is none.\n"


def test_a_session_that_ends_with_its_engine_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    """Nobody is left to ask how it ended."""
    terminal = attach()
    engine.handlers["session.list"] = lambda _: engine.later(engine._cut())
    engine.output(docs.id, b"bye", ended=True)
    assert terminal.end() == 0
    assert_as_before(terminal)
    assert b"docs ended." in terminal.shown


def test_an_engine_that_talks_nonsense_leaves(
    engine: FakeEngine, attach: Callable[..., Terminal]
) -> None:
    terminal = attach()
    engine._loop.call_soon_threadsafe(engine._to_all, b"no json\n")
    assert terminal.end() != 0
    assert_as_before(terminal)


def test_a_terminal_that_takes_no_output_is_put_back_too(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    """Nobody reads the terminal, so that writing to it hangs; SIGTERM must leave it all the same."""
    terminal = attach()
    engine.output(docs.id, b"x" * 300_000)
    end = time.monotonic() + PATIENCE
    while select.select([], [terminal.ours], [], 0)[1] and _unread(terminal.ours) < 4000:
        assert time.monotonic() < end
        time.sleep(0.01)
    terminal.child.send_signal(signal.SIGTERM)
    terminal.child.wait(PATIENCE)
    assert terminal.attributes == terminal.before


def test_the_leave_key_works_while_the_terminal_takes_no_output(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    """What the terminal does not take waits here, and when that is much, in the engine."""
    terminal = attach()
    for _ in range(4):
        engine.output(docs.id, b"x" * 300_000)
    end = time.monotonic() + PATIENCE
    while _unread(terminal.ours) < 4000:
        assert time.monotonic() < end
        time.sleep(0.01)
    terminal.type(b"abc\x1d")
    engine.wait_for(lambda: typed(engine) == b"abc")
    assert terminal.end() == 0
    assert_as_before(terminal)


def test_output_faster_than_the_terminal_arrives_whole(
    engine: FakeEngine, attach: Callable[..., Terminal], docs: SessionView
) -> None:
    terminal = attach()
    terminal.shown = b""
    for _ in range(4):
        engine.output(docs.id, b"0123456789" * 30_000)
    engine.output(docs.id, b"end")
    terminal.read_until(b"end")
    assert terminal.shown.count(b"0123456789") == 4 * 30_000


def _unread(fd: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])


def test_a_window_that_closes_ends_it(engine: FakeEngine, attach: Callable[..., Terminal]) -> None:
    terminal = attach()
    os.close(terminal.theirs)
    os.close(terminal.ours)
    assert terminal.child.wait(PATIENCE) == 128 + signal.SIGHUP


def test_stopped_and_continued(engine: FakeEngine, attach: Callable[..., Terminal]) -> None:
    terminal = attach()
    terminal.child.send_signal(signal.SIGTSTP)
    terminal.read_until(RESET)
    os.waitid(os.P_PID, terminal.child.pid, os.WSTOPPED)
    assert terminal.attributes == terminal.before
    terminal.child.send_signal(signal.SIGCONT)
    engine.wait_for(lambda: sum(isinstance(one, Watch) for one in engine.came) >= 2)
    assert is_raw(terminal.attributes)
    terminal.type(b"\x1d")
    assert terminal.end() == 0
    assert_as_before(terminal)


# ---- what is refused -----------------------------------------------------------------------


def test_without_a_terminal_it_says_so(
    engine: FakeEngine, docs: SessionView, state_dir: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "session", "attach", "docs", "--state-dir", str(state_dir)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"quarterdeck: not_a_terminal: ")
    assert not any(isinstance(one, Hello) for one in engine.came)


def test_a_session_that_does_not_run_is_refused_and_nothing_is_touched(
    engine: FakeEngine, state_dir: Path
) -> None:
    engine.add("over", lifecycle=Lifecycle.EXITED)
    terminal = Terminal(state_dir, "session", "attach", "over")
    assert terminal.end() == 1
    assert terminal.shown == b""
    assert terminal.child.stderr is not None
    assert b"not_running: over is exited." in terminal.child.stderr.read()
    terminal.close()


@pytest.mark.parametrize("name", ["ctrl+c", "ctrl+m", "ctrl+[", "f1", "x", "ctrl+"])
def test_a_leave_key_that_can_t_be(qd: CommandLine, name: str) -> None:
    done = qd("session", "attach", "docs", "--leave", name)
    assert (done.code, "ctrl+]" in done.err) == (2, True)
