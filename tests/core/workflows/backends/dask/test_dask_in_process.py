"""A cluster in this process: what runs on scheduler and worker, one step after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from distributed import Scheduler, Worker
from tests.dask_cluster import hear, leaf, run, shell, started, submit, until

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows import AttemptLost
from quarterdeck.core.workflows.backends.dask import scheduler_side, worker_side
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend
from quarterdeck.core.workflows.backends.dask.cluster import ClusterOptions
from quarterdeck.core.workflows.backends.dask.desk import machine
from quarterdeck.core.workflows.backends.dask.wire import NotReady, Terms
from quarterdeck.core.workflows.backends.ports import Standing


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler(
        host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0"
    ) as scheduler:
        yield scheduler


@pytest.fixture
async def worker(scheduler: Scheduler, tmp_path: Path) -> AsyncIterator[Worker]:
    async with Worker(
        scheduler.address,
        nthreads=1,
        local_directory=str(tmp_path),
        dashboard_address="127.0.0.1:0",
    ) as worker:
        yield worker


@pytest.fixture
async def backend(scheduler: Scheduler, worker: Worker) -> AsyncIterator[DaskBackend]:
    options = ClusterOptions(scheduler.address, terms=Terms(1.0, 0.5))
    backend = DaskBackend(options)
    await backend.open()
    yield backend
    await backend.close()


async def test_from_the_queue_to_the_end_and_out_of_memory(
    backend: DaskBackend, scheduler: Scheduler, worker: Worker
) -> None:
    first = await submit(backend, leaf(new_id(), "sleep", "1000"))
    await started(backend, first)
    second = await submit(backend, shell(new_id(), "echo second"))
    await until(lambda: backend.waiting().get(second))
    third = await submit(backend, shell(new_id(), "echo third"))
    await backend.cancel(third, 1.0)
    assert await backend.reconcile([first, second, third]) == {
        first: Standing.LIVING,
        second: Standing.LIVING,
        third: Standing.ENDED,
    }
    await backend.cancel(first, 1.0)
    assert (await hear(backend, first)).end.cancelled
    assert (await hear(backend, second)).out() == b"second\n"
    for place in (first, second, third):
        await backend.forget(place)
    board = scheduler_side.board_of(scheduler)
    await until(lambda: not board.places)
    assert (board.register.heads, board.register.recent) == ({}, {})
    assert worker_side.desk_of(worker).statistics() == {"running": 0, "kept": 0}


async def test_a_worker_that_leaves_ends_what_it_ran_and_is_witnessed_by_none(
    backend: DaskBackend, worker: Worker
) -> None:
    place = await submit(backend, leaf(new_id(), "sleep", "1000"))
    await started(backend, place)
    await worker.close()
    with pytest.raises(AttemptLost):
        await hear(backend, place)


async def test_an_end_that_nobody_read_is_gone_with_the_worker(
    backend: DaskBackend, worker: Worker
) -> None:
    place = await submit(backend, leaf(new_id(), "echo", "unread"))
    await until(lambda: backend._watch.seen[place].ended)
    await worker.close()
    await until(lambda: not backend._watch.seen[place].kept)
    assert await backend.reconcile([place]) == {place: Standing.GONE}


async def test_what_waits_is_withdrawn_on_its_way_to_the_queue(
    backend: DaskBackend, scheduler: Scheduler
) -> None:
    place = await submit(backend, leaf(new_id(), "true", resources={"tpu": 1}))
    await backend.cancel(place, 1.0)
    await until(lambda: not scheduler.tasks)
    assert (await hear(backend, place)).end.cancelled


async def test_what_nobody_knows_is_lost_and_its_cancel_quiet(backend: DaskBackend) -> None:
    await asyncio.sleep(0)
    with pytest.raises(AttemptLost, match="not known"):
        await hear(backend, "dask:never")
    await backend.cancel("dask:never", 1.0)


async def test_a_witness_speaks_for_its_own_machine_alone(tmp_path: Path) -> None:
    folder, place = str(tmp_path), "dask:W/t/1"
    assert await worker_side.prove_gone(machine(), folder, place, 1.0)
    assert not await worker_side.prove_gone("another", folder, place, 1.0)
    assert not await worker_side.prove_gone("", folder, place, 1.0)


async def test_nodes_without_our_plugins_say_so(scheduler: Scheduler, worker: Worker) -> None:
    with pytest.raises(NotReady):
        scheduler_side.board_of(scheduler)
    with pytest.raises(NotReady):
        worker_side.desk_of(worker)


async def test_runs_go_on_beside_each_other(backend: DaskBackend) -> None:
    heard = await asyncio.gather(*(run(backend, shell(new_id(), "echo x")) for _ in range(3)))
    assert [one.out() for one in heard] == [b"x\n"] * 3
