"""The snippets of the fourth document that are built so far (see README.md)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.documents.snippets import run

from quarterdeck.core import messaging
from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig, MessageType


async def test_2_message_bus(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def thermal_agent(message: Message) -> dict[str, Any]:
        assert message.message_type is MessageType.COMMAND
        return {"reached": message.payload["target_temp"]}

    def bus_with_an_agent(config: MessageBusConfig) -> MessageBus:
        bus = MessageBus(config)
        bus.add_subscription("agent.thermal.optimize", thermal_agent, "thermal-agent")
        return bus

    monkeypatch.setattr(messaging, "MessageBus", bus_with_an_agent)
    left = await run("003", 2)
    assert left["response"].payload == {"reached": 450}
    assert left["response"].message_type is MessageType.RESPONSE
    assert capsys.readouterr().out == "Received: {'target_temp': 450}\n" * 2


def test_the_documents_defaults_hold() -> None:
    config = MessageBusConfig()
    assert (config.max_queue_size, config.enable_dead_letter, config.max_retries) == (
        10_000,
        True,
        3,
    )
    assert {"COMMAND", "EVENT", "QUERY", "RESPONSE", "HEARTBEAT", "ERROR"} == {
        one.name for one in MessageType
    }
