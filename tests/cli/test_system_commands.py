"""Health, preferences, shutdown, and what happens where no engine answers."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck.cli import link
from quarterdeck.cli.catalogue import ENTRIES
from quarterdeck.cli.faults import CliFault
from quarterdeck.core.protocol.views import HealthStatus

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine


def test_health(engine: FakeEngine, qd: CommandLine, state_dir: Path) -> None:
    done = qd("health")
    assert done.code == 0
    assert "status            healthy" in done.out
    assert f"state             {state_dir}" in done.out
    found = qd("health", "--json").json
    assert found["health"]["checks"] == [
        {"name": "store", "status": "healthy", "message": "writes"}
    ]
    assert found["engine"]["protocol"] == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(HealthStatus.HEALTHY, 0), (HealthStatus.DEGRADED, 0), (HealthStatus.UNHEALTHY, 1)],
)
def test_an_unhealthy_engine_fails_the_command(
    engine: FakeEngine, qd: CommandLine, status: HealthStatus, code: int
) -> None:
    engine.health = status
    assert qd("health").code == code
    assert qd("health", "--json").json["health"]["status"] == status


def test_preferences_are_listed_and_set_in_their_type(engine: FakeEngine, qd: CommandLine) -> None:
    assert 'keymap          "default"' in qd("preferences", "list").out
    assert qd("preferences", "set", "minimal", "on").out == "minimal is true.\n"
    assert qd("preferences", "set", "list_width", "40", "--json").json == {
        "key": "list_width",
        "value": 40,
    }
    qd("preferences", "set", "keymap", "vim")
    assert engine.preferences["minimal"] is True
    assert engine.preferences["keymap"] == "vim"
    qd("preferences", "set", "keymap")
    assert engine.preferences["keymap"] == "default"


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("minimal", "perhaps", "invalid_preference"),
        ("list_width", "wide", "invalid_preference"),
        ("list_width", "-3", "invalid_preference"),
        ("them", "x", "unknown_preference"),
    ],
)
def test_a_preference_that_can_t_be(
    engine: FakeEngine, qd: CommandLine, key: str, value: str, code: str
) -> None:
    done = qd("preferences", "set", key, "--json", "--", value)
    assert (done.code, done.fault.code) == (1, code)


def test_shutdown_returns_when_the_engine_is_gone(engine: FakeEngine, qd: CommandLine) -> None:
    assert qd("shutdown").out == "The engine is gone; its sessions go on.\n"
    assert qd("health").code == 3


def test_shutdown_can_stop_sessions(engine: FakeEngine, qd: CommandLine) -> None:
    done = qd("shutdown", "--stop-sessions", "--json")
    assert done.json == {"stopped": True, "stop_sessions": True}


def test_an_engine_that_does_not_go(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.cli.commands.system.PATIENCE", 0.05)
    engine.handlers["system.shutdown"] = lambda _: {"stopping": True}
    assert "engine_silent" in qd("shutdown").err


@pytest.mark.parametrize(
    "words",
    [
        ["session", "list"],
        ["session", "show", "x"],
        ["next"],
        ["attention", "list"],
        ["events"],
        ["health"],
        ["preferences", "list"],
        ["shutdown"],
    ],
)
def test_without_an_engine_the_code_is_3(qd: CommandLine, words: list[str]) -> None:
    done = qd(*words)
    assert done.code == 3
    assert done.out == ""
    assert done.err.startswith("quarterdeck: no_engine: No engine runs for ")
    assert "quarterdeck --headless" in done.err
    assert qd(*words, "--json").fault.code == "no_engine"


def test_an_engine_that_was_killed_is_no_engine(engine: FakeEngine, qd: CommandLine) -> None:
    """It leaves its entry in the lock file behind, and its socket."""
    engine._in_loop(engine._cut())
    engine.path.unlink()
    done = qd("session", "list")
    assert (done.code, "No engine answers at " in done.err) == (3, True)


def test_an_engine_that_is_leaving_is_no_engine(engine: FakeEngine, qd: CommandLine) -> None:
    engine.greeting = "refuse"
    done = qd("session", "list")
    assert (done.code, "it is shutting down" in done.err) == (3, True)


def test_an_engine_that_does_not_greet_is_silent(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.greeting = "nothing"
    monkeypatch.setattr(link, "GREETING", 0.05)
    done = qd("session", "list")
    assert (done.code, "engine_silent" in done.err) == (1, True)


def test_an_engine_that_does_not_answer_is_silent(engine: FakeEngine) -> None:
    engine.handlers["session.list"] = lambda _: None
    one = link.Link.open(str(engine.path))
    with pytest.raises(CliFault, match=r"did not answer session\.list in 0\.05 s"):
        one.call("session.list", patience=0.05)
    one.close()


def test_an_engine_that_dies_before_it_answers(engine: FakeEngine, qd: CommandLine) -> None:
    def die(_: object) -> None:
        engine.later(engine._cut())

    engine.handlers["session.list"] = die
    done = qd("session", "list")
    assert (done.code, "quarterdeck: link_closed: " in done.err) == (1, True)


@pytest.mark.parametrize("line", [b"no json\n", b'{"kind"\n'])
def test_an_engine_that_talks_nonsense_is_told_as_such(tmp_path: Path, line: bytes) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()

    def talk() -> None:
        stream, _ = server.accept()
        with stream:
            stream.recv(4096)
            stream.sendall(line)

    thread = threading.Thread(target=talk)
    thread.start()
    with server, pytest.raises(CliFault, match="can't be understood"):
        link.Link.open(str(tmp_path / "s"))
    thread.join()


def test_what_comes_during_a_call_is_kept_for_later(engine: FakeEngine) -> None:
    view = engine.add("docs")
    one = link.Link.open(str(engine.path))
    one.send({"kind": "watch", "session_id": view.id, "mode": "bytes"})
    engine.wait_for(lambda: engine.came)
    engine.output(view.id, b"first")
    engine.output(view.id, b"second")
    assert len(one.call("session.list")["sessions"]) == 1
    kinds = [one.receive(5.0), one.receive(5.0)]
    assert [message and message["data"] for message in kinds] == ["Zmlyc3Q=", "c2Vjb25k"]
    assert one.receive(0) is None
    one.close()


def test_every_read_has_a_json_form(engine: FakeEngine, qd: CommandLine) -> None:
    """``--json`` is one of the options that every command takes."""
    view = engine.add("docs")
    engine.raise_item(view)
    reads = [
        ["session", "list"], ["session", "show", "docs"], ["session", "screen", "docs"],
        ["session", "logs", "docs"], ["session", "explain", "docs"], ["session", "history", "docs"],
        ["session", "search", "docs", "x"], ["attention", "list"], ["next"], ["agent", "list"],
        ["events"], ["health"], ["preferences", "list"], ["config", "show"], ["config", "path"],
        ["config", "check"],
    ]  # fmt: skip
    for words in reads:
        done = qd(*words, "--json")
        assert done.code == 0, words
        assert done.out == "" or json.loads(done.out), words
    assert len(ENTRIES) > 10
