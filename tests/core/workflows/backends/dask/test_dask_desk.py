"""A worker's desk in this process, with real keepers, and a register that may be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.dask_cluster import leaf, lives, shell, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows.backends.dask import attempt as attempts
from quarterdeck.core.workflows.backends.dask import desk as desks
from quarterdeck.core.workflows.backends.dask.desk import Desk
from quarterdeck.core.workflows.backends.dask.register import Register, State
from quarterdeck.core.workflows.backends.dask.wire import (
    Terms,
    pack_leaf,
    place_of,
    unpack_event,
)
from quarterdeck.core.workflows.backends.ports import (
    Leaf,
    LeafEnded,
    LeafEvent,
    LeafOutput,
    LeafStarted,
)

ADDRESS = "tcp://here:1"


class Bench:
    """A desk and its register; while it is ``cut``, the register can't be asked."""

    def __init__(self, folder: Path) -> None:
        self.register = Register(SYSTEM_CLOCK.monotonic)
        self.cut = False
        self.desk = Desk(folder, ADDRESS, self.ask)

    async def ask(self, what: str, /, **given: Any) -> Any:
        await asyncio.sleep(0)
        if self.cut:
            raise ConnectionError("cut off")
        return getattr(self.register, what)(**given)

    def begin(self, given: Leaf, terms: Terms | None = None) -> tuple[str, asyncio.Task[str]]:
        """Announce an attempt, and run it as Dask would."""
        place = place_of(given.key)
        fence: dict[str, Any] = {"workflow": given.workflow_id, "epoch": given.epoch}
        self.register.announce(place, owner="engine", settle=5.0, **fence)
        order = pack_leaf(given, terms or Terms())
        return place, asyncio.create_task(self.desk.run(order))

    async def read(self, place: str) -> list[LeafEvent]:
        """Everything, as an engine reads it."""
        found: list[LeafEvent] = []
        position, begun, whole = 0, False, False
        while not whole:
            answers = await self.desk.read("engine", {place: (position, begun)}, 20.0)
            if answer := answers.get(place):
                found += map(unpack_event, answer["events"])
                position, begun, whole = answer["position"], answer["begun"], answer["whole"]
        return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "desk")
    yield bench
    await bench.desk.close()


async def test_an_attempt_is_claimed_run_told_and_forgotten(bench: Bench) -> None:
    place, task = bench.begin(shell(new_id(), "cat; exit 4", stdin=b"hello"))
    started, output, ended = await bench.read(place)
    assert isinstance(started, LeafStarted)
    assert isinstance(output, LeafOutput)
    assert isinstance(ended, LeafEnded)
    assert (output.data, ended.exit_code) == (b"hello", 4)
    assert await task == "ended"
    head = bench.register.heads[place]
    assert (head.state, head.worker, head.tethered) == (State.ENDED, ADDRESS, True)
    assert bench.desk.statistics() == {"running": 0, "kept": 1}
    assert await bench.desk.stop(place, 1.0)
    await bench.desk.forget(place)
    assert bench.desk.statistics() == {"running": 0, "kept": 0}
    assert not await bench.desk.stop(place, 1.0)


async def test_what_is_not_granted_is_not_begun(bench: Bench, tmp_path: Path) -> None:
    given = shell(new_id(), "touch begun", cwd=tmp_path)
    assert await bench.desk.run(pack_leaf(given, Terms())) == "refused"
    order = {**pack_leaf(given, Terms()), "protocol": 0}
    with pytest.raises(ValueError, match="install the same one"):
        await bench.desk.run(order)
    assert not (tmp_path / "begun").exists()


async def test_what_cannot_begin_has_ended_with_the_reason(bench: Bench) -> None:
    place, task = bench.begin(leaf(new_id(), "no-such-command"))
    (ended,) = await bench.read(place)
    assert isinstance(ended, LeafEnded)
    assert "no-such-command" in ended.error
    await task


async def test_a_stop_ends_the_tree_and_is_told_as_a_cancel(bench: Bench) -> None:
    place, task = bench.begin(leaf(new_id(), "sleep", "1000"))
    (answer,) = (await bench.desk.read("engine", {place: (0, False)}, 20.0)).values()
    started = unpack_event(answer["events"][0])
    assert isinstance(started, LeafStarted)
    assert await bench.desk.stop(place, 5.0)
    assert not lives(started.pid)
    ended = (await bench.read(place))[-1]
    assert isinstance(ended, LeafEnded)
    assert (ended.signal, ended.cancelled) == (15, True)
    await task


async def test_a_stop_before_the_start_is_not_lost(bench: Bench) -> None:
    place, task = bench.begin(leaf(new_id(), "sleep", "1000"))
    await until(lambda: place in bench.desk._runs)
    assert await bench.desk.stop(place, 0.2)
    await task
    ended = (await bench.read(place))[-1]
    assert isinstance(ended, LeafEnded)
    assert ended.cancelled


@pytest.mark.parametrize("how", ["cut off", "given up"])
async def test_what_the_register_does_not_confirm_is_ended(bench: Bench, how: str) -> None:
    place, task = bench.begin(leaf(new_id(), "sleep", "1000"), Terms(lease=0.3, grace=0.2))
    (answer,) = (await bench.desk.read("engine", {place: (0, False)}, 20.0)).values()
    started = unpack_event(answer["events"][0])
    assert isinstance(started, LeafStarted)
    if how == "cut off":
        bench.cut = True
    else:
        bench.register.lose(place, "someone said so")
    assert await task == "ended"
    await until(lambda: not lives(started.pid))
    assert "cut off" in bench.desk._attempts[place].lost
    assert await bench.desk.read("engine", {place: (0, True)}, 0.0) == {}


async def test_a_fault_of_the_worker_is_told_as_what_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise SystemError("out of its depth")

    monkeypatch.setattr(attempts, "spawn_keeper", fail)
    place, task = bench.begin(leaf(new_id(), "true"))
    assert await task == "ended"
    assert bench.desk._attempts[place].lost == "its worker failed: SystemError: out of its depth"


async def test_only_so_many_ended_ones_are_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "KEPT", 1)
    places = []
    for _ in range(2):
        place, task = bench.begin(leaf(new_id(), "true"))
        places.append(place)
        await task
    assert list(bench.desk._attempts) == places[1:]


async def test_output_that_the_disk_lost_is_said_and_holds_nobody_up(bench: Bench) -> None:
    place, task = bench.begin(shell(new_id(), "echo gone"))
    await task
    bench.desk._attempts[place].spool._parts[0].path.unlink()
    events = await bench.read(place)
    assert [type(event) for event in events] == [LeafStarted, LeafEnded]


async def test_a_desk_that_closes_ends_everything(bench: Bench) -> None:
    place, task = bench.begin(leaf(new_id(), "sleep", "1000"), Terms(lease=5, grace=0.2))
    (answer,) = (await bench.desk.read("engine", {place: (0, False)}, 20.0)).values()
    started = unpack_event(answer["events"][0])
    assert isinstance(started, LeafStarted)
    await bench.desk.close()
    await until(lambda: not lives(started.pid))
    await task
