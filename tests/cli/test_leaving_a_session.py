"""Every way out of ``session attach``: the terminal is as it was before."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.attached_terminal import PATIENCE, PROGRAM, Terminal, is_raw, typed
from tests.cli.fake_engine import FakeEngine

from quarterdeck.cli.realterm import LEAVING, RESET
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import Hello, Watch

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

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
