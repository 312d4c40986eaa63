"""The snippets of the first document, each run as it stands (see README.md)."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from tests.documents.snippets import run

from quarterdeck.core.propulsion import (
    HookManager,
    PropulsionEngine,
    PropulsionPayload,
    PropulsionPriority,
    get_propulsion_engine,
    reset_propulsion_engine,
)

NAMES = {
    "PropulsionEngine": PropulsionEngine,
    "PropulsionPayload": PropulsionPayload,
    "PropulsionPriority": PropulsionPriority,
}
STAGES = ("proposals_ready", "critiques_ready", "revisions_done")


async def echo(payload: PropulsionPayload) -> Any:
    return payload.data


def engine_for(*events: str) -> PropulsionEngine:
    engine = PropulsionEngine()
    for event in events:
        engine.register_handler(event, echo)
    return engine


def payload(**given: Any) -> PropulsionPayload:
    return PropulsionPayload(data={"debate_id": "d"}, **given)


async def test_1_quick_start() -> None:
    stages: list[str | None] = []

    async def handle(given: PropulsionPayload) -> None:
        stages.append(given.target_stage)

    given = {name: payload() for name in ("payload1", "payload2", "payload3")}
    handlers = dict.fromkeys(("handle_critiques", "handle_revisions", "handle_consensus"), handle)
    await run("000", 1, proposals=["a"], **given, **handlers)
    assert stages == ["proposals_ready", *STAGES]


async def test_2_priority() -> None:
    left = await run("000", 2, Enum=Enum)
    assert {one.name: one.value for one in left["PropulsionPriority"]} == {
        one.name: one.value for one in PropulsionPriority
    }


async def test_3_payload(capsys: pytest.CaptureFixture[str]) -> None:
    left = await run("000", 3, **NAMES)
    assert capsys.readouterr().out == "Attempt 0/3\n"
    kept = left["payload_dict"] | {"data": 1}
    assert PropulsionPayload.from_dict(kept).to_dict() == kept


async def test_4_result() -> None:
    assert (await run("000", 4, **NAMES))["result"].error_message is None


async def test_5_initialization() -> None:
    left = await run("000", 5, **NAMES)
    assert left["engine"].get_stats()["pending_payloads"] == 0


async def test_6_handler_registration() -> None:
    engine = PropulsionEngine()
    left = await run(
        "000", 6, engine=engine, handle_claude_proposals=echo, asyncio=asyncio, **NAMES
    )
    assert engine.handlers() == {
        "critiques_ready": ["critiques_ready_0"], "proposals_ready": ["proposals_ready_0"],
    }  # fmt: skip
    assert await engine.propel("proposals_ready", payload()) == []
    (result,) = await engine.propel("proposals_ready", payload(agent_affinity="claude"))
    assert result.success
    assert left["filter_claude_only"](payload()) is False


async def test_7_propelling(capsys: pytest.CaptureFixture[str]) -> None:
    await run("000", 7, engine=engine_for("proposals_ready"), payload=payload())
    assert "proposals_ready_0 completed in" in capsys.readouterr().out


async def test_8_chained(capsys: pytest.CaptureFixture[str]) -> None:
    given = {f"{name}_payload": payload() for name in ("proposal", "critique", "revision")}
    await run("000", 8, engine=engine_for(*STAGES), **given)
    assert capsys.readouterr().out == "Stage 0: 1 handlers executed\n"


async def test_9_retry() -> None:
    left = await run("000", 9, engine=engine_for("proposals_ready"), payload=payload())
    assert [one.success for one in left["results"]] == [True]


async def test_10_broadcast(capsys: pytest.CaptureFixture[str]) -> None:
    await run("000", 10, engine=engine_for("logging", "metrics"), payload=payload())
    assert (
        capsys.readouterr().out == "logging: 1 handlers\nmetrics: 1 handlers\naudit: 0 handlers\n"
    )


async def test_11_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    await run("000", 11, engine=engine_for("a"))
    assert "Handlers: 1" in capsys.readouterr().out


async def test_12_and_13_decorator_and_singleton() -> None:
    reset_propulsion_engine()
    await run("000", 12, **NAMES)
    first = get_propulsion_engine()
    left = await run("000", 13)
    assert left["engine"] is first
    assert get_propulsion_engine() is not first
    for engine in (first, get_propulsion_engine()):
        (result,) = await engine.propel("proposals_ready", payload())
        assert result.result == {"status": "processed"}


async def test_14_debate_flow() -> None:
    async def generate(given: list[str]) -> list[str]:
        return [one + "!" for one in given]

    left = await run(
        "000", 14, generate_critiques=generate, generate_revisions=generate,
        detect_consensus=lambda revisions: SimpleNamespace(reached=revisions == ["a!!"]),
        initial_proposals=["a"],
    )  # fmt: skip
    engine = left["engine"]
    assert engine.get_stats()["total_propelled"] == 4
    assert engine.get_stats()["failed"] == 0


async def test_15_hooks(capsys: pytest.CaptureFixture[str]) -> None:
    await run("000", 15, payload=payload(), **NAMES)
    assert capsys.readouterr().out == "Propelling from None to proposals_ready\n"


async def test_16_to_20_best_practices() -> None:
    engine = PropulsionEngine(HookManager())
    names = {
        "engine": engine, "datetime": datetime, "timezone": SimpleNamespace(utc=UTC),
        "timedelta": timedelta, "claude_handler": echo, "event": "proposals_ready",
        "logger": logging.getLogger("test"), **NAMES,
    }  # fmt: skip
    assert not (await run("000", 16, **names))["payload"].is_expired()
    await run("000", 17, **names)
    given = payload(agent_affinity="claude")
    await run("000", 18, payload=given, **names)
    assert given.source_stage == "previous_stage"
    left = await run("000", 19, payload=given, **names)
    assert [one.success for one in left["results"]] == [True]
    assert (await run("000", 20, **names))["stats"]["failed"] == 0


async def test_21_error_handling(caplog: pytest.LogCaptureFixture) -> None:
    engine, calls = PropulsionEngine(), 0

    def fails_once(given: PropulsionPayload) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            msg = "not yet"
            raise ValueError(msg)

    engine.register_handler("proposals_ready", fails_once, name="h")
    left = await run("000", 21, engine=engine, payload=payload(), logger=logging.getLogger("test"))
    assert [one.success for one in left["results"]] == [True]
    assert "Handler h failed: ValueError: not yet" in caplog.text


def test_22_testing() -> None:
    left = asyncio.run(run("000", 22, asyncio=asyncio))
    left["test_propulsion_flow"]()
    left["test_chain_stops_on_failure"]()
