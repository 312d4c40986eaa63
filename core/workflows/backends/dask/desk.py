"""All attempts of one worker: begun once, read from afar, ended when the cluster can't be reached."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from asyncio import Task
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..ports import LeafEvent
from .attempt import Attempt
from .waiting import Waiting
from .wire import PROTOCOL, Terms, pack_event, place_of, unpack_leaf

BATCH = 256 * 1024
"""Bytes of output of one attempt that one answer brings."""

KEPT = 1000
"""Ended attempts that are kept for an engine to come and read them."""

BEATS = 3
"""How often in a lease a worker looks whether it still holds its attempts."""

_log = logging.getLogger(__name__)

NAMESPACES = Path("/proc/self/ns/pid")
BOOT = Path("/proc/sys/kernel/random/boot_id")


class Ask(Protocol):
    """Calls the register on the scheduler."""

    def __call__(self, what: str, /, **given: Any) -> Awaitable[Any]:
        """The register's answer.

        :raises Exception: whatever keeps the scheduler from answering.
        """
        ...


def machine() -> str:
    """What tells this machine, and this view of its processes, from every other; empty if nothing does."""
    try:
        parts = [BOOT.read_text().strip(), str(NAMESPACES.readlink()), socket.gethostname()]
    except OSError:
        return ""
    return "/".join(parts)


class Desk:
    """The attempts of the worker at ``address``, with their files under ``folder``.

    ``statistics`` count those that run and those that are kept until they are forgotten.
    """

    def __init__(self, folder: Path, address: str, ask: Ask) -> None:
        self._folder, self._address, self._ask = folder, address, ask
        self._attempts: dict[str, Attempt] = {}
        self._runs: dict[str, Task[None]] = {}
        self._leases: dict[str, float] = {}
        self._waiting = Waiting()
        self._beating: Task[None] | None = None

    async def run(self, order: Mapping[str, Any]) -> str:
        """Run an attempt, if the register grants it to this worker; what became of it, in a word."""
        if order["protocol"] != PROTOCOL:
            raise ValueError(
                f"this worker's Quarterdeck speaks version {PROTOCOL} of the cluster's protocol, the "
                f"engine's {order['protocol']}: install the same one"
            )
        leaf = unpack_leaf(order)
        place = place_of(leaf.key)
        terms = Terms(*order["terms"])
        attempt = Attempt(leaf, terms, self._folder, self._waiting.wake)
        found_by = {"machine": machine(), "folder": str(self._folder)}
        claim = {"place": place, "epoch": leaf.epoch, "worker": self._address}
        if not await self._ask("claim", **claim, **found_by):
            return "refused"
        self._attempts[place], self._leases[place] = attempt, terms.lease
        run = self._runs[place] = asyncio.create_task(attempt.run())
        self._beating = self._beating or asyncio.create_task(self._beat())
        try:
            await self._tell_begun(place, attempt)
            await asyncio.wait([run])
        finally:
            run.cancel()
            self._runs.pop(place, None)
            self._leases.pop(place, None)
        if attempt.living:
            attempt.lost = _why_lost(run)
        await self._tell_end(place, attempt)
        await self._thin()
        return "ended"

    async def _thin(self) -> None:
        kept = [place for place in self._attempts if place not in self._runs]
        for place in kept[: max(len(kept) - KEPT, 0)]:
            await self.forget(place)

    async def _tell_begun(self, place: str, attempt: Attempt) -> None:
        await attempt.begun.wait()
        if attempt.started:
            with contextlib.suppress(OSError):
                await self._ask("begin", place=place, worker=self._address)

    async def _tell_end(self, place: str, attempt: Attempt) -> None:
        """Have the register know of an end; without a scheduler the worker ends as well."""
        with contextlib.suppress(OSError):
            if attempt.ended:
                ended, size = pack_event(attempt.ended), attempt.spool.end
                given = {"worker": self._address, "ended": ended, "size": size}
                await self._ask("end", place=place, **given)
            else:
                await self._ask("lose", place=place, reason=attempt.lost, proven=attempt.proven)

    # What engines ask for

    async def read(
        self, owner: str, wanted: Mapping[str, tuple[int, bool]], seconds: float
    ) -> dict[str, dict[str, Any]]:
        """What is new of ``wanted``, as soon as there is something.

        ``wanted`` are for each place the position in its output and whether its start is known. The
        answer has, for each place with news, ``events``, ``position`` behind them, ``begun``: whether its
        start is told, and ``whole``: whether that is all there will be.
        """
        await self._waiting.until(owner, lambda: bool(self._fresh(wanted)), seconds)
        return {place: self._batch(place, *wanted[place]) for place in self._fresh(wanted)}

    def _fresh(self, wanted: Mapping[str, tuple[int, bool]]) -> list[str]:
        """The places with something new to tell."""
        return [place for place in wanted if self._has_news(place, *wanted[place])]

    def _has_news(self, place: str, position: int, known: bool) -> bool:
        attempt = self._attempts.get(place)
        if attempt is None:
            return False
        begun = attempt.started is not None and not known
        return begun or attempt.spool.end > position or attempt.ended is not None

    def _batch(self, place: str, position: int, known: bool) -> dict[str, Any]:
        attempt = self._attempts[place]
        events: list[LeafEvent] = [attempt.started] if attempt.started and not known else []
        try:
            records, position = attempt.spool.read(position, BATCH)
        except OSError as error:
            records, position = [], attempt.spool.end
            _log.warning("The output of %s can't be read any more: %s", place, error)
        packed = [pack_event(event) for event in (*events, *records)]
        whole = attempt.ended is not None and position >= attempt.spool.end
        if attempt.ended and whole:
            packed.append(pack_event(attempt.ended))
        begun = attempt.started is not None
        return {"events": packed, "position": position, "begun": begun, "whole": whole}

    async def stop(self, place: str, grace: float) -> bool:
        """End an attempt's whole tree; whether it is here. Returns when it is gone."""
        attempt = self._attempts.get(place)
        if attempt is None:
            return False
        if place in self._runs:
            await attempt.stop(grace)
        return True

    async def forget(self, place: str) -> None:
        """Remove what is kept of an attempt that has ended."""
        if place not in self._runs and (attempt := self._attempts.pop(place, None)):
            await asyncio.to_thread(attempt.erase)

    def statistics(self) -> Mapping[str, int]:
        """How many attempts run here, and how many are kept."""
        return {"running": len(self._runs), "kept": len(self._attempts) - len(self._runs)}

    # What it does by itself

    async def _beat(self) -> None:
        """End what the register has given up, and everything when it can't be asked for a lease."""
        clock = asyncio.get_running_loop().time
        heard = clock()
        while self._runs:
            lease = min(self._leases.values())
            await asyncio.sleep(lease / BEATS)
            running = list(self._runs)
            try:
                async with asyncio.timeout(lease / BEATS):
                    held = await self._ask("held", worker=self._address, places=running)
                heard = clock()
            except Exception:  # noqa: BLE001  # whatever keeps the scheduler from answering
                held = running if clock() - heard < lease * (BEATS - 1) / BEATS else []
            for place in set(running) - set(held):
                if run := self._runs.get(place):
                    run.cancel()
        self._beating = None

    async def close(self) -> None:
        """Let go of everything; the keepers end their trees."""
        runs = [*self._runs.values(), *([self._beating] if self._beating else [])]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        for place in list(self._attempts):
            self._waiting.wake()
            self._attempts[place].spool.erase()


def _why_lost(run: Task[None]) -> str:
    """Why an attempt was let go before its end."""
    fault = None if run.cancelled() else run.exception()
    if fault is None:
        return "its worker was cut off from the scheduler and ended it"
    return f"its worker failed: {type(fault).__name__}: {fault}"


def worker_folder(local_directory: str) -> Path:
    """Where a worker's attempts have their files."""
    return Path(os.path.realpath(local_directory)) / "quarterdeck"
