"""A scratch machine: a home and a state directory, and Quarterdeck's own processes on them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.terminal import Terminal

from quarterdeck.cli.link import Link
from quarterdeck.core.base.places import engine_socket
from quarterdeck.core.sessions.keeper.places import find_keepers

T = TypeVar("T")
BIN = Path(sys.executable).parent
PROGRAM = str(BIN / "quarterdeck")
PATIENCE = 60.0
A_WHILE = 20.0
PROMPT = "ready> "


def eventually(probe: Callable[[], T], seconds: float = PATIENCE, what: str = "it") -> T:
    """What ``probe`` gives once that is true.

    :raises AssertionError: if it does not come in time.
    """
    end = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < end, f"{what} did not come within {seconds} s: {found!r}"
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class Machine:
    """Homes and processes of one test."""

    root: Path
    runtime: Path
    state_dir: Path
    work: Path
    extra: dict[str, str] = field(default_factory=dict)
    terminals: list[Terminal] = field(default_factory=list)
    engines: list[subprocess.Popen[str]] = field(default_factory=list)
    ended: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What every process gets; nothing of the real user's."""
        return {
            "HOME": str(self.root / "home"),
            "XDG_CONFIG_HOME": str(self.root / "home/.config"),
            "XDG_STATE_HOME": str(self.root / "home/.state"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "SHELL": "/bin/bash",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            **self.extra,
        }

    # ---- starting --------------------------------------------------------------------------

    def open(self, *words: str, size: tuple[int, int] = (80, 24)) -> Terminal:
        """A command line in a terminal."""
        terminal = Terminal(
            [PROGRAM, *words, "--state-dir", str(self.state_dir)],
            environment=self.environment,
            cwd=str(self.work),
            size=size,
        )
        self.terminals.append(terminal)
        return terminal

    def deck(self, *words: str, size: tuple[int, int] = (80, 24)) -> Terminal:
        """The dashboard, joined with its engine and past its welcome."""
        terminal = self.open(*words, size=size)
        text = terminal.wait_for(
            lambda text: "Welcome aboard" in text or re.search(r"quarterdeck +\d", text)
        )
        welcomes = "Welcome aboard" in text
        if "no session" in text and not welcomes:  # at a first start it comes a moment later
            with suppress(AssertionError):
                welcomes = bool(terminal.wait_for("Welcome aboard", 3.0))
        if welcomes:
            terminal.wait_for("esc look around")
            terminal.press("escape")
            terminal.wait_for(lambda text: "Welcome aboard" not in text)
        return terminal

    def serve(self) -> dict[str, Any]:
        """An engine alone; what it says of itself."""
        engine = subprocess.Popen(
            [PROGRAM, "--headless", "--json", "--state-dir", str(self.state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.work,
            env=self.environment,
            start_new_session=True,
        )
        self.engines.append(engine)
        assert engine.stdout is not None
        line = engine.stdout.readline()
        if not line:
            raise AssertionError(engine.communicate(timeout=PATIENCE)[1])
        said: dict[str, Any] = json.loads(line)
        return said

    def kill_engine(self) -> None:
        """End the engine alone as a crash would."""
        self.engines[-1].kill()
        self.engines[-1].wait(PATIENCE)

    # ---- asking ----------------------------------------------------------------------------

    def run(self, *words: str) -> Ended:
        """A command line without a terminal, to its end."""
        done = subprocess.run(
            [PROGRAM, *words, "--state-dir", str(self.state_dir)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.work,
            env=self.environment,
            timeout=180,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def ask(self, *words: str) -> Any:
        """What a command line that must succeed prints as JSON."""
        ended = self.run(*words, "--json")
        assert ended.code == 0, (words, ended)
        return json.loads(ended.out)

    def call(self, command: str, **payload: Any) -> dict[str, Any]:
        """What the engine answers over its socket; a process for each question would take long."""
        link = Link.open(str(engine_socket(self.state_dir)))
        try:
            return link.call(command, payload)
        finally:
            link.close()

    def sessions(self) -> dict[str, dict[str, Any]]:
        """The sessions by name."""
        return {one["name"]: one for one in self.call("session.list")["sessions"]}

    def pids(self) -> dict[str, tuple[int, int]]:
        """The process and the keeper of every session that has them."""
        return {
            name: (one["pid"], one["keeper_pid"])
            for name, one in self.sessions().items()
            if one["pid"]
        }

    def create(self, name: str, agent: str, *args: str, **wish: Any) -> None:
        """A session that runs."""
        wish = {"name": name, "agent": agent, "cwd": str(self.work), "args": args, **wish}
        self.call("session.create", **wish)

    def type(self, name: str, command: str) -> None:
        """Type a command into a session, unguarded."""
        session_id = self.sessions()[name]["id"]
        self.call("session.keys", session_id=session_id, text=command)
        self.call("session.keys", session_id=session_id, keys=["enter"])

    def screen(self, name: str) -> str:
        """What a session's terminal shows."""
        found = self.call("session.screen", session_id=self.sessions()[name]["id"])
        return "\n".join(found["text"]).rstrip()

    def wait_screen(self, name: str, text: str) -> None:
        """Wait until a session's terminal shows ``text``."""
        eventually(lambda: text in self.screen(name), what=f"{text!r} in {name}")

    def items(self) -> list[dict[str, Any]]:
        """The attention items that are open."""
        found: list[dict[str, Any]] = self.call("attention.list")["items"]
        return found

    # ---- the end ---------------------------------------------------------------------------

    def living_keepers(self) -> list[int]:
        """The keepers that still live."""
        if not self.state_dir.is_dir():
            return []
        found = [keeper for keeper in find_keepers(self.state_dir) if keeper.lives]
        return [keeper.facts.keeper_pid for keeper in found if keeper.facts is not None]

    def living_tasks(self) -> list[int]:
        """The keepers of tasks whose processes still run."""
        found = [one.facts for one in find_keepers(self.state_dir / "attempts") if one.lives]
        return [one.keeper_pid for one in found if one is not None and one.exit is None]

    def close(self) -> None:
        """End the sessions, then everything else, and see that nothing is left."""
        left: list[int] = []
        try:
            self._stop_sessions()
            left = self._keepers_that_stay()
        finally:
            for terminal in self.terminals:
                terminal.close()
            for engine in self.engines:
                if engine.poll() is None:
                    engine.terminate()
                engine.communicate(timeout=PATIENCE)
            for pid in self.living_keepers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in self.living_tasks():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)  # it ends its tree
        assert not left, f"keepers were left: {left}"

    def _keepers_that_stay(self) -> list[int]:
        """Keepers whose sessions were stopped, and that don't end."""
        left = self._keepers_after(A_WHILE)
        for _ in range(
            3
        ):  # an engine's time may be over before it has let go of all: the next one does
            if left:
                self._stop_sessions()
                left = self._keepers_after(A_WHILE)
        return left

    def _keepers_after(self, seconds: float) -> list[int]:
        end = time.monotonic() + seconds
        while (left := self.living_keepers()) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def _stop_sessions(self) -> None:
        """Have an engine stop every session; a dashboard that holds one would start another."""
        if not self.living_keepers():
            return
        for terminal in self.terminals[1:]:
            terminal.close()
        ended = self.run("shutdown", "--stop-sessions")
        if ended.code == 3:
            self.serve()
            ended = self.run("shutdown", "--stop-sessions")
        assert ended.code == 0, ended
