"""What holds back a pipeline's handlers: limits, groups, rates, a pause."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from ..base.clock import Clock
from ..safety.limiter import TokenBucket
from .definition import HandlerDefinition, PipelineDefinition

PAUSED = "the pipeline is paused"
NOT_LOADED = "its pipeline is not loaded"


@dataclass(slots=True, eq=False)
class Bound:
    """How many may be at work at once, of whatever shares it."""

    limit: int
    reason: str
    used: int = 0


@dataclass(slots=True)
class Gate:
    """What one handler must pass."""

    pipeline: str
    bounds: tuple[Bound, ...]
    bucket: TokenBucket | None


def key_of(pipeline: str, event: str, handler: str) -> str:
    """The event type under which propulsion knows a handler's work."""
    return f"{pipeline}/{event}/{handler}"


def waits_for_others(handler: HandlerDefinition) -> bool:
    """Whether most of its time passes while others work, or people think."""
    return handler.task.agent_type == "workflow" or (
        handler.vote is not None and handler.vote.people
    )


def runs_in_place(handler: HandlerDefinition) -> bool:
    """Whether it is a function that is called in the engine."""
    return handler.task.agent_type == "python" and bool(handler.task.metadata.get("trusted"))


class HandlerGates:
    """The gates of all handlers; the ``Gates`` of propulsion.

    ``capacity`` is how many functions work in place at once, of all pipelines, and how many attempts
    of each other handler are handed to the workflows. Those bound what works of all together: an
    attempt may wait there for an agent, a budget or a breaker, and must hold back its like only.
    ``later`` is called with the seconds after which a rate lets the next one begin.
    """

    def __init__(self, capacity: int, clock: Clock, later: Callable[[float], None]) -> None:
        self._clock = clock
        self._later = later
        self._in_place = Bound(capacity, f"{capacity} functions are at work")
        self._gates: dict[str, Gate] = {}
        self._running: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()
        self._returning: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._paused: set[str] = set()
        self.halted: Callable[[], str] = _nothing_halts
        """Why no function may be called in place; empty: they may. Workflows see to all others."""

    # ---- the port of propulsion ----------------------------------------------------------------

    def reason(self, event_type: str) -> str | None:
        """Why a handler may not begin now."""
        if event_type.rsplit("/", 2)[0] in self._paused:
            return PAUSED
        gate = self._gates.get(event_type)
        if gate is None:
            return None  # it has no handler either, or one that says that it is gone
        if self._in_place in gate.bounds and (why := self.halted()):
            return why
        for bound in gate.bounds:
            if bound.used >= bound.limit:
                return bound.reason
        return None if gate.bucket is None else self._rated(gate.bucket)

    def _rated(self, bucket: TokenBucket) -> str | None:
        missing = 1.0 - bucket.statistics().tokens
        if missing <= _ROUNDING:
            return None
        self._later(missing / bucket.rate)
        return f"no more than {bucket.rate:g} a second begin"

    def begun(self, event_type: str) -> None:
        """A handler has begun."""
        self._running[event_type] += 1
        gate = self._gates.get(event_type)
        if gate is not None:
            for bound in gate.bounds:
                bound.used += 1
            if gate.bucket is not None:
                gate.bucket.take()

    def ended(self, event_type: str) -> None:
        """It has ended, or waits for its next attempt."""
        self._running[event_type] -= 1
        gate = self._gates.get(event_type)
        if gate is not None:
            for bound in gate.bounds:
                bound.used -= 1
            self._let_return()

    # ---- functions that wait --------------------------------------------------------------------

    def step_aside(self, event_type: str) -> None:
        """A function that has begun waits for leave: others may be called in its place."""
        self._aside[event_type] += 1
        if self._is_in_place(event_type):
            self._in_place.used -= 1
        self._let_return()
        self._later(0.0)

    async def come_back(self, event_type: str) -> None:
        """It has leave: wait until there is a place again. Cancelled or not, it has one then."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (event_type, granted)
        self._returning.append(waiting)
        self._let_return()
        try:
            await granted
        except asyncio.CancelledError:
            if waiting in self._returning:
                self._returning.remove(waiting)
                self._take_place(event_type)
            raise

    def is_back(self, event_type: str) -> None:
        """It goes on in any case, since it is about to end."""
        self._take_place(event_type)

    def _let_return(self) -> None:
        while self._returning and self._in_place.used < self._in_place.limit:
            event_type, granted = self._returning.popleft()
            self._take_place(event_type)
            if not granted.done():
                granted.set_result(None)

    def _take_place(self, event_type: str) -> None:
        self._aside[event_type] -= 1
        if self._is_in_place(event_type):
            self._in_place.used += 1

    def _is_in_place(self, event_type: str) -> bool:
        gate = self._gates.get(event_type)
        return gate is not None and self._in_place in gate.bounds

    # ---- pipelines -----------------------------------------------------------------------------

    def put(self, pipeline: PipelineDefinition) -> None:
        """Take in a pipeline, or how it is now; what is at work counts under the new bounds."""
        self.remove(pipeline.name)
        whole = None
        if pipeline.limit is not None:
            whole = Bound(pipeline.limit, f"{pipeline.limit} of the pipeline are at work")
        groups = {
            name: Bound(limit, f"{limit} of the group {name} are at work")
            for name, limit in pipeline.groups.items()
        }
        for handler in pipeline.handlers():
            bounds = [] if whole is None else [whole]
            if handler.limit is not None:
                bounds.append(
                    Bound(handler.limit, f"{handler.limit} of {handler.name} are at work")
                )
            if handler.group is not None and handler.group in groups:
                bounds.append(groups[handler.group])
            if runs_in_place(handler):
                bounds.append(self._in_place)
            if not waits_for_others(handler):
                many = self._in_place.limit
                bounds.append(Bound(many, f"{many} of {handler.name} are at work, or about to be"))
            key = key_of(pipeline.name, handler.event, handler.name)
            for bound in bounds:
                bound.used += self._running[key]
                if bound is self._in_place:
                    bound.used -= self._aside[key]
            bucket = None
            if handler.rate is not None:
                bucket = TokenBucket(handler.rate, 1, self._clock)
            self._gates[key] = Gate(pipeline.name, tuple(bounds), bucket)

    def remove(self, pipeline: str) -> None:
        """Forget a pipeline's gates."""
        for key in [key for key, gate in self._gates.items() if gate.pipeline == pipeline]:
            gate = self._gates.pop(key)
            if self._in_place in gate.bounds:
                self._in_place.used -= self._running[key] - self._aside[key]

    def pause(self, pipeline: str, *, on: bool) -> None:
        """Begin no more of a pipeline, or go on."""
        if on:
            self._paused.add(pipeline)
        else:
            self._paused.discard(pipeline)


def _nothing_halts() -> str:
    return ""


_ROUNDING = 1e-9
