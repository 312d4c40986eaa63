"""``kill -9`` at any moment: what was acknowledged is there, and nothing is there by halves."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.state.conftest import OpenStore

WRITER = Path(__file__).with_name("store_writer.py")
ROUNDS = 6
SEED = 20260301


def killed_writer(path: Path, durability: str, acknowledged: int) -> list[int]:
    """Run a writer and kill it once it has acknowledged so many; all that it acknowledged."""
    command = [sys.executable, str(WRITER), str(path), durability]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = []
        for line in process.stdout:
            found.append(int(line))
            if len(found) == acknowledged:
                process.kill()
    assert process.returncode == -9
    return found


@pytest.mark.parametrize("durability", ["normal", "full"])
async def test_what_was_acknowledged_survives_kill_9(
    open_store: OpenStore, path: Path, durability: str
) -> None:
    dice = random.Random(SEED)  # noqa: S311  # a test's dice
    acknowledged: set[int] = set()
    for _ in range(ROUNDS):
        acknowledged |= set(killed_writer(path, durability, dice.randint(1, 700)))
        store = await open_store(path, durability=durability)
        assert store.notices == []
        events = await store.events(after=0, limit=10**6)
        kept = {event.sequence for event in events}
        assert acknowledged <= kept

        numbers: dict[str, list[int]] = {}
        for event in events:
            assert event.session_id is not None
            assert len(event.body) == event.sequence % 900
            numbers.setdefault(event.session_id, []).append(event.sequence)
        sessions = {record.id: record.version for record in await store.sessions()}
        assert sessions == {session_id: mine[-1] for session_id, mine in numbers.items()}
        for session_id, mine in numbers.items():
            lines = await store.history(session_id, 10**6)
            assert [int(line.evidence) for line in lines] == mine[::-1]
            found = await store.changes(session_id)
            assert [line.version for line in found] == list(range(1, len(mine) + 1))
            assert [int(line.body) for line in found] == mine
            (task,) = await store.tasks(session_id)
            assert (task.attempt, task.result) == (len(mine), str(mine[-1]))
            snapshot = await store.snapshot(session_id)
            with_snapshot = [number for number in mine if number % 50 == 0]
            assert (snapshot is None) == (not with_snapshot)
            if snapshot is not None:
                assert snapshot.offset == with_snapshot[-1]
                assert snapshot.data == snapshot.offset.to_bytes(4) * 30_000
        await store.close()
