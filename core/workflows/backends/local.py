"""Attempts as processes of this machine, each held by a keeper of its own, so that they outlive the engine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ...base.errors import QuarterdeckError
from ...sessions.faults import DirectoryMissing
from ...sessions.keeper.faults import (
    CommandNotExecutable,
    CommandNotFound,
    KeeperExists,
    KeeperGone,
    KeeperTimeout,
)
from ...sessions.keeper.items import Exited, Gone, Item, KeeperFacts, Lost, Output, Superseded
from ...sessions.keeper.items import Stream as KeeperStream
from ...sessions.keeper.places import (
    KeeperPlaces,
    erase_places,
    find_keepers,
    keeper_lives,
    places_for,
    read_facts,
    void_places,
)
from ...sessions.keeper.recording import post_mortem
from ...sessions.keeper.spec import ChildSpec
from ...sessions.keepers import LocalKeepers
from ...sessions.ports import Keepers, Link
from ..context import AttemptLost, PermanentFailure
from .faults import PlaceForeign, ResourcesUnknown, SupersededHere
from .ports import Leaf, LeafEnded, LeafEvent, LeafOutput, LeafStarted, Left, Standing, Stream

FOLDER = "attempts"
SCHEME = "local"
RING_BYTES = 4 * 1024 * 1024
START_SECONDS = 20.0
END_SECONDS = 5.0
END_TRIES = 6
LINGER_SECONDS = 2.0
"""How long a keeper waits for an engine when its child has ended; what it wrote down stays."""
CANCELLED = "cancelled"
WORKFLOW = "workflow"
"""Where a keeper notes whose attempt it holds."""
MOST_ABOUT = 200
"""Bytes of an id in JSON that it notes: ours have 28, and its record is one block on the disk."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long what an ended attempt left is kept where nobody forgot it."""

_STREAMS = {KeeperStream.OUT: Stream.STDOUT, KeeperStream.ERR: Stream.STDERR}
_HOPELESS = (CommandNotFound, CommandNotExecutable, DirectoryMissing)


class LocalBackend:
    """Implements ``Backend`` with keepers under ``state_dir``; nothing needs to be closed.

    ``epoch`` is the engine's: keepers that a later one holds are not taken from it. ``environment``
    is what processes have beside their own variables (this process's, if not given).
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        epoch: int = 1,
        environment: Mapping[str, str] | None = None,
        keepers: Keepers | None = None,
        host: str | None = None,
    ) -> None:
        self._dir = state_dir.absolute()
        self._epoch = epoch
        self._environment = dict(os.environ if environment is None else environment)
        self._keepers: Keepers = keepers or LocalKeepers()
        self._host = host or socket.gethostname()
        self._links: dict[str, Link] = {}

    async def open(self) -> None:
        """Clear away what attempts left long ago that nobody asked for since."""
        await asyncio.to_thread(self._clear)

    async def close(self) -> None:
        """Let go of what is held; it goes on."""
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.detach() for link in links))

    def place_of(self, leaf: Leaf) -> str:
        """``local:HOST:KEY:DIRECTORY``; another epoch of the same attempt has another place."""
        digest = hashlib.sha256(leaf.key.encode()).hexdigest()[:24]
        return self._place(f"{digest}.{leaf.epoch}")

    async def submit(self, leaf: Leaf, place: str) -> None:
        """Begin the attempt under a keeper; one that was begun at ``place`` is left as it is.

        :raises PermanentFailure: if there is no such command or directory.
        :raises ResourcesUnknown: if it asks for any: one machine alone has no amounts of them.
        :raises QuarterdeckError: if the machine refuses it.
        """
        places = self._places(place)
        if await asyncio.to_thread(_begun, places):
            return
        if leaf.resources:
            asked = ", ".join(leaf.resources)
            raise ResourcesUnknown(
                f"{leaf.task_id} asks for resources ({asked}), of which this machine has no amounts. "
                "Run it on a cluster (--executor dask://HOST:PORT), or bound such tasks with a group.",
                resources=list(leaf.resources),
            )
        spec = ChildSpec(
            leaf.command,
            leaf.cwd,
            {**self._environment, **leaf.env},
            leaf.key,
            mode="pipe",
            ring_bytes=min(RING_BYTES, leaf.log_limit),
            linger=LINGER_SECONDS,
            grace=leaf.grace,
            about=_about(leaf),
            input=leaf.stdin,
        )
        try:
            await self._keepers.spawn(spec, places, seconds=START_SECONDS)
        except KeeperExists:
            return
        except _HOPELESS as error:
            raise PermanentFailure(error.message, **error.details) from error

    async def events(self, place: str) -> AsyncIterator[LeafEvent]:
        """What happened there, from the beginning as far as it is kept; it ends with ``LeafEnded``.

        :raises AttemptLost: if nothing tells how it ended; its tree is gone then.
        :raises SupersededHere: if a later engine holds it now.
        """
        places = self._places(place)
        reading = _Reading()
        try:
            link = await self._keepers.connect(places, epoch=self._epoch, offset=0)
        except (KeeperGone, KeeperTimeout):
            async for event in self._afterwards(place, places, reading):
                yield event
            return
        self._links[place] = link
        try:
            yield self._started(link.welcome)
            async for event in self._follow(place, link, reading):
                yield event
        finally:
            if self._links.get(place) is link:
                del self._links[place]
            await link.detach()
        if reading.broken:
            async for event in self._afterwards(place, places, reading):
                yield event

    async def cancel(self, place: str, grace: float) -> None:
        """SIGTERM to the whole tree, SIGKILL after ``grace`` seconds; returns when it is gone."""
        places = self._places(place)
        await asyncio.to_thread(_mark_cancelled, places)
        held = self._links.get(place)
        link = held or await self._reach(places)
        if link is None:
            await self._keepers.end_leftovers(places, grace)
            return
        try:
            await link.stop(grace)
        except KeeperGone:
            await self._keepers.end_leftovers(places, grace)
        finally:
            if held is None:
                await link.detach()

    async def reconcile(self, places: Collection[str]) -> Mapping[str, Standing]:
        """What became of attempts that a former engine began; of those that are gone all is ended."""
        found = {place: await asyncio.to_thread(self._standing, place) for place in places}
        for place, standing in found.items():
            if standing is Standing.GONE:
                await self._keepers.end_leftovers(self._places(place), END_SECONDS)
        return found

    async def forget(self, place: str) -> None:
        """Let the keeper go, and remove what it kept; one whose child lives keeps all."""
        places = self._places(place)
        facts = await asyncio.to_thread(read_facts, places)
        if (
            facts is not None
            and facts.exit is None
            and await asyncio.to_thread(keeper_lives, places)
        ):
            return
        with contextlib.suppress(QuarterdeckError):
            link = await self._keepers.connect(places, epoch=self._epoch, offset=None)
            try:
                await link.dismiss()
            finally:
                await link.detach()
        for _ in range(END_TRIES):
            # On a busy machine it takes its time; and a program that is being started this moment
            # may hold for it what a look at the place has held.
            if await self._keepers.ended(places, END_SECONDS):
                await self._keepers.erase(places)
                if not await asyncio.to_thread(places.folder.is_dir):
                    return

    async def left(self) -> Collection[Left]:
        """Every attempt that was begun under this state directory, and not forgotten."""
        found = await asyncio.to_thread(find_keepers, self._dir / FOLDER)
        return [
            Left(
                self._place(one.places.key),
                one.facts.about.get(WORKFLOW, ""),
                one.facts.child_pid if one.lives and one.facts.exit is None else None,
            )
            for one in found
            if one.facts is not None
        ]

    # ---- inside ----------------------------------------------------------------------------

    def _place(self, key: str) -> str:
        return f"{SCHEME}:{self._host}:{key}:{self._dir}"

    def _places(self, place: str) -> KeeperPlaces:
        scheme, host, key, folder = _parts(place)
        if (scheme, host) != (SCHEME, self._host):
            raise PlaceForeign(
                f"{place} is no place of this machine ({self._host}).", place=place, host=self._host
            )
        return places_for(Path(folder) / FOLDER, key)

    async def _reach(self, places: KeeperPlaces) -> Link | None:
        """The link to a keeper; ``None`` if there is none, nor will be."""
        for final in (False, True):
            with contextlib.suppress(KeeperGone, KeeperTimeout):
                return await self._keepers.connect(places, epoch=self._epoch, offset=None)
            if final or await asyncio.to_thread(void_places, places):
                break
        return None

    def _started(self, facts: KeeperFacts) -> LeafStarted:
        return LeafStarted(
            facts.started_at, facts.child_pid, f"{self._host}, pid {facts.child_pid}"
        )

    async def _follow(self, place: str, link: Link, reading: _Reading) -> AsyncIterator[LeafEvent]:
        """Its output as it comes, and its end once nothing of its tree is left."""
        places = self._places(place)
        exited: Exited | None = None
        upto = -1
        async for item in link.items():
            if isinstance(item, Superseded):
                raise SupersededHere(f"A later engine holds {place} now.", place=place)
            if isinstance(item, Gone):
                break
            if isinstance(item, Exited):
                exited = item
                # What it left running ends with it, and may write until then.
                with contextlib.suppress(KeeperGone):
                    await link.stop(float(link.facts.about.get("grace", 5.0)))
                    upto = await link.end_offset()
            event = reading.event(item)
            if event is not None:
                yield event
            if exited is not None and reading.at >= upto:
                break
        if exited is None:
            reading.broken = True
            return
        yield _ended(places, exited.code, exited.signal)

    async def _afterwards(
        self, place: str, places: KeeperPlaces, reading: _Reading
    ) -> AsyncIterator[LeafEvent]:
        """What a keeper that is gone has written down."""
        # One that was killed this moment still holds its lock.
        if not await self._keepers.ended(places, END_SECONDS):
            raise KeeperTimeout(f"The keeper at {place} lives, and does not answer.")
        found = await asyncio.to_thread(post_mortem, places)
        await self._keepers.end_leftovers(places, END_SECONDS)
        if found is None:
            if not await asyncio.to_thread(void_places, places):
                raise KeeperTimeout(f"The keeper at {place} has come up this moment.")
            raise AttemptLost(f"Nothing tells how the process at {place} ended.")
        if reading.at == 0 and found.facts is not None:
            yield self._started(found.facts)
        for item in found.items:
            event = reading.event(item)
            if event is not None:
                yield event
        yield _ended(places, found.code, found.signal)

    def _standing(self, place: str) -> Standing:
        try:
            places = self._places(place)
        except PlaceForeign:
            return Standing.UNKNOWN
        if keeper_lives(places):
            facts = read_facts(places)
            return Standing.ENDED if facts is not None and facts.exit else Standing.LIVING
        if post_mortem(places) is not None:
            return Standing.ENDED
        return Standing.GONE if void_places(places) else Standing.LIVING

    def _clear(self) -> None:
        before = time.time() - KEPT_SECONDS
        for found in find_keepers(self._dir / FOLDER):
            if not found.lives and _changed_at(found.places) < before:
                erase_places(found.places)


class _Reading:
    """How far the output was read: in all, and of each stream."""

    def __init__(self) -> None:
        self.at = 0
        self.broken = False
        self._of = dict.fromkeys(Stream, 0)

    def event(self, item: Item) -> LeafEvent | None:
        """What an item of the keeper's tells; what was read before is not told again."""
        if isinstance(item, Lost):
            self._skip(item.offset)
        if not isinstance(item, Output) or item.offset + len(item.data) <= self.at:
            return None
        self._skip(item.offset)
        data = item.data[self.at - item.offset :]
        stream = _STREAMS[item.stream]
        told = LeafOutput(stream, self._of[stream], data)
        self._of[stream] += len(data)
        self.at += len(data)
        return told

    def _skip(self, offset: int) -> None:
        """A gap: nobody knows whose it is; it counts for the stream that results are read from."""
        if offset > self.at:
            self._of[Stream.STDOUT] += offset - self.at
            self.at = offset


def _parts(place: str) -> tuple[str, str, str, str]:
    parts = place.split(":", 3)
    if len(parts) != 4:  # as place_of makes them
        raise PlaceForeign(f"{place} is no place of a local process.", place=place)
    return parts[0], parts[1], parts[2], parts[3]


def _begun(places: KeeperPlaces) -> bool:
    return keeper_lives(places) or read_facts(places) is not None


def _about(leaf: Leaf) -> dict[str, str]:
    """What its keeper notes, for whoever finds it."""
    told = {"grace": str(leaf.grace)}
    if len(json.dumps(leaf.workflow_id)) <= MOST_ABOUT:
        told[WORKFLOW] = leaf.workflow_id
    return told


def _mark_cancelled(places: KeeperPlaces) -> None:
    with contextlib.suppress(OSError):  # it never began, or is forgotten: nobody will ask
        (places.folder / CANCELLED).touch()


def _ended(places: KeeperPlaces, code: int | None, signal: int | None) -> LeafEnded:
    cancelled = (places.folder / CANCELLED).exists()
    return LeafEnded(datetime.now(UTC), code, signal, cancelled=cancelled)


def _changed_at(places: KeeperPlaces) -> float:
    try:
        return places.folder.stat().st_mtime
    except OSError:
        return time.time()
