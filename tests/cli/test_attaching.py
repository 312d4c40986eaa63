"""``session attach`` in a real terminal: what passes, and the way to the next engine."""

from __future__ import annotations

import fcntl
import os
import pty
import selectors
import signal
import socket
import struct
import sys
import termios
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.attached_terminal import Terminal, is_raw, sizes, typed
from tests.cli.fake_engine import FakeEngine

from quarterdeck.cli.commands import attaching
from quarterdeck.cli.leaving import LeaveKey
from quarterdeck.cli.realterm import LEAVING
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import SizeInput, Watch

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

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
