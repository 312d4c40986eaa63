"""The parts of the back end that need no cluster: spool, waiting calls, wire, URLs, registry."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dask_cluster import leaf

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.workflows.backends.dask import opening, spool, wire
from quarterdeck.core.workflows.backends.dask.faults import ExecutorUrlInvalid
from quarterdeck.core.workflows.backends.dask.heads import Follower
from quarterdeck.core.workflows.backends.dask.opening import (
    ExecutorNotInstalled,
    open_backend,
    parse_url,
)
from quarterdeck.core.workflows.backends.dask.reading import Reader
from quarterdeck.core.workflows.backends.dask.spool import Spool
from quarterdeck.core.workflows.backends.dask.waiting import Waiting
from quarterdeck.core.workflows.backends.dask.wire import (
    Terms,
    dask_key,
    dask_priority,
    key_of,
    pack_leaf,
    place_of,
    unpack_event,
    unpack_leaf,
)
from quarterdeck.core.workflows.backends.faults import PlaceForeign
from quarterdeck.core.workflows.backends.local import LocalBackend
from quarterdeck.core.workflows.backends.ports import LeafOutput, Stream
from quarterdeck.core.workflows.backends.registry import GROUP, ExecutorUnknown, backend_for
from quarterdeck.core.workflows.executors import python

PROGRAM = f"{wire.CORE}workflows/executors/function_process.py"

# ---- the spool


def read_all(kept: Spool, position: int = 0, most: int = 1000) -> list[LeafOutput]:
    found: list[LeafOutput] = []
    while position < kept.end:
        records, position = kept.read(position, most)
        assert records
        found += records
    assert kept.read(position, most) == ([], position)
    return found


def text(records: list[LeafOutput], stream: Stream) -> bytes:
    return b"".join(one.data for one in records if one.stream is stream)


def test_what_fits_is_read_whole_and_from_every_position(tmp_path: Path) -> None:
    kept = Spool(tmp_path / "spool", 10_000_000)
    for number in range(50):
        kept.append(Stream.STDOUT if number % 3 else Stream.STDERR, f"{number};".encode() * number)
    records = read_all(kept)
    whole = {number: f"{number};".encode() * number for number in range(50)}
    assert text(records, Stream.STDERR) == b"".join(whole[one] for one in range(0, 50, 3))
    middle, position = kept.read(0, 700)
    assert [*middle, *read_all(kept, position)] == records
    kept.erase()
    assert not (tmp_path / "spool").exists()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200)), max_size=80), st.integers(1, 500))
def test_of_much_the_beginning_and_the_end_are_kept(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[bool, int]], most: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "PIECE", 100)
        kept = Spool(folder, 1600)
        written = dict.fromkeys(Stream, b"")
        for number, (err, size) in enumerate(pieces):
            stream = Stream.STDERR if err else Stream.STDOUT
            data = bytes([number]) * size
            kept.append(stream, data)
            written[stream] += data
        records = read_all(kept, most=most)
        for one in records:
            assert written[one.stream][one.offset : one.offset + len(one.data)] == one.data
        total = sum(len(data) for data in written.values())
        kept_bytes = sum(len(one.data) for one in records)
        assert kept_bytes == total or kept_bytes >= 1600 // 4
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 2 * 1600 + 200
        kept.erase()


def test_a_disk_that_fails_costs_output_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.touch()
    kept = Spool(folder, 1000)
    kept.append(Stream.STDOUT, b"lost")
    assert "lost on the worker" in kept.fault
    folder.unlink()
    kept.append(Stream.STDOUT, b"kept")
    assert read_all(kept) == [LeafOutput(Stream.STDOUT, 4, b"kept")]


# ---- waiting calls


async def test_a_call_waits_for_what_it_wants_and_a_later_one_ends_it() -> None:
    waiting, ready = Waiting(), asyncio.Event()
    first = asyncio.create_task(waiting.until("engine", ready.is_set, 60))
    other = asyncio.create_task(waiting.until("other", ready.is_set, 60))
    await asyncio.sleep(0)
    waiting.wake()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not first.done()
    second = asyncio.create_task(waiting.until("engine", ready.is_set, 60))
    await first
    assert not second.done()
    ready.set()
    waiting.wake()
    await asyncio.gather(second, other)
    await waiting.until("engine", ready.is_set, 60)


async def test_a_call_returns_when_its_time_is_over_or_it_is_released() -> None:
    waiting = Waiting()
    await waiting.until("engine", lambda: False, 0)
    call = asyncio.create_task(waiting.until("engine", lambda: False, 60))
    await asyncio.sleep(0)
    waiting.release("engine")
    await call
    waiting.release("engine")


class SlowToEnd:
    """A cluster whose calls last, and take their time to be cancelled."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def on_worker(self, *_: Any, wanted: dict[str, Any], **__: Any) -> Any:
        self.asked += wanted
        try:
            await asyncio.Event().wait()
        finally:
            for _turn in range(5):
                await asyncio.sleep(0)


async def test_one_who_comes_while_the_last_one_leaves_is_read_for() -> None:
    for turns in range(12):
        slow: Any = SlowToEnd()
        reader = Reader(slow, "tcp://w:1", "engine")
        reader.add(Follower("first"))
        for _ in range(3):
            await asyncio.sleep(0)
        reader.remove("first")
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.add(Follower("second"))
        for _ in range(30):
            await asyncio.sleep(0)
        assert slow.asked == ["first", "second"], turns
        await reader.close()


# ---- the wire


def test_a_leaf_goes_over_as_data_and_comes_back_the_same() -> None:
    one = leaf(
        "t", "a", "b c", cwd="/x", env={"K": "v"}, stdin=b"\0", resources={"gpu": 0.5}, log_limit=7
    )
    assert unpack_leaf(pack_leaf(one, Terms())) == one
    with pytest.raises(ValueError, match="no event"):
        unpack_event(["nonsense"])


def test_the_program_of_python_tasks_is_one_of_ours() -> None:
    assert str(python.PROGRAM) == PROGRAM


def test_our_own_programs_are_found_on_the_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    order = pack_leaf(leaf("t", sys.executable, PROGRAM, "/other", "word"), Terms())
    monkeypatch.setattr(sys, "executable", "/there/python")
    monkeypatch.setattr(wire, "CORE", "/there/core/")
    name = "/there/core/workflows/executors/function_process.py"
    assert unpack_leaf(order).command == ("/there/python", name, "/other", "word")


def test_places_are_texts_of_this_back_end_alone() -> None:
    assert key_of(place_of("W/t/1")) == "W/t/1"
    assert dask_key(place_of("W/t/1")) != dask_key(place_of("W/t/2"))
    assert dask_key(place_of("W/t/1")).startswith("quarterdeck_leaf-")
    with pytest.raises(PlaceForeign):
        key_of("local:host:1")


def test_the_more_urgent_is_the_higher_number_in_dask() -> None:
    numbers = [dask_priority(one) for one in Priority]
    assert numbers == sorted(numbers, reverse=True)


# ---- URLs and the registry


def test_an_url_says_where_and_how() -> None:
    plain = parse_url("dask://cluster:8786")
    assert (plain.address, plain.tls, plain.terms) == ("tcp://cluster:8786", {}, Terms())
    assert parse_url("dask://[::1]:8786").address == "tcp://[::1]:8786"
    full = parse_url("dask://h:1?ca=/ca.pem&cert=/c.pem&key=/k.pem&lease=30&grace=0&timeout=5")
    assert full.address == "tls://h:1"
    assert full.tls == {
        "tls_ca_file": "/ca.pem",
        "tls_client_cert": "/c.pem",
        "tls_client_key": "/k.pem",
        "require_encryption": True,
    }
    assert (full.terms, full.timeout) == (Terms(30, 0), 5)
    assert parse_url("dask://h:1?tls=yes").address == "tls://h:1"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("dask://", "a host and a port"),
        ("dask://host", "a host and a port"),
        ("dask://host:port", "a host and a port"),
        ("dask://user@host:1", "a host and a port"),
        ("dask://host:1/path", "a host and a port"),
        ("dask://host:1?retries=3", "no option retries"),
        ("dask://host:1?lease=soon", "lease is a number"),
        ("dask://host:1?lease=0", "lease is a number"),
        ("dask://host:1?tls=maybe", "'yes' or 'no'"),
    ],
)
def test_an_url_that_says_something_else_is_refused(url: str, why: str) -> None:
    with pytest.raises(ExecutorUrlInvalid, match=why):
        parse_url(url)


def test_without_the_extra_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    with pytest.raises(ExecutorNotInstalled, match=r"quarterdeck\[dask\]"):
        open_backend("dask://host:1")


def test_back_ends_are_found_by_scheme(tmp_path: Path) -> None:
    assert {entry.name for entry in entry_points(group=GROUP)} >= {"local", "dask"}
    for url in ("local", "local://"):
        assert isinstance(backend_for(url, state_dir=tmp_path), LocalBackend)
    with pytest.raises(ExecutorUnknown, match="known are: dask, local"):
        backend_for("slurm://host", state_dir=tmp_path)
