"""Carrying out one run: its handlers, its results, its end."""

from __future__ import annotations

import asyncio
import logging
from asyncio import CancelledError, Future
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..base.calling import Threads
from ..base.clock import Clock
from ..base.logs import warn
from .dispatcher import Dispatcher
from .faults import PermanentFault
from .figures import Figures
from .handlers import Registered, Registry
from .hooks import HookManager, HookType
from .journal import DeadPayload, Journal
from .machine import Machine, Plain, Run, State
from .payload import PropulsionPayload, PropulsionResult
from .ports import AgentChooser
from .results import Results
from .submitting import Submissions

_log = logging.getLogger(__name__)

DEADLINE_CHECK = "deadline_check"
EXPIRED = "Payload expired before processing"
CANCELLED = "CancelledError: the payload was cancelled"


class Running:
    """What becomes of the runs of one engine."""

    def __init__(
        self,
        machine: Machine,
        hooks: HookManager,
        clock: Clock,
        monotonic: Callable[[], float],
        submissions: Submissions,
        *,
        chooser: AgentChooser | None,
        max_results: int,
        max_dead: int,
    ) -> None:
        self.registry = Registry()
        self.sole = self.registry.sole
        self.hooked = hooks.registered
        self.threads = Threads(None)
        self.figures = Figures()
        self.results = Results(max_results, monotonic)
        self.note = self.results.note
        self.dead: OrderedDict[str, DeadPayload] = OrderedDict()
        self.open: dict[Run, None] = {}
        self.parked = 0  # of those, what waits for a handler to be registered
        self.journal: Journal | None = None
        self.dispatcher: Dispatcher | None = None
        self.idle: list[Future[None]] = []
        self._submissions = submissions
        self._machine = machine
        self._hooks = hooks
        self._clock = clock
        self._monotonic = monotonic
        self._chooser = chooser
        self._max_dead = max_dead

    @property
    def pending(self) -> int:
        """How many payloads have not ended."""
        return len(self.open) + self._submissions.plain - self.results.noted

    def looked(self) -> None:
        """Successes may have been noted since this was called last."""
        self.results.trim()
        if self.idle:
            self._look_idle()

    # ---- the work of a worker ----------------------------------------------------------------

    def run_of(self, plain: Plain) -> Run:
        """What was submitted plainly, as a run that is queued."""
        run = self._submissions.run_of(plain)
        self.open[run] = None
        return run

    def begin(self, run: Run) -> Registered | None:
        """Begin an attempt that is one call of one handler: that handler, else ``None``."""
        handler, payload = self.sole.get(run.event_type), run.payload
        if (
            handler is None
            or run.tried
            or run.succeeded
            or payload.deadline is not None
            or payload.timeout is not None
            or self._chooser is not None
            or self.hooked
        ):
            return None
        payload.attempt_count += 1
        return handler

    def succeeded(
        self, run: Run, handler: Registered, value: Any, started: float, now: float
    ) -> None:
        """The handler that ``begin`` gave has returned."""
        self.figures.successful += 1
        result = self.results.made((run.payload.id, handler.name, value, started, now))
        self.results.add(result)
        run.note(result)
        self.end(run, State.DONE, [handler.quoted])

    async def broke(
        self, run: Run, handler: Registered, error: BaseException, started: float
    ) -> None:
        """The handler that ``begin`` gave has raised."""
        try:
            await self._broke(run, handler, error, started)
        except _Cancelled:
            self._end_cancelled(run)
        else:
            await self._judge(run, (handler,), [])

    async def carry_out(self, run: Run) -> None:
        """One attempt: the handlers that have not succeeded, in their order."""
        payload = run.payload
        payload.attempt_count += 1
        if self._chooser is not None:
            payload.agent_id = self._chooser.choose(run.event_type, payload)
        fresh: list[str] = []
        handlers = self.registry.of(run.event_type)
        try:
            for handler in handlers:
                if handler.name in run.succeeded or not run.may_try(handler.name):
                    continue
                if payload.deadline is not None and payload.is_expired(self._clock.now()):
                    await self.expire(run)
                    return
                if fresh and self.journal is not None:
                    self.journal.succeeded(run, fresh.pop())
                if await self._attempt(run, handler):
                    fresh.append(handler.quoted)
        except _Cancelled:
            self._end_cancelled(run)
            return
        if handlers and not run.tried and not self._hooks.wants(HookType.ON_COMPLETE):
            self.end(run, State.DONE, fresh)
            return
        await self._judge(run, handlers, fresh)

    async def _attempt(self, run: Run, handler: Registered) -> bool:
        """Whether the handler has succeeded now."""
        payload, started = run.payload, self._monotonic()
        try:
            if handler.filter_fn is not None and not handler.filter_fn(payload):
                run.passed_over(handler.name)
                return False
            if payload.timeout is None:
                value = await handler.call(payload)
            else:
                value = await _within(payload.timeout, handler.call(payload))
        except BaseException as error:  # noqa: BLE001  # whatever it is, the attempt gets its result
            await self._broke(run, handler, error, started)
            return False
        result = PropulsionResult(
            payload.id, True, handler.name, value, None, (self._monotonic() - started) * 1000
        )
        run.note(result)
        run.has_succeeded(handler.name)
        self.results.add(result)
        self.figures.successful += 1
        return True

    async def _broke(
        self, run: Run, handler: Registered, error: BaseException, started: float
    ) -> None:
        self._failed(run, handler, error, started)
        if self._hooks.wants(HookType.ON_ERROR):
            await self._hooks.trigger(
                HookType.ON_ERROR, payload=run.payload, handler_name=handler.name, error=error
            )

    def _failed(self, run: Run, handler: Registered, error: BaseException, started: float) -> None:
        text = f"{type(error).__name__}: {error}"
        spent = (self._monotonic() - started) * 1000
        cut = isinstance(error, CancelledError | GeneratorExit)
        if cut and (task := asyncio.current_task()) is not None and task.cancelling():
            stopping = self.dispatcher is not None and self.dispatcher.is_stopping(run)
            self._note(run, handler.name, CANCELLED, spent)
            raise _Cancelled if stopping else error
        warn(_log, "Handler %s failed on payload %s: %s", handler.name, run.payload.id, text,
             error=error)  # fmt: skip
        self._note(run, handler.name, text, spent)
        run.failed_once_more(handler.name)
        if isinstance(error, PermanentFault):
            run.give_up(handler.name)
        if self.journal is not None:
            self.journal.failed(run, handler.name)

    def _note(self, run: Run, name: str, error: str, spent: float) -> None:
        """A failed result."""
        if name == "cancelled" and any(not one.success for one in run.results.values()):
            return
        run.error = run.payload.last_error = error
        result = PropulsionResult(run.payload.id, False, name, None, error, spent)
        run.note(result)
        self.results.add(result)
        self.figures.failed += 1

    async def _judge(self, run: Run, handlers: tuple[Registered, ...], fresh: list[str]) -> None:
        """After an attempt: done, again later, or failed for good."""
        failed = [one.name for one in handlers if run.has_failed(one.name)]
        if not failed:
            if not handlers:
                warn(_log, "No handler for %s; payload %s went nowhere.", run.event_type,
                     run.payload.id)  # fmt: skip
            await self._complete(run)
            self.end(run, State.DONE, fresh)
            return
        delay = self._machine.next_delay(run, failed, self._clock.now())
        if delay is None:
            await self._complete(run)
            await self._fail(run, fresh)
            return
        self.figures.retried += 1
        if self.journal is not None:
            for quoted in fresh:
                self.journal.succeeded(run, quoted)
            self.journal.again(run)
        if self._hooks.wants(HookType.ON_RETRY):
            await self._hooks.trigger(
                HookType.ON_RETRY, payload=run.payload, attempt=run.attempt, delay=delay
            )
        self._machine.back_off(run, self._monotonic() + delay)
        if self.dispatcher is not None:
            self.dispatcher.arm()

    async def _complete(self, run: Run) -> None:
        if self._hooks.wants(HookType.ON_COMPLETE):
            await self._hooks.trigger(
                HookType.ON_COMPLETE, payload=run.payload, results=list(run.results.values())
            )

    async def _fail(self, run: Run, fresh: list[str]) -> None:
        if run.buried or not run.payload.can_retry():
            await self._bury(run)
        self.end(run, State.FAILED, fresh)

    async def _bury(self, run: Run) -> None:
        dead = DeadPayload(
            run.id, run.event_type, run.payload, run.error or "", run.attempt, self._clock.now(),
            tuple(sorted(run.succeeded)),
        )  # fmt: skip
        self.dead[dead.id] = dead
        if len(self.dead) > self._max_dead:
            self.figures.dead_lost += 1
            lost, _ = self.dead.popitem(last=False)
            if self.journal is not None:
                self.journal.unburied(lost)
        if self.journal is not None:
            self.journal.buried(dead)
        if self._hooks.wants(HookType.ON_DEAD_LETTER):
            await self._hooks.trigger(
                HookType.ON_DEAD_LETTER, payload=run.payload, error=dead.error
            )

    async def expire(self, run: Run) -> None:
        """Past its deadline: that is its end."""
        self.figures.expired += 1
        result = PropulsionResult(run.payload.id, False, DEADLINE_CHECK, None, EXPIRED)
        run.note(result)
        run.error = run.payload.last_error = EXPIRED
        self.results.add(result)
        self.figures.failed += 1
        if self._hooks.wants(HookType.ON_EXPIRE):
            await self._hooks.trigger(HookType.ON_EXPIRE, payload=run.payload)
        self.end(run, State.EXPIRED)

    def now(self) -> datetime:
        """The time of day."""
        return self._clock.now()

    # ---- ends ------------------------------------------------------------------------------

    def cancel(self, run: Run) -> None:
        """Whoever waited for it does so no more: end it, wherever it is."""
        if run.state is State.RUNNING:
            if self.dispatcher is not None:
                self.dispatcher.stop_run(run)
        else:
            self._end_cancelled(run)

    def cancel_all(self) -> None:
        """End all that has not ended, as cancelled; nothing is at work."""
        for plain in self._machine.plain_ones():
            self._machine.adopt(self.run_of(plain))
        for run in list(self.open):
            self.cancel(run)

    def interrupted(self, run: Run) -> None:
        """The loop ends under it: kept runs come again, others if nobody has waited for them."""
        if run.state is not State.RUNNING:
            return
        waiter: Future[None] | None = run.label
        if waiter is None or self.journal is not None:
            run.label = None
            self._machine.put_back(run, self._monotonic())
            run.payload.attempt_count -= 1
        else:
            self._end_cancelled(run)

    def _end_cancelled(self, run: Run) -> None:
        self._note(run, "cancelled", CANCELLED, 0.0)
        self.end(run, State.CANCELLED)

    def end(self, run: Run, state: State, fresh: list[str] | None = None) -> None:
        """Its end, told to whoever waits once it is on disk."""
        if not self._machine.end(run, state):
            return
        self.figures.cancelled += state is State.CANCELLED
        self.open.pop(run, None)
        waiter: Future[None] | None = run.label
        if self.journal is not None:
            written = self.journal.ended(run, fresh or ())
            if waiter is not None:
                written.add_done_callback(lambda done: _pass_on(done, waiter))
        elif waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.idle:
            self._look_idle()

    def _look_idle(self) -> None:
        """Tell whoever waits for the end of all, if it has come."""
        if self.pending <= self.parked:
            waiting, self.idle = self.idle, []
            for one in waiting:
                if not one.done():
                    one.set_result(None)


class _Cancelled(Exception):
    """The run that is carried out was to end."""


async def _within(seconds: float, handler: Any) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await handler
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"the handler took longer than {seconds} s") from error
        raise


def _pass_on(written: Future[None], waiter: Future[None]) -> None:
    if waiter.done():
        return
    if written.cancelled():
        waiter.cancel()
    elif (error := written.exception()) is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(None)


def results_of(run: Run, registry: Registry) -> list[PropulsionResult]:
    """The latest results, in the order of the handlers; what is not a handler's comes last."""
    order = {handler.name: at for at, handler in enumerate(registry.of(run.event_type))}
    return sorted(run.results.values(), key=lambda one: order.get(one.handler_name, len(order)))


def prepared(payload: PropulsionPayload, event_type: str) -> PropulsionPayload:
    """``payload``, checked, on its way to ``event_type``."""
    payload.check()
    payload.target_stage = event_type
    return payload
