"""Attempts outlive ``kill -9`` of their engine, and are adopted by the next one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.core.sessions.rig import kill_leftovers
from tests.core.workflows.executors import killed_engine
from tests.core.workflows.executors.stage import until

ROOT = Path(__file__).parents[4]
FLOW = """
name: flow
tasks:
  before: {run: "echo x >> before.txt; cat before.txt", shell: true}
  long:
    needs: before
    run: "echo begun; echo x >> long.txt; while [ ! -e go ]; do sleep 0.05; done; wc -l < long.txt"
    shell: true
    outputs: {stdout: lines}
  after: {needs: long, run: [echo, "{{ tasks.long.result[-1] | trim }}"]}
"""


@pytest.mark.parametrize("case", ["living", "ended", "keeper gone"])
async def test_an_engine_is_killed_around_a_command(folder: Path, case: str) -> None:
    (folder / "flow.yaml").write_text(FLOW)
    program = [sys.executable, killed_engine.__file__, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    engine = await asyncio.create_subprocess_exec(*program, env=environment)
    try:
        await until((folder / "long.txt").exists, "the command did not begin")
    finally:
        engine.kill()
    assert await engine.wait() == -signal.SIGKILL
    if case == "keeper gone":
        assert kill_leftovers(folder / "attempts")
    if case != "living":
        (folder / "go").touch()
    if case == "ended":
        await until(lambda: len(ended_keepers(folder)) >= 1, "the command did not end")
    if case == "living":
        # Whoever adopts it listens first.
        (folder / "go").touch()
    told = await killed_engine.run(folder, "second", "W")
    runs = 2 if case == "keeper gone" else 1
    assert told.splitlines() == [
        "before completed 1 'x' None",
        f"long completed {runs} ['begun', '{runs}'] None",
        f"after completed 1 '{runs}' None",
    ]
    assert (folder / "before.txt").read_text() == "x\n"
    assert (folder / "long.txt").read_text() == "x\n" * runs


def ended_keepers(folder: Path) -> list[str]:
    """The records of keepers whose child has ended by itself."""
    records = (folder / "attempts" / "keepers").glob("*/record")
    return [text for one in records if '"exit": 0' in (text := one.read_text("utf-8", "replace"))]
