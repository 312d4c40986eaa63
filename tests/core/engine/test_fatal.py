"""What an engine can't go on after: it says so, saves what can be saved, and stops."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.client.client import Client, CommandRefused
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.engine.engine import Phase
from quarterdeck.core.engine.loop_guard import LoopGuard
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SystemError_, SystemInfo
from quarterdeck.state.faults import StoreClosed, StoreCorrupt, StoreFull
from quarterdeck.state.sqlite.opening import PAGE_BYTES as PAGE
from quarterdeck.state.sqlite.store import open_store

from .doubles import CountingMetrics
from .ship import Ship, build, sailing, settle

SET = c.SetPreference(key="keymap", value="vim")


def told(client: Client) -> list[str]:
    """The codes of the errors that the engine told."""
    events = [event.payload for event in client.view.events]
    return [payload.error.code for payload in events if isinstance(payload, SystemError_)]


async def stopped_by(ship: Ship, error: type[BaseException]) -> None:
    async with asyncio.timeout(60):
        await ship.engine.wait_stopped()
    assert isinstance(ship.engine.failure, error)
    assert ship.sessions.closed == [False], "screens and sessions are saved before the end"


@pytest.mark.parametrize("fault", [StoreCorrupt, StoreClosed])
async def test_a_store_that_keeps_nothing_any_more_stops_the_engine(
    place: Path, fault: type[QuarterdeckError]
) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        ship.store.fail_next(fault("no more changes are taken"))
        with pytest.raises(CommandRefused) as caught:
            await client.call(SET)
        assert caught.value.code == fault.code, "the command is still answered"
        await stopped_by(ship, fault)
        assert fault.code in told(client)
        with pytest.raises(LinkClosed):
            await client.call(SET)


async def test_a_store_that_only_lacks_room_does_not(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        ship.store.fail_next(StoreFull("no room"))
        with pytest.raises(CommandRefused):
            await client.call(SET)
        await client.call(SET)
        assert ship.engine.phase is Phase.RUNNING
        assert ship.engine.failure is None
        await client.close()


async def test_a_fatal_fault_while_it_starts_fails_the_start(place: Path) -> None:
    ship = build(place)
    ship.store.fail_next(StoreCorrupt("damaged"))
    with pytest.raises(StoreCorrupt):
        await ship.engine.start()
    assert ship.engine.phase is Phase.STOPPED


async def test_a_fatal_fault_while_it_stops_changes_nothing(place: Path) -> None:
    ship = build(place)
    async with ship.engine:
        pass
    ship.engine.fail(StoreClosed("it is closed"))
    assert ship.engine.failure is None


def spoil_events(path: Path) -> None:
    """Overwrite the page in which the first events lie, which nothing reads at the start."""
    data = bytearray(path.read_bytes())
    leaves = range(PAGE, len(data), PAGE)
    start = next(at for at in leaves if data[at] == 0x0D and b"probe" in data[at : at + PAGE])
    data[start : start + PAGE] = b"\xa5" * PAGE
    path.write_bytes(data)


async def test_damage_found_in_use_stops_the_engine_and_the_next_one_begins_afresh(
    place: Path,
) -> None:
    def over_sqlite() -> Ship:
        store: Any = open_store(f"sqlite://{place / 'state.db'}", clock=SYSTEM_CLOCK)
        return build(place, store=store)

    first = over_sqlite()
    async with first.engine:
        for number in range(300):
            first.journal.record([], [_info(number)])
        await first.journal.settled()
    spoil_events(place / "state.db")
    ship = over_sqlite()
    async with ship.engine:
        client = await ship.client()
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.ListEvents(after=0))
        assert caught.value.code == "store_corrupt"
        with pytest.raises((CommandRefused, LinkClosed)):
            await client.call(SET)
        await stopped_by(ship, StoreCorrupt)
    again = over_sqlite()
    async with again.engine:
        assert [notice.code for notice in again.store.notices] == ["store_moved_aside"]
        client = await again.client()
        await client.call(SET)
        await client.close()


@pytest.mark.parametrize("table", ["preferences", "engines"])
async def test_damage_met_while_loading_fails_that_start_and_the_next_one_begins_afresh(
    place: Path, table: str
) -> None:
    def over_sqlite() -> Ship:
        store: Any = open_store(f"sqlite://{place / 'state.db'}", clock=SYSTEM_CLOCK)
        return build(place, store=store)

    async with over_sqlite().engine:
        pass
    with closing(sqlite3.connect(place / "state.db")) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        page = connection.execute(sql, (table,)).fetchone()[0]
    with (place / "state.db").open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    damaged = (place / "state.db").read_bytes()
    with pytest.raises(StoreCorrupt):
        await over_sqlite().engine.start()
    again = over_sqlite()
    async with again.engine:
        assert [notice.code for notice in again.store.notices] == ["store_moved_aside"]
        client = await again.client()
        await client.call(SET)
        await client.close()
    [kept] = list(await asyncio.to_thread(place.glob, "state.db.corrupt-*"))
    assert kept.read_bytes() == damaged


def _info(number: int) -> SystemInfo:
    return SystemInfo(code="probe", message="x" * 200, details={"number": number})


# The loop


class Heard:
    """What a guard told."""

    def __init__(self, *vital: str) -> None:
        self.fatal: list[BaseException] = []
        self.stray: list[BaseException] = []
        self.metrics = CountingMetrics()
        self.guard = LoopGuard(
            vital=vital, fatal=self.fatal.append, stray=self.stray.append, metrics=self.metrics
        )


@pytest.fixture
async def quiet() -> Any:
    """A loop whose own report of errors is kept off the test's output."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    yield loop
    loop.set_exception_handler(None)


def fails(error: BaseException) -> None:
    raise error


async def test_a_callback_that_breaks_off_in_a_vital_module_is_fatal(
    quiet: asyncio.AbstractEventLoop,
) -> None:
    heard = Heard(__name__)
    undo = heard.guard.watch()
    quiet.call_soon(fails, ValueError("half way"))
    await settle()
    assert [str(error) for error in heard.fatal] == ["half way"]
    assert heard.metrics.counters["loop_errors"] == 1
    undo()
    quiet.call_soon(fails, ValueError("afterwards"))
    await settle()
    assert len(heard.fatal) == 1


async def test_other_strays_are_told_and_stop_nothing(quiet: asyncio.AbstractEventLoop) -> None:
    heard = Heard("another.module", __name__ + "x")
    undo = heard.guard.watch()
    quiet.call_soon(fails, ValueError("a panel's"))
    quiet.call_soon(fails, StoreFull("no room"))
    await settle()
    quiet.call_exception_handler({"message": "without an exception"})
    assert [type(error) for error in heard.stray] == [ValueError, StoreFull]
    assert heard.fatal == []
    undo()


@pytest.mark.parametrize("error", [MemoryError(), StoreCorrupt("damaged")])
async def test_memory_that_ran_out_and_fatal_faults_are_fatal_wherever_they_come_from(
    quiet: asyncio.AbstractEventLoop, error: BaseException
) -> None:
    heard = Heard()
    undo = heard.guard.watch()
    quiet.call_exception_handler({"message": "a task ended", "exception": error})
    assert heard.fatal == [error]
    undo()


async def test_a_handler_that_was_there_hears_on_and_one_that_came_later_stays(
    quiet: asyncio.AbstractEventLoop,
) -> None:
    before: list[str] = []
    quiet.set_exception_handler(lambda _, context: before.append(context["message"]))
    undo = Heard().guard.watch()
    quiet.call_exception_handler({"message": "one"})
    assert before == ["one"]

    def later(*_: Any) -> None: ...

    quiet.set_exception_handler(later)
    undo()
    assert quiet.get_exception_handler() is later


async def test_a_journal_that_breaks_off_stops_the_engine(
    place: Path, quiet: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sailing(place) as ship:

        def broken(*_: Any) -> None:
            raise RuntimeError("delivery broke off")

        monkeypatch.setattr(ship.journal, "_settle", broken)
        ship.journal.record([], [_info(1)])
        await settle()
        monkeypatch.undo()
        await stopped_by(ship, RuntimeError)


async def test_an_uncaught_error_elsewhere_is_told_once_and_the_engine_goes_on(
    place: Path, quiet: asyncio.AbstractEventLoop
) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        for _ in range(3):
            quiet.call_soon(fails, ValueError("a panel's"))
        await settle()
        await client.call(SET)
        assert told(client) == ["internal"]
        assert ship.engine.phase is Phase.RUNNING
        await client.close()
