"""Children on a terminal, kept by real keepers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.keeper.faults import InputClosed, NotSupported
from quarterdeck.core.sessions.keeper.items import ExitStatus

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard

SHOW_SIZE = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
while True:
    size = os.get_terminal_size(0)
    print(f"size {size.columns}x{size.lines}", flush=True)
    signal.sigwait([signal.SIGWINCH])
"""


async def test_a_child_has_a_controlling_terminal_of_the_size_asked_for(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "tty </dev/tty; stty size; stty -a", cols=101, rows=33)
    tap = await yard.tap()
    assert (await tap.until_exit()).code == 0
    assert b"/dev/pts/" in tap.out() or b"/dev/tty" in tap.out()
    assert b"33 101" in tap.out()
    assert sys.platform != "linux" or b"iutf8" in tap.out().split()
    assert tap.sizes == [(101, 33)]
    assert handle.facts.mode == "pty"


async def test_ctrl_c_reaches_the_child(yard: Yard) -> None:
    await yard.start(
        "sh", "-c", "trap 'echo caught; exit 7' INT; echo up; while :; do sleep 1; done"
    )
    tap = await yard.tap()
    await tap.until_text(b"up\r\n")
    await tap.link.write(b"\x03")
    exited = await tap.until_exit()
    assert b"caught" in tap.out()
    assert (exited.code, exited.signal) == (7, None)


async def test_a_child_leads_its_session_and_its_group(yard: Yard) -> None:
    handle = await yard.start("cat")
    assert os.getsid(handle.child_pid) == os.getpgid(handle.child_pid) == handle.child_pid


async def test_a_resize_is_felt_and_stands_in_the_stream(yard: Yard) -> None:
    await yard.python(SHOW_SIZE, cols=80, rows=24)
    tap = await yard.tap()
    await tap.until_text(b"size 80x24")
    await tap.link.resize(120, 50)
    await tap.until_text(b"size 120x50")
    assert tap.sizes == [(80, 24), (120, 50)]
    kinds = [type(item).__name__ for item in tap.items]
    assert kinds == ["Resized", "Output", "Resized", "Output"]
    facts = await tap.link.look()
    assert (facts.cols, facts.rows) == (120, 50)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_signal_is_blocked_or_ignored_at_the_childs_start(yard: Yard) -> None:
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        await yard.start("grep", "Sig[BI]", "/proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        signal.signal(signal.SIGUSR2, before)
    tap = await yard.tap()
    await tap.until_exit()
    _, blocked, _, ignored = tap.out().split()
    # 32 and 33 are the C library's own: it lets nobody reset what was inherited of them.
    assert [int(mask, 16) & ~(0b11 << 31) for mask in (blocked, ignored)] == [0, 0]


async def test_the_environment_is_the_given_one_and_the_keepers_marker(yard: Yard) -> None:
    handle = await yard.start("env", env={"SECRET": "sesame", "ODD": "\udcff\n="}, session_id="x y")
    tap = await yard.tap()
    await tap.until_exit()
    shown = dict(
        line.split(b"=", 1) for line in tap.out().replace(b"\xff\r\n=", b"odd").splitlines()
    )
    shown.pop(b"_", None)
    assert shown == {
        b"PATH": os.environ["PATH"].encode(),
        b"TERM": b"xterm",
        b"SECRET": b"sesame",
        b"ODD": b"odd",
        b"QUARTERDECK_KEEPER": handle.places.marker.partition("=")[2].encode(),
    }


async def test_secrets_are_on_no_command_line(yard: Yard) -> None:
    handle = await yard.start("cat", env={"SECRET": "sesame"})
    for pid in (handle.keeper_pid, handle.child_pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: ASYNC230, PTH123
            assert b"sesame" not in file.read()
    with open(f"/proc/{handle.keeper_pid}/environ", "rb") as file:  # noqa: ASYNC230, PTH123
        assert b"sesame" not in file.read()


async def test_the_child_gets_the_engines_umask_and_not_the_keepers(yard: Yard) -> None:
    before = os.umask(0o027)
    try:
        handle = await yard.start("sh", "-c", "umask; touch made")
    finally:
        os.umask(before)
    tap = await yard.tap()
    await tap.until_exit()
    assert b"0027" in tap.out()
    assert (yard.state_dir / "made").stat().st_mode & 0o777 == 0o640
    assert handle.places.ring.stat().st_mode & 0o777 == 0o600
    assert handle.places.record.stat().st_mode & 0o777 == 0o600
    assert handle.places.socket.stat().st_mode & 0o777 == 0o600
    assert handle.places.socket.parent.stat().st_mode & 0o777 == 0o700
    assert handle.places.folder.stat().st_mode & 0o777 == 0o700


async def test_much_output_arrives_whole_and_in_order(yard: Yard) -> None:
    count = 150_000
    await yard.start("seq", str(count))
    tap = await yard.tap()
    exited = await tap.until_exit()
    lines = b"".join(b"%d\r\n" % number for number in range(1, count + 1))
    assert tap.out() == lines
    assert exited.offset == len(lines) > 1_000_000
    assert tap.lost == []


async def test_the_last_words_of_a_child_are_not_lost(yard: Yard) -> None:
    await yard.python("import sys; sys.stdout.write('x' * 30000 + 'end'); sys.stdout.flush()")
    tap = await yard.tap()
    await tap.until_exit()
    assert tap.out().endswith(b"xend")
    assert len(tap.out()) == 30003


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", ExitStatus(0, None)),
        ("exit 42", ExitStatus(42, None)),
        ("kill -KILL $$", ExitStatus(None, signal.SIGKILL)),
        ("kill -SEGV $$", ExitStatus(None, signal.SIGSEGV)),
    ],
)
async def test_the_end_of_a_child_is_told_and_kept(
    yard: Yard, script: str, status: ExitStatus
) -> None:
    await yard.start("sh", "-c", script)
    tap = await yard.tap()
    exited = await tap.until_exit()
    assert ExitStatus(exited.code, exited.signal) == status
    facts = await tap.link.look()
    assert facts.exit == status
    assert not facts.input_open
    again = await yard.tap()
    assert await again.until_exit() == exited
    assert again.link.welcome.exit == status


async def test_nothing_can_be_written_to_a_child_that_has_ended(yard: Yard) -> None:
    await yard.start("true")
    tap = await yard.tap()
    await tap.until_exit()
    with pytest.raises(InputClosed, match="takes no more input"):
        await tap.link.write(b"too late")
    with pytest.raises(InputClosed):
        await tap.link.resize(10, 10)
    with pytest.raises(InputClosed):
        await tap.link.foreground()
    assert await tap.link.signal(signal.SIGTERM) == ()


async def test_input_to_a_child_that_does_not_read_waits_without_a_busy_keeper(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "stty raw -echo; echo up; exec sleep 600")
    tap = await yard.tap()
    await tap.until_text(b"up")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await tap.link.write(b"x" * 300_000)
    before = cpu_ticks(handle.keeper_pid)
    await asyncio.sleep(0.3)
    assert cpu_ticks(handle.keeper_pid) - before <= 2
    facts = await tap.link.look()
    assert facts.accepted > facts.written > 0


def cpu_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b") ")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_who_owns_the_terminal_can_be_asked(yard: Yard) -> None:
    handle = await yard.start("bash", "--norc", "-i", env={"PS1": "ready> "})
    tap = await yard.tap()
    await tap.until_text(b"ready> ")
    shell = await tap.link.foreground()
    assert shell.is_child
    assert (shell.pgid, shell.name) == (handle.child_pid, "bash")
    await tap.link.write(b"echo go; sleep 600\r")
    await tap.until_text(b"go\r\n")

    async def sleeps() -> bool:
        return (await tap.link.foreground()).name == "sleep"

    await yard.until(sleeps)
    there = await tap.link.foreground()
    assert not there.is_child
    assert there.argv == ("sleep", "600")


async def test_a_terminals_input_is_not_closed(yard: Yard) -> None:
    await yard.start("cat")
    tap = await yard.tap()
    with pytest.raises(NotSupported, match=r"Ctrl\+D"):
        await tap.link.close_stdin()
    await tap.link.write(b"\x04")
    assert (await tap.until_exit()).code == 0


async def test_all_output_until_now_can_be_asked_for(yard: Yard) -> None:
    await yard.start("sh", "-c", "read line; echo answer; exec sleep 600")
    tap = await yard.tap()
    await tap.link.write(b"question\r")
    await tap.until_text(b"answer\r\n")
    assert await tap.link.end_offset() == len(tap.out())
