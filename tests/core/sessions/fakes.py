"""Keepers that are no processes: a test says what their children do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.sessions.keeper.faults import InputClosed, KeeperEpoch, KeeperGone
from quarterdeck.core.sessions.keeper.foreground import Foreground
from quarterdeck.core.sessions.keeper.items import (
    Exited,
    ExitStatus,
    Gone,
    Item,
    KeeperFacts,
    Lost,
    Output,
    Resized,
    StopReport,
    Stream,
    Superseded,
)
from quarterdeck.core.sessions.keeper.places import FoundKeeper, KeeperPlaces
from quarterdeck.core.sessions.keeper.recording import PostMortem
from quarterdeck.core.sessions.keeper.spec import ChildSpec

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeKeeper:
    """A keeper with its child. Its log goes on while no engine listens.

    ``polite``: the child ends on SIGTERM. ``reads``: it takes its input. ``echoes``: it shows text
    that is typed, though not single keys. ``dropped`` is the offset
    before which the log is gone.
    """

    def __init__(self, pid: int, spec: ChildSpec, places: KeeperPlaces) -> None:
        self.pid = pid
        self.spec = spec
        self.places = places
        self.log: list[Item] = [Resized(0, spec.cols, spec.rows)]
        self.end = self.dropped = 0
        self.exit: ExitStatus | None = None
        self.lives = True
        self.answers = True
        self.polite = True
        self.echoes = True
        self.reads = asyncio.Event()
        self.reads.set()
        self.typed: list[bytes] = []
        self.sizes: list[tuple[int, int]] = [(spec.cols, spec.rows)]
        self.front = Foreground(pid + 1, True, "sh", ("sh",))
        self.epoch = -1
        self.link: FakeLink | None = None
        self.stops = 0

    @property
    def input(self) -> bytes:
        """All that was typed."""
        return b"".join(self.typed)

    def write(self, data: bytes | str) -> None:
        """The child writes."""
        data = data.encode() if isinstance(data, str) else data
        self._log(Output(self.end, Stream.OUT, data))
        self.end += len(data)

    def echo(self, data: bytes) -> None:
        """The child shows what was typed."""
        text = re.sub(rb"\x1b\[20[01]~", b"", data)
        if self.echoes and len(text) > 1 and not text.startswith(b"\x1b"):
            self.write(text.replace(b"\n", b" "))

    def resized(self, cols: int, rows: int) -> None:
        """The terminal gets another size."""
        self.sizes.append((cols, rows))
        self._log(Resized(self.end, cols, rows))

    def end_child(self, code: int | None = 0, signal: int | None = None) -> None:
        """The child ends."""
        if self.exit is None:
            self.exit = ExitStatus(code, signal)
            self._log(Exited(self.end, code, signal))

    def forget(self) -> None:
        """All that was written so far is gone from the log."""
        self.dropped = self.end
        self.log = [item for item in self.log if isinstance(item, Exited)]

    def die(self) -> None:
        """The keeper is killed."""
        self.lives = False
        if self.link is not None:
            self.link.cut(Gone("the keeper closed the link"))

    def facts(self) -> KeeperFacts:
        """What it says of itself."""
        return KeeperFacts(
            version=1,
            session_id=self.spec.session_id,
            keeper_pid=self.pid,
            child_pid=self.pid + 1,
            child_born=0,
            mode="pty",
            started_at=NOW,
            cols=self.sizes[-1][0],
            rows=self.sizes[-1][1],
            epoch=self.epoch,
            ring_start=self.dropped,
            ring_end=self.end,
            ring_kind="disk",
            accepted=0,
            written=0,
            input_open=self.exit is None,
            exit=self.exit,
            fault="",
            about=self.spec.about,
        )

    def since(self, offset: int) -> Iterator[Item]:
        """What a link gets that asks for everything from ``offset`` on."""
        if offset < self.dropped:
            yield Lost(self.dropped)
            offset = self.dropped
        for item in self.log:
            if isinstance(item, Output):
                if item.offset + len(item.data) > offset:
                    cut = max(offset - item.offset, 0)
                    yield Output(item.offset + cut, item.stream, item.data[cut:])
            elif isinstance(item, Exited) or (isinstance(item, Resized) and item.offset >= offset):
                yield item

    def _log(self, item: Item) -> None:
        self.log.append(item)
        if self.link is not None:
            self.link.push(item)


class FakeLink:
    """A link to a fake keeper."""

    def __init__(self, keeper: FakeKeeper, offset: int) -> None:
        self.keeper = keeper
        self._welcome = keeper.facts()
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self.open = True
        for item in keeper.since(offset):
            self._items.put_nowait(item)

    @property
    def welcome(self) -> KeeperFacts:
        return self._welcome

    @property
    def facts(self) -> KeeperFacts:
        return self.keeper.facts()

    def push(self, item: Item) -> None:
        if self.open:
            self._items.put_nowait(item)

    def cut(self, item: Item) -> None:
        """This is the last item."""
        if self.open:
            self._items.put_nowait(item)
            self.open = False
            if self.keeper.link is self:
                self.keeper.link = None

    async def items(self) -> AsyncIterator[Item]:
        while True:
            item = await self._items.get()
            yield item
            if isinstance(item, Gone | Superseded):
                return

    async def end_offset(self) -> int:
        self._ask()
        return self.keeper.end

    async def write(self, data: bytes) -> int:
        self._ask()
        if self.keeper.exit is not None:
            raise InputClosed("The child takes no more input.")
        await self.keeper.reads.wait()
        self.keeper.typed.append(data)
        self.keeper.echo(data)
        return len(data)

    async def resize(self, cols: int, rows: int) -> None:
        self._ask()
        if self.keeper.exit is not None:
            raise InputClosed("The child has ended.")
        self.keeper.resized(cols, rows)

    async def foreground(self) -> Foreground:
        self._ask()
        return self.keeper.front

    async def stop(self, grace: float) -> StopReport:
        self._ask()
        self.keeper.stops += 1
        if not self.keeper.polite:
            await asyncio.sleep(grace)
        self.keeper.end_child(None, 15 if self.keeper.polite else 9)
        return StopReport((self.keeper.pid + 1,), (), ())

    async def dismiss(self) -> None:
        self._ask()
        if self.keeper.exit is not None:
            self.keeper.die()

    async def detach(self) -> None:
        self.cut(Gone("the engine let go of it"))

    def _ask(self) -> None:
        if not self.open or not self.keeper.lives:
            raise KeeperGone("The link to the keeper is closed.")


class FakeKeepers:
    """All fake keepers, by their keys; implements ``ports.Keepers``.

    ``refusal`` is the fault of the next start. ``gate``, while it is not set, holds starts up.
    """

    def __init__(self) -> None:
        self.by_key: dict[str, FakeKeeper] = {}
        self.refusal: QuarterdeckError | None = None
        self.unreachable: QuarterdeckError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.starting = asyncio.Event()
        self.swept: list[str] = []
        self.erased: list[str] = []
        self._pids = 1000

    def latest(self) -> FakeKeeper:
        """The one that was started last."""
        return list(self.by_key.values())[-1]

    def living(self) -> list[FakeKeeper]:
        """Those that live."""
        return [keeper for keeper in self.by_key.values() if keeper.lives]

    async def spawn(self, spec: ChildSpec, places: KeeperPlaces, *, seconds: float) -> int:
        self.starting.set()
        await self.gate.wait()
        fault, self.refusal = self.refusal, None
        if fault is not None:
            raise fault
        self._pids += 2
        self.by_key[places.key] = FakeKeeper(self._pids, spec, places)
        return self._pids

    async def connect(self, places: KeeperPlaces, *, epoch: int, offset: int | None) -> FakeLink:
        fault, self.unreachable = self.unreachable, None
        if fault is not None:
            raise fault
        keeper = self.by_key.get(places.key)
        if keeper is None or not keeper.lives:
            raise KeeperGone(f"No keeper of {places.key} lives.")
        if epoch < keeper.epoch:
            raise KeeperEpoch("An engine of a later epoch holds this keeper.")
        if keeper.link is not None:
            keeper.link.cut(Superseded(epoch))
        keeper.epoch = epoch
        keeper.link = FakeLink(keeper, keeper.end if offset is None else offset)
        return keeper.link

    async def ended(self, places: KeeperPlaces, seconds: float) -> bool:
        keeper = self.by_key.get(places.key)
        return keeper is None or not keeper.lives

    async def post_mortem(self, places: KeeperPlaces) -> PostMortem | None:
        keeper = self.by_key.get(places.key)
        if keeper is None or keeper.exit is None:
            return None
        items = tuple(keeper.since(keeper.dropped))
        return PostMortem(
            keeper.exit.code, keeper.exit.signal, items, keeper.dropped, keeper.end, keeper.facts()
        )

    async def end(self, keeper_pid: int) -> None:
        for keeper in self.by_key.values():
            if keeper.pid == keeper_pid:
                keeper.end_child(None, 15)
                keeper.die()

    async def end_leftovers(self, places: KeeperPlaces, grace: float) -> StopReport:
        self.swept.append(places.key)
        return StopReport((), (), ())

    async def found(self, state_dir: Path) -> list[FoundKeeper]:
        return [
            FoundKeeper(keeper.places, keeper.facts(), keeper.lives)
            for keeper in list(self.by_key.values())
        ]

    async def erase(self, places: KeeperPlaces) -> None:
        self.erased.append(places.key)

    async def clean(self, state_dir: Path, keep: Collection[str]) -> int:
        gone = [key for key, one in self.by_key.items() if not one.lives and key not in keep]
        for key in gone:
            del self.by_key[key]
        return len(gone)


def descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
