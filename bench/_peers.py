"""Other engines beside ours: the cost of a no-op task, and what survives ``kill -9``.

    python -m bench workflows --peers

Each peer runs in a virtual environment of its own, made here once and kept in ``bench/.peers``; one whose
packages can't be had is left out, and says so. Telemetry is off, and where the system lets one make a
network without a way out, they run in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ._rows import row

HERE = Path(__file__).parent
PLACE = HERE / ".peers"
SHAPES = {"W1": "chain", "W2": "fan-out", "W3": "random DAG", "W4": "ten workflows"}
ROUNDS = 1
KILLED_AT = (1, 3, 5)
"""The tasks in whose middle the process is killed."""

TIMEOUT = 120.0
STEPS = 6

QUIET = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DBOS__CLOUD": "false",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
}


@dataclass(frozen=True)
class Peer:
    """One engine; ``size`` is the tasks of a shape that it bears, ``kept`` what it writes down."""

    name: str
    packages: tuple[str, ...]
    kept: str
    size: int = 200


OURS = Peer("quarterdeck", (), "each start and end, on SQLite", 1000)
PEERS = (
    Peer("langgraph", ("langgraph", "langgraph-checkpoint-sqlite"), "each step, on SQLite"),
    Peer("dbos", ("dbos", "sqlalchemy<2.1", "pysqlite3-binary"), "each step, on SQLite"),
    Peer("prefect", ("prefect", "fastapi<0.120"), "states in its server, on SQLite", 50),
    Peer("dagster", ("dagster",), "events, on SQLite", 50),
    Peer("luigi", ("luigi",), "tasks' own outputs only"),
    Peer("dask", ("dask[distributed]",), "nothing"),
    Peer("taskiq", ("taskiq",), "nothing (in-memory broker)"),
)


class Missing(Exception):
    """A peer that can't be had or does not run here, and why."""


def python_of(peer: Peer) -> Path:
    """The interpreter of a peer's environment, made if it is not there.

    :raises Missing: if its packages can't be had.
    """
    if not peer.packages:
        return Path(sys.executable)
    python = PLACE / peer.name / "bin" / "python"
    ready = PLACE / peer.name / "ready"
    if ready.exists():
        return python
    shutil.rmtree(PLACE / peer.name, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(PLACE / peer.name)]
    subprocess.run(command, check=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *peer.packages], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"its packages can't be had: {_last(done.stderr)}")
    ready.touch()
    return python


def rows() -> list[dict[str, Any]]:
    """Speed of every peer and of ours in each shape; what could not be run says why."""
    found = []
    for shape, what in SHAPES.items():
        ours = _speed(OURS, shape)
        found.append(_row(OURS, what, ours, None))
        for peer in PEERS:
            try:
                found.append(_row(peer, what, _speed(peer, shape), ours))
            except Missing as reason:
                found.append(row(f"peer {peer.name}, {what}: left out, {reason}", None, ""))
    return found


def crash_rows() -> list[dict[str, Any]]:
    """For ours and each peer: what became of a chain of processes that was killed three times over."""
    found = []
    for peer in (OURS, *PEERS):
        try:
            told = [_killed(peer, at) for at in KILLED_AT]
        except Missing as reason:
            found.append({"name": peer.name, "kept": peer.kept, "reason": str(reason)})
            continue
        found.append(
            {
                "name": peer.name,
                "kept": peer.kept,
                "twice": [one["twice"] for one in told],
                "lost": [one["lost"] for one in told],
                "completed": [one["completed"] for one in told],
            }
        )
    return found


def crash_table(found: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    points = " / ".join(map(str, KILLED_AT))
    lines = [
        f"| engine | what it writes down | run twice, killed in task {points} of {STEPS} | lost | completed |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        if "reason" in one:
            cells = ["left out: " + one["reason"], "", ""]
        else:
            cells = [
                " / ".join(map(str, one["twice"])),
                " / ".join(map(str, one["lost"])),
                " / ".join("yes" if done else "no" for done in one["completed"]),
            ]
        lines.append("| " + " | ".join([one["name"], one["kept"], *cells]) + " |")
    return "\n".join(lines)


def _row(peer: Peer, what: str, ours: float, reference: float | None) -> dict[str, Any]:
    name = f"peer {peer.name}, {what} of {peer.size} ({peer.kept})"
    return row(name, ours * 1e6, "us per task", reference=reference and reference * 1e6)


def _speed(peer: Peer, shape: str) -> float:
    """Seconds for a task."""
    python = python_of(peer)
    taken = []
    for _ in range(ROUNDS):
        with _directory() as place:
            try:
                done = subprocess.run(
                    _command(python, peer, "speed", shape, str(peer.size), str(place)),
                    env=_environment(place),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=TIMEOUT,
                )
            except subprocess.TimeoutExpired:
                raise Missing(f"it did not end within {TIMEOUT:g} s") from None
            if done.returncode or "\x1e" not in done.stdout:
                raise Missing(f"it failed: {_last(done.stderr)}")
            taken.append(json.loads(done.stdout.rsplit("\x1e", 1)[1]) / peer.size)
    return median(taken)


def _killed(peer: Peer, at: int) -> dict[str, Any]:
    """Kill it in the middle of one task, start it again as its documentation says, count."""
    command = (python_of(peer), peer, "crash")
    with _directory() as place:
        lines = place / "lines"
        first = subprocess.Popen(
            _command(*command, str(place)),
            env=_environment(place),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(lines, at, first)
        time.sleep(0.05)
        first.kill()
        first.wait()
        time.sleep(0.3)  # the killed one's child ends by itself
        try:
            again = subprocess.run(
                _command(*command, str(place)),
                env=_environment(place),
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
            )
            completed = again.returncode == 0 and "\x1ecompleted" in again.stdout
        except subprocess.TimeoutExpired:
            completed = False
        times = Counter(lines.read_text().split())
    return {
        "twice": sum(one > 1 for one in times.values()),
        "lost": STEPS - len(times),
        "completed": completed,
    }


def _wait_for(lines: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + TIMEOUT
    while not lines.exists() or len(lines.read_text().split()) < count:
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            process.wait()
            raise Missing("it ended, or did nothing, before it could be killed")
        time.sleep(0.002)


def _command(python: Path, peer: Peer, *given: str) -> list[str]:
    script = HERE / "peers" / f"peer_{peer.name}.py"
    return [*_fence(), str(python), str(script), *given]


def _fence() -> list[str]:
    """What runs a command in a network of its own with nothing but the loopback, if that can be had.

    The process is replaced, not watched, so that killing it kills the peer.
    """
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return []
    fence = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    usable = subprocess.run([*fence, "true"], capture_output=True, check=False).returncode == 0
    return fence if usable else []


def _environment(place: Path) -> dict[str, str]:
    homes = {
        "HOME": str(place),
        "PREFECT_HOME": str(place / "prefect"),
        "DAGSTER_HOME": str(place / "dagster"),
        "TMPDIR": str(place),
    }
    (place / "dagster").mkdir(exist_ok=True)
    return os.environ | QUIET | homes


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        yield Path(place)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else "without a word"
