"""What goes into a session: in order, bounded, sizes coalesced, nothing dropped unseen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.sessions.fakes import FakeKeeper, FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, fault_of, until

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SessionUpdated, SystemWarning
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.wire import (
    Input,
    KeyInput,
    MouseInput,
    PasteInput,
    RawInput,
    SizeInput,
)
from quarterdeck.core.sessions.keeper.faults import InputFull, KeeperRefused, KeeperTimeout
from quarterdeck.core.sessions.session import Session
from quarterdeck.core.sessions.terminal.keys import UnknownKey
from quarterdeck.core.sessions.typist import INPUT_LIMIT, Typist, in_time


@pytest.fixture
async def one(faked: Rig) -> Session:
    await faked.create()
    return faked.session("one")


@pytest.fixture
def keeper(one: Session, keepers: FakeKeepers) -> FakeKeeper:
    return keepers.latest()


def _put(rig: Rig, one: Session, kind: type[Input], **fields: Any) -> None:
    rig.manager.input(kind(session_id=one.id, **fields))


async def test_all_kinds_of_input_arrive_in_their_order(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    keeper.write("\x1b[?2004h\x1b[?1000h\x1b[?1006h\x1b[?1h")
    await until(lambda: one.screen.emulator.modes.bracketed_paste)
    _put(faked, one, KeyInput, keys=("up", "x"))
    _put(faked, one, PasteInput, text="pasted")
    _put(faked, one, RawInput, data=b"\x01")
    _put(faked, one, MouseInput, action="press", button=1, x=2, y=3)
    _put(faked, one, KeyInput, keys=("enter",))
    await until(lambda: keeper.input.endswith(b"\r"))
    assert keeper.input == b"\x1bOAx\x1b[200~pasted\x1b[201~\x01\x1b[<0;3;4M\r"


async def test_a_thousand_keys_keep_their_order(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    wanted = bytes(32 + number % 95 for number in range(1000))
    for number in range(1000):
        _put(faked, one, RawInput, data=wanted[number : number + 1])
        if number % 100 == 50:
            await asyncio.sleep(0)
    await until(lambda: keeper.input == wanted)
    assert len(keeper.typed) < 100, "what waits is sent together"


async def test_queued_input_waits_for_a_command_that_types(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    assert one.run is not None
    async with one.run.typist.exclusive():
        _put(faked, one, RawInput, data=b"later")
        await asyncio.sleep(0.01)
        await one.run.typist.write(b"first ")
        assert keeper.input == b"first "
    await until(lambda: keeper.input == b"first later")


async def test_input_beyond_the_bound_is_refused_counted_and_told_once(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    assert one.run is not None
    keeper.reads.clear()
    piece = b"x" * (64 * 1024)
    for _ in range(8):
        _put(faked, one, RawInput, data=piece)
    assert one.run.typist.refused == 4
    keeper.reads.set()
    await until(lambda: len(keeper.input) == INPUT_LIMIT)
    [warning] = faked.told(SystemWarning)
    assert warning.code == "input_dropped"
    _put(faked, one, RawInput, data=b"again")
    await until(lambda: keeper.input.endswith(b"again"))


async def test_the_keepers_own_bound_drops_input_and_goes_on(
    faked: Rig, one: Session, keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keeper.link is not None
    assert one.run is not None

    async def full(data: bytes) -> int:
        raise InputFull("the child doesn't take the input that waits")

    monkeypatch.setattr(keeper.link, "write", full)
    _put(faked, one, RawInput, data=b"lost")
    await until(lambda: one.run is not None and one.run.typist.refused == 1)
    monkeypatch.undo()
    _put(faked, one, RawInput, data=b"kept")
    await until(lambda: keeper.input == b"kept")


async def test_input_for_nobody_does_nothing(faked: Rig, one: Session, keeper: FakeKeeper) -> None:
    keeper.end_child(0)
    await faked.until_lifecycle(Lifecycle.EXITED)
    _put(faked, one, RawInput, data=b"late")
    _put(faked, one, SizeInput, cols=10, lines=10)
    faked.manager.input(RawInput(session_id=new_id(), data=b"x"))
    assert keeper.typed == []


async def test_unknown_keys_of_a_front_end_press_nothing(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    _put(faked, one, KeyInput, keys=("no-such-key", "a"))
    await until(lambda: keeper.input == b"a")


async def test_an_unknown_key_in_a_command_types_nothing_at_all(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    assert isinstance(await fault_of(faked.keys("a", "no-such-key")), UnknownKey)
    assert keeper.typed == []
    await faked.keys("a", text="bc")
    assert keeper.input == b"abc"


async def test_a_device_query_is_answered_and_history_is_not(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    keeper = keepers.latest()
    keeper.write("\x1b[6n")
    await until(lambda: keeper.input == b"\x1b[1;1R")
    await first.die()
    keeper.typed.clear()
    keeper.write("\x1b[5n away ")
    second = await new_rig(keepers=keepers)
    keeper.write("\x1b[6n")
    await until(lambda: keeper.input)
    assert keeper.input == b"\x1b[1;7R"
    assert "away" in second.text("one")


# Sizes


async def test_of_many_sizes_the_last_counts_and_is_kept_once(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    for cols in range(60, 100):
        _put(faked, one, SizeInput, cols=cols, lines=20)
    await until(lambda: (one.record.cols, one.record.lines) == (99, 20))
    assert keeper.sizes == [(120, 40), (99, 20)]
    updates = [event.changed for event in faked.told(SessionUpdated)]
    assert updates.count(("cols", "lines")) == 1
    await until(lambda: one.screen.emulator.cols == 99)


async def test_going_back_to_the_former_size_is_no_mistake(
    faked: Rig, one: Session, keeper: FakeKeeper
) -> None:
    _put(faked, one, SizeInput, cols=60, lines=20)
    _put(faked, one, SizeInput, cols=120, lines=40)
    await until(lambda: len(keeper.sizes) == 2)
    assert keeper.sizes[-1] == (120, 40)
    assert (one.record.cols, one.record.lines) == (120, 40)


async def test_a_resize_by_command_is_in_force_and_on_disk(
    faked: Rig, one: Session, keeper: FakeKeeper, store: Any
) -> None:
    await faked.manager.resize(c.Resize(session_id=one.id, cols=70, lines=30), CAUSE)
    assert keeper.sizes[-1] == (70, 30)
    [record] = await store.sessions()
    assert (record.cols, record.lines) == (70, 30)


async def test_a_resize_of_an_ended_session_holds_from_the_next_start_on(
    faked: Rig, one: Session, keepers: FakeKeepers
) -> None:
    await faked.stop()
    await faked.manager.resize(c.Resize(session_id=one.id, cols=70, lines=30), CAUSE)
    await faked.start()
    assert (keepers.latest().spec.cols, keepers.latest().spec.rows) == (70, 30)
    assert one.screen.emulator.cols == 70


async def test_a_nudge_changes_the_size_for_a_moment_and_sizes_win(
    faked: Rig, one: Session, keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.core.sessions.typist.NUDGE", 0.01)
    assert one.run is not None
    one.run.typist.nudge()
    await until(lambda: len(keeper.sizes) == 3)
    assert keeper.sizes[1:] == [(119, 40), (120, 40)]
    one.run.typist.nudge()
    await until(lambda: len(keeper.sizes) == 4)
    await faked.manager.resize(c.Resize(session_id=one.id, cols=70, lines=30), CAUSE)
    await until(lambda: len(keeper.sizes) >= 6)
    assert keeper.sizes[-1] == (70, 30)
    assert (one.record.cols, one.record.lines) == (70, 30)
    assert ("cols", "lines") not in [
        event.changed for event in faked.told(SessionUpdated) if event.session.cols == 119
    ]


async def test_a_resize_that_fails_leaves_the_input_going(
    faked: Rig, one: Session, keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keeper.link is not None

    async def refused(cols: int, rows: int) -> None:
        raise KeeperRefused("ioctl failed")

    monkeypatch.setattr(keeper.link, "resize", refused)
    _put(faked, one, SizeInput, cols=60, lines=20)
    _put(faked, one, RawInput, data=b"on")
    await until(lambda: keeper.input == b"on")


async def test_a_keeper_has_so_long_to_answer() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    assert isinstance(await fault_of(in_time(never(), 0.01)), KeeperTimeout)


class _Listener:
    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.refused = 0

    def on_sized(self, cols: int, lines: int) -> None:
        self.sizes.append((cols, lines))

    def on_refused_input(self) -> None:
        self.refused += 1


class _Wire:
    """Takes input with pauses that a test chooses."""

    def __init__(self, pauses: list[int]) -> None:
        self.got = b""
        self.sizes: list[tuple[int, int]] = []
        self._pauses = pauses

    async def write(self, data: bytes) -> int:
        for _ in range(self._pauses.pop() if self._pauses else 0):
            await asyncio.sleep(0)
        self.got += data
        return len(data)

    async def resize(self, cols: int, rows: int) -> None:
        self.sizes.append((cols, rows))


POSTS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=5), st.tuples(st.integers(2, 90), st.integers(1, 50))),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(posts=POSTS, pauses=st.lists(st.integers(0, 3), max_size=30), turns=st.integers(0, 2))
def test_whatever_the_pauses_input_keeps_its_order_and_the_last_size_wins(
    posts: list[bytes | tuple[int, int]], pauses: list[int], turns: int
) -> None:
    async def play() -> None:
        wire, listener = _Wire(list(pauses)), _Listener()
        typist = Typist(wire, (80, 24), listener)  # type: ignore[arg-type]  # all that is asked of it
        work = asyncio.create_task(typist.work())
        for post in posts:
            if isinstance(post, bytes):
                assert typist.post(post)
            else:
                typist.post_size(*post)
            for _ in range(turns):
                await asyncio.sleep(0)
        wanted = b"".join(post for post in posts if isinstance(post, bytes))
        sizes = [post for post in posts if isinstance(post, tuple)]
        for _ in range(200):
            await asyncio.sleep(0)
        assert wire.got == wanted
        assert wire.sizes[-1:] == sizes[-1:]
        assert listener.sizes == wire.sizes
        assert listener.refused == 0
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert not typist.post(b"late")
        assert listener.refused == 1

    asyncio.run(play())
