"""Functions that are called in the engine's process, held against what every piece of work is."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...base.calling import Threads, is_async
from ...pipelines.definition import PipelineDefinition
from ...pipelines.faults import HandlerFailed, HandlerHopeless
from ...pipelines.gating import HandlerGates, key_of
from ...pipelines.ids import derived_id
from ...pipelines.ports import Order
from ...protocol.crew_views import WaitingView
from ...safety.budgets import BudgetScope
from ...workflows.context import TaskExecutionContext
from ...workflows.definition import TaskDefinition
from ...workflows.executors.results import check_result
from ...workflows.executors.trusted import find_trusted
from ...workflows.files.executing import rendered, scope_of
from ..safety.dispatch import Dispatch, Ticket
from ..safety.gate import ATTEMPT
from ..safety.service import SafetyService


class InPlace:
    """Calls trusted functions: async ones in the loop, others in threads.

    With ``safety`` each call asks first: halt, budgets, rules, breakers and limits. One that waits takes no
    other function's place.
    """

    def __init__(self) -> None:
        self.safety: SafetyService | None = None
        self.gates: HandlerGates | None = None
        self.closing: Callable[[], bool] = _goes_on
        self.changed: Callable[[], None] = _nobody_wakes
        self._threads = Threads(None)
        self._waiting: dict[tuple[str, str], Order] = {}

    async def run(self, order: Order, task: TaskDefinition) -> Any:
        """What the function gives.

        :raises HandlerFailed: if there is none, or it takes too long.
        :raises OperationRefused: if a rule forbids it.
        :raises BudgetExceeded: if a person stopped it.
        """
        ticket = await self._ticket(order)
        if ticket is None or self.safety is None:
            return await self._call(order, task)
        try:
            result = await self._call(order, task)
        except BaseException as error:
            await self.safety.gate.ended(ticket, error)
            raise
        else:
            await self.safety.gate.ended(ticket, None)
            return result
        finally:
            self.safety.admissions.release(ticket)

    def waits(self, payload_id: str, pipeline: str, handler: str, number: int) -> str:
        """For what a call waits; empty if it does not."""
        if self.safety is None:
            return ""
        key = (derived_id(payload_id, pipeline, handler, number), handler)
        return self.safety.admissions.reason(key)

    def waiting(self) -> list[WaitingView]:
        """The calls that wait for leave, as the crew shows them."""
        return [self._view(key, order) for key, order in self._waiting.items()]

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()

    # ---- leave -----------------------------------------------------------------------------------

    async def _ticket(self, order: Order) -> Ticket | None:
        safety, gates = self.safety, self.gates
        if safety is None or gates is None or not safety.gate.rules:
            return None
        wish, key = _dispatch(order)
        ticket = safety.admissions.decide(key, wish, _nobody_wakes)
        if ticket is not None:
            if ticket.refusal is not None:
                raise ticket.refusal
            return ticket
        place = key_of(order.pipeline.name, order.handler.event, order.handler.name)
        gates.step_aside(place)
        self._waiting[key] = order
        self.changed()
        try:
            ticket = await safety.admissions.admitted(wish, key, closing=self.closing)
        except BaseException:
            gates.is_back(place)
            raise
        finally:
            del self._waiting[key]
            self.changed()
        try:
            await gates.come_back(place)
        except CancelledError:
            safety.admissions.release(ticket)
            raise
        return ticket

    def _view(self, key: tuple[str, str], order: Order) -> WaitingView:
        origin, name = order.entry.origin, order.handler.name
        return WaitingView(
            what=f"payload/{origin.id}/{name}",
            title=f"{order.pipeline.name}/{name}",
            reason="" if self.safety is None else self.safety.admissions.reason(key),
            priority=origin.priority,
            deadline=origin.deadline,
            since=order.attempt.started_at or origin.created_at,
        )

    # ---- the call --------------------------------------------------------------------------------

    async def _call(self, order: Order, task: TaskDefinition) -> Any:
        limit = order.handler.timeout
        scope = scope_of(TaskExecutionContext(task, "", inputs=dict(order.pipeline.inputs)))
        given = rendered(task, scope, "with").get("with", {})
        function = _found(order, str(task.metadata["function"]))
        try:
            async with asyncio.timeout(limit):
                result = await self._value(function, given)
        except TimeoutError:
            told = f"{task.metadata['function']} took longer than {limit} s."
            raise HandlerFailed(told) from None
        check_result(result, task.metadata.get("outputs", {}).get("schema"))
        return result

    async def _value(self, function: Callable[..., Any], given: dict[str, Any]) -> Any:
        if is_async(function):
            return await function(**given)
        return await self._threads.call(lambda: function(**given))


def _folders(pipeline: PipelineDefinition) -> Iterator[Path]:
    """Where functions are looked for that are not installed; made only if one is."""
    yield Path(pipeline.directory)
    yield Path(pipeline.file).parent


def _found(order: Order, name: str) -> Callable[..., Any]:
    try:
        return find_trusted(name, _folders(order.pipeline))
    except (AttributeError, ImportError, TypeError) as error:
        raise HandlerHopeless(
            f"There is no function {name}: {error}. It is looked for among the engine's modules, in "
            "the pipeline's directory and beside its file."
        ) from error


def _dispatch(order: Order) -> tuple[Dispatch, tuple[str, str]]:
    """The call as rules, limits and budgets know attempts; and what it waits as."""
    pipeline, handler, number = order.pipeline, order.handler, order.attempt.number
    origin = order.entry.origin
    place = derived_id(origin.id, pipeline.name, handler.name, number)
    wish = Dispatch(
        ATTEMPT,
        f"payload/{origin.id}/{handler.name}",
        "",
        {
            "workflow": pipeline.name,
            "task": handler.name,
            "kind": handler.task.agent_type,
            "agent": "",
            "priority": int(origin.priority),
            "attempt": number,
            **{f"input.{key}": value for key, value in pipeline.inputs.items()},
        },
        {BudgetScope.WORKFLOW: place, BudgetScope.GROUP: pipeline.name},
        {"session": "", "client": f"workflow/{place}"},
        begins_agent=True,
    )
    return wish, (place, handler.name)


def _goes_on() -> bool:
    return False


def _nobody_wakes() -> None:
    """Whoever waits asks again at once; or nobody looks."""
