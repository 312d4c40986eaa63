"""A socket that was removed is made anew, so that a living engine can be reached again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quarterdeck.core.engine.faults import SocketUnusable
from quarterdeck.core.engine.lock import read_holder
from quarterdeck.core.protocol.events import SystemInfo
from quarterdeck.core.protocol.views import HealthStatus

from .ship import RawClient, Ship, raw_command, sailing


@pytest.fixture
def runtime(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory for sockets."""
    path = place / "run"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return path


async def reach(ship: Ship) -> None:
    """A client that reads the address in the lock is served."""
    holder = read_holder(ship.state_dir)
    assert holder is not None
    assert holder.engine_id == ship.engine.engine_id
    client = await RawClient.open(Path(holder.socket))
    await client.send(raw_command("system.health"))
    assert (await client.reply())["ok"]
    await client.close()


async def test_a_logout_that_takes_the_directory_away_is_made_up_for(
    place: Path, runtime: Path
) -> None:
    async with sailing(place / "s", listen=True, socket=None) as ship:
        started = read_holder(ship.state_dir)
        client = await ship.client()
        shutil.rmtree(runtime)
        assert (await ship.engine.health()).status is HealthStatus.DEGRADED
        await ship.engine._parts.upkeep.health()
        assert ship.engine.socket is not None
        assert runtime not in ship.engine.socket.parents
        await reach(ship)
        told = [one.payload for one in client.view.events if isinstance(one.payload, SystemInfo)]
        assert told[-1].code == "socket_remade"
        again = read_holder(ship.state_dir)
        assert started is not None
        assert again is not None
        assert again.started_at == started.started_at
        assert (await ship.engine.health()).status is HealthStatus.HEALTHY
        await client.close()
        left = ship.engine.socket
    assert not left.exists()


async def test_a_socket_removed_alone_is_made_at_its_place(place: Path, runtime: Path) -> None:
    async with sailing(place / "s", listen=True, socket=None) as ship:
        before = ship.engine.socket
        assert before is not None
        attached = await RawClient.open(before)
        before.unlink()
        await ship.engine._parts.upkeep.health()
        assert ship.engine.socket == before
        await reach(ship)
        await attached.send(raw_command("session.list"))
        assert (await attached.reply())["ok"], "links from before go on"
        await attached.close()


async def test_a_socket_that_can_not_be_made_is_tried_again_the_next_time(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        assert ship.engine.socket is not None
        path = ship.engine.socket
        path.unlink()
        path.mkdir()
        with pytest.raises(SocketUnusable):
            await ship.engine._parts.upkeep.health()
        path.rmdir()
        await ship.engine._parts.upkeep.health()
        assert ship.engine.socket == path
        await reach(ship)


async def test_a_socket_that_is_there_is_left_alone(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        await ship.engine._parts.upkeep.health()
        inode = (place / "engine.sock").stat().st_ino
        await ship.engine._parts.upkeep.health()
        assert (place / "engine.sock").stat().st_ino == inode
