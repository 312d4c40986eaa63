"""What the documentation shows to be typed does what it says, typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("examples/*.md")])
BLOCK = re.compile(r"<!-- run(: engine)? -->\n```sh\n(.*?)```", re.DOTALL)
CREW = """\
quarterdeck --headless >engine.txt 2>&1 &
quarterdeck health --wait 30s
quarterdeck session new probe --agent shell
quarterdeck session new fix-login --agent practice-approver --prompt "Fix the login test" --arg=--pace --arg=fast
quarterdeck session wait fix-login --until needs --timeout 60s
"""
SECONDS = 110


@dataclass(frozen=True)
class Machine:
    """A user's home without settings, with the commands on its PATH."""

    home: Path
    environment: dict[str, str]

    def type(self, text: str) -> subprocess.CompletedProcess[str]:
        """Have a shell do what stands in a block; it stops at the first command that fails."""
        script = f"set -e\nset -o pipefail\n{text}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.home,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=SECONDS,
        )


@pytest.fixture
def machine(tmp_path: Path, short_dir: str) -> Iterator[Machine]:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": short_dir,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "xterm-256color",
        "SHELL": "/bin/sh",
        "EXAMPLES": str(ROOT / "examples"),
        "QUARTERDECK_PRACTICE_PACE": "fast",
    }
    found = Machine(home, environment)
    yield found
    found.type("quarterdeck shutdown --stop-sessions || true")


def runnable(page: Path) -> list[tuple[bool, str]]:
    """The blocks of a page that are marked, and whether they need an engine."""
    return [(bool(engine), text) for engine, text in BLOCK.findall(page.read_text())]


MARKED = [page for page in PAGES if runnable(page)]


@pytest.mark.parametrize("page", MARKED, ids=lambda page: page.stem)
def test_what_a_page_shows_runs(machine: Machine, page: Path) -> None:
    """The blocks of a page follow on each other, as for somebody who reads it."""
    blocks = runnable(page)
    engine = any(needed for needed, _ in blocks)
    text = "\n".join([*([CREW] if engine else []), *(text for _, text in blocks)])
    done = machine.type(text)
    assert done.returncode == 0, f"{text}\n--- said\n{done.stdout}"


def test_the_first_page_keeps_its_promise(machine: Machine) -> None:
    """After ``kill -9`` the same process is there, with the same screen."""
    done = machine.type("\n".join(text for _, text in runnable(ROOT / "README.md")))
    assert done.returncode == 0, done.stdout
    pids = re.findall(r"^pid +(\d+)$", done.stdout, re.MULTILINE)
    assert len(pids) == 2
    assert pids[0] == pids[1]
    assert done.stdout.count("Practice approver") >= 2


def test_most_pages_have_something_to_try() -> None:
    names = {page.stem for page in MARKED}
    assert {"README", "using", "sessions", "configuration", "monitoring", "command-line"} <= names
