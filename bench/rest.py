"""An engine at rest with 20 idle sessions; memory per session and per keeper."""

from __future__ import annotations

import time
from statistics import mean
from typing import Any

from bench._engine import Headless, cpu_seconds, memory_mb
from bench._rows import row

SESSIONS = 20
SECONDS = 60.0
SETTLED = 35.0
"""Seconds after which the first checkpoint has kept the screens of what was just started."""


def rows() -> list[dict[str, Any]]:
    with Headless() as engine:
        pid = engine.facts["pid"]
        empty, _ = memory_mb(pid)
        for number in range(SESSIONS):
            engine.call("session", "new", f"s{number}", "--agent", "shell")
        began = cpu_seconds(pid)
        time.sleep(SETTLED)
        first = cpu_seconds(pid) - began
        began = cpu_seconds(pid)
        time.sleep(SECONDS)
        used = (cpu_seconds(pid) - began) / SECONDS * 100
        full, _ = memory_mb(pid)
        keepers = [memory_mb(session["keeper_pid"]) for session in engine.sessions()]
        keepers_cpu = sum(cpu_seconds(session["keeper_pid"]) for session in engine.sessions())
    return [
        row("engine at rest, 20 idle sessions: CPU of one core", used, "%", must=1, goal=0.2),
        row(
            "engine, the 35 s after 20 sessions were started, their screens' first checkpoint in it: CPU",
            first * 1000,
            "ms",
        ),
        row("keeper, resident (RSS)", mean(rss for rss, _ in keepers), "MB", must=14, goal=12),
        row("keeper, proportional (PSS)", mean(pss for _, pss in keepers), "MB", must=8, goal=6),
        row("engine, memory of one idle session", (full - empty) / SESSIONS, "MB"),
        row("engine, memory without sessions (RSS)", empty, "MB"),
        row("20 keepers, CPU since their start", keepers_cpu * 1000, "ms"),
    ]
