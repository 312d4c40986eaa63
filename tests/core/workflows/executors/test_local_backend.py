"""The back end of this machine, over real keepers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.sessions.rig import alive, kill_leftovers
from tests.core.workflows.executors.stage import until

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.sessions.keeper.places import KeeperPlaces, find_keepers
from quarterdeck.core.sessions.keepers import LocalKeepers
from quarterdeck.core.workflows.backends import local
from quarterdeck.core.workflows.backends.faults import PlaceForeign, SupersededHere
from quarterdeck.core.workflows.backends.local import FOLDER, LocalBackend
from quarterdeck.core.workflows.backends.ports import (
    Backend,
    Leaf,
    LeafEnded,
    LeafEvent,
    LeafOutput,
    LeafStarted,
    Standing,
    Stream,
)
from quarterdeck.core.workflows.context import AttemptLost, PermanentFailure


@pytest.fixture
async def backend(folder: Path) -> AsyncIterator[LocalBackend]:
    made = LocalBackend(folder)
    await made.open()
    yield made
    await made.close()


def leaf(folder: Path, script: str, **more: object) -> Leaf:
    given = Leaf("w", "t", 1, 1, ("/bin/sh", "-c", script), str(folder), grace=0.5)
    return replace(given, **more)  # type: ignore[arg-type]  # tests pass what they please


async def begun(backend: Backend, one: Leaf) -> str:
    place = backend.place_of(one)
    await backend.submit(one, place)
    return place


async def whole(backend: Backend, place: str) -> list[LeafEvent]:
    return [event async for event in backend.events(place)]


def output(events: list[LeafEvent], stream: Stream = Stream.STDOUT) -> bytes:
    """All of a stream; offsets must fit."""
    data = b""
    for event in events:
        if isinstance(event, LeafOutput) and event.stream is stream:
            assert event.offset == len(data)
            data += event.data
    return data


def ending(events: list[LeafEvent]) -> LeafEnded:
    assert isinstance(events[-1], LeafEnded)
    return events[-1]


async def test_an_attempt_is_told_from_its_begin_as_often_as_is_asked(
    backend: LocalBackend, folder: Path
) -> None:
    one = leaf(folder, "cat; echo err >&2; echo $X; exit 3", stdin=b"in", env={"X": "env"})
    place = await begun(backend, one)
    for _ in range(2):
        events = await whole(backend, place)
        assert isinstance(events[0], LeafStarted)
        assert output(events) == b"inenv\n"
        assert output(events, Stream.STDERR) == b"err\n"
        assert (ending(events).exit_code, ending(events).cancelled) == (3, False)
    assert await backend.reconcile([place]) == {place: Standing.ENDED}
    await backend.forget(place)
    assert not find_keepers(folder / FOLDER)
    assert await backend.reconcile([place]) == {place: Standing.GONE}
    with pytest.raises(AttemptLost):
        await whole(backend, place)


class Tardy(LocalKeepers):
    """Keepers that don't answer, end late, and whose places are held for a moment."""

    def __init__(self) -> None:
        self.late = [False, False]
        self.held = 1

    async def ended(self, places: KeeperPlaces, seconds: float) -> bool:
        return self.late.pop() if self.late else await super().ended(places, seconds)

    async def erase(self, places: KeeperPlaces) -> None:
        self.held -= 1
        if self.held < 0:
            await super().erase(places)


async def test_what_ends_late_is_forgotten_all_the_same(
    backend: LocalBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await begun(backend, leaf(folder, "echo x"))
    assert output(await whole(backend, place)) == b"x\n"
    monkeypatch.setattr(backend, "_keepers", Tardy())
    await backend.forget(place)
    assert not find_keepers(folder / FOLDER)


async def test_an_attempt_begins_once(backend: LocalBackend, folder: Path) -> None:
    one = leaf(folder, "echo x >> count; cat count")
    place = await begun(backend, one)
    await backend.submit(one, place)
    assert output(await whole(backend, place)) == b"x\n"
    await backend.submit(one, place)
    assert (folder / "count").read_text() == "x\n"
    assert backend.place_of(replace(one, epoch=2)) != place
    await backend.forget(place)


async def test_cancelling_ends_the_tree_and_is_told(backend: LocalBackend, folder: Path) -> None:
    one = leaf(folder, "trap '' TERM; sleep 300 & echo $! > pid; while :; do wait; done")
    place = await begun(backend, one)
    await until(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip())
    await backend.forget(place)  # one that lives is not forgotten
    assert await backend.reconcile([place]) == {place: Standing.LIVING}
    await backend.cancel(place, 0.2)
    assert not alive(int((folder / "pid").read_text()))
    end = ending(await whole(backend, place))
    assert (end.signal, end.cancelled) == (signal.SIGKILL, True)
    await backend.cancel(place, 0.2)
    await backend.forget(place)
    await backend.cancel(place, 0.2)


async def test_a_later_engine_takes_over(backend: LocalBackend, folder: Path) -> None:
    place = await begun(backend, leaf(folder, "echo a; sleep 300"))
    events = backend.events(place)
    while not isinstance(await anext(events), LeafOutput):
        pass
    later = LocalBackend(folder, epoch=2)
    theirs = later.events(place)
    assert isinstance(await anext(theirs), LeafStarted)
    with pytest.raises(SupersededHere):
        await anext(events)
    await later.cancel(place, 0.2)
    assert ending([event async for event in theirs]).cancelled
    await later.forget(place)
    await later.close()


async def test_output_beyond_the_ring_is_a_gap_not_a_lie(
    backend: LocalBackend, folder: Path
) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; echo end; touch written"
    place = await begun(backend, leaf(folder, script, log_limit=64 * 1024))
    await until((folder / "written").exists)
    outputs = [one for one in await whole(backend, place) if isinstance(one, LeafOutput)]
    assert outputs[0].offset > 0
    assert outputs[-1].offset + len(outputs[-1].data) == 300_004
    await backend.forget(place)


async def test_a_keeper_that_is_gone_leaves_its_end_or_nothing(
    backend: LocalBackend, folder: Path
) -> None:
    place = await begun(backend, leaf(folder, "echo told; exit 2"))
    await whole(backend, place)
    kill_leftovers(folder / FOLDER)
    assert await backend.reconcile([place]) == {place: Standing.ENDED}
    events = await whole(backend, place)
    assert (output(events), ending(events).exit_code) == (b"told\n", 2)
    await backend.forget(place)
    lost = await begun(backend, leaf(folder, "sleep 300 & echo $! > pid; wait", attempt=2))
    await until(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip())
    for found in find_keepers(folder / FOLDER):
        assert found.facts is not None
        os.kill(found.facts.keeper_pid, signal.SIGKILL)
    await until(lambda: not any(one.lives for one in find_keepers(folder / FOLDER)))
    assert await backend.reconcile([lost]) == {lost: Standing.GONE}
    assert not alive(int((folder / "pid").read_text()))
    with pytest.raises(AttemptLost):
        await whole(backend, lost)
    await backend.forget(lost)


async def test_a_keeper_killed_while_it_is_followed_ends_the_attempt(
    backend: LocalBackend, folder: Path
) -> None:
    place = await begun(backend, leaf(folder, "echo a; exec sleep 300"))
    events = backend.events(place)
    while not isinstance(await anext(events), LeafOutput):
        pass
    kill_leftovers(folder / FOLDER)
    with pytest.raises(AttemptLost):
        await anext(events)
    await backend.forget(place)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"command": ("no-such-command-x",)}, "There is no command"),
        ({"cwd": "/no/such/directory"}, "is not there"),
        ({"command": ("/etc/passwd",)}, "can't be run"),
    ],
)
async def test_what_can_never_begin_is_a_permanent_failure(
    backend: LocalBackend, folder: Path, change: dict[str, object], told: str
) -> None:
    with pytest.raises(PermanentFailure) as caught:
        await begun(backend, leaf(folder, "true", **change))
    assert told in caught.value.message
    assert not find_keepers(folder / FOLDER)


async def test_places_of_others_are_told_apart(backend: LocalBackend, folder: Path) -> None:
    place = LocalBackend(folder, host="elsewhere").place_of(leaf(folder, "true"))
    assert await backend.reconcile([place, "dask:x"]) == {
        place: Standing.UNKNOWN, "dask:x": Standing.UNKNOWN,
    }  # fmt: skip
    with pytest.raises(PlaceForeign):
        await whole(backend, place)


async def test_what_nobody_asked_for_is_cleared_away_after_long(
    folder: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(backend, leaf(folder, "true"))
    kill_leftovers(folder / FOLDER)
    await until(lambda: not any(one.lives for one in find_keepers(folder / FOLDER)))
    await backend.open()
    assert find_keepers(folder / FOLDER)
    monkeypatch.setattr(local, "KEPT_SECONDS", -1.0)
    await backend.open()
    assert not find_keepers(folder / FOLDER)


async def test_a_large_prompt_reaches_the_process_whole(
    backend: LocalBackend, folder: Path
) -> None:
    program = "import sys; print(len(sys.stdin.buffer.read()))"
    one = leaf(folder, "", command=(sys.executable, "-c", program), stdin=b"p" * 3_000_000)
    place = await begun(backend, one)
    assert output(await whole(backend, place)) == b"3000000\n"
    await backend.forget(place)


def test_it_is_a_back_end(folder: Path) -> None:
    backend: Backend = LocalBackend(folder)
    assert isinstance(backend, LocalBackend)
    assert issubclass(PlaceForeign, QuarterdeckError)
