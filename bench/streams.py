"""Bytes per second: emulators alone, a keeper alone, keeper and emulator, and with a view."""

from __future__ import annotations

import asyncio
import os
import pty
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench._rows import row

from quarterdeck.core.sessions.keeper.items import Exited, Output
from quarterdeck.core.sessions.keeper.link import KeeperLink
from quarterdeck.core.sessions.keeper.places import places_for
from quarterdeck.core.sessions.keeper.spawn import ChildSpec, spawn_keeper
from quarterdeck.core.sessions.screen import SessionScreen
from quarterdeck.core.sessions.terminal.factory import available, open_emulator

ROUNDS = 5
COLS, LINES = 120, 36
MEGABYTE = 1_000_000


def redraws(size: int) -> bytes:
    """An agent's redraws: synchronized frames that draw a spinner line and a box anew."""
    frames, number = [], 0
    while sum(map(len, frames[-1:])) * len(frames) < size:
        number += 1
        body = "".join(
            f"\x1b[{y};1H\x1b[38;5;{(number + y) % 256}m│\x1b[0m step {number} of the work \x1b[2mline {y}\x1b[0m\x1b[K"
            for y in range(20, 32)
        )
        frames.append(
            f"\x1b[?2026h\x1b[?25l{body}\x1b[33;1H✻ Working… ({number}s)\x1b[?25h\x1b[?2026l"
        )
    return "".join(frames).encode()[:size]


def log(size: int) -> bytes:
    """Coloured lines that scroll."""
    lines = [
        f"\x1b[2m12:00:{n % 60:02}\x1b[0m \x1b[3{n % 7 + 1}mINFO\x1b[0m request {n} took \x1b[1m{n % 97} ms\x1b[0m\r\n"
        for n in range(size // 60 + 1)
    ]
    return "".join(lines).encode()[:size]


def cursor(size: int) -> bytes:
    """Single characters all over the screen."""
    cells = [
        f"\x1b[{n * 7 % LINES + 1};{n * 13 % COLS + 1}H{chr(97 + n % 26)}"
        for n in range(size // 8 + 1)
    ]
    return "".join(cells).encode()[:size]


KINDS = {"redraws": redraws, "coloured log": log, "random cursor": cursor}


def _parse(backend: str, data: bytes) -> float:
    """MB/s of one emulator."""
    emulator = open_emulator(COLS, LINES, backend=backend)
    began = time.perf_counter()
    for at in range(0, len(data), 65536):
        emulator.feed(data[at : at + 65536])
        emulator.take_signals()
        emulator.take_replies()
    return len(data) / MEGABYTE / (time.perf_counter() - began)


def _emulators() -> list[dict[str, Any]]:
    found = []
    for backend in available():
        size = 4 * MEGABYTE if backend == "rust" else MEGABYTE // 4
        for name, make in KINDS.items():
            data = make(size)
            speed = median(_parse(backend, data) for _ in range(ROUNDS))
            found.append(row(f"emulator alone ({backend}), {name}", speed, "MB/s", higher=True))
    return found


def _bare(path: Path) -> float:
    """MB/s of `cat` in a bare pseudo-terminal: the floor."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("cat", ["cat", str(path)])
    total = 0
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        total += len(data)
    os.waitpid(pid, 0)
    os.close(fd)
    return total / MEGABYTE / (time.perf_counter() - began)


async def _kept(path: Path, parse: bool, view: bool) -> float:
    """MB/s of `cat` through a keeper, into an emulator if ``parse``, drawn if ``view``."""
    with tempfile.TemporaryDirectory() as scratch:
        places = places_for(Path(scratch), "bench")
        spec = ChildSpec(("cat", str(path)), "/", dict(os.environ), "bench", cols=COLS, rows=LINES)
        began = time.perf_counter()
        await spawn_keeper(spec, places)
        link = await KeeperLink.connect(places, epoch=1)
        screen = SessionScreen("bench", open_emulator(COLS, LINES))
        total, seen, drawn = 0, 0, time.perf_counter()
        async for item in link.items():
            if isinstance(item, Output):
                total += len(item.data)
                if parse:
                    screen.feed(item.data)
                if view and time.perf_counter() - drawn > 1 / 30:
                    frame = screen.frame(seen)
                    seen = frame.generation if frame else seen
                    drawn = time.perf_counter()
            if isinstance(item, Exited):
                break
        speed = total / MEGABYTE / (time.perf_counter() - began)
        await link.dismiss()
        await link.detach()
        return speed


def _chain() -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(log(16 * MEGABYTE))
        figures: dict[str, list[float]] = {"keeper": [], "emulator": [], "view": [], "bare": []}
        for _ in range(ROUNDS):
            figures["bare"].append(_bare(path))
            figures["keeper"].append(asyncio.run(_kept(path, parse=False, view=False)))
            figures["emulator"].append(asyncio.run(_kept(path, parse=True, view=False)))
            figures["view"].append(asyncio.run(_kept(path, parse=True, view=True)))
    floor = median(figures["bare"])
    names = {
        "keeper": "keeper",
        "emulator": "keeper and emulator",
        "view": "keeper, emulator and view",
    }
    return [
        row(f"coloured log through {text}, beside a bare terminal", median(figures[key]), "MB/s",
            reference=floor, higher=True)
        for key, text in names.items()
    ]  # fmt: skip


def rows() -> list[dict[str, Any]]:
    return [*_emulators(), *_chain()]
