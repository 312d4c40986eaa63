"""Key to repaint in a real terminal: idle, under load, and a list in a DataTable as peer."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench._engine import COMMAND, Headless
from bench._pty import Program
from bench._rows import row

KEYS = 30
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

REDRAW = (
    "import sys,time\n"
    "t=time.perf_counter()\n"
    "for n in range(10**9):\n"
    " sys.stdout.write('\\x1b[H'+''.join(f'\\x1b[{y};1H\\x1b[3{(n+y)%8}mframe {n} line {y}\\x1b[0m"
    " of the work\\x1b[K' for y in range(1,24))); sys.stdout.flush()\n"
    " t+=0.01; time.sleep(max(0,t-time.perf_counter()))\n"
)
"""Draws 23 coloured lines anew a hundred times a second, at little cost of its own."""


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


def loaded_keys(program: Program, low: bytes, high: bytes, count: int = KEYS) -> list[float]:
    """Under load output never pauses: a key counts as drawn when the cursor's line has moved."""
    times = []
    for number in range(count):
        down = number % 2 == 0
        times.append(program.press(DOWN if down else UP, wanted=high if down else low) * 1000)
        program.drain(0.05)
    return times


def _spin(engine: Headless, script: Path) -> None:
    """Ten sessions that repaint a hundred times a second."""
    script.write_text(REDRAW)
    for number in range(SPINNERS):
        engine.call("session", "new", f"load{number}", "--agent", "shell")
    for number in range(SPINNERS):
        text = f"exec {sys.executable} {script}"
        engine.call("session", "keys", f"load{number}", "enter", "--text", text)
        engine.call("session", "keys", f"load{number}", "enter")


def _hosting() -> list[float]:
    """Keys in a dashboard with the engine, ten emulators included, in its own loop."""
    with Headless() as engine:
        engine.call("preferences", "set", "welcomed", "true")
        _spin(engine, engine.state.parent / "redraw.py")
        engine.leave()
        with Program([COMMAND, "--state-dir", str(engine.state)], env=engine.env) as program:
            program.until(b"load9")
            program.drain(3)
            return loaded_keys(program, b"load0", b"load1")


def _attached() -> list[float]:
    """Keys in a dashboard attached to an engine in another process."""
    with Headless() as engine:
        engine.call("preferences", "set", "welcomed", "true")
        _spin(engine, engine.state.parent / "redraw.py")
        with Program([COMMAND, "--state-dir", str(engine.state)]) as program:
            program.until(b"load9")
            program.drain(3)
            return loaded_keys(program, b"load0", b"load1")


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
    hosting, attached = _hosting(), _attached()
    found += [
        row("key to repaint while 10 sessions repaint at 100 Hz, p50, beside the same idle",
            median(hosting), "ms", reference=median(ours), must=4, goal=2),
        row("the same, p95", quantiles(hosting, n=20)[-1], "ms", must=40, goal=20),
        row("the same, attached to an engine in another process, p50", median(attached), "ms",
            reference=median(ours)),
        row("the same, p95", quantiles(attached, n=20)[-1], "ms"),
    ]  # fmt: skip
    return found
