"""``session attach`` in a terminal: its line settings come back on every way out."""

from __future__ import annotations

import pytest
from tests.e2e.machine import PROMPT, Machine, eventually
from tests.e2e.terminal import Terminal


@pytest.fixture
def attached(machine: Machine) -> Terminal:
    """A terminal that is given to a shell."""
    machine.serve()
    machine.create("sh", "shell")
    terminal = machine.open("session", "attach", "sh")
    terminal.wait_for(PROMPT.strip())
    terminal.press("echo size-$(stty size | tr ' ' x)", "enter")
    terminal.wait_for("size-24x80")
    assert terminal.modes() != terminal.before
    return terminal


def assert_restored(terminal: Terminal) -> None:
    assert terminal.modes() == terminal.before
    after = bytes(terminal.raw)[-600:]
    assert b"\x1b[?1049l" in after
    assert b"\x1b[?25h" in after


def test_the_leave_key_gives_the_terminal_back(attached: Terminal, machine: Machine) -> None:
    attached.press("ctrl+]")
    assert attached.wait_end() == 0
    attached.wait_for("Left sh; it goes on.", 2)
    assert_restored(attached)
    assert machine.sessions()["sh"]["lifecycle"] == "running"


def test_the_end_of_the_session_gives_the_terminal_back(attached: Terminal) -> None:
    attached.press("printf '\\033[?1049h\\033[?1000h\\033[?25l'; exit 5", "enter")
    assert attached.wait_end() == 0
    attached.wait_for("exit code 5", 2)
    assert_restored(attached)


def test_a_killed_engine_gives_the_terminal_back(attached: Terminal, machine: Machine) -> None:
    pids = machine.pids()
    machine.kill_engine()
    attached.wait_for("no engine, waiting for one")
    attached.press("ctrl+]")
    assert attached.wait_end() == 0
    assert_restored(attached)
    machine.serve()
    assert machine.pids() == pids


def test_the_size_follows_the_terminal(attached: Terminal, machine: Machine) -> None:
    attached.resize(132, 43)
    eventually(lambda: machine.sessions()["sh"]["cols"] == 132, what="the size")
    attached.press("echo now-$(stty size | tr ' ' x)", "enter")
    attached.wait_for("now-43x132")
