"""Nodes of a cluster that are killed, frozen or replaced while attempts run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.dask_cluster import (
    LEASE,
    Cluster,
    hear,
    leaf,
    lives,
    run,
    shell,
    started,
    submit,
    until,
)

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows import AttemptLost
from quarterdeck.core.workflows.backends.dask import cluster as connecting
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend
from quarterdeck.core.workflows.backends.dask.faults import ClusterMismatch, ClusterUnreachable
from quarterdeck.core.workflows.backends.ports import Standing

TREE = "setsid sleep 1000 & echo $! >> pids; echo $$ >> pids; sleep 1000"
STUBBORN = "trap '' TERM; " + TREE.replace("sleep 1000 &", "sh -c \"trap '' TERM; sleep 1000\" &")


def pids(folder: Path) -> list[int]:
    """The processes that ``TREE`` has written down."""
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def parent(pid: int) -> int:
    """The process that started another."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])


def worker_of(backend: DaskBackend, place: str) -> str:
    """The address of the worker that an attempt runs on."""
    return backend._watch.seen[place].worker


async def begin(backend: DaskBackend, folder: Path, script: str = TREE) -> str:
    """An attempt with two processes, both of which run."""
    place = await submit(backend, shell(new_id(), script, cwd=folder))
    await started(backend, place)
    await until(lambda: len(pids(folder)) == 2)
    return place


@pytest.mark.parametrize("script", [TREE, STUBBORN], ids=["polite", "stubborn"])
async def test_a_killed_workers_attempts_end_with_it_and_are_lost_once_they_are_gone(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path, script: str
) -> None:
    place = await begin(backend, tmp_path, script)
    begun = time.monotonic()
    cluster.worker_at(worker_of(backend, place)).send(signal.SIGKILL)
    with pytest.raises(AttemptLost, match="has left the cluster"):
        await hear(backend, place)
    assert not any(map(lives, pids(tmp_path)))
    assert time.monotonic() - begun < 10
    assert await backend.reconcile([place]) == {place: Standing.GONE}
    rerun = await run(backend, shell(new_id(), "echo again"))
    assert rerun.out() == b"again\n"


async def test_without_a_witness_the_lease_is_waited_for(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path
) -> None:
    place = await begin(backend, tmp_path)
    begun = time.monotonic()
    for worker in cluster.workers:
        worker.send(signal.SIGKILL)
    with pytest.raises(AttemptLost):
        await hear(backend, place)
    assert time.monotonic() - begun >= LEASE
    assert not any(map(lives, pids(tmp_path)))


async def test_output_that_left_with_its_worker_makes_an_ended_attempt_lost(
    backend: DaskBackend, cluster: Cluster
) -> None:
    silent, talking = leaf(new_id(), "true"), leaf(new_id(), "echo", "result")
    places = [await submit(backend, silent), await submit(backend, talking)]
    await until(lambda: all(backend._watch.seen[place].ended for place in places))
    for worker in cluster.workers:
        worker.send(signal.SIGKILL)
    await until(lambda: not any(backend._watch.seen[place].kept for place in places))
    assert await backend.reconcile(places) == {
        places[0]: Standing.ENDED,
        places[1]: Standing.GONE,
    }
    assert (await hear(backend, places[0])).end.exit_code == 0
    with pytest.raises(AttemptLost, match="left with its output"):
        await hear(backend, places[1])


async def test_a_killed_scheduler_leaves_attempts_unknown_until_the_next_one_stands(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path
) -> None:
    place = await begin(backend, tmp_path)
    reading = asyncio.create_task(hear(backend, place))
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGKILL)
    await until(lambda: not backend._watch.connected.is_set())
    assert await backend.reconcile([place]) == {place: Standing.UNKNOWN}
    later = asyncio.create_task(run(backend, shell(new_id(), "echo later")))
    for worker in cluster.workers:
        worker.send(signal.SIGKILL)  # they would end by themselves; it takes Dask its time
    cluster.start_scheduler()
    cluster.workers.clear()
    cluster.start_worker()
    with pytest.raises(AttemptLost, match="not known"):
        await reading
    assert not any(map(lives, pids(tmp_path)))
    assert await backend.reconcile([place]) == {place: Standing.GONE}
    assert (await later).out() == b"later\n"
    await backend.cancel(place, 1.0)


async def test_workers_that_lose_their_scheduler_end_what_they_run(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path
) -> None:
    await begin(backend, tmp_path)
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGKILL)
    await until(lambda: not any(map(lives, pids(tmp_path))))


async def test_a_worker_that_is_cut_off_for_a_lease_ends_what_it_runs(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path
) -> None:
    place = await begin(backend, tmp_path)
    assert cluster.scheduler
    cluster.scheduler.send(signal.SIGSTOP)
    try:
        await until(lambda: not any(map(lives, pids(tmp_path))))
    finally:
        cluster.scheduler.send(signal.SIGCONT)
    with pytest.raises(AttemptLost, match="cut off"):
        await hear(backend, place)


async def test_a_killed_keeper_is_told_as_a_loss_and_leaves_nothing(
    backend: DaskBackend, tmp_path: Path
) -> None:
    place = await begin(backend, tmp_path)
    os.kill(parent(pids(tmp_path)[1]), signal.SIGKILL)
    with pytest.raises(AttemptLost, match="keeper"):
        await hear(backend, place)
    assert not any(map(lives, pids(tmp_path)))


ENGINE = """
import asyncio, json, sys
from pathlib import Path
from tests.dask_cluster import shell, started, submit
from quarterdeck.core.workflows.backends.registry import backend_for

async def main(url, folder):
    backend = backend_for(url, state_dir=Path(folder))
    await backend.open()
    living = shell("living", "echo living; until [ -e go ]; do sleep 0.02; done; echo on", cwd=folder)
    ended = shell("ended", "echo ended", cwd=folder)
    waiting = shell("waiting", "echo waiting", cwd=folder, resources={"later": 1})
    places = [await submit(backend, each) for each in (living, ended, waiting)]
    await started(backend, places[0])
    print(json.dumps(places), flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_an_engine_that_was_killed_finds_everything_when_it_comes_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    root = str(Path(__file__).parents[5])
    command = [sys.executable, "-c", ENGINE, cluster.url, str(tmp_path)]
    engine = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.PIPE,
        cwd=root,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
    )
    assert engine.stdout
    places = json.loads(await engine.stdout.readline())
    engine.kill()
    await engine.wait()
    backend = cluster.backend()
    await backend.open()
    try:
        found = await backend.reconcile(places)
        assert (found[places[0]], found[places[2]]) == (Standing.LIVING, Standing.LIVING)
        assert (await hear(backend, places[1])).out() == b"ended\n"
        (tmp_path / "go").touch()
        assert (await hear(backend, places[0])).out() == b"living\non\n"
        worker = cluster.start_worker(later=1)
        assert (await hear(backend, places[2])).out() == b"waiting\n"
        worker.send(signal.SIGKILL)
        for place in places:
            await backend.forget(place)
        left, _ = await backend._watch.adopt(places)
        assert left == {}
    finally:
        await backend.close()


async def test_another_version_is_refused_at_connect_and_says_where(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "PROTOCOL", 99)
    with pytest.raises(ClusterMismatch, match=r"version 99 .* its scheduler says: version 1\."):
        await cluster.backend().open()


async def test_nobody_at_the_address_is_told_in_time() -> None:
    backend = connecting.Cluster(connecting.ClusterOptions("tcp://127.0.0.1:1", timeout=0.5))
    with pytest.raises(ClusterUnreachable, match="doesn't answer"):
        await backend.connect()
