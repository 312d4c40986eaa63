"""The propulsion engine with gates, for rooms that steer payloads by their ids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..base.retry import RetryPolicy
from ..base.urgency import AGEING_SECONDS
from .engine import PropulsionEngine
from .gates import GatedMachine, Gates
from .hooks import HookManager
from .machine import Run, State
from .payload import PropulsionPayload
from .running import EXPIRED, prepared


class GatedEngine(PropulsionEngine):
    """A propulsion engine whose ``gates`` hold back event types without taking a slot.

    ``options`` are those of ``PropulsionEngine``.
    """

    def __init__(
        self,
        gates: Gates,
        hook_manager: HookManager | None = None,
        max_concurrent: int = 10,
        *,
        ageing_seconds: float | None = AGEING_SECONDS,
        **options: Any,
    ) -> None:
        self._gated = GatedMachine(max_concurrent, gates, ageing=ageing_seconds)
        self._gated.held_back = lambda run: self.held_back(run.payload.id)
        self.held_back: Callable[[str], None] = _unheard
        """Told of payloads whose turn has come before a gate that is closed."""
        super().__init__(hook_manager, max_concurrent, machine=self._gated, **options)

    def enlist(
        self, event_type: str, payload: PropulsionPayload, policy: RetryPolicy
    ) -> asyncio.Future[None] | None:
        """Queue ``payload`` at once, for code that must not be interrupted; with a store, when it is kept.

        What a store holds must have been taken up before. Lines that are written in the same turn of
        the loop are kept with it, or not at all.

        :raises PropulsionFull: if as many payloads wait as the engine holds.
        """
        self._check_open()
        dispatcher = self._here()
        self._check_room()
        run = Run(event_type, prepared(payload, event_type), policy, buried=True)
        written = self._admit(run)
        self._machine.enter(run, self._monotonic())
        dispatcher.changed()
        return written

    def cancel(self, payload_id: str, event_type: str | None = None) -> int:
        """End a payload on every event type, or on one, wherever it is; on how many it was under way."""
        found = [
            run
            for run in self._running.open
            if run.payload.id == payload_id and event_type in {None, run.event_type}
        ]
        return self._cancel(found)

    def cancel_all(self, payload_ids: Collection[str]) -> int:
        """End many payloads in one go, as ``cancel`` does."""
        return self._cancel([run for run in self._running.open if run.payload.id in payload_ids])

    def _cancel(self, found: Collection[Run]) -> int:
        self._unpark(found)
        for run in found:
            self._running.cancel(run)
        return len(found)

    def expire(self, payload_ids: Collection[str]) -> list[tuple[str, str]]:
        """End what waits of payloads whose deadline has passed; ids and event types of what ended so.

        What has begun, or may still be begun, is left.
        """
        now = self._running.now()
        found = [
            run
            for run in self._running.open
            if run.payload.id in payload_ids
            and run.state is State.QUEUED
            and run.payload.is_expired(now)
        ]
        self._unpark(found)
        for run in found:
            self._running.figures.expired += 1
            run.error = run.payload.last_error = EXPIRED
            self._running.end(run, State.EXPIRED)
        return [(run.payload.id, run.event_type) for run in found]

    def let_begin(self, begun: Collection[tuple[str, str]]) -> None:
        """Heed no deadline of what had begun in a former engine: payloads' ids and event types."""
        for run in self._running.open:
            if (run.payload.id, run.event_type) in begun:
                run.payload.deadline = None

    def go_on(self, begun: Collection[tuple[str, str]]) -> None:
        """Begin first, and past gates, what had begun in a former engine and has no handler yet.

        Given are payloads' ids and event types.
        """
        for parked in self._parked.values():
            self._gated.going_on.update(
                run for run in parked if (run.payload.id, run.event_type) in begun
            )

    def postpone(self, seconds: Mapping[tuple[str, str], float]) -> None:
        """Begin what a former engine left, by payload's id and event type, only after so many seconds."""
        now = self._monotonic()
        for run in self._running.open:
            left = seconds.get((run.payload.id, run.event_type))
            if left is not None:
                self._gated.postponed[run] = now + left

    def _unpark(self, runs: Collection[Run]) -> None:
        """Take those that wait for a handler to where they can be ended."""
        chosen = set(runs)
        for event_type in {run.event_type for run in runs} & self._parked.keys():
            parked = self._parked[event_type]
            self._parked[event_type] = [run for run in parked if run not in chosen]
            for run in chosen.intersection(parked):
                self._running.parked -= 1
                self._machine.adopt(run)

    def hurry(self, payload_id: str) -> int:
        """Let a payload that waits for its next attempt be tried now; on how many event types."""
        found = [run for run in self._running.open if run.payload.id == payload_id]
        hurried = sum(self._machine.hurry(run, self._monotonic()) for run in found)
        self.opened()
        return hurried

    def opened(self) -> None:
        """To be called when gates have opened by themselves: what they held back may begin."""
        self._gated.reopen(self._monotonic())
        dispatcher = self._here()
        dispatcher.changed()
        dispatcher.arm()


def _unheard(_payload_id: str) -> None:
    """Nobody wants to know."""
