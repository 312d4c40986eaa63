"""Real agents under a real engine, against a model of our own, where no network is.

They need programs that nobody has to have: put them (or links) into a directory and name it in
``QUARTERDECK_REAL_AGENTS``. Everything runs in a namespace with nothing but a loopback device.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AGENTS = ("claude", "codex", "gemini", "opencode")
LIMIT = 240.0


@functools.cache
def namespace() -> tuple[str, ...] | None:
    """What puts a command into a namespace of its own; ``None`` where that isn't permitted."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return None
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    flags = ("--net", "--pid", "--fork", "--mount-proc", "--kill-child")
    words = ("unshare", *user, *flags, "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if tried.returncode == 0 else None


@pytest.fixture
def home() -> Iterator[Path]:
    """A home directory with a short name: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="qd-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def seen(agent: str, home: Path) -> dict[str, dict[str, Any]]:
    """What the agent's voyage showed, step by step."""
    folder = os.environ.get("QUARTERDECK_REAL_AGENTS", "")
    if not folder or not (Path(folder) / agent).exists():
        pytest.skip(f"no program {agent} in the directory that QUARTERDECK_REAL_AGENTS names")
    words = namespace()
    if words is None:
        pytest.skip("namespaces without a network can't be had here")
    done = subprocess.run(
        [*words, sys.executable, "-m", "tests.real_agents.inside", agent, str(home), folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return {step["step"]: step for step in steps}


@pytest.mark.timeout(LIMIT + 30)
@pytest.mark.parametrize("agent", AGENTS)
def test_voyage_of_a_real_agent(agent: str, home: Path) -> None:
    steps = seen(agent, home)
    if "trust" in steps:
        assert (steps["trust"]["activity"], steps["trust"]["kind"]) == ("needs_approval", "trust")
    assert steps["first turn"]["items"] == ["turn_done"]
    for choice in ("allow_once", "reject"):
        asked = steps[choice]
        assert asked["kind"] == "permission"
        assert "touch" in asked["text"]
        assert {"allow_once", "reject"} <= set(asked["meanings"])
        assert "needs_approval" in asked["refused"]
    assert steps["after the crash"]["same"] is True
    assert steps["after allow_once"]["made"] is True
    assert steps["after allow_once"]["items"] == ["turn_done"]
    assert steps["after reject"]["made"] is False
    assert steps["after reject"]["items"] == []
    assert steps["stopped"]["lifecycle"] == "exited"
