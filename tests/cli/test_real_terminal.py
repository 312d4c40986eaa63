"""A real terminal and the real engine: the dashboard, and a session attached to."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from quarterdeck.cli.main import run

PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
PATIENCE = 60


@pytest.fixture
def begin(home: Path) -> Iterator[Callable[..., Any]]:
    """Opens the program in a terminal."""
    opened = []

    def start(*words: str) -> Any:
        environment = {**os.environ, "TERM": "xterm-256color"}
        child = pexpect.spawn(
            sys.executable,
            ["-c", PROGRAM, *words],
            dimensions=(36, 120),
            timeout=PATIENCE,
            env=environment,
        )
        opened.append(child)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def test_it_opens_serves_and_leaves(
    begin: Callable[..., Any], state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = begin("--state-dir", str(state_dir), ".")
    child.expect("Welcome aboard")
    assert run(["session", "list", "--state-dir", str(state_dir)]) == 0
    assert "no sessions" in capsys.readouterr().out
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.wait()
    assert b"\x1b[?1049l" in child.before
    assert child.exitstatus == 128 + signal.SIGTERM
    assert run(["session", "list", "--state-dir", str(state_dir)]) == 3


def test_a_second_one_attaches_and_takes_over(begin: Callable[..., Any], state_dir: Path) -> None:
    first = begin("--state-dir", str(state_dir))
    first.expect("Welcome aboard")
    second = begin("--state-dir", str(state_dir))
    second.expect("Welcome aboard")
    first.kill(signal.SIGTERM)
    first.expect(pexpect.EOF)
    end = time.monotonic() + PATIENCE
    while run(["session", "list", "--state-dir", str(state_dir)]) != 0:
        assert time.monotonic() < end
        second.expect([pexpect.TIMEOUT, r"\x1b"], timeout=0.1)
    second.kill(signal.SIGTERM)
    second.expect(pexpect.EOF)


def test_the_demo_has_its_crew_at_work(begin: Callable[..., Any]) -> None:
    child = begin("demo", "--pace", "fast")
    child.expect("fix-login")
    child.expect("spare")
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 128 + signal.SIGTERM


def test_faults_are_told_before_anything_is_drawn(begin: Callable[..., Any], home: Path) -> None:
    (home / "quarterdeck.toml").write_text("[engine]\nworkers = 1\n")
    child = begin()
    child.expect("quarterdeck: settings_invalid: ")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 1


def test_a_shell_in_this_terminal(
    begin: Callable[..., Any], state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--state-dir", str(state_dir))
    engine = begin(*place, "--headless")
    engine.expect("The engine runs")
    assert run(["session", "new", "sh", "--agent", "shell", "--env", "PS1=ready> ", *place]) == 0
    child = begin(*place, "session", "attach", "sh")
    child.expect("leaves it")
    child.send("echo size $(stty size) end\r")
    child.expect(r"size 36 120 end")
    child.sendcontrol("]")
    child.expect("Left sh; it goes on.")
    child.wait()
    assert child.exitstatus == 0
    again = begin(*place, "session", "attach", "sh")
    again.expect(r"size 36 120 end")  # painted anew
    again.send("exit 4\r")
    again.expect(r"sh \w+: exit code 4.")
    again.wait()
    assert again.exitstatus == 0
    assert run(["shutdown", *place]) == 0
