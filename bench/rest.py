"""An engine at rest with 20 idle sessions; memory per session and per keeper."""

from __future__ import annotations

import time
from statistics import mean
from typing import Any

from bench._engine import Headless, cpu_seconds, memory_mb
from bench._rows import row

SESSIONS = 20
SECONDS = 30.0


def rows() -> list[dict[str, Any]]:
    with Headless() as engine:
        pid = engine.facts["pid"]
        empty, _ = memory_mb(pid)
        for number in range(SESSIONS):
            engine.call("session", "new", f"s{number}", "--agent", "shell")
        time.sleep(5)
        began = cpu_seconds(pid)
        time.sleep(SECONDS)
        used = (cpu_seconds(pid) - began) / SECONDS * 100
        full, _ = memory_mb(pid)
        keepers = [memory_mb(session["keeper_pid"]) for session in engine.sessions()]
        keepers_cpu = sum(cpu_seconds(session["keeper_pid"]) for session in engine.sessions())
    return [
        row("engine at rest, 20 idle sessions: CPU of one core", used, "%", must=1, goal=0.2),
        row("keeper, resident (RSS)", mean(rss for rss, _ in keepers), "MB", must=14, goal=12),
        row("keeper, proportional (PSS)", mean(pss for _, pss in keepers), "MB", must=8, goal=6),
        row("engine, memory of one idle session", (full - empty) / SESSIONS, "MB"),
        row("engine, memory without sessions (RSS)", empty, "MB"),
        row("20 keepers, CPU since their start", keepers_cpu * 1000, "ms"),
    ]
