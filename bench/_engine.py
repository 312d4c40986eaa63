"""A headless engine in a process of its own, on a scratch state directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

COMMAND = str(Path(sys.executable).with_name("quarterdeck"))


class Headless:
    """An engine; as a context manager it starts, and ends with all its sessions."""

    def __init__(self, limit: int = 200) -> None:
        self._scratch = tempfile.TemporaryDirectory()
        self.state = Path(self._scratch.name) / "state"
        self.env = {
            **os.environ,
            "QUARTERDECK_ENGINE__MAX_CONCURRENT_SESSIONS": str(limit),
            "QUARTERDECK_ENGINE__RATE_LIMIT_PER_SECOND": "100000",
            "QUARTERDECK_ENGINE__RATE_LIMIT_BURST": "100000",
        }

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [COMMAND, "--headless", "--json", "--state-dir", str(self.state)],
            stdout=subprocess.PIPE, env=self.env, text=True,
        )  # fmt: skip
        if self.process.stdout is None:
            raise AssertionError
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())
        return self

    def leave(self) -> None:
        """End the engine, not its sessions: whoever comes next takes them over."""
        self.call("shutdown")
        self.process.wait(60)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is not None:
            self.__enter__()
        self.call("shutdown", "--stop-sessions", check=False)
        self.process.wait(60)
        self._scratch.cleanup()

    def call(self, *words: str, check: bool = True) -> str:
        """What a command prints."""
        done = subprocess.run(
            [COMMAND, *words, "--state-dir", str(self.state)],
            env=self.env, stdout=subprocess.PIPE, text=True, check=check,
        )  # fmt: skip
        return done.stdout

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions as the command line lists them."""
        found: list[dict[str, Any]] = json.loads(self.call("session", "list", "--json"))["sessions"]
        return found


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident and proportional set size in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    figures = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
    return int(figures["Rss"]) / 1024, int(figures["Pss"]) / 1024
