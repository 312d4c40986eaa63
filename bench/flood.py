"""Twenty thousand updates a second on screen; keys under updates and log lines; a hundred sessions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench._engine import COMMAND, Headless
from bench._pty import Program
from bench._rows import row
from bench.repaint import MINIMAL, loaded_keys
from bench.repaint import _session as idle_keys

SECONDS = 5.0
ROUNDS = 5
MANY, BUSY = 100, 10
WORK = "while :; do echo working; sleep 0.1; done"


def _crowd(updates: int, lines: int, seconds: float, report: Path, kind: str = "deck") -> list[str]:
    return [
        sys.executable,
        "-m",
        "bench._crowd",
        str(updates),
        str(lines),
        str(seconds),
        str(report),
        kind,
    ]


def _cost(report: Path, kind: str) -> dict[str, float]:
    """The figures of one run with 20 000 updates a second."""
    with Program(_crowd(20_000, 0, SECONDS, report, kind)) as program:
        while program.process.poll() is None:
            program.read(0.2)
    figures: dict[str, float] = json.loads(report.read_text())
    return figures


def _keys(report: Path) -> list[float]:
    """Milliseconds from key to repaint under 5 000 updates and 10 000 log lines a second."""
    with Program(_crowd(5_000, 10_000, 10, report)) as program:
        program.until(b"crowd9")
        program.drain(3)
        return loaded_keys(program, b"crowd0", b"crowd1", 40)


def _floods() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report"
        costs: dict[str, list[dict[str, float]]] = {"wide": [], "deck": [], "bare": []}
        for _ in range(ROUNDS):
            for kind, found in costs.items():
                found.append(_cost(report, kind))
        idle: list[float] = []
        loaded: list[float] = []
        for _ in range(3):
            loaded += _keys(report)
            idle += idle_keys([sys.executable, "-c", MINIMAL], ready=b"quarterdeck", settle=0.5)
    middle = {key: median(cost[key] for cost in costs["wide"]) for key in costs["wide"][0]}
    narrow, bare = (median(cost["cpu"] for cost in costs[kind]) for kind in ("deck", "bare"))
    return [
        row("20 000 updates a second on screen: CPU of one core", middle["cpu"], "%", must=25, goal=15),
        row("the same, beside a bare Line API list of as many lines", middle["cpu"], "%",
            reference=bare),
        row("the same in the deck's narrow list, which has no room for them", narrow, "%",
            reference=bare),
        row("the same: frames a second", middle["frames"], "/s", must=28, goal=30, higher=True),
        row("the same: loop lag p99", middle["lag"], "ms", must=15, goal=10),
        row("key to repaint under 5 000 updates and 10 000 log lines a second, p50, beside a minimal"
            " app idle", median(loaded), "ms", reference=median(idle), must=4, goal=2),
        row("the same, p95", quantiles(loaded, n=20)[-1], "ms", must=40, goal=20),
    ]  # fmt: skip


def _hundred() -> list[dict[str, Any]]:
    """A hundred shells, ten of them at work: keys and commands."""
    with Headless() as engine:
        engine.call("preferences", "set", "welcomed", "true")
        for number in range(MANY):
            engine.call("session", "new", f"many{number}", "--agent", "shell")
        for number in range(0, MANY, MANY // BUSY):
            engine.call("session", "keys", f"many{number}", "enter", "--text", WORK)
            engine.call("session", "keys", f"many{number}", "enter")
        trips, floor = [], []
        for _ in range(11):
            trips.append(_timed([COMMAND, "session", "list", "--state-dir", str(engine.state)]))
            floor.append(_timed([sys.executable, "-c", "import asyncio"]))
        with Program([COMMAND, "--state-dir", str(engine.state)]) as program:
            program.until(b"many9")
            program.drain(2)
            keys = loaded_keys(program, b"many0", b"many1", 40)
    return [
        row("100 sessions, 10 busy: key to repaint, p50", median(keys), "ms"),
        row("the same, p95", quantiles(keys, n=20)[-1], "ms", must=40, goal=20),
        row("100 sessions, 10 busy: `session list` from a shell, beside `import asyncio`",
            median(trips), "ms", reference=median(floor)),
    ]  # fmt: skip


def _timed(argv: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def _peer() -> dict[str, Any]:
    """Key to repaint in mprocs, with five shells in it."""
    name = "mprocs with five shells: key to repaint, p50 (peer)"
    npm = shutil.which("npm")
    if npm is None:
        return row(f"{name}: left out, there is no npm", None, "ms")
    with tempfile.TemporaryDirectory() as scratch:
        made = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", scratch, "mprocs"],
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        program = Path(scratch) / "node_modules" / ".bin" / "mprocs"
        if made.returncode or not program.exists():
            return row(f"{name}: left out, npm has it not", None, "ms")
        times = idle_keys([str(program), *["sh"] * 5], ready=b"sh", settle=1.0)
    return row(name, median(times), "ms")


def rows() -> list[dict[str, Any]]:
    return [*_floods(), *_hundred(), _peer()]
