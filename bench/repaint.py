"""Key to repaint in a real terminal: idle, under load, and a list in a DataTable as peer."""

from __future__ import annotations

import sys
import time
from statistics import median, quantiles
from typing import Any

from bench._engine import COMMAND, Headless
from bench._pty import Program
from bench._rows import row

KEYS = 60
ROUNDS = 5
SPINNERS = 10
DOWN, UP = b"\x1b[B", b"\x1b[A"

MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    count = 0
    def compose(self):
        yield Static("quarterdeck 0")
    def on_key(self, event):
        self.count += 1
        self.query_one(Static).update(f"quarterdeck {self.count}", layout=False)
Minimal().run()
"""

TABLE = """
from textual.app import App
from textual.widgets import DataTable
class Table(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("quarterdeck", "agent", "state")
        for n in range(50):
            table.add_row(f"s{n}", "shell", "idle")
Table().run()
"""

REDRAW = "i=0; while :; do i=$((i+1)); printf '\\033[H\\033[2Kframe %d\\n\\033[Kof work' $i; sleep 0.01; done"


def _keys(program: Program, count: int, pause: float) -> list[float]:
    """Milliseconds from key to repaint, moving down and up in turns."""
    times = []
    for number in range(count):
        times.append(program.press(UP if number % 2 else DOWN) * 1000)
        if pause:
            program.quiet(pause)
    return times


def _session(argv: list[str], *, ready: bytes, settle: float = 1.5) -> list[float]:
    with Program(argv) as program:
        program.until(ready)
        program.quiet(settle)
        _keys(program, 10, 0.03)
        return _keys(program, KEYS, 0.03)


def _loaded(argv: list[str]) -> list[float]:
    """Under load output never pauses: a key counts as drawn when the cursor line has moved."""
    with Program(argv) as program:
        program.until(b"load9")
        time.sleep(2)
        program.read(0)
        times = []
        for number in range(KEYS):
            name = b"load1" if number % 2 == 0 else b"load0"
            times.append(program.press(DOWN if number % 2 == 0 else UP, wanted=name) * 1000)
            time.sleep(0.05)
            program.read(0)
        return times


def rows() -> list[dict[str, Any]]:
    ours: list[float] = []
    floors: list[float] = []
    peers: list[float] = []
    with Headless() as engine:
        for number in range(5):
            engine.call("session", "new", f"s{number}", "--agent", "shell")
        engine.call("preferences", "set", "welcomed", "true")
        dashboard = [COMMAND, "--state-dir", str(engine.state)]
        for _ in range(ROUNDS):
            ours += _session(dashboard, ready=b"s4")
            floors += _session([sys.executable, "-c", MINIMAL], ready=b"quarterdeck", settle=0.5)
            peers += _session([sys.executable, "-c", TABLE], ready=b"s9", settle=0.5)
    floor = median(floors)
    found = [
        row("key to repaint, idle, p50, beside a minimal Textual app", median(ours), "ms",
            reference=floor, must=2, goal=1.3),
        row("the same, p95", quantiles(ours, n=20)[-1], "ms", reference=quantiles(floors, n=20)[-1]),
        row("a DataTable of 50 rows, p50 (peer)", median(peers), "ms", reference=floor),
    ]  # fmt: skip
    with Headless() as engine:
        engine.call("preferences", "set", "welcomed", "true")
        for number in range(SPINNERS):
            engine.call("session", "new", f"load{number}", "--agent", "shell")
        for number in range(SPINNERS):
            engine.call("session", "keys", f"load{number}", "enter", "--text", REDRAW)
            engine.call("session", "keys", f"load{number}", "enter")
        loaded = _loaded([COMMAND, "--state-dir", str(engine.state)])
    found += [
        row("key to repaint while 10 sessions repaint at 100 Hz, p50, beside the same idle",
            median(loaded), "ms", reference=median(ours), must=4, goal=2),
        row("the same, p95", quantiles(loaded, n=20)[-1], "ms", must=40, goal=20),
    ]  # fmt: skip
    found[-1]["ratio"] = None
    return found
