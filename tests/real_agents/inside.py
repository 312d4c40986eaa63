"""Runs inside the namespace: one real agent under our engine, driven through the command line.

``python -m tests.real_agents.inside AGENT HOME BIN``; prints what was seen as JSON lines, and fails at the first deadline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.real_agents.crew import CREW
from tests.real_agents.model_server import serve

DEADLINE = 60.0
COMMAND = [str(Path(sys.executable).with_name("quarterdeck"))]


class Ship:
    """The command line, with the environment of the engine."""

    def __init__(self, env: dict[str, str], project: Path) -> None:
        self.env = env
        self.project = project
        self.engine = self._engine()

    def _engine(self) -> subprocess.Popen[str]:
        words = [*COMMAND, "--headless"]
        engine = subprocess.Popen(
            words, env=self.env, cwd=self.project, stdout=subprocess.PIPE, text=True
        )
        assert engine.stdout is not None  # it was asked for
        engine.stdout.readline()
        return engine

    def crash(self) -> None:
        """The engine is killed, and another one started."""
        self.engine.kill()
        self.engine.wait()
        self.engine = self._engine()

    def run(self, *words: str) -> tuple[int, str]:
        """One command: its exit code, and what it said."""
        done = subprocess.run(
            [*COMMAND, *words],
            env=self.env,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def must(self, *words: str) -> str:
        """One command that has to succeed."""
        code, said = self.run(*words)
        if code:
            sys.exit(f"{' '.join(words)}: exit code {code}: {said}")
        return said

    def view(self) -> dict[str, Any]:
        """The session as it stands."""
        found: dict[str, Any] = json.loads(self.must("session", "show", "it", "--json"))
        return found

    def until(self, activities: Iterable[str]) -> dict[str, Any]:
        """The session once its activity is one of these, and its dialog has its options."""
        wanted = set(activities)
        end = time.monotonic() + DEADLINE
        while True:
            view = self.view()
            asked = view["request"]
            if view["activity"] in wanted and (asked is None or asked["choices"]):
                return view
            if time.monotonic() > end:
                sys.exit(f"not {sorted(wanted)} but {view}\n{self.must('session', 'screen', 'it')}")
            time.sleep(0.2)

    def items(self) -> list[dict[str, Any]]:
        """The open attention items."""
        found: list[dict[str, Any]] = json.loads(self.must("attention", "list", "--json"))["items"]
        return found

    def answer(self, choice: str) -> None:
        """Answer the one approval that is open."""
        [item] = [item for item in self.items() if item["kind"] == "approval"]
        self.must("attention", "answer", item["item_id"], choice)


def tell(step: str, view: dict[str, Any], **more: Any) -> None:
    """One line for the test."""
    asked = view["request"] or {}
    told = {"kind": asked.get("kind"), "text": asked.get("text"), "source": view["source"]}
    line = {"step": step, "activity": view["activity"], **told, **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _identity(view: dict[str, Any]) -> tuple[Any, ...]:
    return view["pid"], view["request"]["request_id"], view["since"]


def voyage(ship: Ship, agent: str) -> None:
    """Start, first prompt, trust, a turn; an approval, a crash, its answer; one rejected; the end."""
    setup = CREW[agent]
    args = [f"--arg={arg}" for arg in setup.args]
    place = ["--agent", agent, "--cwd", str(ship.project)]
    ship.must("session", "new", "it", *place, "--prompt", "say a word", *args)
    if setup.trust:
        tell("trust", ship.until({"needs_approval"}))
        ship.answer("allow_once")
    tell("first turn", ship.until({"turn_done"}), items=[each["kind"] for each in ship.items()])
    for choice, name, after in (("allow_once", "made", "turn_done"), ("reject", "unmade", "idle")):
        ship.must("session", "prompt", "it", f"run `touch {name}`")
        view = ship.until({"needs_approval"})
        refused = ship.run("session", "prompt", "it", "yes")[1]
        tell(
            choice,
            view,
            refused=refused,
            meanings=[c["meaning"] for c in view["request"]["choices"]],
        )
        if choice == "allow_once":
            ship.crash()
            again = ship.until({"needs_approval"})
            tell("after the crash", again, same=_identity(view) == _identity(again))
        ship.answer(choice)
        view = ship.until({after})
        tell(f"after {choice}", view, made=(ship.project / name).exists(),
             items=[each["kind"] for each in ship.items()])  # fmt: skip
    ship.must("session", "stop", "it")
    tell("stopped", ship.view(), lifecycle=ship.view()["lifecycle"])


def main() -> None:
    """Model, engine, voyage; whatever is left ends with the namespace."""
    agent, home, programs = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    project = home / "proj"
    project.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(project)], check=False)
    run = home / "run"
    run.mkdir(mode=0o700)
    env = {
        "HOME": str(home),
        "PATH": os.pathsep.join([programs, os.defpath, str(Path(sys.executable).parent)]),
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(run),
        **CREW[agent].setup(home, f"http://127.0.0.1:{server.server_port}"),
    }
    ship = Ship(env, project)
    voyage(ship, agent)
    ship.engine.terminate()


if __name__ == "__main__":
    main()
