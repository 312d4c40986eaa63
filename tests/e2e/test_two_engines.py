"""Two engines on one PostgreSQL: each has its workflows, and one takes over what the other left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from tests.e2e.machine import PATIENCE, PROGRAM, Machine, eventually
from tests.postgres_server import postgres_url

from quarterdeck.cli.link import Link

TEXT = """
name: shared
tasks:
  first: {run: [sh, -c, "echo first-$0 >> marks; echo 1", "{{ workflow.id }}"]}
  hold: {needs: first, run: [sh, -c, "echo hold-$0 >> marks; until [ -e go ]; do sleep 0.05; done", "{{ workflow.id }}"]}
  last: {needs: hold, run: [sh, -c, "echo last-$0 >> marks", "{{ workflow.id }}"]}
"""


def serve(machine: Machine, state_dir: Path) -> str:
    """An engine of its own state directory on the shared database; its socket."""
    engine = subprocess.Popen(
        [PROGRAM, "--headless", "--json", "--state-dir", str(state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=machine.work,
        env=machine.environment,
        start_new_session=True,
    )
    machine.engines.append(engine)
    assert engine.stdout is not None
    line = engine.stdout.readline()
    assert line, engine.communicate(timeout=PATIENCE)[1]
    return str(json.loads(line)["socket"])


def call(socket: str, kind: str, **payload: object) -> dict[str, object]:
    link = Link.open(socket)
    try:
        return link.call(kind, payload)
    finally:
        link.close()


@pytest.mark.timeout(150)
def test_what_a_killed_engine_left_is_taken_over_and_nothing_runs_twice(machine: Machine) -> None:
    url = postgres_url()
    machine.extra |= {"QUARTERDECK_STATE__URL": url, "QUARTERDECK_WORKFLOWS__LEASE_SECONDS": "2"}
    path = machine.work / f"{uuid4().hex}.yaml"
    path.write_text(TEXT)
    one = serve(machine, machine.state_dir)
    other = serve(machine, machine.root / "other")
    ids = {
        name: str(dict(call(socket, "workflow.create", file=str(path))["workflow"])["id"])  # type: ignore[call-overload]  # a view
        for name, socket in (("one", one), ("other", other))
    }
    marks = machine.work / "marks"

    def marked() -> list[str]:
        return marks.read_text().split() if marks.exists() else []

    eventually(lambda: sum(mark.startswith("hold") for mark in marked()) == 2, what="both")
    machine.engines[0].kill()
    machine.engines[0].wait(PATIENCE)
    (machine.work / "go").touch()

    def done() -> bool:
        found = call(other, "workflow.list", name="shared")["workflows"]
        assert isinstance(found, list)
        mine = [view["status"] for view in found if view["id"] in ids.values()]
        return mine == ["completed", "completed"]

    eventually(done, 60, what="the end of both")
    wanted = [f"{task}-{each}" for each in ids.values() for task in ("first", "hold", "last")]
    # What ran while its engine died is adopted; where it can't be, it is begun again, once.
    assert sorted({*marked()}) == sorted(wanted)
    for task in ("first", "last"):
        assert sum(mark.startswith(task) for mark in marked()) == 2
    versions = call(other, "workflow.history", workflow_id=ids["one"])["versions"]
    assert isinstance(versions, list)
    ended = [one["task_id"] for one in versions if one["task_id"] and one["status"] == "completed"]
    assert sorted(ended) == ["first", "hold", "last"]
