"""``kill -9`` of an engine: what was acknowledged is there, and is not done twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.lock import read_holder

from .ship import PATIENCE, RawClient, raw_command, until

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.state.sqlite.store import open_store
from tests.core.engine.ship import build, settings_for

async def main():
    place = Path(sys.argv[1])
    store = open_store(f"sqlite://{place / 'state.db'}", clock=SYSTEM_CLOCK)
    config = settings_for(place, engine={"rate_limit_burst": 1000})
    ship = build(place, store=store, settings=config, listen=True)
    async with ship.engine:
        ship.engine.handle_signals()
        print("ready", len(ship.sessions.known), flush=True)
        await ship.engine.wait_stopped()

asyncio.run(main())
"""


class Living:
    """An engine in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> int:
        """Start it; the number of sessions it took up."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(self.place), str(ROOT),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(6 * PATIENCE):
            word, count = (await self.process.stdout.readline()).split()
        assert word == b"ready"
        return int(count)

    async def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        async with asyncio.timeout(6 * PATIENCE):
            code = await self.process.wait()
        self.process._transport.close()  # type: ignore[attr-defined]  # its pipe, at once
        return code

    async def client(self) -> RawClient:
        return await RawClient.open(self.place / "engine.sock")


async def acknowledged(client: RawClient, sent: list[dict[str, Any]], until_: int) -> list[str]:
    """Send commands one after the other until so many replies came; the ids of those."""
    got = []
    for command in sent[:until_]:
        await client.send(command)
        reply = await client.reply()
        assert reply["ok"], reply
        got.append(reply["command_id"])
    return got


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_acknowledged_survives_and_is_not_done_twice(place: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret hangs on it
    engine = Living(place)
    assert await engine.start() == 0
    client = await engine.client()
    sent = [
        raw_command("session.create", {"name": f"s{number}", "agent": "shell"})
        for number in range(12)
    ]
    done = await acknowledged(client, sent, chance.randrange(3, 9))
    for command in sent[len(done) :]:
        await client.send(command)
    assert await engine.end(signal.SIGKILL) == -signal.SIGKILL
    await client.close()

    taken_up = await engine.start()
    assert taken_up >= len(done)
    client = await engine.client()
    for command in sent[: len(done)]:
        await client.send(command)
        assert (await client.reply())["ok"]
    listing = raw_command("session.list")
    await client.send(listing)
    sessions = (await client.reply())["result"]["sessions"]
    names = [session["name"] for session in sessions]
    assert len(names) == len(set(names)) == taken_up
    assert {f"s{number}" for number in range(len(done))} <= set(names)
    assert {session["lifecycle"] for session in sessions} <= {"lost", "created", "starting"}
    await client.close()
    assert await engine.end(signal.SIGTERM) == 0


async def test_a_killed_engine_leaves_nothing_that_keeps_the_next_one_out(place: Path) -> None:
    engine = Living(place)
    await engine.start()
    first = read_holder(place)
    await engine.end(signal.SIGKILL)
    assert (place / "engine.sock").exists()
    await engine.start()
    second = read_holder(place)
    assert first is not None
    assert second is not None
    assert first.engine_id != second.engine_id
    await engine.end(signal.SIGTERM)
    await until(lambda: not (place / "engine.sock").exists())
    assert read_holder(place) is None


async def test_numbers_of_events_are_never_given_twice(place: Path) -> None:
    engine = Living(place)
    numbers: list[int] = []
    for _ in range(3):
        await engine.start()
        client = await engine.client()
        await client.send({"kind": "follow", "snapshot": False})
        for _ in range(3):
            await client.send(raw_command("ui.set_preference", {"key": "theme", "value": new_id()}))
            message: dict[str, Any] = {}
            while message.get("type") != "system.preference_change":
                message = await client.receive()
            numbers.append(message["metadata"]["sequence"])
        await engine.end(signal.SIGKILL)
        await client.close()
    assert numbers == sorted(set(numbers))


async def test_a_signal_ends_it_in_order(place: Path) -> None:
    engine = Living(place)
    await engine.start()
    client = await engine.client()
    assert await engine.end(signal.SIGINT) == 0
    assert (await client.receive())["kind"] == "goodbye"
    await client.close()
    assert not (place / "engine.sock").exists()
    assert os.listdir(place)  # noqa: PTH208  # the state stays
