"""Anything at all over the socket of a whole engine: it answers, and what it holds is untouched."""

from __future__ import annotations

import json
import socket
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.chaos.vessel import ROUNDS, Vessel
from tests.core.engine.test_chaos_engine import COMMANDS, LINES, known_codes

from quarterdeck.cli.link import command
from quarterdeck.core.base.places import engine_socket

DESTROYS = {"session.create", "session.delete", "session.update", "agent.stop", "agent.restart"}
"""What a well-formed command of nonsense could rightly do to a session; elsewhere tested."""


class Raw:
    """A client that writes whatever it likes."""

    def __init__(self, vessel: Vessel) -> None:
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(20)
        self.stream.connect(str(engine_socket(vessel.state_dir)))
        self.lines = self.stream.makefile("rb")

    def say(self, *messages: dict[str, Any]) -> None:
        """Lines of JSON."""
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.stream.sendall(data)

    def replies_until(self, command_id: str) -> list[dict[str, Any]]:
        """All replies up to that of a command."""
        found = []
        while line := self.lines.readline():
            message = json.loads(line)
            if message["kind"] == "reply":
                found.append(message)
                if message["command_id"] == command_id:
                    return found
        raise AssertionError("the engine closed the link")

    def close(self) -> None:
        """Hang up."""
        self.lines.close()
        self.stream.close()


def aimed(session_id: str) -> st.SearchStrategy[bytes]:
    """Commands of nonsense that at least name a session that is there."""

    def aim(data: dict[str, Any]) -> bytes:
        payload = data.get("payload")
        if isinstance(payload, dict):
            data = {**data, "kind": "command", "payload": {**payload, "session_id": session_id}}
        return json.dumps(data).encode()

    return COMMANDS.filter(lambda data: data["type"] not in DESTROYS).map(aim)


def test_nonsense_over_the_socket_is_answered_in_words_and_harms_nothing(vessel: Vessel) -> None:
    vessel.launch(rate_limit_burst=100_000, rate_limit_per_second=100_000)
    for name in ("a", "b"):
        vessel.create(name, "shell")
    vessel.type("b", "stty -echo; cat >/dev/null")
    pids = vessel.pids()
    target = vessel.sessions()["b"]["id"]
    codes = known_codes() - {"internal"}

    @settings(
        max_examples=ROUNDS * 100 or 60,
        deadline=None,
        derandomize=not ROUNDS,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        lines=st.lists(LINES | aimed(target), min_size=1, max_size=25),
        greets=st.booleans(),
        hangs_up=st.booleans(),
    )
    def nonsense(lines: list[bytes], *, greets: bool, hangs_up: bool) -> None:
        client = Raw(vessel)
        try:
            if greets or not hangs_up:
                client.say({"kind": "hello", "protocol": 1, "client": "nonsense", "pid": 1})
            client.write(b"".join(line + b"\n" for line in lines))
            if not hangs_up:
                last = command("session.list", {})
                client.say(last)
                for reply in client.replies_until(last["id"]):
                    assert reply["ok"] or reply["error"]["code"] in codes, reply
                    assert reply["ok"] or reply["error"]["message"]
        except (BrokenPipeError, ConnectionResetError):
            assert hangs_up
        finally:
            client.close()

    nonsense()
    assert vessel.pids() == pids
    vessel.obeys("a")
    vessel.check()
    assert vessel.call("system.health")["health"]["worker_count"] == 3
