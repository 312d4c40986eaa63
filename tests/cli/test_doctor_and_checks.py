"""``quarterdeck doctor``, ``agent check`` and ``status``: what needs no engine."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.cli import checks_engine, checks_here
from quarterdeck.cli.finding import Finding, Grade
from quarterdeck.cli.main import run
from quarterdeck.cli.place import LOCK_NAME, Place, locate
from quarterdeck.core.protocol.views import HealthStatus
from quarterdeck.core.sessions.keeper.places import PATH_LIMIT
from quarterdeck.core.workflows.backends.local import LocalBackend
from quarterdeck.core.workflows.backends.ports import Leaf

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine


@pytest.fixture
def place(state_dir: Path) -> Place:
    return locate(str(state_dir), None, None)


def test_the_doctor_goes_through_everything(engine: FakeEngine, qd: CommandLine) -> None:
    done = qd("doctor", "--json")
    found = {one["check"]: one for one in done.json["checks"]}
    assert set(found) == {
        "python", "terminal back end", "TERM", "colours", "size", "config", "state directory",
        "disk", "socket", "agents", "git", "notifications", "keeper", "engine", "left running",
    }  # fmt: skip
    assert done.json["ok"] == (done.code == 0)
    assert found["engine"]["message"] == f"healthy, pid {os.getpid()}"
    assert all(one["todo"] for one in found.values() if one["grade"] != "ok")
    assert "state directory" in qd("doctor").out


def test_a_fault_fails_the_doctor(qd: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    done = qd("doctor")
    assert done.code == 1
    assert "fail" in done.out
    assert "Set TERM" in done.out


def test_the_doctor_survives_a_broken_configuration(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "quarterdeck.toml").write_text("[engine\n")
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "config check" in out
    assert "keeper" in out


@pytest.mark.parametrize(
    ("check", "variables", "grade"),
    [
        (checks_here.term, {"TERM": "xterm-256color"}, Grade.OK),
        (checks_here.term, {"TERM": "dumb"}, Grade.FAIL),
        (checks_here.term, {"TERM": ""}, Grade.FAIL),
        (checks_here.term, {"TERM": "xterm", "TERM_PROGRAM": "vscode"}, Grade.WARN),
        (checks_here.colours, {"TERM": "xterm-256color"}, Grade.OK),
        (checks_here.colours, {"TERM": "xterm", "COLORTERM": "truecolor"}, Grade.OK),
        (checks_here.colours, {"TERM": "xterm", "COLORTERM": "24bit"}, Grade.OK),
        (checks_here.colours, {"TERM": "xterm", "COLORTERM": "1"}, Grade.WARN),
        (checks_here.colours, {"TERM": "xterm-kitty"}, Grade.OK),
        (checks_here.colours, {"TERM": "xterm", "NO_COLOR": "1"}, Grade.OK),
        (checks_here.colours, {"TERM": "xterm"}, Grade.WARN),
    ],
)
def test_what_the_terminal_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, check: Any, variables: Any, grade: Grade
) -> None:
    for name in ("TERM", "TERM_PROGRAM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert check(place).grade is grade


def test_an_old_python_and_a_missing_back_end_fail(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_here, "OLDEST_PYTHON", (9, 9))
    assert checks_here.python(place).grade is Grade.FAIL
    monkeypatch.setattr(checks_here, "available", list)
    assert checks_here.back_end(place).grade is Grade.FAIL
    monkeypatch.setattr(checks_here, "RUST_PYTHON", (3, 0))
    monkeypatch.setattr(checks_here, "available", lambda: ["pyte"])
    assert checks_here.back_end(place).grade is Grade.WARN


def test_the_size_of_the_window(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert checks_here.size(place).grade is Grade.OK
    monkeypatch.setattr(sys, "stdout", _Terminal())
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((79, 24)))
    assert checks_here.size(place).grade is Grade.WARN
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    assert checks_here.size(place) == Finding("size", Grade.OK, "80x24")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("mode", "grade"),
    [(0o700, Grade.OK), (0o500, Grade.FAIL), (0o710, Grade.WARN), (0o740, Grade.WARN),
     (0o701, Grade.WARN), (0o704, Grade.WARN)],
)  # fmt: skip
def test_nobody_else_may_look_into_the_state_directory(
    place: Place, monkeypatch: pytest.MonkeyPatch, mode: int, grade: Grade
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: bool(Path(path).stat().st_mode & 0o200))
    place.state_dir.chmod(mode)
    found = checks_here.state_dir(place)
    place.state_dir.chmod(0o700)
    assert found.grade is grade


@pytest.mark.parametrize("over", [0, 1])
def test_a_socket_s_path_fits_to_the_last_byte(
    place: Place, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    path = "/" + "x" * (PATH_LIMIT - 1 + over)
    monkeypatch.setattr(checks_here, "engine_socket", lambda _: path)
    found = checks_here.socket(place)
    assert found.grade is (Grade.FAIL if over else Grade.OK)
    assert f"{len(path)} bytes" in found.message


def test_the_state_directory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks_here.state_dir(place).grade is Grade.OK
    place.state_dir.chmod(0o755)
    assert checks_here.state_dir(place).grade is Grade.WARN
    place.state_dir.chmod(0o700)
    missing = place._replace(state_dir=place.state_dir / "not" / "there")
    assert "made at the first start" in checks_here.state_dir(missing).message
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        assert checks_here.state_dir(place).grade is Grade.FAIL
        assert checks_here.state_dir(missing).grade is Grade.FAIL
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: 12_345)
        assert "is not yours" in checks_here.state_dir(place).message


@pytest.mark.parametrize(
    ("free", "grade"), [(10**10, Grade.OK), (10**8, Grade.WARN), (10**6, Grade.FAIL)]
)
def test_free_space(place: Place, monkeypatch: pytest.MonkeyPatch, free: int, grade: Grade) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert checks_here.disk(place).grade is grade


def test_a_socket_s_path_can_be_too_long(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert checks_here.socket(place).grade is Grade.OK
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    assert checks_here.socket(place).grade is Grade.FAIL
    (deep / "quarterdeck").rmdir()
    (deep / "quarterdeck").symlink_to(tmp_path)
    assert "is a link" in checks_here.socket(place).message


def test_agents_on_the_path(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SHELL", "/nowhere/sh")
    missing = checks_here.agents(place)
    assert (missing.grade, "claude" in missing.message) == (Grade.WARN, True)
    for name in ("claude", "notify-send", "git"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert checks_here.agents(place).message == "claude"
    assert checks_here.git(place).grade is checks_here.notifier(place).grade is Grade.OK
    monkeypatch.setenv("PATH", "/nowhere")
    assert checks_here.git(place).grade is checks_here.notifier(place).grade is Grade.WARN


def test_agents_files_that_are_wrong_are_told(place: Place, home: Path) -> None:
    folder = home / ".config" / "quarterdeck" / "agents"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("command = 7\n")
    assert checks_here.config(place).grade is Grade.WARN
    (home / "quarterdeck.toml").write_text("[engine]\nx = 1\n")
    assert checks_here.config(place).grade is Grade.FAIL
    assert checks_here.agents(place).grade is Grade.WARN


def test_a_keeper_that_does_not_start(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: Path) -> str:
        return "nothing"

    async def broken(_: Path) -> str:
        raise OSError("no processes left")

    monkeypatch.setattr(checks_engine, "_try_keeper", silent)
    assert checks_engine.keeper(place).grade is Grade.FAIL
    monkeypatch.setattr(checks_engine, "_try_keeper", broken)
    assert checks_engine.keeper(place).message == "no processes left"


@pytest.mark.parametrize(
    ("status", "grade"),
    [
        (HealthStatus.HEALTHY, Grade.OK),
        (HealthStatus.DEGRADED, Grade.WARN),
        (HealthStatus.UNHEALTHY, Grade.FAIL),
    ],
)
def test_the_engine_s_own_health(
    engine: FakeEngine, place: Place, status: HealthStatus, grade: Grade
) -> None:
    engine.health = status
    assert checks_engine.engine(place).grade is grade


def test_an_engine_that_is_silent(
    engine: FakeEngine, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.handlers["system.health"] = lambda _: None
    monkeypatch.setattr(checks_engine, "SECONDS", 0.05)
    assert checks_engine.engine(place).grade is Grade.FAIL


def test_no_engine_is_fine(place: Place) -> None:
    assert checks_engine.engine(place).message == "none runs; quarterdeck starts one"


async def test_what_runs_without_an_engine_is_told_with_its_processes(
    engine: FakeEngine, place: Place
) -> None:
    backend = LocalBackend(place.state_dir)
    leaf = Leaf("w", "t", 1, 1, ("sleep", "600"), str(place.state_dir), grace=0.5)
    at = backend.place_of(leaf)
    await backend.submit(leaf, at)
    (living,) = await backend.left()
    try:
        looked_after = await asyncio.to_thread(checks_engine.left_running, place)
        lock = place.state_dir / LOCK_NAME
        await asyncio.to_thread(lock.unlink)
        alone = await asyncio.to_thread(checks_engine.left_running, place)
    finally:
        await backend.cancel(at, 0.5)
        await backend.forget(at)
    assert (looked_after.grade, alone.grade) == (Grade.OK, Grade.WARN)
    assert alone.message == (
        f"agents: 0, processes of tasks: 1; without an engine (processes {living.pid})"
    )
    nothing = await asyncio.to_thread(checks_engine.left_running, place)
    assert (nothing.grade, nothing.message) == (Grade.OK, "nothing without an engine")


# ---- agent check ---------------------------------------------------------------------------

SCREEN = """\
# title: Approver - waiting | alt=1 cursor=0 mouse=0 dead=0: size=80x24
  Run this command?
    $ npm install
❯ 1. Yes, once
  2. Yes, always
  3. No
Enter to select · Esc to reject
"""


def test_a_recorded_screen_through_an_agent_s_rules(qd: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "seen.txt"
    file.write_text(SCREEN)
    done = qd("agent", "check", str(file), "--agent", "practice-approver", "--json")
    status = done.json["agents"]["practice-approver"]["status"]
    assert status["activity"] == "needs_approval"
    assert [one["meaning"] for one in status["request"]["choices"]] == [
        "allow_once", "allow_always", "reject",
    ]  # fmt: skip
    out = qd("agent", "check", str(file), "--agent", "practice-approver").out
    assert "fits  permission" in out
    assert "no    interrupted" in out


def test_a_screen_against_all_agents(
    qd: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SCREEN.encode())))
    done = qd("agent", "check", "-")
    assert {"claude", "codex", "practice-approver"} <= set(done.out.split())
    assert "RULE" not in done.out


def test_a_title_given_beside_a_screen(qd: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "seen.txt"
    file.write_text("nothing here\n")
    words = ["agent", "check", str(file), "--agent", "practice-approver", "--json"]
    assert qd(*words).json["agents"]["practice-approver"]["status"]["activity"] == "unknown"
    done = qd(*words, "--title", "Approver - ready").json
    assert done["title"] == "Approver - ready"
    assert done["agents"]["practice-approver"]["status"]["activity"] == "idle"


def test_a_stream_through_the_emulator(qd: CommandLine, tmp_path: Path) -> None:
    body = SCREEN.split("\n", 1)[1].replace("\n", "\r\n")
    file = tmp_path / "seen.raw"
    file.write_bytes(
        f"\x1b]2;Approver - waiting\x07\x1b]7501;state=blocked:kind=permission\x1b\\{body}".encode()
    )
    done = qd("agent", "check", str(file), "--stream", "--agent", "practice-approver", "--json")
    assert done.json["title"] == "Approver - waiting"
    assert done.json["reported"] == "blocked permission"
    found = done.json["agents"]["practice-approver"]["status"]
    assert found["request"]["text"] == "npm install"


def test_what_can_t_be_checked(qd: CommandLine, tmp_path: Path) -> None:
    missing = qd("agent", "check", str(tmp_path / "none"), "--agent", "claude")
    assert (missing.code, "unreadable" in missing.err) == (1, True)
    unknown = qd("agent", "check", "x", "--agent", "cluade")
    assert "agent_unknown: There is no agent cluade. Did you mean claude?" in unknown.err


def test_agents_without_an_engine(qd: CommandLine) -> None:
    names = [one["name"] for one in qd("agent", "list", "--json").json["agents"]]
    assert {"claude", "shell", "practice-worker"} <= set(names)


# ---- status --------------------------------------------------------------------------------


def in_terminal(*words: str) -> tuple[int, bytes]:
    """``quarterdeck status`` with a controlling terminal; its exit code, what the terminal got."""
    program = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(  # noqa: S606  # this is the program under test
            sys.executable, [sys.executable, "-c", program, "status", *words]
        )
    shown = b""
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_a_status_goes_to_the_terminal() -> None:
    code, shown = in_terminal("working", "--msg", "building", "--progress", "40")
    assert (code, shown) == (0, b"\x1b]7501;state=working:progress=40:msg=YnVpbGRpbmc=\x1b\\")


def test_a_status_that_the_protocol_does_not_know() -> None:
    code, shown = in_terminal("sleeping")
    assert code == 1
    assert b"quarterdeck: status_unwritable: " in shown


def test_a_status_without_any_terminal_is_refused() -> None:
    program = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
    done = subprocess.run(
        [sys.executable, "-c", program, "status", "idle"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"quarterdeck: not_a_terminal: ")
    assert done.stdout == b""
