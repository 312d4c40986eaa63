"""What every executor back end promises, whatever runs beneath it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.dask_cluster import hear, leaf, lives, run, shell, started, submit, until

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.workflows import PermanentFailure
from quarterdeck.core.workflows.backends.ports import (
    Backend,
    LeafEnded,
    LeafOutput,
    LeafStarted,
    Standing,
    Stream,
)

Make = Callable[[], Backend]


async def test_a_process_runs_with_its_input_its_variables_and_its_directory(
    backend: Backend, tmp_path: Path
) -> None:
    script = 'cat; echo "$GIVEN" >&2; pwd; exit 3'
    heard = await run(
        backend, shell(new_id(), script, cwd=tmp_path, env={"GIVEN": "é"}, stdin=b"in\0put\n")
    )
    assert isinstance(heard.events[0], LeafStarted)
    assert heard.out() == b"in\0put\n" + os.fsencode(tmp_path) + b"\n"
    assert heard.out(Stream.STDERR) == "é\n".encode()
    assert (heard.end.exit_code, heard.end.signal, heard.end.cancelled) == (3, None, False)


async def test_all_output_comes_in_order(backend: Backend) -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096); sys.stderr.write('x')"
    heard = await run(backend, leaf(new_id(), "python3", "-c", script))
    assert heard.out() == bytes(range(256)) * 4096
    assert heard.out(Stream.STDERR) == b"x"
    assert heard.end.exit_code == 0


async def test_output_comes_while_it_runs(backend: Backend, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    place = await submit(backend, shell(new_id(), "echo one; cat gate; echo two", cwd=tmp_path))
    heard: list[bytes] = []
    async for event in backend.events(place):
        if isinstance(event, LeafOutput):
            if not heard:
                await asyncio.to_thread((tmp_path / "gate").write_bytes, b"gate\n")
            heard.append(event.data)
    assert b"".join(heard) == b"one\ngate\ntwo\n"


async def test_a_signal_is_told_as_one(backend: Backend) -> None:
    end = (await run(backend, shell(new_id(), "kill -9 $$"))).end
    assert (end.exit_code, end.signal, end.cancelled) == (None, 9, False)


@pytest.mark.parametrize(("command", "cwd"), [("no-such-command", "/"), ("true", "/no/such/place")])
async def test_what_cannot_begin_says_why(backend: Backend, command: str, cwd: str) -> None:
    try:
        end = (await run(backend, leaf(new_id(), command, cwd=cwd))).end
    except (QuarterdeckError, PermanentFailure) as fault:
        error = str(fault)
    else:
        assert end.exit_code is None
        error = end.error
    assert (cwd if command == "true" else command) in error


async def test_an_attempt_that_is_submitted_twice_runs_once(
    backend: Backend, make: Make, tmp_path: Path
) -> None:
    once = shell(new_id(), "echo run >> runs; cat gate", cwd=tmp_path)
    os.mkfifo(tmp_path / "gate")
    place = backend.place_of(once)
    await asyncio.gather(*(backend.submit(once, place) for _ in range(3)))
    await started(backend, place)
    other = make()
    await other.open()
    try:
        await other.submit(once, place)
        await asyncio.to_thread((tmp_path / "gate").write_bytes, b"")
        assert (await hear(other, place)).end.exit_code == 0
        await other.submit(once, place)
        assert (await hear(other, place)).end.exit_code == 0
    finally:
        await other.close()
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_cancelled_attempt_is_gone_with_its_whole_tree_within_a_second(
    backend: Backend, tmp_path: Path
) -> None:
    script = "setsid sleep 1000 & echo $! > other; sleep 1000"
    place = await submit(backend, shell(new_id(), script, cwd=tmp_path))
    child = (await started(backend, place)).pid
    other = tmp_path / "other"
    await until(lambda: other.exists() and other.read_text().endswith("\n"))
    begun = time.monotonic()
    await backend.cancel(place, 5.0)
    assert not lives(child)
    assert not lives(int(other.read_text()))
    assert time.monotonic() - begun < 3  # one, on a machine that has nothing else to do
    end = (await hear(backend, place)).end
    assert end.cancelled
    await backend.cancel(place, 5.0)


async def test_what_ignores_sigterm_is_killed_after_the_grace(
    backend: Backend, tmp_path: Path
) -> None:
    script = "trap '' TERM; touch ready; while :; do sleep 0.05; done"
    place = await submit(backend, shell(new_id(), script, cwd=tmp_path))
    child = (await started(backend, place)).pid
    await until((tmp_path / "ready").exists)
    await backend.cancel(place, 0.2)
    assert not lives(child)
    end = (await hear(backend, place)).end
    assert (end.signal, end.cancelled) == (9, True)


async def test_the_end_is_told_when_the_whole_tree_is_gone(
    backend: Backend, tmp_path: Path
) -> None:
    script = "setsid sleep 1000 >/dev/null 2>&1 & echo $! > other; exit 0"
    heard = await run(backend, shell(new_id(), script, cwd=tmp_path))
    assert heard.end.exit_code == 0
    assert not lives(int((tmp_path / "other").read_text()))


async def test_an_engine_that_comes_back_learns_what_became_of_each(
    backend: Backend, make: Make
) -> None:
    living, ended = shell(new_id(), "echo living; sleep 1000"), shell(new_id(), "echo ended")
    never = leaf(new_id(), "true")
    places = [await submit(backend, living), await submit(backend, ended)]
    await started(backend, places[0])
    await hear(backend, places[1])
    other = make()
    await other.open()
    try:
        asked = [*places, other.place_of(never), "elsewhere:1"]
        assert await other.reconcile(asked) == dict(
            zip(
                asked,
                [Standing.LIVING, Standing.ENDED, Standing.GONE, Standing.UNKNOWN],
                strict=True,
            )
        )
        assert (await hear(other, places[1])).out() == b"ended\n"
        await other.cancel(places[0], 1.0)
        adopted = await hear(other, places[0])
        assert (adopted.out(), adopted.end.cancelled) == (b"living\n", True)
        assert isinstance(adopted.events[0], LeafStarted)
    finally:
        await other.close()


async def test_what_is_forgotten_leaves_nothing(backend: Backend) -> None:
    place = await submit(backend, shell(new_id(), "echo hello"))
    await hear(backend, place)
    await backend.forget(place)
    assert await backend.reconcile([place]) == {place: Standing.GONE}
    await backend.forget(place)


async def test_one_that_still_runs_is_not_forgotten(backend: Backend) -> None:
    place = await submit(backend, leaf(new_id(), "sleep", "1000"))
    await started(backend, place)
    await backend.forget(place)
    assert await backend.reconcile([place]) == {place: Standing.LIVING}
    await backend.cancel(place, 1.0)
    assert (await hear(backend, place)).end.cancelled


async def test_many_at_once_each_tell_their_own(backend: Backend) -> None:
    heard = await asyncio.gather(
        *(run(backend, shell(new_id(), f"echo {number}; exit {number}")) for number in range(12))
    )
    assert [one.out() for one in heard] == [f"{number}\n".encode() for number in range(12)]
    assert [one.end for one in heard if not isinstance(one.end, LeafEnded)] == []
    assert [one.end.exit_code for one in heard] == list(range(12))
