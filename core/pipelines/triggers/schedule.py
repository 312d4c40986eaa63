"""Times by the clock: each due time is told once, and what was missed as ``catch_up`` says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...base.clock import Clock
from ...base.derived_ids import id_of
from ...base.errors import QuarterdeckError
from ...base.timetable import due_times, missed_times, nap_until
from ...protocol.pipeline_views import TriggerView
from ..definition import PipelineDefinition, TriggerDefinition
from .ports import Memory, Propel
from .rounds import Rounds
from .telling import AGAIN, Teller, key_of


class ScheduleTrigger:
    """Wakes at the next due time."""

    def __init__(
        self,
        pipeline: PipelineDefinition,
        definition: TriggerDefinition,
        memory: Memory,
        clock: Clock,
    ) -> None:
        options = definition.options
        self._cron = str(options["cron"])
        self._zone = str(options.get("zone", "UTC"))
        self._catch_up = str(options.get("catch_up", "none"))
        self._teller = Teller(pipeline, definition, clock)
        self._memory = memory
        self._clock = clock
        self._key = key_of(pipeline, definition)
        self._next: datetime | None = None
        self._rounds: Rounds | None = None

    async def start(self, propel: Propel) -> None:
        """Propel at due times from now on; what was missed is dealt with at once."""
        self._teller.begin(propel)
        kept = await self._memory.load(self._key)
        self._next = _moment(kept) or self._following(self._clock.now())
        await self._keep()
        self._rounds = Rounds(self._round)
        self._rounds.start()

    async def stop(self) -> None:
        """Propel nothing more."""
        rounds, self._rounds = self._rounds, None
        if rounds is not None:
            await rounds.stop()

    def look(self) -> None:
        """Look at the clock: it may have been set, or the machine have slept."""
        if self._rounds is not None:
            self._rounds.wake()

    def view(self) -> TriggerView:
        """How it stands."""
        return self._teller.view(f"{self._cron} {self._zone}", self._next)

    async def _round(self) -> float | None:
        try:
            return await self._tell_due()
        except (OSError, QuarterdeckError) as error:
            self._teller.fail(error)
            return AGAIN

    async def _tell_due(self) -> float | None:
        now = self._clock.now()
        if self._next is not None and self._next <= now:
            dues = missed_times(self._cron, self._zone, self._catch_up, self._next, now)
            for due in dues:
                told = {"due": due.isoformat()}
                if not await self._teller.tell(told, id_of(f"{self._key}@{told['due']}", due)):
                    return AGAIN
            self._next = self._following(now)
            await self._keep()
        return None if self._next is None else nap_until(self._next, self._clock.now())

    def _following(self, now: datetime) -> datetime | None:
        return next(due_times(self._cron, self._zone, now), None)

    async def _keep(self) -> None:
        stamp = None if self._next is None else self._next.isoformat()
        await self._memory.save(self._key, {"next_at": stamp})


def _moment(kept: dict[str, Any] | None) -> datetime | None:
    stamp = None if kept is None else kept.get("next_at")
    return None if stamp is None else datetime.fromisoformat(stamp)
