"""What waits on a cluster: its order, its resources, and its end before it began."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.dask_cluster import Cluster, hear, leaf, lives, run, shell, started, submit, until

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.workflows import AttemptLost
from quarterdeck.core.workflows.backends.dask import scheduler_side, wire, worker_side
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend
from quarterdeck.core.workflows.backends.dask.faults import AttemptFenced
from quarterdeck.core.workflows.backends.dask.wire import Terms, pack_leaf
from quarterdeck.core.workflows.backends.ports import LeafStarted, Standing

PLACES = 4  # two workers of two places


async def block(backend: DaskBackend, folder: Path, count: int = PLACES) -> list[str]:
    """Take all places of the cluster, until ``open_gate``."""
    script = "until [ -e gate ]; do sleep 0.02; done"
    places = [await submit(backend, shell(new_id(), script, cwd=folder)) for _ in range(count)]
    for place in places:
        await started(backend, place)
    return places


def open_gate(folder: Path) -> None:
    """Let those go on that wait at the gate."""
    (folder / "gate").touch()


async def test_one_that_is_cancelled_while_it_waits_never_begins(
    backend: DaskBackend, tmp_path: Path
) -> None:
    blockers = await block(backend, tmp_path)
    place = await submit(backend, shell(new_id(), "touch begun", cwd=tmp_path))
    await until(lambda: place in backend.waiting())
    await backend.cancel(place, 5.0)
    heard = await hear(backend, place)
    assert [type(event) for event in heard.events] == [type(heard.end)]
    assert (heard.end.cancelled, heard.end.exit_code) == (True, None)
    open_gate(tmp_path)
    for blocker in blockers:
        assert (await hear(backend, blocker)).end.exit_code == 0
    assert (await run(backend, shell(new_id(), "true"))).end.exit_code == 0
    assert not (tmp_path / "begun").exists()


async def test_the_urgent_one_goes_first(backend: DaskBackend, tmp_path: Path) -> None:
    blockers = await block(backend, tmp_path)
    wanted = [Priority.BACKGROUND, Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL]
    places = [
        await submit(
            backend,
            shell(
                new_id(),
                f"echo {priority.name} >> order; sleep 0.1",
                cwd=tmp_path,
                priority=priority,
                resources={"seat": 1},
            ),
        )
        for priority in wanted
    ]
    await until(lambda: all("its turn" in backend.waiting().get(one, "") for one in places))
    open_gate(tmp_path)
    for place in (*blockers, *places):
        await hear(backend, place)
    assert (tmp_path / "order").read_text().split() == [one.name for one in reversed(wanted)]


async def test_resources_say_where_it_runs_and_how_many_at_once(
    backend: DaskBackend, cluster: Cluster, tmp_path: Path
) -> None:
    script = "mkdir alone || touch together; sleep 0.1; rmdir alone"
    leaves = [shell(new_id(), script, cwd=tmp_path, resources={"gpu": 1}) for _ in range(3)]
    await asyncio.gather(*(run(backend, each) for each in leaves))
    assert not (tmp_path / "together").exists()


async def test_what_no_worker_offers_is_waited_for_and_said(
    backend: DaskBackend, cluster: Cluster
) -> None:
    place = await submit(backend, leaf(new_id(), "true", resources={"tpu": 2}))
    await until(lambda: "offers what it needs" in backend.waiting().get(place, ""))
    assert await backend.reconcile([place]) == {place: Standing.LIVING}
    helper = cluster.start_worker(tpu=2)
    heard = await hear(backend, place)
    assert heard.end.exit_code == 0
    assert backend.waiting() == {}
    helper.send(9)


async def test_an_engine_of_a_former_epoch_begins_nothing(
    backend: DaskBackend, tmp_path: Path
) -> None:
    await run(backend, leaf("one", "true", workflow_id="W", epoch=5))
    stale = shell("two", "touch begun", cwd=tmp_path, workflow_id="W", epoch=4)
    with pytest.raises(AttemptFenced, match="epoch 5"):
        await submit(backend, stale)
    await run(backend, leaf("three", "true", workflow_id="W", epoch=5))
    assert not (tmp_path / "begun").exists()


async def test_what_was_not_announced_or_was_begun_already_is_refused_by_the_worker(
    backend: DaskBackend, tmp_path: Path
) -> None:
    known = shell(new_id(), "echo run >> runs", cwd=tmp_path)
    await run(backend, known)
    client = backend._cluster._client
    for given in (known, shell(new_id(), "echo run >> runs", cwd=tmp_path)):
        order = pack_leaf(given, Terms())
        assert await client.submit(worker_side.run_leaf, order, pure=False) == "refused"
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_one_that_someone_takes_from_the_queue_is_lost_at_once(
    backend: DaskBackend, tmp_path: Path
) -> None:
    blockers = await block(backend, tmp_path)
    place = await submit(backend, shell(new_id(), "touch begun", cwd=tmp_path))
    await until(lambda: backend.waiting().get(place))
    await backend._cluster.on_scheduler(scheduler_side.take_back, place=place)
    assert await backend.reconcile([place]) == {place: Standing.GONE}
    open_gate(tmp_path)
    for blocker in blockers:
        await hear(backend, blocker)


async def test_what_was_announced_and_never_handed_over_is_gone_for_the_next_engine(
    backend: DaskBackend, cluster: Cluster
) -> None:
    never = leaf(new_id(), "true")
    place = backend.place_of(never)
    given: dict[str, Any] = {
        "workflow": "WF",
        "epoch": 1,
        "owner": "one that crashed",
        "settle": 60.0,
    }
    await backend._cluster.on_scheduler(scheduler_side.announce, place=place, **given)
    assert await backend.reconcile([place]) == {place: Standing.GONE}


async def test_a_worker_that_speaks_another_version_takes_nothing_and_says_so(
    backend: DaskBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PROTOCOL", 99)
    place = await submit(backend, leaf(new_id(), "true"))
    with pytest.raises(AttemptLost, match="install the same one"):
        await hear(backend, place)


async def test_a_running_one_that_someone_takes_from_dask_is_ended_and_lost(
    backend: DaskBackend,
) -> None:
    place = await submit(backend, leaf(new_id(), "sleep", "1000"))
    child = (await started(backend, place)).pid
    await backend._cluster.on_scheduler(scheduler_side.take_back, place=place)
    with pytest.raises(AttemptLost, match="queue"):
        await hear(backend, place)
    assert not lives(child)


async def test_start_is_told_once_to_one_who_reads_again(backend: DaskBackend) -> None:
    place = await submit(backend, shell(new_id(), "echo a; echo b"))
    first, second = await hear(backend, place), await hear(backend, place)
    assert first.out() == second.out() == b"a\nb\n"
    assert sum(isinstance(event, LeafStarted) for event in second.events) == 1
