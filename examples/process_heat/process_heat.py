"""An orchestrator for process heat: it plans, asks, checks, sets the boilers and reports.

    python examples/process_heat/process_heat.py [--page kpi.html] [--break south]

It shares out the heat, plans the boilers, lets the shift vote when the plan runs hot, checks it against
the domain's constraints, sets the boilers in a saga (undone in reverse if a controller fails), books the
delivery and writes a page of figures. The plant is imagined (``plant.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from calculations import dispatch, nox_mg_per_kwh, share_out, thermal_efficiency
from page import write_page
from plant import Erp, Order, Scada, imagined_plant

from quarterdeck.core.coordination import (
    AgentCapacity,
    BaseOrchestrator,
    ConsensusResult,
    ConstraintType,
    CoordinationConfig,
    CoordinationLayer,
    MessageBus,
    MessageBusConfig,
    OperationContext,
    OrchestratorConfig,
    SafetyConfig,
    SafetyConstraint,
    SafetyLevel,
    SafetyMonitor,
    Saga,
    SagaStep,
    Task,
    TaskScheduler,
    TaskSchedulerConfig,
)

HOT = 0.9
"""The share of a boiler's rated heat above which the shift has a say."""
SHIFT = {"operator": 1.0, "maintenance": 1.0, "energy manager": 2.0}


@dataclass(frozen=True)
class HeatRequest:
    """One hour of heat; ``demand_factor`` scales what was ordered."""

    demand_factor: float = 1.0


@dataclass(frozen=True)
class HeatPlan:
    """What came of it: heat by consumer and by boiler in kW, and the figures."""

    delivered: dict[str, float]
    setpoints: dict[str, float]
    efficiency: float
    nox: float
    fuel_cost: float
    penalty: float
    vote: str


class ProcessHeatOrchestrator(BaseOrchestrator[HeatRequest, HeatPlan]):
    """Heat for an hour, from the orders to the booked delivery."""

    def __init__(self, scada: Scada, erp: Erp, config: OrchestratorConfig | None = None) -> None:
        self.scada = scada
        self.erp = erp
        super().__init__(config or OrchestratorConfig("process-heat", "ProcessHeat"))
        for name in scada.boilers:
            self.coordinator.register_agent(name, self._set_boiler)

    def _create_message_bus(self) -> MessageBus:
        return MessageBus(MessageBusConfig())

    def _create_task_scheduler(self) -> TaskScheduler:
        scheduler = TaskScheduler(TaskSchedulerConfig(default_timeout_seconds=10.0))
        scheduler.register_agent(AgentCapacity("plc", {"read_boiler"}, max_concurrent_tasks=2))
        scheduler.register_executor("read_boiler", lambda task: self.scada.read(task.payload))
        return scheduler

    def _create_coordinator(self) -> CoordinationLayer:
        return CoordinationLayer(CoordinationConfig())

    def _create_safety_monitor(self) -> SafetyMonitor:
        monitor = SafetyMonitor(SafetyConfig(halt_on_critical=True))
        monitor.add_circuit_breaker("scada", failure_threshold=3, timeout_seconds=60.0)
        return monitor

    def _add_constraints(self) -> None:
        limits = [
            ("max_temperature", ConstraintType.THRESHOLD, 520.0, SafetyLevel.CRITICAL),
            ("max_pressure", ConstraintType.THRESHOLD, 50.0, SafetyLevel.CRITICAL),
            ("max_nox", ConstraintType.COMPLIANCE, 110.0, SafetyLevel.HIGH),
        ]
        for name, kind, most, level in limits:
            constraint = SafetyConstraint(name, kind, max_value=most, level=level)
            self.safety_monitor.add_constraint(constraint)
        self.safety_monitor.add_constraint(
            SafetyConstraint("min_efficiency", ConstraintType.THRESHOLD, min_value=0.75)
        )

    async def orchestrate(self, input_data: HeatRequest) -> HeatPlan:
        """Plan, vote, check, set, book."""
        orders = [
            Order(one.consumer, one.demand * input_data.demand_factor, one.penalty)
            for one in await self.erp.open_orders()
        ]
        boilers = self.scada.boilers
        delivered = share_out(orders, sum(one.rated for one in boilers.values()))
        setpoints = dispatch(list(boilers.values()), sum(delivered.values()))
        efficiency = thermal_efficiency(boilers, setpoints)
        nox = nox_mg_per_kwh(boilers, setpoints)
        vote = await self._ask_the_shift(setpoints)
        await self.safety_monitor.require(
            OperationContext("set_plan", "planner", {"efficiency": efficiency, "nox": nox})
        )
        async with self.coordinator.acquire_lock("boilers", "process-heat"):
            await self._set(setpoints)
            await self._check_readings(list(setpoints))
        await self.erp.book(delivered)
        heat = sum(setpoints.values())
        missed = sum((one.demand - delivered[one.consumer]) * one.penalty for one in orders)
        cost = heat / efficiency * self.erp.gas_price if efficiency else 0.0
        return HeatPlan(delivered, setpoints, efficiency, nox, cost, missed, vote)

    # ---- parts -----------------------------------------------------------------------------

    async def _ask_the_shift(self, setpoints: Mapping[str, float]) -> str:
        """Whether boilers may run hot: the shift votes; everyone here looks at one thing."""
        hot = [n for n, value in setpoints.items() if value > HOT * self.scada.boilers[n].rated]
        if not hot:
            return "not needed"
        proposal = await self.coordinator.propose_consensus(
            "run_hot", "process-heat", {"boilers": hot}, 0.6, voters=SHIFT, quorum=2
        )
        said = {
            "operator": "approve",
            "maintenance": "reject" if "old" in hot else "approve",
            "energy manager": "approve",
        }
        for voter, vote in said.items():
            await self.coordinator.vote_on_proposal(proposal.proposal_id, voter, vote)
        result = await self.coordinator.resolve_consensus(proposal.proposal_id)
        if result is not ConsensusResult.ACHIEVED:
            raise RuntimeError(f"the shift does not want {', '.join(hot)} to run hot")
        return result.value

    async def _set(self, setpoints: Mapping[str, float]) -> None:
        """Set every boiler, or, if one fails, none: those that were set are set back."""
        steps = [
            SagaStep(
                f"set {name}",
                name,
                {"boiler": name, "setpoint": value},
                {"boiler": name, "setpoint": self.scada.boilers[name].setpoint},
                retries=1,
            )
            for name, value in setpoints.items()
        ]
        result = await self.coordinator.run_saga(Saga("set_boilers", steps))
        if not result.success:
            raise RuntimeError(f"the boilers are as they were: {result.error}")

    async def _set_boiler(self, action: Mapping[str, Any]) -> float:
        boiler = action["boiler"]
        await self.safety_monitor.require(OperationContext("scada", boiler))
        try:
            before = await self.scada.write(boiler, action["setpoint"])
        except ConnectionError:
            self.safety_monitor.record_failure(boiler, "scada")
            raise
        self.safety_monitor.record_success(boiler, "scada")
        return before

    async def _check_readings(self, names: list[str]) -> None:
        """Read every boiler, two at a time; a reading out of bounds halts the plant."""
        tasks = [Task("read_boiler", payload=name) for name in names]
        for task in tasks:
            await self.task_scheduler.schedule(task)
        for task in tasks:
            await self.task_scheduler.wait_for_completion(task.task_id)
            readings = task.result or {}
            await self.safety_monitor.require(
                OperationContext("reading", str(task.payload), readings)
            )


async def main(page: Path | None, broken: set[str]) -> int:
    """Three hours of heat; the exit code says whether all went well."""
    scada, erp = imagined_plant()
    scada.broken = broken
    plant = ProcessHeatOrchestrator(scada, erp)
    await plant.start()
    results = []
    try:
        for factor in (0.6, 1.0, 1.5):
            result = await plant.execute(HeatRequest(factor))
            results.append((factor, result))
            if result.output is None:
                print(f"demand x{factor}: failed: {result.error}")
            else:
                done = result.output
                print(
                    f"demand x{factor}: {sum(done.setpoints.values()):.0f} kW at "
                    f"{done.efficiency:.1%}, NOx {done.nox:.0f} mg/kWh, vote: {done.vote}"
                )
    finally:
        await plant.shutdown()
    if page is not None:
        write_page(page, results, plant.statistics(), plant.audit_records())
        print(f"figures: {page}")
    return 0 if all(result.success for _, result in results) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--page", type=Path, help="write a page of figures here")
    parser.add_argument("--break", dest="broken", action="append", default=[], metavar="BOILER")
    given = parser.parse_args()
    logging.getLogger("quarterdeck").setLevel(logging.CRITICAL)  # what fails is printed below
    raise SystemExit(asyncio.run(main(given.page, set(given.broken))))
