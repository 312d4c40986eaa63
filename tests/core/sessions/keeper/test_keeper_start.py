"""What goes wrong when a child is started, and how it is told."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.sessions.faults import DirectoryMissing
from quarterdeck.core.sessions.keeper import keeper as keeper_module
from quarterdeck.core.sessions.keeper import spawn
from quarterdeck.core.sessions.keeper.child import Orders, StartFailed
from quarterdeck.core.sessions.keeper.faults import (
    ChildSpecInvalid,
    CommandNotExecutable,
    CommandNotFound,
    KeeperExists,
    KeeperStartFailed,
    KeeperTimeout,
    SystemExhausted,
)
from quarterdeck.core.sessions.keeper.keeper import Keeper
from quarterdeck.core.sessions.keeper.places import (
    erase_places,
    keeper_lives,
    make_folder,
    void_places,
)
from quarterdeck.core.sessions.keeper.spawn import ChildSpec, spawn_keeper

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


async def refused(yard: Yard, *argv: str, **options: Any) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        await yard.start(*argv, **options)
    assert not yard.places().folder.exists()
    assert not yard.places().socket.exists()
    return caught.value


@pytest.mark.parametrize("mode", ["pty", "pipe"])
async def test_a_command_that_is_not_there_is_named(yard: Yard, mode: str) -> None:
    fault = await refused(yard, "no-such-agent", mode=mode)
    assert isinstance(fault, CommandNotFound)
    assert fault.code == "command_not_found"
    assert "no-such-agent" in fault.message
    assert isinstance(await refused(yard, "/no/such/agent", mode=mode), CommandNotFound)


async def test_a_script_without_its_interpreter_is_a_missing_command(yard: Yard) -> None:
    script = executable(yard.state_dir / "script", "#!/no/such/interpreter\n")
    fault = await refused(yard, script)
    assert isinstance(fault, CommandNotFound)
    assert "interpreter" in fault.message


async def test_a_file_that_can_not_be_run_is_named(yard: Yard) -> None:
    script = executable(yard.state_dir / "script", "no shebang")
    assert isinstance(await refused(yard, script), CommandNotExecutable)
    (yard.state_dir / "script").chmod(0o644)
    fault = await refused(yard, script)
    assert isinstance(fault, CommandNotExecutable)
    assert "Permission denied" in fault.message


async def test_a_missing_directory_is_named(yard: Yard) -> None:
    fault = await refused(yard, "cat", cwd=str(yard.state_dir / "gone"))
    assert isinstance(fault, DirectoryMissing)
    assert str(yard.state_dir / "gone") in fault.message
    (yard.state_dir / "file").write_text("")
    fault = await refused(yard, "cat", cwd=str(yard.state_dir / "file"))
    assert isinstance(fault, DirectoryMissing)


async def test_commands_are_looked_for_on_the_childs_own_path(yard: Yard) -> None:
    (yard.state_dir / "bin").mkdir()
    executable(yard.state_dir / "bin" / "only-here", "#!/bin/sh\necho found\n")
    await yard.start("only-here", env={"PATH": f"{yard.state_dir}/bin:/usr/bin:/bin"})
    tap = await yard.tap()
    await tap.until_exit()
    assert tap.out() == b"found\r\n"


async def test_a_command_may_be_given_relative_to_the_directory(yard: Yard) -> None:
    executable(yard.state_dir / "here", "#!/bin/sh\npwd\n")
    await yard.start("./here")
    tap = await yard.tap()
    await tap.until_exit()
    assert tap.out() == os.fsencode(yard.state_dir) + b"\r\n"


async def test_too_long_a_command_line_is_the_systems_refusal(yard: Yard) -> None:
    fault = await refused(yard, "cat", "x" * 3_000_000)
    assert isinstance(fault, KeeperStartFailed)
    assert fault.details["errno"] == errno.E2BIG
    assert os.strerror(errno.E2BIG) in fault.message


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
async def test_a_system_that_has_none_to_spare_is_worth_another_try(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def none_left(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", none_left)
        fault = await refused(yard, "cat")
    assert isinstance(fault, SystemExhausted)
    assert fault.transient
    assert fault.details["errno"] == number
    told = spawn._fault(yard.spec("cat"), "fork", number, "")
    assert isinstance(told, SystemExhausted)
    assert "cat could not be started for now" in told.message


async def test_a_place_has_one_keeper_at_a_time(yard: Yard) -> None:
    await yard.start("cat")
    with pytest.raises(KeeperExists):
        await yard.start("cat")
    tap = await yard.tap()
    await tap.link.write(b"the first\r")
    await tap.until_text(b"the first")


async def test_of_two_starts_at_once_one_wins(yard: Yard) -> None:
    starts = await asyncio.gather(yard.start("cat"), yard.start("cat"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in starts) == ["KeeperExists", "KeeperHandle"]
    await yard.tap()


async def test_a_place_can_be_used_again(yard: Yard) -> None:
    first = await yard.start("sh", "-c", "exit 1", linger=0)
    await yard.until_over(first.places)
    await yard.start("sh", "-c", "echo second; sleep 600")
    tap = await yard.tap()
    await tap.until_text(b"second")
    assert tap.link.welcome.exit is None
    assert tap.out().startswith(b"second")


async def test_a_python_that_is_not_there_is_told(yard: Yard) -> None:
    with pytest.raises(KeeperStartFailed, match="/no/python can't be run"):
        await spawn_keeper(yard.spec("cat"), yard.places(), python="/no/python")


async def test_what_a_broken_python_says_is_told(yard: Yard) -> None:
    broken = executable(yard.state_dir / "python", "#!/bin/sh\necho it is broken; exit 1\n")
    with pytest.raises(KeeperStartFailed, match="it is broken"):
        await spawn_keeper(yard.spec("cat"), yard.places(), python=broken)
    assert not yard.places().folder.exists()


async def test_a_keeper_that_does_not_start_in_time_is_ended(yard: Yard) -> None:
    slow = executable(
        yard.state_dir / "python", '#!/bin/sh\necho $$ > "$(dirname $0)/pid"; exec sleep 600\n'
    )
    with pytest.raises(KeeperTimeout, match=r"0\.5 seconds"):
        await spawn_keeper(yard.spec("cat"), yard.places(), python=slow, timeout=0.5)
    await yard.until_gone(int((yard.state_dir / "pid").read_text()))


async def test_a_cancelled_start_leaves_nothing_running(yard: Yard) -> None:
    delayed = executable(
        yard.state_dir / "python",
        "#!/bin/sh\n"
        f'{sys.executable} "$@"\n'  # the keeper is on its own, and we are not told
        "exec sleep 600\n",
    )
    start = asyncio.create_task(
        spawn_keeper(yard.spec("cat"), yard.places(), python=delayed, timeout=60)
    )
    await yard.until(lambda: keeper_lives(yard.places()))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await yard.until_over(yard.places())


async def test_nothing_starts_where_a_start_was_given_up(yard: Yard) -> None:
    """An engine that was killed may have a keeper on its way; the next one rules it out."""
    assert await asyncio.to_thread(void_places, yard.places())
    with pytest.raises(KeeperStartFailed):
        await yard.start("touch", "started")
    assert not (yard.state_dir / "started").exists()


async def test_a_keeper_that_lives_is_not_given_up(yard: Yard) -> None:
    await yard.start("sleep", "600")
    assert not await asyncio.to_thread(void_places, yard.places())
    await asyncio.to_thread(erase_places, yard.places())
    assert keeper_lives(yard.places())
    assert (await yard.tap()).link.welcome.exit is None


@pytest.mark.parametrize("way", ["erased", "given up", "given up and erased", "begun anew"])
async def test_a_keeper_on_its_way_never_starts_where_it_was_ruled_out(
    yard: Yard, way: str
) -> None:
    """It had opened its record before, and gets the lock only afterwards."""
    places = yard.places()
    slow = executable(
        yard.state_dir / "python",
        "#!/bin/sh\n"
        'touch "$(dirname $0)/coming"\n'
        'while [ ! -e "$(dirname $0)/go" ]; do sleep 0.01; done\n'
        f'exec {sys.executable} "$@"\n',
    )
    spec = yard.spec("touch", "started")
    start = asyncio.create_task(spawn_keeper(spec, places, python=slow, timeout=60))
    await yard.until((yard.state_dir / "coming").exists)
    if "given up" in way:
        assert await asyncio.to_thread(void_places, places)
    if "erased" in way:
        await asyncio.to_thread(erase_places, places)
    if way == "begun anew":
        await yard.start("sleep", "600")
    (yard.state_dir / "go").touch()
    with pytest.raises((KeeperStartFailed, KeeperExists)):
        await start
    assert not (yard.state_dir / "started").exists()


async def test_a_program_that_can_not_be_written_is_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(directory: Path) -> Path:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spawn, "install_program", full)
    with pytest.raises(KeeperStartFailed, match="full"):
        await yard.start("cat")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"argv": ()}, "command is empty"),
        ({"argv": ("", "x")}, "command is empty"),
        ({"argv": ("cat", "a\0b")}, "NUL"),
        ({"env": {"A": "a\0b"}}, "NUL"),
        ({"env": {"A=B": "c"}}, "environment"),
        ({"env": {"": "c"}}, "environment"),
        ({"mode": "tube"}, "'tube'"),
        ({"cols": 0}, "columns"),
        ({"rows": 65536}, "rows"),
        ({"ring_bytes": 100}, "log"),
        ({"away_rate": 0}, "rates"),
        ({"grace": -1}, "times"),
    ],
)
def test_a_child_is_described_sensibly(options: dict[str, Any], problem: str) -> None:
    given: dict[str, Any] = {"argv": ("cat",), "cwd": "/", "env": {}, "session_id": "one"}
    with pytest.raises(ChildSpecInvalid, match=problem):
        ChildSpec(**given | options)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")  # noqa: PTH110
async def test_a_keeper_on_a_full_disk_keeps_its_log_in_memory(full_disk: Path, yard: Yard) -> None:
    places = spawn.places_for(full_disk, "one.1")
    handle = await spawn_keeper(yard.spec("sh", "-c", "echo kept; read x", cwd="/"), places)
    yard.handles.append(handle)
    assert handle.facts.ring_kind == "memory"
    assert "No space left" in handle.facts.fault
    yard.state_dir = full_disk
    for epoch in (1, 2):
        tap = await yard.tap(epoch=epoch)
        await tap.until_text(b"kept\r\n")
        assert tap.link.welcome.ring_kind == "memory"
        await tap.close()


@pytest.mark.parametrize("late", [False, True])
def test_a_record_that_was_taken_away_is_not_used(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Another engine erased the place, or has one of its own there, between opening and locking."""
    places = yard.places()
    make_folder(places)

    def lock(fd: int) -> None:
        places.record.unlink()
        if late:
            places.record.touch()

    monkeypatch.setattr(keeper_module, "take_lock", lock)
    keeper = Keeper(Orders(yard.spec("touch", "started").orders(places)), -1)
    with pytest.raises(StartFailed) as caught:
        keeper.open(0o077)
    keeper.leave()
    assert (caught.value.stage, caught.value.number) == ("lock", errno.ESTALE)
    assert not (yard.state_dir / "started").exists()
