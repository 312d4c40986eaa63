"""How the practice crew ends when it is told to: real processes in real terminals."""

from __future__ import annotations

import signal
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.core.sessions.practice.conftest import MakePerson


@pytest.mark.parametrize("role", ["worker", "idler"])
def test_a_hang_up_behind_a_sigterm_changes_nothing(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait(lambda: "\x1b[?2004h" in person.raw)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        person.process.send_signal(number)
    assert person.leave() in {0, 143}  # whichever it saw first
    assert "Traceback" not in person.raw
    assert termios.tcgetattr(person.slave) == person.before
