"""The engine's code is reachable without the dashboard, the stores and their drivers.

The run-time twin of the import contract: what no static reader sees (an import by name, a
dependency that drags a driver along) shows in the modules that a fresh interpreter has loaded.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

CORE = Path(__file__).resolve().parents[2] / "core"

FORBIDDEN = (
    "aiosqlite",
    "asyncpg",
    "distributed",
    "quarterdeck.cli",
    "quarterdeck.state",
    "quarterdeck.tui",
    "sqlite3",
    "textual",
)


def core_modules() -> list[str]:
    """Every module of core by its installed name, scripts that run by path left out.

    So are the parts of the back end for clusters that are loaded when it is asked for. So is the emulator in Rust, where that is not installed: it needs Python 3.12.
    """
    has_rust = importlib.util.find_spec("par_term_emu_core_rust") is not None
    names = []
    for path in sorted(CORE.rglob("*.py")):
        parts = path.relative_to(CORE.parent).with_suffix("").parts
        behind_the_door = parts[-2] == "dask" and parts[-1] not in {"__init__", "opening"}
        no_rust = parts[-1].startswith("rust") and not has_rust
        if parts[-1] == "__main__" or behind_the_door or no_rust:
            continue
        names.append(".".join(["quarterdeck", *parts]).removesuffix(".__init__"))
    return names


def loaded_after(modules: list[str]) -> set[str]:
    """The modules that a fresh interpreter holds after importing ``modules``."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print('\\n'.join(sys.modules))\n"
    )
    # Without coverage's own start-up hook, which loads a database driver.
    env = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    command = [sys.executable, "-I", "-c", program, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_no_module_of_core_loads_a_screen_a_store_or_a_driver() -> None:
    modules = core_modules()
    assert len(modules) > 10
    loaded = loaded_after(modules)
    assert set(modules) <= loaded
    assert sorted(loaded & set(FORBIDDEN)) == []
