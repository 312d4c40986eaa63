"""A watched folder: files that came, changed or went are told, each once, also across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...base.clock import Clock
from ...base.derived_ids import id_of
from ...base.errors import QuarterdeckError
from ...protocol.pipeline_views import TriggerView
from ..definition import PipelineDefinition, TriggerDefinition
from .folder import Change, Folder, Signature
from .patterns import is_deep
from .ports import Memory, Notifier, Propel
from .rounds import Rounds
from .scanning import scan
from .telling import AGAIN, Teller, key_of


class WatchTrigger:
    """Watches a folder; ``notifier`` says when to look, and looking says what there is."""

    def __init__(
        self,
        pipeline: PipelineDefinition,
        definition: TriggerDefinition,
        memory: Memory,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        options = definition.options
        self._folder = str(options["folder"])
        self._pattern = str(options.get("pattern", "*"))
        self._on = tuple(options.get("on", ("created", "changed")))
        self._settle = float(options.get("settle", 0.5))
        self._teller = Teller(pipeline, definition, clock)
        self._memory = memory
        self._notifier = notifier
        self._clock = clock
        self._key = key_of(pipeline, definition)
        self._kept: dict[str, Signature] | None = None
        self._state = Folder(self._on, self._settle)
        self._rounds: Rounds | None = None

    async def start(self, propel: Propel) -> None:
        """Watch from now on; what has changed since it last did is told."""
        self._teller.begin(propel)
        kept = await self._memory.load(self._key)
        self._kept = _signatures(kept)
        self._state = Folder(self._on, self._settle, self._kept)
        self._rounds = Rounds(self._round)
        self._rounds.start()

    async def stop(self) -> None:
        """Watch no more."""
        rounds, self._rounds = self._rounds, None
        if rounds is not None:
            await rounds.stop()
            await asyncio.to_thread(self._notifier.close)

    def look(self) -> None:
        """No clock matters here."""

    def view(self) -> TriggerView:
        """How it stands."""
        return self._teller.view(f"{self._folder}/{self._pattern} {', '.join(self._on)}")

    async def _round(self) -> float | None:
        try:
            return await self._look()
        except (OSError, QuarterdeckError) as error:
            self._teller.fail(error)
            return AGAIN

    async def _look(self) -> float | None:
        found = await asyncio.to_thread(self._see, asyncio.get_running_loop())
        now = self._clock.monotonic()
        refused = False
        for change in self._state.look(found, now):
            if await self._teller.tell(self._told(change), self._id(change)):
                self._state.done(change)
            else:
                refused = True
        if self._state.known != self._kept:
            known = dict(self._state.known or {})
            await self._memory.save(self._key, {"files": known})
            self._kept = known
        due = self._state.due()
        if refused:
            return AGAIN
        return None if due is None else max(due - self._clock.monotonic(), 0.0)

    def _see(self, loop: asyncio.AbstractEventLoop) -> dict[str, Signature]:
        """Listen before looking, so that nothing in between is missed; in a thread."""
        self._notifier.listen(self._folder, deep=is_deep(self._pattern), wake=self._waker(loop))
        return scan(self._folder, self._pattern)

    def _waker(self, loop: asyncio.AbstractEventLoop) -> Any:
        rounds = self._rounds

        def wake() -> None:
            with suppress(RuntimeError):  # the loop was closed before its last notice came
                loop.call_soon_threadsafe(wake_there)

        def wake_there() -> None:
            if rounds is not None:
                rounds.wake()

        return wake

    def _told(self, change: Change) -> dict[str, Any]:
        path = Path(self._folder) / change.path
        return {
            "path": str(path),
            "name": path.name,
            "folder": self._folder,
            "change": change.kind,
        }

    def _id(self, change: Change) -> str:
        written, size = change.signature
        gone = change.kind == "removed"
        moment = datetime.fromtimestamp(max(written, 0) / 1e9, UTC)
        return id_of(f"{self._key}/{change.path}@{written}/{size}/{gone}", moment)


def _signatures(kept: Mapping[str, Any] | None) -> dict[str, Signature] | None:
    """What was told of each file; ``None`` if nothing is known, or it can't be understood."""
    try:
        files = kept["files"] if kept is not None else None
        if files is None:
            return None
        return {str(path): (int(written), int(size)) for path, (written, size) in files.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
