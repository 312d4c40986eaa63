"""Running sagas: each change of a run is kept before the next thing is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

from ..base.errors import QuarterdeckError
from ..base.kept import Kept, KeptStore
from ..base.logs import warn
from ..base.retry import RetryPolicy
from . import faults as f
from .calling import Agents, CallContext
from .saga import Act, Saga, SagaResult, SagaRun, SagaStatus

KIND = "saga"
Alarm = Callable[[SagaResult], None]
_logger = logging.getLogger("quarterdeck.coordination")


class _Going:
    """A saga that is being run, and the version of its record."""

    def __init__(self, run: SagaRun, version: int) -> None:
        self.run = run
        self.version = version
        self.task: asyncio.Task[SagaResult] | None = None


class Sagas:
    """The sagas of one engine. ``alarm`` hears of compensations that failed: a person is needed."""

    def __init__(
        self,
        store: KeptStore,
        agents: Agents,
        *,
        policy: RetryPolicy,
        engine_id: str = "",
        alarm: Alarm | None = None,
    ) -> None:
        self._store = store
        self._agents = agents
        self._policy = policy
        self._engine_id = engine_id
        self._alarm = alarm
        self._going: dict[str, _Going] = {}

    async def run(self, saga: Saga) -> SagaResult:
        """Run a saga to its end; it goes on there if whoever waits is cancelled.

        :raises SagaInvalid: if it has no steps, two of one name, or something that is no JSON.
        """
        return await asyncio.shield(self._start(SagaRun(saga), 0))

    async def resume(
        self, former: Collection[str] | None = None, *, only: str | None = None
    ) -> list[SagaResult]:
        """Take up the sagas that ``former`` engines left behind (``None``: all but this one's own).

        ``only`` is the id of one of them. Those engines must be gone: nothing here finds that out.
        """
        tasks = []
        for record in await self._store.all_kept(KIND, open_only=True):
            run = SagaRun.from_json(record.body)
            mine = former is None or run.engine_id in former
            wanted = only is None or record.key == only
            if mine and wanted and record.key not in self._going and not run.ended:
                run.interrupted()
                tasks.append(self._start(run, record.version))
        return [await asyncio.shield(task) for task in tasks]

    async def compensate_again(self, saga_id: str) -> SagaResult:
        """Try once more to undo what could not be; the result as it stands if there is nothing.

        :raises SagaUnknown: if there is none with that id.
        """
        run, version = await self._read(saga_id)
        if not run.compensate_again():
            return run.result()
        return await asyncio.shield(self._start(run, version))

    def abort(self, saga_id: str, reason: str) -> bool:
        """Undo a running saga once its present action has ended; whether it was going forward."""
        going = self._going.get(saga_id)
        return going is not None and going.run.abort(reason)

    async def result(self, saga_id: str) -> SagaResult:
        """How a saga stands.

        :raises SagaUnknown: if there is none with that id.
        """
        return (await self._read(saga_id))[0].result()

    async def all(self, *, open_only: bool = False) -> list[SagaRun]:
        """Every kept saga, oldest first."""
        found = await self._store.all_kept(KIND, open_only=open_only)
        return [SagaRun.from_json(record.body) for record in found]

    async def forget(self, saga_id: str) -> None:
        """Drop the record of a saga that has ended."""
        if saga_id not in self._going:
            await self._store.remove_kept(KIND, saga_id)

    async def close(self) -> None:
        """Break off what runs; it is taken up by ``resume``."""
        tasks = [going.task for going in self._going.values() if going.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ---- a run -----------------------------------------------------------------------------

    def _start(self, run: SagaRun, version: int) -> asyncio.Task[SagaResult]:
        saga_id = run.saga.saga_id
        going = self._going.get(saga_id)
        if going is not None and going.task is not None:
            return going.task
        run.engine_id = self._engine_id
        going = self._going[saga_id] = _Going(run, version)
        going.task = asyncio.create_task(self._drive(going), name=f"saga {saga_id}")
        going.task.add_done_callback(lambda task: self._over(saga_id, task))
        return going.task

    def _over(self, saga_id: str, task: asyncio.Task[SagaResult]) -> None:
        del self._going[saga_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            warn(_logger, "The saga %s stands still; it can be resumed", saga_id, error=error)

    async def _drive(self, going: _Going) -> SagaResult:
        run = going.run
        while (act := run.next()) is not None:
            run.begun(act)
            await self._keep(going)
            await self._carry_out(run, act)
        await self._keep(going)
        result = run.result()
        if run.status is SagaStatus.COMPENSATION_FAILED and self._alarm is not None:
            try:
                self._alarm(result)
            except Exception as error:  # noqa: BLE001  # the saga has ended as it has
                warn(_logger, "The alarm for the saga %s failed", run.saga.saga_id, error=error)
        return result

    async def _carry_out(self, run: SagaRun, act: Act) -> None:
        """Ask the agent; what came of it is in the run, and is kept with the next step or the end."""
        step, state = act.step, run.steps[act.index]
        action = step.compensation if act.undo else step.action
        if act.undo and action is None:
            run.done(act, None)
            return
        context = CallContext(step.agent_id, act.key, state.attempts)
        try:
            result = await self._agents.call(action, context, step.timeout_seconds)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            again = self._failed(run, act, error)  # the action's own doing
        except Exception as error:  # noqa: BLE001  # whatever it is, the saga goes on from it
            again = self._failed(run, act, error)
        else:
            self._succeeded(run, act, result)
            return
        if again:
            await asyncio.sleep(self._policy.delay(state.attempts))

    def _succeeded(self, run: SagaRun, act: Act, result: Any) -> None:
        if not act.undo and run.status is not SagaStatus.RUNNING:
            return  # aborted meanwhile: the step counts as done, and is undone
        run.done(act, result)

    def _failed(self, run: SagaRun, act: Act, error: BaseException) -> bool:
        code = error.code if isinstance(error, QuarterdeckError) else type(error).__name__
        text = f"{type(error).__name__}: {error}"
        warn(_logger, "Saga %s, step %s: %s", run.saga.saga_id, act.step.name, text, error=error)
        if not act.undo and run.status is not SagaStatus.RUNNING:
            return False
        nobody = isinstance(error, f.NoExecutor)
        unsure = isinstance(error, TimeoutError)
        return run.failed_once(act, text, code, unsure=unsure, retry=not nobody)

    async def _keep(self, going: _Going) -> None:
        run = going.run
        open_ = not run.ended or run.status is SagaStatus.COMPENSATION_FAILED
        record = Kept(KIND, run.saga.saga_id, going.version + 1, run.to_json(), open=open_)
        if not await self._store.put_kept(record):
            raise f.SagaTaken(
                f"The saga {run.saga.saga_id} was changed by another engine, which goes on with it.",
                saga_id=run.saga.saga_id,
            )
        going.version += 1

    async def _read(self, saga_id: str) -> tuple[SagaRun, int]:
        record = await self._store.get_kept(KIND, saga_id)
        if record is None:
            raise f.SagaUnknown(f"No saga has the id {saga_id!r}.", saga_id=saga_id)
        return SagaRun.from_json(record.body), record.version
