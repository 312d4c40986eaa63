"""The base of orchestrators: lifecycle, safety, recovery, metrics, provenance (source document 003)."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..base.logs import warn
from ..base.machine import StateTable
from ..base.retry import RetryPolicy
from ..messaging.bus import MessageBus
from ..safety.model import OperationContext
from ..safety.monitor import OperationRefused, SafetyMonitor
from ..scheduling.scheduler import TaskScheduler
from ..telemetry.audit import AuditChain, AuditRecord, content_hash
from ..telemetry.ports import MetricsCollector, NullMetrics
from . import faults as f
from .layer import CoordinationLayer

InT = TypeVar("InT")
OutT = TypeVar("OutT")
_logger = logging.getLogger("quarterdeck.orchestrator")


class OrchestratorLifecycle(StrEnum):
    """Where an orchestrator is in its life."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


L = OrchestratorLifecycle
LIFE = StateTable(
    "orchestrator",
    {
        L.CREATED: frozenset({L.STARTING, L.STOPPED}),
        L.STARTING: frozenset({L.RUNNING, L.CREATED}),
        L.RUNNING: frozenset({L.STOPPING}),
        L.STOPPING: frozenset({L.STOPPED}),
        L.STOPPED: frozenset({L.STARTING}),
    },
)


@dataclass(frozen=True, slots=True)
class OrchestratorConfig:
    """Settings: ``execution_timeout_seconds`` is for one execution with all that recovers it."""

    orchestrator_id: str = field(default_factory=new_id)
    name: str = ""
    enable_safety_monitoring: bool = True
    execution_timeout_seconds: float | None = None
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    max_audit_records: int = 10_000


@dataclass(frozen=True, slots=True)
class ExecutionResult(Generic[OutT]):
    """How an execution ended; ``chain_hash`` is that of its audit record."""

    success: bool
    output: OutT | None
    execution_id: str
    provenance_hash: str
    chain_hash: str
    duration_ms: float
    started_at: datetime
    error: str | None = None
    error_type: str | None = None
    error_code: str | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class OrchestratorStatistics:
    """An orchestrator's figures; durations in milliseconds, absent before the first execution."""

    lifecycle: OrchestratorLifecycle
    executions: int
    running: int
    successful: int
    failed: int
    recovered: int
    average_ms: float | None
    slowest_ms: float | None

    @property
    def success_rate(self) -> float | None:
        """The share of ended executions that were successful; absent before the first has ended."""
        ended = self.successful + self.failed
        return self.successful / ended if ended else None


class BaseOrchestrator(ABC, Generic[InT, OutT]):
    """Write ``orchestrate`` and the four factories, and it can be started, executed and shut down.

    ``metrics`` counts executions by outcome (``successful``, ``recovered``, ``failed``) and measures them.
    """

    def __init__(
        self,
        config: OrchestratorConfig | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        metrics: MetricsCollector | None = None,
    ) -> None:
        self.config = config or OrchestratorConfig()
        self._clock = clock
        self._metrics = metrics or NullMetrics()
        self.message_bus = self._create_message_bus()
        self.task_scheduler = self._create_task_scheduler()
        self.coordinator = self._create_coordinator()
        self.safety_monitor = self._create_safety_monitor()
        self._add_constraints()
        self._lifecycle = L.CREATED
        self._changing = asyncio.Lock()
        self._chain = AuditChain()
        self._audit: deque[AuditRecord] = deque(maxlen=self.config.max_audit_records)
        self._at_work: set[asyncio.Task[Any]] = set()
        self._good = self._bad = self._mended = 0
        self._total_ms = self._slowest_ms = 0.0

    # ---- what an orchestrator is made of ---------------------------------------------------

    @abstractmethod
    def _create_message_bus(self) -> MessageBus: ...

    @abstractmethod
    def _create_task_scheduler(self) -> TaskScheduler: ...

    @abstractmethod
    def _create_coordinator(self) -> CoordinationLayer: ...

    @abstractmethod
    def _create_safety_monitor(self) -> SafetyMonitor: ...

    def _add_constraints(self) -> None:
        """Give ``self.safety_monitor`` the rules of the domain."""

    @abstractmethod
    async def orchestrate(self, input_data: InT) -> OutT:
        """The work itself."""

    async def _handle_error_recovery(
        self, error: Exception, input_data: InT, execution_id: str
    ) -> OutT | None:
        """The output all the same, after an error; ``None``: it failed."""
        return None

    async def _retry_with_backoff(self, input_data: InT) -> OutT:
        """Orchestrate again, as often and with such pauses as the config's retry policy says.

        The attempt that led here counts as the first; the last one's error is raised.
        """
        policy = self.config.retry_policy
        attempt = 1
        while True:
            await asyncio.sleep(policy.delay(attempt))
            attempt += 1
            try:
                return await self.orchestrate(input_data)
            except Exception:
                if not policy.allows(attempt):
                    raise

    def _operation(self, input_data: InT) -> OperationContext:
        """What the safety monitor is asked before an execution: the input's fields as parameters."""
        fields = getattr(input_data, "__dict__", {})
        parameters = input_data if isinstance(input_data, Mapping) else fields
        return OperationContext("execute", self.config.orchestrator_id, parameters)

    # ---- life ------------------------------------------------------------------------------

    @property
    def lifecycle(self) -> OrchestratorLifecycle:
        """Where it is in its life."""
        return self._lifecycle

    async def start(self) -> None:
        """Start the parts; what fails leaves nothing started. A second time does nothing."""
        async with self._changing:
            if self._lifecycle is L.RUNNING:
                return
            before = self._move(L.STARTING)
            async with AsyncExitStack() as life:
                life.callback(self._back_to, before)
                await self.message_bus.start()
                life.push_async_callback(self.message_bus.close)
                life.push_async_callback(self.coordinator.close)
                await self.task_scheduler.start()
                life.push_async_callback(self.task_scheduler.stop)
                await self.safety_monitor.restore()
                self.coordinator.attach_bus(self.message_bus)
                life.pop_all()
            self._move(L.RUNNING)

    async def shutdown(self) -> None:
        """Cancel what runs, then stop the parts, the last started first. A second time does nothing."""
        async with self._changing:
            if self._lifecycle is not L.RUNNING:
                return
            self._move(L.STOPPING)
            try:
                for task in list(self._at_work):
                    task.cancel()
                if self._at_work:
                    await asyncio.wait(self._at_work)
                await self._stop_parts()
            finally:
                self._move(L.STOPPED)

    async def execute(self, input_data: InT) -> ExecutionResult[OutT]:
        """Check, orchestrate, recover, record. Whatever fails is in the result; nothing is raised.

        :raises OrchestratorState: if it is not running.
        """
        if self._lifecycle is not L.RUNNING:
            raise f.OrchestratorState(
                f"The orchestrator {self.config.name or self.config.orchestrator_id} is "
                f"{self._lifecycle}; await start() first."
            )
        execution = _Execution(new_id(), self._clock.now(), time.perf_counter())
        work = asyncio.create_task(self._attempt(input_data, execution))
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait([work])
            self._record(input_data, None, execution, asyncio.CancelledError("it was cancelled"))
            raise
        if work.cancelled():
            return self._record(
                input_data, None, execution, asyncio.CancelledError("it was cancelled")
            )
        error = work.exception()
        return self._record(input_data, None if error else work.result(), execution, error)

    def audit_records(self) -> list[AuditRecord]:
        """The latest audit records, oldest first."""
        return list(self._audit)

    def statistics(self) -> OrchestratorStatistics:
        """The figures of the moment."""
        ended = self._good + self._bad
        return OrchestratorStatistics(
            self._lifecycle,
            ended + len(self._at_work),
            len(self._at_work),
            self._good,
            self._bad,
            self._mended,
            self._total_ms / ended if ended else None,
            self._slowest_ms if ended else None,
        )

    # ---- parts -----------------------------------------------------------------------------

    async def _stop_parts(self) -> None:
        """Every part is stopped, whatever becomes of the others."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self.message_bus.close)
            parts.push_async_callback(self.coordinator.close)
            parts.push_async_callback(self.task_scheduler.stop)

    async def _attempt(self, input_data: InT, execution: _Execution) -> OutT:
        async with asyncio.timeout(self.config.execution_timeout_seconds):
            if self.config.enable_safety_monitoring:
                await self.safety_monitor.require(self._operation(input_data))
            try:
                return await self.orchestrate(input_data)
            except OperationRefused:
                raise
            except Exception as error:
                mended = await self._mend(error, input_data, execution)
                if mended is None:
                    raise
                execution.recovered = True
                return mended

    async def _mend(self, error: Exception, input_data: InT, execution: _Execution) -> OutT | None:
        warn(_logger, "Execution %s failed: %s", execution.id, error, error=error)
        try:
            return await self._handle_error_recovery(error, input_data, execution.id)
        except Exception as again:  # noqa: BLE001  # what the result tells is the first error
            warn(_logger, "Recovery of %s failed", execution.id, error=again)
            return None

    def _record(
        self,
        input_data: InT,
        output: OutT | None,
        execution: _Execution,
        error: BaseException | None,
    ) -> ExecutionResult[OutT]:
        duration = (time.perf_counter() - execution.begun) * 1000
        provenance = content_hash(
            {"orchestrator": self.config.orchestrator_id, "input": input_data, "output": output}
        )
        text = None if error is None else f"{type(error).__name__}: {error}"
        body = {
            "orchestrator": self.config.orchestrator_id, "execution_id": execution.id,
            "success": error is None, "provenance_hash": provenance, "error": text,
        }  # fmt: skip
        record = self._chain.append(body, self._clock.now())
        self._audit.append(record)
        self._good += error is None
        self._bad += error is not None
        self._mended += error is None and execution.recovered
        self._total_ms += duration
        self._slowest_ms = max(self._slowest_ms, duration)
        self._measure(duration, error, recovered=execution.recovered)
        return ExecutionResult(
            error is None,
            output,
            execution.id,
            provenance,
            record.chain_hash,
            duration,
            execution.started_at,
            text,
            None if error is None else type(error).__name__,
            error.code if isinstance(error, QuarterdeckError) else None,
            execution.recovered,
        )

    def _measure(
        self, milliseconds: float, error: BaseException | None, *, recovered: bool
    ) -> None:
        name = self.config.name or "orchestrator"
        outcome = "failed" if error is not None else "recovered" if recovered else "successful"
        tags = {"orchestrator": name}
        self._metrics.increment_counter("orchestrator_executions", {**tags, "outcome": outcome})
        self._metrics.observe("orchestrator_execution_seconds", milliseconds / 1000, tags)

    def _move(self, state: OrchestratorLifecycle) -> OrchestratorLifecycle:
        before = self._lifecycle
        self._lifecycle = LIFE.check(before, state)
        return before

    def _back_to(self, before: OrchestratorLifecycle) -> None:
        self._lifecycle = before


@dataclass(slots=True)
class _Execution:
    id: str
    started_at: datetime
    begun: float
    recovered: bool = False
