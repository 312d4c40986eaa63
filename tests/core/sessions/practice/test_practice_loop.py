"""The command line, the loop and the terminal, in this process, on a terminal of the test's own."""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from quarterdeck.core.sessions.practice import ROLES, command, crew, crew_path
from quarterdeck.core.sessions.practice.loop import HANDLERS, LAST, Loop, wake
from quarterdeck.core.sessions.practice.program import Program
from quarterdeck.core.sessions.practice.terminal import FALLBACK, Terminal

Script = list[tuple[str, str | Callable[[], object]]]
"""What must be seen, and what is then typed or done."""


class Desk:
    """Both ends of a terminal, and a thread that answers what it reads."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.terminal = Terminal(self.slave, self.slave)
        self.seen = ""

    def play(self, arguments: list[str], script: Script) -> int:
        """Run an agent and act by ``script``; its exit code."""
        finished = threading.Event()
        thread = threading.Thread(target=self._answer, args=(script, finished))
        thread.start()
        try:
            return command.main([*arguments, "--pace", "fast", "--seed", "7"], self.terminal)
        finally:
            finished.set()
            thread.join()

    def _answer(self, script: Script, finished: threading.Event) -> None:
        unseen = ""
        while not finished.is_set():
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            text = os.read(self.master, 65536).decode(errors="replace")
            self.seen += text
            unseen += text
            if script and script[0][0] in unseen:
                _, act = script.pop(0)
                unseen = ""
                if isinstance(act, str):
                    os.write(self.master, act.encode())
                else:
                    act()

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    before = {number: signal.getsignal(number) for number in HANDLERS}
    yield desk
    left = {number: signal.getsignal(number) for number in HANDLERS}
    for number in LAST:
        if left[number] is wake:  # it was told to leave, and its process would end now
            left[number] = before[number]
            signal.signal(number, before[number])
    assert left == before
    desk.close()


def test_a_worker_from_start_to_exit(desk: Desk) -> None:
    before = termios.tcgetattr(desk.slave)
    script: Script = [
        ("Say what should be done", "go\r"),
        ("Finished in", "/exit\r"),
    ]
    assert desk.play(["--role", "worker"], script) == 0
    assert termios.tcgetattr(desk.slave) == before
    assert "state=done" in desk.seen


def test_a_lone_esc_interrupts(desk: Desk) -> None:
    script: Script = [
        ("esc to interrupt", "\x1b"),
        ("Interrupted", "\x04"),
    ]
    assert desk.play(["--role=worker", "--prompt=go", "--turns=1"], script) == 0


def test_sigterm_and_sigint_and_a_resize(desk: Desk) -> None:
    def resize() -> None:
        termios.tcsetwinsize(desk.slave, (30, 100))
        os.kill(os.getpid(), signal.SIGWINCH)

    script: Script = [
        ("Say what should be done", resize),
        ("─" * 100, lambda: os.kill(os.getpid(), signal.SIGINT)),
        ("Press Ctrl-C again", lambda: os.kill(os.getpid(), signal.SIGTERM)),
    ]
    assert desk.play(["--role", "worker"], script) == 143


def test_a_hang_up_is_an_end_of_input(desk: Desk) -> None:
    script: Script = [("idle> ", lambda: os.kill(os.getpid(), signal.SIGHUP))]
    assert desk.play(["--role", "idler"], script) == 0


def test_a_flooder_pours_and_stops(desk: Desk) -> None:
    script: Script = [
        ("ERROR", "x"),
        ("flood> ", "\r"),
        ("WARN", "x"),
        ("flood> ", "/exit\r"),
    ]
    assert desk.play(["--role", "flooder"], script) == 0
    assert desk.seen.count("Flooder - working") == 2


def test_a_flooder_with_a_rate(desk: Desk) -> None:
    script: Script = [("ERROR", "x"), ("flood> ", "\x04")]
    assert desk.play(["--role", "flooder", "--rate", "200000"], script) == 0


def test_a_crasher_crashes(desk: Desk) -> None:
    assert desk.play(["--role", "crasher"], []) == 3


def test_a_crasher_dies_by_its_own_hand_if_asked_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[int] = []
    monkeypatch.setattr(command, "die", lambda: died.append(1))
    desk.play(["--role", "crasher", "--signal"], [])
    assert died == [1]


def test_dying_leaves_no_core_file(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[object, ...]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *given: done.append(given))
    monkeypatch.setattr(signal, "signal", lambda *given: done.append(given))
    monkeypatch.setattr(os, "kill", lambda *given: done.append(given))
    command.die()
    assert done == [
        (resource.RLIMIT_CORE, (0, 0)),
        (signal.SIGABRT, signal.SIG_DFL),
        (os.getpid(), signal.SIGABRT),
    ]


class Brief(Program):
    """Has nothing to say."""

    def output(self, size: tuple[int, int]) -> str:
        del size
        return ""


def test_a_terminal_that_goes_away_while_it_works_ends_it_with_0() -> None:
    master, slave = os.openpty()

    class Closes(Brief):
        def output(self, size: tuple[int, int]) -> str:
            del size
            os.close(master)
            return "x"

    try:
        assert Loop(Closes(), Terminal(slave, slave)).run() == 0
    finally:
        os.close(slave)


def test_a_terminal_that_went_away_at_once_ends_it_with_0() -> None:
    master, slave = os.openpty()
    os.close(master)
    terminal = Terminal(slave, slave)
    try:
        assert Loop(Brief(), terminal).run() == 0
        assert terminal.read() == b""
        assert terminal.size() == FALLBACK
    finally:
        os.close(slave)


def test_a_terminal_nobody_reads_does_not_hold_up_the_end() -> None:
    master, slave = os.openpty()
    terminal = Terminal(slave, slave)
    terminal.enter(full=True)
    os.set_blocking(slave, False)
    while select.select([], [slave], [], 0.05)[1]:
        with suppress(BlockingIOError):
            os.write(slave, b"x" * 4096)
    terminal.leave()
    terminal.leave()
    written = b""
    while select.select([master], [], [], 0.05)[0]:
        written += os.read(master, 65536)
    assert b"\x1b[?1049h" in written
    assert b"\x1b[?1049l" not in written
    os.close(master)
    os.close(slave)


def test_no_terminal_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    assert command.main(["--role", "worker"], Terminal(reading, writing)) == 2
    assert capsys.readouterr().err == "crew.py: a practice agent needs a terminal\n"
    assert Terminal(reading, writing).size() == FALLBACK
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "there is no role ''"),
        (["--role"], "there is no role ''"),
        (["--role", "cook"], "there is no role 'cook'"),
        (["--role", "worker", "--seed", "-1"], "--seed is a whole number, not '-1'"),
        (["--role", "worker", "--turns", "²"], "--turns is a whole number, not '²'"),
        (["--role", "worker", "--rate=x"], "--rate is a whole number, not 'x'"),
        (["--role", "worker", "--pace", "slow"], "--pace is fast, person or seconds, not 'slow'"),
        (["--role", "worker", "--pace", "-1"], "--pace is fast, person or seconds, not '-1'"),
        (["--role", "worker", "--pace", "nan"], "--pace is fast, person or seconds, not 'nan'"),
        (["--role", "worker", "--pace", "inf"], "--pace is fast, person or seconds, not 'inf'"),
        (["worker"], "worker is not known"),
        (["--role", "worker", "--loud"], "--loud is not known"),
    ],
)
def test_a_faulty_command_line_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    assert capsys.readouterr().err == f"crew.py: {told}; --help says more\n"


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_does_by_itself(role: str) -> None:
    options = command.Options(["--role", role])
    assert options.turns == (1 if role in {"crasher", "flooder"} else 0)
    assert (options.seed, options.pace, options.prompt, options.signal) == (
        0,
        "person",
        None,
        False,
    )


@pytest.mark.parametrize(
    ("home", "place", "shown"),
    [
        ("/home/ann", "/home/ann/ship", "~/ship"),
        ("/home/ann", "/home/ann", "~"),
        ("/home/ann", "/home/anna", "/home/anna"),
        ("", "/srv", "/srv"),
    ],
)
def test_the_place_as_a_person_writes_it(
    home: str, place: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "getcwd", lambda: place)
    assert command.place_name() == shown


def test_a_place_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)
    assert command.place_name() == "a directory that is gone"


def test_the_script_loads_the_crew_without_the_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crew_path().samefile(crew.__file__)
    monkeypatch.setattr(sys, "argv", ["crew.py", "--help"])
    before = set(sys.modules)
    try:
        assert crew.main() == 0
    finally:
        for name in set(sys.modules) - before:
            if name.startswith(crew.PACKAGE):
                del sys.modules[name]
    assert capsys.readouterr().out == command.USAGE
