"""Commands that draw nothing, beside the import of asyncio; and the first paint.

The first paint is over when the whole frame can be read: its last word, at the end of the line of
keys, has been written. "Sessions shown" is over when a session's name has been.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench._engine import COMMAND, Headless
from bench._pty import Program
from bench._rows import interleaved, row

MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("quarterdeck")
Minimal().run()
"""


def _timed(argv: list[str], env: dict[str, str] | None = None) -> float:
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, env=env, check=True)
    return time.perf_counter() - began


def _paint(argv: list[str], wanted: bytes) -> float:
    with Program(argv) as program:
        return program.until(wanted)


def rows() -> list[dict[str, Any]]:
    with Headless() as engine:
        engine.call("session", "new", "one", "--agent", "shell")
        listing = [COMMAND, "session", "list", "--state-dir", str(engine.state)]
        ours, floor, ratio = interleaved(
            lambda: _timed(listing, engine.env),
            lambda: _timed([sys.executable, "-c", "import asyncio"]),
            rounds=11,
        )
    found = [row("`session list`, beside `import asyncio`", ours * 1000, "ms", reference=floor * 1000,
                 ratio=ratio, must=3, goal=1.5)]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        counter = iter(range(1000))

        def paint() -> float:
            argv = [COMMAND, "--state-dir", str(Path(scratch) / str(next(counter)))]
            return _paint(argv, b"? help")

        paint()
        ours, floor, ratio = interleaved(
            paint, lambda: _paint([sys.executable, "-c", MINIMAL], b"quarterdeck"), rounds=7
        )
    found.append(row("first paint, beside a minimal Textual app", ours * 1000, "ms",
                     reference=floor * 1000, ratio=ratio, must=1.6, goal=1.2))  # fmt: skip
    with Headless() as engine:
        engine.call("preferences", "set", "welcomed", "true")
        engine.call("session", "new", "first-of-all", "--agent", "shell")
        attach = [COMMAND, "--state-dir", str(engine.state)]
        shown, floor, ratio = interleaved(
            lambda: _paint(attach, b"first-of-all"),
            lambda: _paint([sys.executable, "-c", MINIMAL], b"quarterdeck"),
        )
    found.append(row("sessions shown, attached to an engine that runs", shown * 1000, "ms",
                     reference=floor * 1000, ratio=ratio))  # fmt: skip
    return found
