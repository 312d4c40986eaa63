"""The set-up command of a worktree: under a keeper, so that its whole tree ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import QuarterdeckError
from ..keeper.items import Exited, Gone, Output, Superseded
from ..keeper.places import KeeperPlaces, places_for
from ..keeper.spec import ChildSpec
from ..ports import Keepers, Link
from .faults import SetupFailed, SetupSlow
from .model import SETUPS

SHOWN_LINES = 15
KEPT_BYTES = 1024 * 1024
START_SECONDS = 20.0
GRACE = 2.0
TETHER_SECONDS = 5.0
"""How long a set-up goes on whose engine is gone; then its tree is ended."""

LEAVING = 30.0
"""Seconds that an earlier engine's set-up may take to be gone."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|\r(?!\n)")


@dataclass(frozen=True, slots=True)
class SetupRun:
    """One run of a set-up command; ``seconds`` is its time limit."""

    session_id: str
    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    log: Path
    seconds: float


class Setups:
    """Runs set-up commands; their output is kept beside the worktree."""

    def __init__(self, keepers: Keepers, state_dir: Path) -> None:
        self._keepers = keepers
        self._folder = state_dir / SETUPS

    async def run(self, run: SetupRun, epoch: int) -> None:
        """Run it to its end; what an earlier engine began of it is ended first.

        :raises SetupFailed: if it exits with another code than 0, with its last lines.
        :raises SetupSlow: if it takes longer than it may.
        """
        places = places_for(self._folder, run.session_id)
        await self.end(run.session_id)
        spec = ChildSpec(
            run.argv,
            run.cwd,
            run.environment,
            run.session_id,
            mode="pipe",
            ring_bytes=KEPT_BYTES,
            linger=GRACE,
            grace=GRACE,
            input=b"",
            tether=TETHER_SECONDS,
        )
        try:
            await self._keepers.spawn(spec, places, seconds=START_SECONDS)
            await self._follow(run, places, epoch)
        except QuarterdeckError as error:
            if isinstance(error, SetupFailed | SetupSlow):
                raise
            raise SetupFailed(
                f"The set-up command {run.argv[0]} could not be run: {error.message}"
            ) from error
        finally:
            await self.end(run.session_id)

    async def end(self, session_id: str) -> None:
        """See that nothing of a set-up is left: its keeper, its processes, their files."""
        places = places_for(self._folder, session_id)
        if not await asyncio.to_thread(places.folder.is_dir):
            return
        await self._keepers.ended(places, LEAVING)
        await self._keepers.end_leftovers(places, GRACE)
        await self._keepers.erase(places)

    async def _follow(self, run: SetupRun, places: KeeperPlaces, epoch: int) -> None:
        link = await self._keepers.connect(places, epoch=epoch, offset=0)
        output, end = bytearray(), None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(run.seconds):
                    end = await _read(link, output)
        finally:
            await _leave(link)
            await asyncio.to_thread(_keep, run.log, bytes(output))
        if end is None:
            raise SetupSlow(_told(run, output, f"did not end within {run.seconds:g} s"))
        if end.code != 0:
            how = (
                f"exited with code {end.code}" if end.signal is None else f"got signal {end.signal}"
            )
            raise SetupFailed(_told(run, output, how), exit_code=end.code, exit_signal=end.signal)


async def _read(link: Link, output: bytearray) -> Exited:
    async for item in link.items():
        if isinstance(item, Output):
            output += item.data
            del output[:-KEPT_BYTES]
        elif isinstance(item, Exited):
            return item
        elif isinstance(item, Gone | Superseded):
            break
    raise SetupFailed("The set-up command's keeper is gone, and nobody knows how it ended.")


async def _leave(link: Link) -> None:
    """End what is left of it, and its keeper."""
    with contextlib.suppress(QuarterdeckError):
        await link.stop(GRACE)
        await link.dismiss()
    await link.detach()


def _keep(log: Path, output: bytes) -> None:
    log.touch(mode=0o600)
    log.write_bytes(output)


def _told(run: SetupRun, output: bytes | bytearray, how: str) -> str:
    """What a person is told: the end of the output, without what only a terminal understands."""
    text = _ESCAPES.sub("", output.decode(errors="replace"))
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-SHOWN_LINES:]
    said = "\n".join(last) or "(it wrote nothing)"
    return (
        f"The set-up command {shlex.join(run.argv)} {how}. All that it wrote is in {run.log}; at last:\n"
        f"{said}"
    )
