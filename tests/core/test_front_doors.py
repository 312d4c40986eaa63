"""The public names lie at the doors of the rooms that the contract names, and cost nothing there."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from quarterdeck.core import engine, protocol, sessions
from quarterdeck.core.engine import Config, Engine, LRURateLimiter, default_config, new_engine
from quarterdeck.core.protocol import PAYLOADS, ErrorEvent, Metadata
from quarterdeck.core.sessions import ContainerManager, NoIsolation, SessionManager

ROOMS = ["engine", "sessions", "protocol", "messaging", "propulsion"]

DOCUMENT = {
    "session.create", "session.delete", "session.update", "session.list",
    "agent.start", "agent.stop", "agent.restart", "nav.focus", "nav.next_actionable",
    "ui.toggle_minimal", "ui.set_preference", "system.health", "system.shutdown",
}  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_at_the_door_is_there(room: str) -> None:
    module = import_module(f"quarterdeck.core.{room}")
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_that_is_none_is_told_like_any_other(room: str) -> None:
    module = import_module(f"quarterdeck.core.{room}")
    with pytest.raises(AttributeError, match=f"quarterdeck.core.{room}.*'Nothing'"):
        _ = module.Nothing


def test_a_door_loads_nothing_of_its_room() -> None:
    code = (
        "import sys; import quarterdeck.core.engine, quarterdeck.core.sessions, "
        "quarterdeck.core.protocol; "
        "print([n for n in sys.modules if n.partition('.')[0] in ('pydantic', 'tenacity')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_documents_commands_are_all_there() -> None:
    assert set(PAYLOADS) >= DOCUMENT


def test_the_documents_defaults_hold() -> None:
    config = default_config()
    assert config.engine == Config(
        max_concurrent_sessions=10,
        command_buffer_size=100,
        event_buffer_size=5000,
        state_file="quarterdeck.db",
        worker_count=3,
        shutdown_timeout=30,
        rate_limit_per_second=10,
        rate_limit_burst=20,
        log_level="info",
    )
    assert (config.prometheus.enabled, config.prometheus.port) == (False, 9090)


def test_the_documents_names_mean_what_they_say() -> None:
    limiter = LRURateLimiter(10, 20)
    assert [limiter.take("one") for _ in range(20)] == [0.0] * 20
    assert limiter.take("one") > 0
    port: ContainerManager = NoIsolation()
    assert port.isolation == "none"
    assert ErrorEvent.type == "system.error"
    assert {"event_id", "command_id", "correlation_id", "causation_id", "timestamp", "source",
            "session_id", "sequence"} <= set(Metadata.model_fields)  # fmt: skip
    assert Engine.__module__.endswith("engine.engine")
    assert callable(new_engine)
    assert SessionManager.__name__ in sessions.__all__
    assert "Store" in engine.__all__
    assert "Reply" in protocol.__all__
