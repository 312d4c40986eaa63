"""Standard input and output that are no terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.e2e.machine import Machine


def living_in(directory: Path) -> list[str]:
    """The processes of this user whose home is the test's; by their command lines."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(directory) in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:  # gone, or another user's
            continue
    return found


def test_the_dashboard_says_that_it_needs_one(machine: Machine) -> None:
    for words in ((), ("demo",), ("--minimal",)):
        ended = machine.run(*words)
        assert ended.code == 2, (words, ended)
        assert ended.err.startswith("quarterdeck: not_a_terminal: ")
        assert "quarterdeck --headless" in ended.err or words == ("demo",)
        assert ended.out == ""
    assert not (machine.state_dir / "engine.lock").exists()


def test_attaching_says_so_too(machine: Machine) -> None:
    ended = machine.run("session", "attach", "any")
    assert ended.code == 2
    assert ended.err.startswith("quarterdeck: not_a_terminal: ")


def test_the_headless_demo_succeeds_and_leaves_no_process(machine: Machine) -> None:
    ended = machine.run("demo", "--headless", "--json")
    assert ended.code == 0, ended
    summary = json.loads(ended.out.splitlines()[-1])["summary"]
    assert summary["ok"] is True
    assert summary["refused"] == []
    assert summary["left_running"] == []
    assert machine.living_keepers() == []
    assert living_in(machine.runtime) == []
