"""The attempts of durable runs: calling executors, keeping results, telling ends."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..base.calling import Threads, is_async
from ..base.logs import warn
from ..safety.budgets import BudgetExceeded
from ..safety.monitor import OperationRefused
from .context import (
    AttemptLost,
    ConditionFalse,
    FanOut,
    PermanentFailure,
    SessionOpener,
    TaskExecutionContext,
)
from .encoding import value_text
from .faults import ExecutorMissing
from .guarding import Guard, Pass
from .instance import Instance
from .journal import Batch
from .light_runs import described
from .machine import Drained, Outcome, Run, StopReason
from .observing import Observer
from .state_faults import StateInvalid
from .statuses import TaskStatus
from .turns import Ended

_log = logging.getLogger(__name__)

_OUTCOMES: dict[type[BaseException], Outcome] = {
    ConditionFalse: Outcome.CONDITION,
    AttemptLost: Outcome.LOST,
}
_STATUSES = {
    Outcome.CONDITION: TaskStatus.SKIPPED,
    Outcome.LOST: TaskStatus.LOST,
    Outcome.FAILED: TaskStatus.FAILED,
}


_FINAL = (PermanentFailure, StateInvalid, OperationRefused, BudgetExceeded)
"""Failures after which another attempt would fail in the same way."""


async def _come(value: Any) -> Any:
    """What a task waits for has come before it."""
    return value


@dataclass(frozen=True, slots=True)
class Registered:
    """An executor, and how it is called; ``adopt`` carries on an attempt of a former engine."""

    call: Callable[[TaskExecutionContext], Any]
    asynchronous: bool
    adopt: Callable[[TaskExecutionContext], Awaitable[Any]] | None = None


def registered(executor: Any) -> Registered:
    """``executor`` as it is called: a callable, or an object with ``execute``, and maybe ``adopt``.

    :raises TypeError: if it is neither.
    """
    call = getattr(executor, "execute", executor)
    if not callable(call):
        msg = f"{executor!r} is no executor: it can't be called, and has no method 'execute'"
        raise TypeError(msg)
    adopt = getattr(executor, "adopt", None)
    return Registered(call, is_async(call), adopt if inspect.iscoroutinefunction(adopt) else None)


class DurableRuns:
    """What the driver asks about the instances of one orchestrator.

    ``gone`` is told instances that can't be kept any more, ``over`` those whose end is on disk;
    ``child_kept`` makes it durable where an attempt's child is.
    """

    fans_out = True

    def __init__(
        self,
        threads: Threads,
        *,
        gone: Callable[[Instance, BaseException], None],
        over: Callable[[Instance], None],
        child_kept: Callable[[Instance, int], Awaitable[None]],
        observer: Observer | None = None,
    ) -> None:
        self.executors: dict[str, Registered] = {}
        self.guard: Guard | None = None
        self.opener: SessionOpener | None = None
        self._threads = threads
        self._gone = gone
        self._over = over
        self._child_kept = child_kept
        self._observer = observer

    def begin(self, run: Run, task: int, attempt: int) -> Awaitable[Any]:
        """Call the executor, or let it carry on what a former engine began."""
        instance: Instance = run.label
        given = instance.tasks[task]
        executor = self.executors.get(given.agent_type)
        if executor is None:
            raise ExecutorMissing(
                f"No executor is registered for {given.agent_type!r}, which task {given.task_id!r} "
                "asks for.",
                task_id=given.task_id,
            )
        signal = given.metadata.get("signal") if given.slotless else None
        if signal is not None and signal in instance.signals:
            return _come(json.loads(instance.signals[signal]))
        context = self._context(instance, task, attempt)
        adopted = task in instance.adopted
        if adopted:
            instance.adopted.discard(task)
        guard = self.guard
        found = None if guard is None else guard.begins(run, task, adopted=adopted)
        if guard is None or found is None:
            return self._carry_out(executor, context, adopted=adopted)
        context.report = found.report
        return self._carry_out_guarded(guard, found, executor, context, adopted=adopted)

    async def _carry_out_guarded(
        self,
        guard: Guard,
        given: Pass,
        executor: Registered,
        context: TaskExecutionContext,
        *,
        adopted: bool,
    ) -> Any:
        if given.refusal is not None:
            raise given.refusal
        try:
            result = await self._carry_out(executor, context, adopted=adopted)
        except BaseException as error:
            await guard.ended(given, error)
            raise
        await guard.ended(given, None)
        return result

    def _carry_out(
        self, executor: Registered, context: TaskExecutionContext, *, adopted: bool
    ) -> Awaitable[Any]:
        if adopted:
            if executor.adopt is None:
                raise AttemptLost(context.task_def.task_id)
            return executor.adopt(context)
        if executor.asynchronous:
            awaitable: Awaitable[Any] = executor.call(context)
            return awaitable
        return self._threads.call(executor.call, context)

    def succeeded(self, run: Run, task: int, attempt: int, result: Any) -> None:
        """Keep the result as JSON.

        :raises StateInvalid: if it is none.
        """
        instance: Instance = run.label
        name = instance.plan.ids[task]
        instance.texts[task] = (
            "null" if result is None else value_text(result, f"The result of {name!r}")
        )
        if run.stopping and run.stopping.get(task) is StopReason.TIMEOUT:
            self._too_late(instance, task, attempt)
        else:
            instance.ended.append(Ended(task, attempt, TaskStatus.COMPLETED))

    def failed(
        self, run: Run, task: int, attempt: int, error: BaseException
    ) -> tuple[Outcome, str, bool]:
        """Keep the error, and say what it means."""
        instance: Instance = run.label
        outcome = _OUTCOMES.get(type(error), Outcome.FAILED)
        text, kind = described(error), type(error).__name__
        if outcome is Outcome.FAILED:
            name = instance.plan.ids[task]
            warn(
                _log, "Attempt %d of %s in %s failed: %s", attempt, name, run.id, text, error=error
            )
        instance.errors[task] = text
        instance.ended.append(Ended(task, attempt, _STATUSES[outcome], text, kind))
        return outcome, kind, not isinstance(error, _FINAL)

    def stopped(self, run: Run, task: int, attempt: int, reason: StopReason | None) -> None:
        """Note why an attempt was ended."""
        instance: Instance = run.label
        if reason is StopReason.TIMEOUT:
            self._too_late(instance, task, attempt)
            return
        kind = str(reason or "CancelledError")
        instance.errors[task] = f"The attempt was {kind}."
        instance.ended.append(
            Ended(task, attempt, TaskStatus.CANCELLED, instance.errors[task], kind)
        )

    def expanded(self, run: Run, task: int, result: FanOut, children: Sequence[int]) -> None:
        """Take in the children; what the executor gave is their ids."""
        instance: Instance = run.label
        instance.grow()
        for child in children:
            given = instance.plan.rules[child]
            instance.tasks[child] = given  # type: ignore[call-overload]  # children are definitions
        instance.groups[task] = dict(result.groups)
        instance.parts[task] = len(children)
        instance.texts[task] = json.dumps([instance.plan.ids[child] for child in children])

    def after(self, drained: Drained) -> None:
        """Nothing: the durable driver hands changes to the journal."""

    def lost_hold(self, instance: Instance, error: BaseException) -> None:
        """The instance's changes can't be kept."""
        self._gone(instance, error)

    def kept(self, batch: Batch) -> None:
        """Tell the observer."""
        if self._observer is not None:
            self._observer.kept(batch.instance, batch.changes)

    def instance_ended(self, instance: Instance) -> None:
        """The instance's end is on disk."""
        self._over(instance)

    def _context(self, instance: Instance, task: int, attempt: int) -> TaskExecutionContext:
        record, given = instance.record, instance.tasks[task]
        previous = given.dependencies or task in instance.plan.parents
        return TaskExecutionContext(
            given,
            record.id,
            instance.context,
            instance.previous(task) if previous else [],
            {} if record.variables == "{}" else json.loads(record.variables),
            attempt,
            {} if record.inputs == "{}" else json.loads(record.inputs),
            instance.children.get(task),
            partial(self._keep, instance, task),
            instance.run.placed.get(task, ""),
            opener=self.opener,
        )

    async def _keep(self, instance: Instance, task: int, place: str) -> None:
        instance.children[task] = place
        await self._child_kept(instance, task)

    @staticmethod
    def _too_late(instance: Instance, task: int, attempt: int) -> None:
        limit = instance.tasks[task].timeout
        text = f"The attempt did not end within {limit:g} s." if limit else "The attempt timed out."
        instance.errors[task] = text
        instance.ended.append(Ended(task, attempt, TaskStatus.FAILED, text, "timeout"))
