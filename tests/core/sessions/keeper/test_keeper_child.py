"""A child's streams, and the steps by which a process becomes a child."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.sessions.keeper.child import (
    MAX_INPUT,
    Child,
    Orders,
    Refused,
    become_child,
    open_pipes,
    open_terminal,
)
from quarterdeck.core.sessions.keeper.frames import Frame
from quarterdeck.core.sessions.keeper.keeper import Keeper, say, take_lock, watch_signals
from quarterdeck.core.sessions.keeper.places import KeeperPlaces
from quarterdeck.core.sessions.keeper.spawn import ChildSpec


def orders(**options: Any) -> Orders:
    spec = ChildSpec(("cmd", "arg"), "/here", {"A": "b"}, "one", **options)
    places = KeeperPlaces("k", Path("/x"), Path("/x/y.sock"))
    return Orders(spec.orders(places))


class Piped:
    """A child on pipes, whose ends a test holds."""

    def __init__(self) -> None:
        stdin, outputs, (self.theirs_in, self.theirs_out, self.theirs_err) = open_pipes()
        self.child = Child(os.getpid(), orders(mode="pipe"), stdin, outputs)
        for fd in (stdin, *outputs):
            os.set_blocking(fd, False)

    def close(self) -> None:
        self.child.close()
        self.child.close()
        for fd in (self.theirs_in, self.theirs_out, self.theirs_err):
            os.close(fd)


@pytest.fixture
def piped() -> Any:
    piped = Piped()
    yield piped
    piped.close()


def test_orders_say_what_a_spec_says() -> None:
    told = orders(mode="pipe", cols=7, rows=8, ring_bytes=99_999, lag_rate=3, linger=4, grace=5)
    assert (told.argv, told.env["A"], told.cwd) == (["cmd", "arg"], "b", "/here")
    assert (told.mode, told.cols, told.rows, told.ring) == ("pipe", 7, 8, 99_999)
    assert (told.lag_rate, told.away_rate, told.linger, told.grace) == (3, 1024 * 1024, 4, 5)
    assert told.marker == "QUARTERDECK_KEEPER=y"
    assert told.env["QUARTERDECK_KEEPER"] == "y"
    with pytest.raises(KeyError):
        Orders(b"{}")


def test_what_was_written_until_now_is_drained(piped: Piped) -> None:
    os.write(piped.theirs_out, b"out")
    os.write(piped.theirs_err, b"err")
    assert list(piped.child.drain()) == [(Frame.OUT, b"out"), (Frame.ERR, b"err")]
    assert list(piped.child.drain()) == []
    assert len(piped.child.outputs) == 2


def test_an_output_that_ends_is_no_output_any_more(piped: Piped) -> None:
    (out, _) = piped.child.outputs
    os.close(piped.theirs_out)
    piped.theirs_out = os.dup(0)
    assert piped.child.read(out) == b""
    assert list(piped.child.outputs.values()) == [Frame.ERR]
    assert piped.child.read(out) == b""


def test_input_goes_on_as_it_is_taken(piped: Piped) -> None:
    piped.child.take(b"x" * MAX_INPUT)
    with pytest.raises(Refused) as full:
        piped.child.take(b"x")
    assert full.value.args[0] == "input_full"
    piped.child.feed()
    assert 0 < piped.child.written < MAX_INPUT
    assert piped.child.written + len(piped.child.pending) == MAX_INPUT
    before = piped.child.written
    piped.child.feed()  # the pipe is full
    assert piped.child.written == before
    received = 0
    while received < MAX_INPUT:
        received += len(os.read(piped.theirs_in, 65536))
        piped.child.feed()
    assert piped.child.written == MAX_INPUT


def test_closed_input_ends_behind_what_waits(piped: Piped) -> None:
    piped.child.take(b"last")
    piped.child.close_input()
    with pytest.raises(Refused) as closed:
        piped.child.take(b"more")
    assert closed.value.args[0] == "input_closed"
    piped.child.feed()
    assert piped.child.stdin is None
    assert os.read(piped.theirs_in, 100) == b"last"
    assert os.read(piped.theirs_in, 100) == b""
    piped.child.feed()
    piped.child.close_input()


def test_input_that_nobody_reads_any_more_is_given_up(piped: Piped) -> None:
    os.close(piped.theirs_in)
    piped.theirs_in = os.dup(0)
    piped.child.take(b"x")
    piped.child.feed()
    assert piped.child.stdin is None
    assert not piped.child.pending


def test_a_terminal_is_made_ready_before_its_child() -> None:
    master, outputs, (slave,) = open_terminal(orders(cols=91, rows=19))
    assert os.get_terminal_size(slave) == (91, 19)
    assert outputs == {master: Frame.OUT}
    os.close(master)
    os.close(slave)


class Ended(BaseException):
    """The end of a process that only thinks it was forked."""


class Steps:
    """Writes down what a process would do to itself."""

    def __init__(self, patch: pytest.MonkeyPatch, failing: str = "") -> None:
        self.done: list[tuple[Any, ...]] = []
        for name in ("umask", "login_tty", "setsid", "dup2", "chdir", "execvpe"):
            patch.setattr(f"os.{name}", self._step(name, failing))
        patch.setattr("os._exit", self._exit)
        patch.setattr("signal.signal", self._step("signal", failing))
        patch.setattr("signal.pthread_sigmask", self._step("mask", failing))

    def _step(self, name: str, failing: str) -> Any:
        def step(*arguments: Any) -> None:
            self.done.append((name, *arguments))
            if name == failing:
                raise OSError(errno.ENOENT, "there is none")

        return step

    def _exit(self, code: int) -> None:
        raise Ended(code)

    def names(self) -> list[str]:
        return [step[0] for step in self.done if step[0] != "signal"]


@pytest.mark.parametrize(
    ("fds", "streams"), [([5], ["login_tty"]), ([5, 6, 7], ["setsid", "dup2", "dup2", "dup2"])]
)
def test_a_process_becomes_a_child_in_order(
    monkeypatch: pytest.MonkeyPatch, fds: list[int], streams: list[str]
) -> None:
    with monkeypatch.context() as patch:
        steps = Steps(patch)
        with pytest.raises(Ended):
            become_child(orders(), fds, -1, 0o022)
    assert steps.names() == ["mask", "umask", *streams, "chdir", "execvpe"]
    defaults = {step[1] for step in steps.done if step[0] == "signal" and step[2] == signal.SIG_DFL}
    assert defaults == signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    assert ("umask", 0o022) in steps.done
    assert steps.done[-2] == ("chdir", "/here")
    name, argv, env = steps.done[-1][1:]
    assert (name, argv, env["A"]) == ("cmd", ["cmd", "arg"], "b")


@pytest.mark.parametrize(
    ("failing", "stage"),
    [("login_tty", "system"), ("chdir", "directory"), ("execvpe", "command")],
)
def test_a_process_that_can_not_become_a_child_says_at_which_stage(
    monkeypatch: pytest.MonkeyPatch, failing: str, stage: str
) -> None:
    reading, writing = os.pipe()
    with monkeypatch.context() as patch:
        Steps(patch, failing)
        with pytest.raises(Ended):
            become_child(orders(), [5], writing, 0o022)
    os.close(writing)
    with io.FileIO(reading) as file:
        assert file.readall() == f"{stage} {errno.ENOENT}".encode()


def test_a_keeper_says_how_it_goes_if_anybody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        said.append(data)
        if len(said) > 1:
            raise BrokenPipeError
        return len(data)

    with monkeypatch.context() as patch:
        patch.setattr("os.write", write)
        assert say({"keeper_pid": 1})
        assert not say({"keeper_pid": 1})
    assert json.loads(said[0]) == {"keeper_pid": 1}
    assert said[0].endswith(b"\n")


def test_signals_come_through_a_descriptor() -> None:
    watched = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in watched}
    former = signal.set_wakeup_fd(-1)
    try:
        wake = watch_signals()
        for number in watched:
            os.kill(os.getpid(), number)
        assert sorted(os.read(wake, 100)) == sorted(watched)
    finally:
        os.close(signal.set_wakeup_fd(former))
        for number, handler in before.items():
            signal.signal(number, handler)
    os.close(wake)


def test_a_look_at_the_lock_does_not_keep_a_keeper_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = os.open(tmp_path / "record", os.O_RDWR | os.O_CREAT)
    record = os.open(tmp_path / "record", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
    take_lock(record)
    with pytest.raises(BlockingIOError):
        take_lock(looking)
    os.close(record)
    os.close(looking)


def test_a_keeper_that_never_opened_leaves_nothing() -> None:
    Keeper(orders(), -1).leave()
