"""Commands that draw nothing load little: the standard library and what they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.fake_engine import FakeEngine

SLOW = {
    "aiosqlite", "asyncio", "click", "dataclasses", "inspect", "networkx", "par_term_emu_core_rust",
    "prometheus_client", "pydantic", "pydantic_core", "pyte", "rich", "sqlite3", "structlog",
    "tenacity", "textual", "tomlkit", "typer", "ulid",
}  # fmt: skip
OURS = ("quarterdeck.core.protocol", "quarterdeck.core.client", "quarterdeck.core.engine",
        "quarterdeck.core.base", "quarterdeck.state", "quarterdeck.tui")  # fmt: skip
PROGRAM = """\
import sys
from quarterdeck.cli.main import run
code = run(sys.argv[1:])
sys.stderr.write("\\n".join(sys.modules))
sys.exit(code)
"""


def loaded_by(*words: str) -> set[str]:
    command = [sys.executable, "-I", "-c", PROGRAM, *words]
    # What measures coverage in child processes would load modules of its own.
    environment = {key: value for key, value in os.environ.items() if "COVERAGE" not in key}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ["session", "list"],
        ["session", "list", "--json"],
        ["session", "show", "docs"],
        ["session", "start", "docs"],
        ["session", "stop", "docs"],
        ["session", "new", "other", "--agent", "claude"],
        ["session", "prompt", "docs", "go on"],
        ["session", "keys", "docs", "enter"],
        ["session", "screen", "docs"],
        ["session", "logs", "docs"],
        ["session", "wait", "docs", "--until", "working"],
        ["next"],
        ["attention", "list"],
        ["agent", "list"],
        ["events"],
        ["health"],
        ["preferences", "list"],
    ],
    ids=" ".join,
)
def test_a_plain_command_loads_nothing_slow(
    engine: FakeEngine, state_dir: Path, words: list[str]
) -> None:
    engine.add("docs")
    loaded = loaded_by(*words, "--state-dir", str(state_dir))
    assert loaded & SLOW == set()
    assert [name for name in loaded if name.startswith(OURS)] == []


def test_a_configuration_file_costs_only_its_reader(
    engine: FakeEngine, state_dir: Path, home: Path
) -> None:
    (home / "quarterdeck.toml").write_text(f'[state]\ndir = "{state_dir}"\n')
    assert loaded_by("session", "list") & SLOW == set()


def test_only_the_command_that_runs_is_loaded(engine: FakeEngine, state_dir: Path) -> None:
    loaded = loaded_by("health", "--state-dir", str(state_dir))
    commands = {name for name in loaded if name.startswith("quarterdeck.cli.commands.")}
    assert commands == {"quarterdeck.cli.commands.system"}


def test_the_table_on_a_terminal_is_drawn_with_rich_and_otherwise_not(
    engine: FakeEngine, state_dir: Path
) -> None:
    assert "rich" not in loaded_by("session", "list", "--state-dir", str(state_dir))
