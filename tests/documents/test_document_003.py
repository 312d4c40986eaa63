"""The snippets of the third document, each run as it stands (see README.md)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.documents.snippets import run

from quarterdeck.core import coordination as room
from quarterdeck.core.coordination import (
    BaseOrchestrator,
    CoordinationLayer,
    MessageBus,
    OrchestratorConfig,
    SafetyMonitor,
    TaskScheduler,
    TaskState,
)

NAMES: dict[str, Any] = {"Any": Any, "Dict": dict} | {
    name: getattr(room, name) for name in room.__all__
}


class Plain(BaseOrchestrator[dict[str, Any], Any]):
    """One that the shorter snippets build on."""

    def _create_message_bus(self) -> MessageBus:
        return MessageBus()

    def _create_task_scheduler(self) -> TaskScheduler:
        return TaskScheduler()

    def _create_coordinator(self) -> CoordinationLayer:
        return CoordinationLayer()

    def _create_safety_monitor(self) -> SafetyMonitor:
        return SafetyMonitor()

    async def orchestrate(self, input_data: dict[str, Any]) -> Any:
        return input_data


def test_every_name_of_the_document_is_at_the_door() -> None:
    assert all(getattr(room, name) is not None for name in room.__all__)


async def test_1_base_orchestrator(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def process(self: Any, data: Any) -> Any:
        return {"processed": data}

    class Base(BaseOrchestrator[dict[str, Any], dict[str, Any]]):
        _process_data = process

        def __class_getitem__(cls, _: Any) -> Any:
            return cls

    monkeypatch.setitem(vars(room), "BaseOrchestrator", Base)
    left = await run("003", 1, **NAMES)
    assert left["result"].output == {"processed": {"key": "value"}}
    printed = capsys.readouterr().out.split()
    assert printed == ["True", left["result"].provenance_hash]
    assert len(printed[1]) == 64


class Answering(MessageBus):
    """A bus with the agent that answers the snippet's request; its own handler only prints."""

    async def start(self) -> None:
        await super().start()
        await self.subscribe("agent.thermal.optimize", lambda _: {"ok": True}, "thermal-agent")


async def test_2_message_bus(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(room), "MessageBus", Answering)
    left = await run("003", 2, **NAMES)
    assert capsys.readouterr().out.count("Received: {'target_temp': 450}") == 2
    assert left["response"].payload == {"ok": True}


async def test_3_task_scheduler() -> None:
    left = await run("003", 3, **NAMES)
    assert left["result"].state is TaskState.COMPLETED
    assert left["result"].result == {"result": "calculated"}
    assert left["result"].assigned_agent == "agent-1"


async def test_4_locks() -> None:
    done = asyncio.Event()

    async def perform_exclusive_operation() -> None:
        done.set()

    left = await run("003", 4, perform_exclusive_operation=perform_exclusive_operation)
    assert done.is_set()
    await left["coordinator"].close()


@pytest.mark.parametrize("number", [5, 13])
async def test_5_and_13_sagas(number: int) -> None:
    done: list[Any] = []
    coordinator = CoordinationLayer()
    for agent in ("thermal-agent", "optimizer-agent", "agent"):
        coordinator.register_agent(agent, done.append)
    left = await run("003", number, coordinator=coordinator, **NAMES)
    assert left["result"].success
    assert len(done) == len(left["saga"].steps)
    await coordinator.close()


async def test_6_consensus() -> None:
    left = await run("003", 6, coordinator=CoordinationLayer(), **NAMES)
    assert left["result"] is room.ConsensusResult.ACHIEVED


async def test_7_safety_constraints() -> None:
    done = asyncio.Event()

    async def execute_operation() -> None:
        done.set()

    left = await run("003", 7, execute_operation=execute_operation)
    assert done.is_set()
    hot = room.OperationContext("set_temperature", "thermal-agent", {"temperature": 650})
    assert not (await left["monitor"].validate_operation(hot)).is_safe
    assert left["monitor"].halted is not None


async def test_8_circuit_breakers() -> None:
    left = await run("003", 8, monitor=SafetyMonitor())
    assert left["status"]["scada_integration"].state == "closed"
    assert left["status"]["scada_integration"].failures == 1


async def test_9_rate_limiting() -> None:
    monitor = SafetyMonitor()
    await run("003", 9, monitor=monitor)
    call = room.OperationContext("api_calls", "agent")
    assert [monitor.check(call).is_safe for _ in range(101)] == [True] * 100 + [False]


async def test_10_type_safety() -> None:
    left = await run("003", 10, ProcessInput=dict, ProcessOutput=dict, **NAMES)
    assert issubclass(left["MyOrchestrator"], BaseOrchestrator)


async def test_11_enabling_safety() -> None:
    left = await run("003", 11, **NAMES)
    assert left["config"].enable_safety_monitoring


async def test_12_domain_constraints() -> None:
    left = await run("003", 12, **NAMES)
    made = type("Made", (Plain,), {"_add_constraints": left["_add_constraints"]})()
    await made.start()
    try:
        assert (await made.execute({"pressure": 50})).success
        refused = await made.execute({"pressure": 51})
        assert refused.error_code == "operation_refused"
        assert "max_pressure" in (refused.error or "")
    finally:
        await made.shutdown()


async def test_14_recovery() -> None:
    left = await run("003", 14)
    calls: list[Any] = []

    async def orchestrate(self: Any, data: Any) -> Any:
        calls.append(data)
        if len(calls) < 3:
            raise TimeoutError("the plant is slow")
        return "warm"

    config = OrchestratorConfig(retry_policy=room_policy())
    body = {"_handle_error_recovery": left["_handle_error_recovery"], "orchestrate": orchestrate}
    made = type("Made", (Plain,), body)(config)
    await made.start()
    try:
        result = await made.execute({})
        assert (result.output, result.recovered, len(calls)) == ("warm", True, 3)
    finally:
        await made.shutdown()


def room_policy() -> Any:
    from quarterdeck.core.base.retry import RetryPolicy  # noqa: PLC0415  # this test alone

    return RetryPolicy(3, 0.0)


async def test_15_provenance() -> None:
    class Log(list[str]):
        record = list.append

    log = Log()
    made = Plain()
    await made.start()
    await run("003", 15, orchestrator=made, input_data={"a": 1}, audit_log=log)
    again = await made.execute({"a": 1})
    await made.shutdown()
    assert log == [again.provenance_hash]


def test_the_bus_has_the_documents_defaults() -> None:
    config = room.MessageBusConfig()
    assert (config.max_queue_size, config.enable_dead_letter, config.max_retries) == (
        10_000,
        True,
        3,
    )
    assert {"COMMAND", "EVENT", "QUERY", "RESPONSE", "HEARTBEAT", "ERROR"} == set(
        room.MessageType.__members__
    )
