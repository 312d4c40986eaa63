"""The propulsion engine: work is pushed to handlers by event type."""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio import get_running_loop
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Self

from ..base.calling import is_async
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.priority import Priority
from ..base.retry import RetryPolicy
from ..base.urgency import AGEING_SECONDS
from . import faults as f
from .dispatcher import Dispatcher
from .figures import PropulsionStatistics
from .handlers import Filter, Handler, Registered
from .hooks import HookManager, HookType
from .journal import LOG, DeadPayload, Journal
from .machine import Machine, Run, State
from .payload import PropulsionPayload, PropulsionPriority, PropulsionResult
from .ports import AgentChooser, PayloadStore
from .running import Running, prepared, results_of
from .submitting import Submissions

MAX_PENDING = 100_000
MAX_RESULTS = 10_000
MAX_DEAD = 10_000
LONGEST_WAIT = 3600.0


class PropulsionEngine:
    """Pushes payloads to handlers: by priority, then deadline, ``max_concurrent`` at once.

    It can be made outside of a loop and needs no start: its dispatcher belongs to the loop that calls
    it, and ends when nothing is left; another loop may use it later. With a ``store`` payloads are
    kept until their handlers have ended: what a former engine left is taken up first.
    ``submit_policy`` says how often payloads that were submitted are tried, and how long between;
    their ``max_attempts`` bounds it.
    """

    def __init__(
        self,
        hook_manager: HookManager | None = None,
        max_concurrent: int = 10,
        *,
        store: PayloadStore | None = None,
        log: str = LOG,
        chooser: AgentChooser | None = None,
        submit_policy: RetryPolicy | None = None,
        max_pending: int = MAX_PENDING,
        max_results: int = MAX_RESULTS,
        max_dead: int = MAX_DEAD,
        ageing_seconds: float | None = AGEING_SECONDS,
        machine: Machine | None = None,
        clock: Clock = SYSTEM_CLOCK,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if min(max_concurrent, max_pending, max_results, max_dead) < 1:
            msg = "max_concurrent, max_pending, max_results and max_dead are at least 1"
            raise ValueError(msg)
        self._hooks = hook_manager or HookManager()
        self._store = store
        self._log = log
        self._submissions = Submissions(
            submit_policy or RetryPolicy(max_attempts=1_000_000), max_pending
        )
        self._max_pending = max_pending
        self._monotonic = monotonic
        self._machine = machine or Machine(max_concurrent, ageing=ageing_seconds)
        self._running = Running(
            self._machine, self._hooks, clock, monotonic, self._submissions,
            chooser=chooser, max_results=max_results, max_dead=max_dead,
        )  # fmt: skip
        self._dispatcher: Dispatcher | None = None
        self._parked: dict[str, list[Run]] = {}
        self._recovering: asyncio.Task[int] | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None  # the dispatcher's
        self._append = self._machine.append
        self._hooked = self._hooks.registered
        # submitting may have to wait, or to refuse, or somebody wants to know of every run
        self._careful = store is not None or self._machine.hears_ends

    # ---- handlers --------------------------------------------------------------------------

    def register_handler(
        self,
        event_type: str,
        handler: Handler,
        *,
        name: str | None = None,
        priority: PropulsionPriority = Priority.NORMAL,
        filter_fn: Filter | None = None,
    ) -> Callable[[], None]:
        """Call ``handler`` for payloads of ``event_type`` that ``filter_fn`` lets pass.

        The returned function takes it back. Without a name it gets ``{event_type}_{n}``, a name that
        is never used again.

        :raises HandlerExists: if the event type has one of this name.
        """
        registry = self._running.registry
        call = handler if is_async(handler) else partial(self._running.threads.call, handler)
        mine = Registered(
            registry.default_name(event_type) if name is None else name,
            call, Priority(priority), filter_fn,
        )  # fmt: skip
        registry.add(event_type, mine)
        for run in self._parked.pop(event_type, ()):
            self._running.parked -= 1
            self._machine.enter(run, self._monotonic())
        if self._dispatcher is not None and self._dispatcher.is_at_work:
            self._dispatcher.changed()

        def unregister() -> None:
            registry.remove(event_type, mine.name, mine)

        return unregister

    def unregister_handler(self, event_type: str, name: str) -> bool:
        """Take a handler back by its name; ``False`` if there is none."""
        return self._running.registry.remove(event_type, name)

    def handlers(self) -> dict[str, list[str]]:
        """The names of all handlers by event type, in the order in which they run."""
        return self._running.registry.names()

    # ---- propelling ------------------------------------------------------------------------

    async def propel(self, event_type: str, payload: PropulsionPayload) -> list[PropulsionResult]:
        """Queue ``payload``; the results, once its handlers have run. Each is tried once.

        Cancelling ends the payload too.

        :raises PayloadInvalid: for a naive deadline.
        :raises PropulsionFull: if as many payloads wait as the engine holds.
        """
        return await self._propel(Run(event_type, prepared(payload, event_type)))

    async def propel_with_retry(
        self,
        event_type: str,
        payload: PropulsionPayload,
        max_retries: int | None = None,
        backoff_base: float = 1.0,
        *,
        jitter: float = 0.0,
    ) -> list[PropulsionResult]:
        """The same with retries of the handlers that have not succeeded.

        ``max_retries`` counts all attempts (``None``: the payload's ``max_attempts``), and
        ``backoff_base`` is the first delay in seconds, doubled each time. No delay goes past the
        deadline, and an expired payload is not tried again.
        """
        attempts = max(payload.max_attempts if max_retries is None else max_retries, 1)
        policy = RetryPolicy(attempts, backoff_base, LONGEST_WAIT, jitter=jitter)
        run = Run(event_type, prepared(payload, event_type), policy, buried=True)
        return await self._propel(run)

    async def submit(self, event_type: str, payload: PropulsionPayload) -> str:
        """Queue ``payload`` and return its id at once; with a store, when it is kept.

        It is tried up to its ``max_attempts`` times; then it becomes a dead payload.
        """
        dispatcher, submissions = self._dispatcher, self._submissions
        if (
            self._careful
            or payload.deadline is not None
            or self._hooked
            or dispatcher is None
            or self._loop is not get_running_loop()
            or submissions.entered >= submissions.most
        ):
            written = await self._enter(self._submitted(event_type, payload))
            if written is not None:
                await asyncio.shield(written)
            return payload.id
        payload.target_stage = event_type
        submissions.entered += 1
        if dispatcher.idle:
            self._append((event_type, payload), payload.priority, self._monotonic())
            dispatcher.changed()
        else:
            self._append((event_type, payload), payload.priority, dispatcher.now)
        return payload.id

    async def chain(
        self,
        events: Sequence[tuple[str, PropulsionPayload]],
        stop_on_failure: bool = True,
    ) -> list[list[PropulsionResult]]:
        """Propel one after the other; the results of each stage, the failing one included.

        A payload without a ``source_stage`` gets the event before it; ``previous`` holds the results
        of all stages before.
        """
        found: list[list[PropulsionResult]] = []
        previous: dict[str, list[PropulsionResult]] = {}
        before: str | None = None
        for event_type, payload in events:
            payload.source_stage = payload.source_stage or before
            payload.previous = dict(previous)
            results = await self.propel(event_type, payload)
            found.append(results)
            if stop_on_failure and any(not one.success for one in results):
                break
            previous[event_type] = results
            before = event_type
        return found

    async def broadcast(
        self, event_types: Iterable[str], payload: PropulsionPayload
    ) -> dict[str, list[PropulsionResult]]:
        """Propel a copy of ``payload`` to each of the event types at once; the results by event."""
        wanted = list(dict.fromkeys(event_types))
        copies = [payload.copy() for _ in wanted]
        dispatcher = self._here()
        worker = dispatcher.own()
        if worker is not None:
            dispatcher.lend(worker)
        try:
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(self.propel(event_type, one))
                    for event_type, one in zip(wanted, copies, strict=True)
                ]
        finally:
            if worker is not None:
                await dispatcher.take_back(worker)
        return {event: call.result() for event, call in zip(wanted, calls, strict=True)}

    def _submitted(
        self, event_type: str, payload: PropulsionPayload, succeeded: Collection[str] = ()
    ) -> Run:
        policy = self._submissions.policy_of(payload)
        return Run(
            event_type, prepared(payload, event_type), policy, buried=True, succeeded=succeeded
        )

    async def _propel(self, run: Run) -> list[PropulsionResult]:
        run.label = asyncio.get_running_loop().create_future()
        await self._enter(run)
        dispatcher = self._here()
        worker = dispatcher.own()
        if worker is not None:
            dispatcher.lend(worker)
        try:
            await run.label
        except asyncio.CancelledError:
            self._running.cancel(run)
            raise
        finally:
            if worker is not None:
                await dispatcher.take_back(worker)
        return results_of(run, self._running.registry)

    async def _enter(self, run: Run) -> asyncio.Future[None] | None:
        """Queue a run; when it is kept, if it is."""
        self._check_open()
        dispatcher = self._here()
        if self._store is not None and self._running.journal is None:
            await self.recover()
        self._check_room()
        if self._hooks.wants(HookType.ON_PROPEL):
            payload = run.payload
            await self._hooks.trigger(
                HookType.ON_PROPEL, source_stage=payload.source_stage,
                target_stage=run.event_type, payload=payload,
            )  # fmt: skip
        written = self._admit(run)
        if run.payload.deadline is not None and run.payload.is_expired(self._running.now()):
            self._machine.adopt(run)
            await self._running.expire(run)
        else:
            self._machine.enter(run, self._monotonic())
            dispatcher.changed()
        return written

    def _check_open(self) -> None:
        if self._closed:
            raise f.PropulsionClosed("The propulsion engine is closed; make another one.")

    def _check_room(self) -> None:
        if not self._submissions.looked(self._running.pending):
            raise f.PropulsionFull(
                f"{self._max_pending} payloads wait already. Wait for some of them, or raise "
                "max_pending.",
                limit=self._max_pending,
            )

    def _admit(self, run: Run) -> asyncio.Future[None] | None:
        """Know it from now on; when it is kept, if it is."""
        self._running.figures.propelled += 1
        self._submissions.most -= 1
        journal = self._running.journal
        written = None if journal is None else journal.entered(run)
        self._running.open[run] = None
        return written

    # ---- the loop --------------------------------------------------------------------------

    def _here(self) -> Dispatcher:
        dispatcher = self._dispatcher
        if dispatcher is not None and dispatcher.loop is asyncio.get_running_loop():
            return dispatcher
        if dispatcher is not None and dispatcher.is_at_work:
            raise f.PropulsionElsewhere(
                "The propulsion engine is at work in another event loop; use it there, or when that "
                "has ended."
            )
        return self._move_in(dispatcher)

    def _move_in(self, former: Dispatcher | None) -> Dispatcher:
        if former is not None:
            former.leave()
        self._machine.running = 0
        dispatcher = Dispatcher(self._machine, self._running, self._monotonic)
        self._dispatcher = self._running.dispatcher = dispatcher
        self._loop = dispatcher.loop
        self._recovering = self._running.journal = None
        dispatcher.changed()
        dispatcher.arm()
        return dispatcher

    # ---- what is kept ----------------------------------------------------------------------

    async def recover(self) -> int:
        """Take up what a former engine left, before anything new; how many payloads.

        Those whose event type has no handler yet wait for one. Without a store there is nothing.
        """
        if self._store is None:
            return 0
        self._here()
        if self._recovering is None:
            self._recovering = asyncio.create_task(self._recover(self._store))
        return await asyncio.shield(self._recovering)

    async def _recover(self, store: PayloadStore) -> int:
        journal = Journal(store, self._standing, self._log)
        runs, dead = await journal.load()
        self._running.journal = journal
        known = {run.id for run in self._running.open}
        fresh = [run for run in runs if run.id not in known]
        for run in fresh:
            self._running.open[run] = None
            if self._running.registry.of(run.event_type):
                self._machine.enter(run, self._monotonic())
            else:
                run.state = State.QUEUED
                self._running.parked += 1
                self._parked.setdefault(run.event_type, []).append(run)
        self._running.dead.update((one.id, one) for one in dead)
        self._here().changed()
        return len(fresh)

    def _standing(self) -> Iterator[Run | DeadPayload]:
        yield from list(self._running.open)
        yield from list(self._running.dead.values())

    def dead_letters(self, event_type: str | None = None) -> list[DeadPayload]:
        """The payloads that failed for good, oldest first."""
        found = self._running.dead.values()
        return [one for one in found if event_type is None or one.event_type == event_type]

    async def replay(self, dead_id: str) -> str:
        """Submit a dead payload anew, for the handlers that have not succeeded; its payload's id.

        :raises DeadPayloadUnknown: if there is none of this id.
        """
        dead = self._dead(dead_id)
        payload = dead.payload
        payload.attempt_count, payload.last_error = 0, None
        run = self._submitted(dead.event_type, payload, dead.succeeded)
        written = await self._enter(run)
        await self.discard(dead_id)
        if written is not None:
            await asyncio.shield(written)
        return payload.id

    async def discard(self, dead_id: str) -> DeadPayload:
        """Forget a dead payload.

        :raises DeadPayloadUnknown: if there is none of this id.
        """
        dead = self._dead(dead_id)
        del self._running.dead[dead_id]
        if self._running.journal is not None:
            await asyncio.shield(self._running.journal.unburied(dead_id))
        return dead

    def _dead(self, dead_id: str) -> DeadPayload:
        dead = self._running.dead.get(dead_id)
        if dead is None:
            raise f.DeadPayloadUnknown(
                f"There is no dead payload {dead_id}: it was replayed or discarded, or gave way to "
                "newer ones.",
                dead_id=dead_id,
            )
        return dead

    # ---- the end ---------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until no payload is queued, at work or backing off; not from inside a handler."""
        self._here().changed()
        while self._running.pending > self._running.parked:
            idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._running.idle.append(idle)
            await idle
        if self._running.journal is not None:
            await self._running.journal.settled()

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing more; let what is there end, or (without ``drain``) cut it off.

        What was cut off ends as cancelled, or stays with the store for the next engine.
        """
        self._closed = self._careful = True
        self._here()
        if drain:
            await self.drain()
        if self._dispatcher is not None:
            await self._dispatcher.stop()
        if self._running.journal is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._running.journal.settled()
        else:
            self._running.cancel_all()
        self._running.threads.close()

    async def __aenter__(self) -> Self:
        await self.recover()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close(drain=kind is None)

    # ---- figures ---------------------------------------------------------------------------

    def get_result(self, payload_id: str, handler_name: str) -> PropulsionResult | None:
        """The latest result of a handler for a payload, while it is kept."""
        return self._running.results.get(payload_id, handler_name)

    def clear_results(self) -> None:
        """Forget the results so far."""
        self._running.results.clear()

    def get_stats(self) -> dict[str, int]:
        """The figures under the document's names; see ``statistics`` for all."""
        running, figures = self._running, self._running.figures
        return {
            "total_propelled": figures.propelled + self._submissions.entered,
            "successful": figures.successful + running.results.noted,
            "failed": figures.failed,
            "retried": figures.retried,
            "expired": figures.expired,
            "registered_handlers": len(running.registry),
            "pending_payloads": running.pending,
            "dead_payloads": len(running.dead),
        }

    def statistics(self) -> PropulsionStatistics:
        """The figures since the engine was made."""
        running, machine, figures = self._running, self._machine, self._running.figures
        return PropulsionStatistics(
            figures.propelled + self._submissions.entered,
            figures.successful + running.results.noted,
            figures.failed, figures.retried, figures.expired, figures.cancelled,
            len(running.dead), figures.dead_lost, machine.queued, machine.backing_off,
            machine.running, len(running.results), len(running.registry), machine.depths(),
        )  # fmt: skip
