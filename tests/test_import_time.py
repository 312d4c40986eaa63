"""What a front end loads before it draws stays light: the slow libraries wait for their feature."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SLOW = {
    "acp",
    "aiosqlite",
    "asyncpg",
    "jinja2",
    "jsonschema",
    "networkx",
    "par_term_emu_core_rust",
    "prometheus_client",
    "pyte",
    "sqlite3",
    "structlog",
    "tenacity",
    "textual",
    "typer",
}


def modules_of(room: str) -> list[str]:
    return [
        "quarterdeck." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.stem != "__init__"
    ]


@pytest.mark.parametrize("room", ["core/base", "core/protocol", "core/client"])
def test_the_rooms_that_a_front_end_needs_load_nothing_slow(room: str) -> None:
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    program += "print('\\n'.join(sys.modules))\n"
    command = [sys.executable, "-I", "-c", program, *modules_of(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & SLOW == set()
