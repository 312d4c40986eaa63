"""The command line with the real engine: alone in the foreground, its sessions, the demo."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.cli.commands import demonstrating
from quarterdeck.cli.demo import left_of, living
from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.link import Link
from quarterdeck.cli.main import run
from quarterdeck.cli.place import entered_socket
from quarterdeck.cli.scenario import PRACTICE, Member, Scenario
from quarterdeck.core.base.errors import Category
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.base.stores import StoreUnknown
from quarterdeck.core.protocol.attention import AttentionKind

PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
PATIENCE = 60.0


class Machine:
    """A scratch home and state directory, and the program on them in processes of its own."""

    def __init__(self, home: Path, state_dir: Path) -> None:
        self.home = home
        self.state_dir = state_dir
        self.environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self.started: list[subprocess.Popen[str]] = []

    def begin(
        self, *words: str, out: int = subprocess.PIPE, **options: Any
    ) -> subprocess.Popen[str]:
        """A command line in the background."""
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--state-dir", str(self.state_dir), *words],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environment,
            **options,
        )
        self.started.append(child)
        return child

    def run(self, *words: str, code: int = 0, given: str | None = None) -> str:
        """The output of a command line that ends with ``code``."""
        child = self.begin(*words, stdin=subprocess.PIPE)
        out, err = child.communicate(given, timeout=PATIENCE)
        assert child.returncode == code, (words, out, err)
        return out if code == 0 else err

    def json(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--json"))

    def serve(self) -> dict[str, Any]:
        """An engine alone; what it said of itself."""
        child = self.begin("--headless", "--json")
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, child.communicate(timeout=PATIENCE)
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End everything that a test left."""
        if (self.state_dir / "engine.lock").exists() and (
            self.state_dir / "engine.lock"
        ).read_text():
            self.begin("shutdown", "--stop-sessions").communicate(timeout=PATIENCE)
        for child in self.started:
            if child.poll() is None:
                child.terminate()
            child.communicate(timeout=PATIENCE)


@pytest.fixture
def machine(tmp_path: Path, home: Path) -> Iterator[Machine]:
    one = Machine(home, tmp_path / "state")
    yield one
    one.close()


def pids_of(session: dict[str, Any]) -> set[int]:
    return {session["pid"], session["keeper_pid"]}


def gone(pids: set[int]) -> bool:
    """Whether the processes are gone, within some seconds."""
    end = time.monotonic() + PATIENCE
    while living(pids) and time.monotonic() < end:
        time.sleep(0.02)
    return not living(pids)


# ---- the engine alone ----------------------------------------------------------------------


def test_headless_says_where_it_is_and_serves(machine: Machine) -> None:
    found = machine.serve()
    assert set(found) == {"pid", "engine_id", "socket", "state_dir", "log"}
    assert found["state_dir"] == str(machine.state_dir)
    assert Path(found["socket"]).is_socket()
    health = machine.json("health")
    assert health["health"]["status"] == "healthy"
    assert health["engine"]["headless"] is True
    assert Path(found["log"]).stat().st_mode & 0o777 == 0o600
    second = machine.run("--headless", code=1)
    assert second.startswith("quarterdeck: engine_running: ")


def test_an_engine_keeps_its_state_where_the_store_option_says(
    machine: Machine, tmp_path: Path
) -> None:
    store = tmp_path / "elsewhere.db"
    child = machine.begin("--headless", "--json", "--store", f"sqlite://{store}")
    assert child.stdout is not None
    child.stdout.readline()
    assert store.exists()
    assert not (machine.state_dir / "state.db").exists()
    wrong = machine.run("--headless", "--store", "nonsense://", "--executor", "local://", code=1)
    assert wrong.startswith("quarterdeck: unknown_store: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(machine: Machine, number: signal.Signals) -> None:
    found = machine.serve()
    child = machine.started[0]
    child.send_signal(number)
    _, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (0, "")
    assert not Path(found["socket"]).exists()
    assert machine.run("session", "list", code=3).startswith("quarterdeck: no_engine: ")


def test_a_hang_up_that_is_ignored_stays_ignored(machine: Machine) -> None:
    child = machine.begin("--headless", "--json", preexec_fn=_ignore_hang_up)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGHUP)
    assert machine.json("health")["health"]["status"] == "healthy"
    machine.run("shutdown")
    assert child.wait(PATIENCE) == 0


def _ignore_hang_up() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_nobody_to_tell_where_it_is_ends_it_in_order(machine: Machine) -> None:
    read, write = os.pipe()
    os.close(read)
    child = machine.begin("--headless", out=write)
    os.close(write)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == 141
    log = (machine.state_dir / "quarterdeck.log").read_text()
    assert "engine stopped" in log


def test_headless_for_people(machine: Machine) -> None:
    child = machine.begin("--headless")
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.startswith(f"The engine runs: pid {child.pid}, socket ")
    assert f"state {machine.state_dir}." in line


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[state]\nurl = "mysql://x"\n', "unknown_store"),
        ('[sessions]\nisolation = "moon"\n', "unknown_isolation"),
        ("[engine]\nworkers = 3\n", "settings_invalid"),
    ],
)
def test_settings_that_can_t_be_carried_out(machine: Machine, text: str, code: str) -> None:
    (machine.home / "quarterdeck.toml").write_text(text)
    assert machine.run("--headless", code=1).startswith(f"quarterdeck: {code}: ")


@pytest.mark.parametrize("cause", [StoreUnknown, partial(CliFault, "unknown_isolation")])
def test_a_dashboard_does_not_try_again_what_only_the_settings_can_mend(cause: Any) -> None:
    assert cause("no such thing").category is Category.VALIDATION


def test_a_state_directory_that_can_t_be_made(machine: Machine) -> None:
    machine.state_dir.write_text("a file")
    assert "state_dir_unusable" in machine.run("--headless", code=1)


def test_an_agent_s_file_that_is_wrong_becomes_a_warning(machine: Machine) -> None:
    folder = machine.home / ".config" / "quarterdeck" / "agents"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("command = 7\n")
    machine.serve()
    assert "mine.toml" in machine.run("events", "--topic", "system.warning")


# ---- sessions ------------------------------------------------------------------------------


def test_the_life_of_a_session(machine: Machine) -> None:
    machine.serve()
    made = machine.json("session", "new", "probe", "--agent", "shell", "--env", "WORD=hello")
    assert made["session"]["lifecycle"] == "running"
    machine.json("session", "wait", "probe", "--until", "idle", "--timeout", "30")
    machine.run("session", "keys", "probe", "--text", "echo $WORD-$((40+2))")
    machine.run("session", "keys", "probe", "enter")
    until(lambda: "hello-42" in machine.run("session", "screen", "probe"))
    assert "hello-42" in machine.run("session", "logs", "probe")
    assert machine.json("session", "search", "probe", "hello-42")["matches"]
    machine.run("session", "prompt", "probe", "-", given="exit 3\n")
    ended = machine.json("session", "wait", "probe", "--until", "ended", "--timeout", "30")
    assert ended["session"]["exit_code"] == 3
    assert machine.json("session", "explain", "probe")["lifecycle"] == ended["session"]["lifecycle"]
    assert len(machine.json("session", "history", "probe")["entries"]) > 2
    again = machine.json("session", "start", "probe")["session"]
    refused = machine.run("session", "delete", "probe", code=1)
    assert "quarterdeck: session_living: " in refused
    machine.run("session", "rename", "probe", "other")
    machine.run("session", "stop", "other", "--grace", "1")
    machine.run("session", "delete", "other")
    assert machine.json("session", "list") == {"sessions": []}
    assert gone(pids_of(again))


def until(what: Callable[[], bool]) -> None:
    """Wait until ``what`` holds."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_approval_from_the_queue(machine: Machine) -> None:
    machine.serve()
    args = ["--arg=--pace", "--arg=fast", "--arg=--seed", "--arg=3"]
    machine.run("session", "new", "ap", "--agent", "practice-approver", "--prompt", "Do it", *args)
    machine.run("session", "wait", "ap", "--until", "needs", "--timeout", "30")
    until(lambda: bool(machine.json("next")["item"]["choices"]))
    item = machine.json("next")["item"]
    assert item["kind"] == "approval"
    machine.run("attention", "answer", item["item_id"], "allow_always")
    machine.run("session", "wait", "ap", "--until", "done", "--timeout", "30")
    lines = machine.run("events", "--topic", "attention.closed", "--json").splitlines()
    closed = [json.loads(line)["payload"]["item"] for line in lines]
    assert closed[0]["item_id"] == item["item_id"]
    assert closed[0]["answer"] == "allow_always"


def test_sessions_outlive_a_killed_engine(machine: Machine) -> None:
    found = machine.serve()
    made = machine.json("session", "new", "idler", "--agent", "practice-idler")["session"]
    os.kill(found["pid"], signal.SIGKILL)
    machine.started[0].communicate(timeout=PATIENCE)
    assert machine.run("session", "list", code=3)
    assert living(pids_of(made)) == sorted(pids_of(made))
    machine.serve()
    (back,) = machine.json("session", "list")["sessions"]
    assert (back["id"], back["pid"], back["lifecycle"]) == (made["id"], made["pid"], "running")
    machine.run("shutdown", "--stop-sessions")
    assert gone(pids_of(made))


def test_preferences_are_kept(machine: Machine) -> None:
    machine.serve()
    machine.run("preferences", "set", "keymap", "vim")
    machine.run("shutdown")
    machine.serve()
    assert machine.json("preferences", "list")["preferences"]["keymap"] == "vim"


# ---- the demo ------------------------------------------------------------------------------


def test_the_demo_shows_every_kind_of_item_and_leaves_nothing(machine: Machine) -> None:
    child = machine.begin("demo", "--headless", "--json", "--pace", "fast")
    out, err = child.communicate(timeout=PATIENCE)
    lines = [json.loads(line) for line in out.splitlines()]
    summary = lines[-1]["summary"]
    assert (child.returncode, err) == (0, ""), summary
    assert summary["ok"] is True
    assert set(summary["items"]) == {
        "approval", "question", "gate", "failure", "limit", "turn_done",
    }  # fmt: skip
    assert summary["left_running"] == []
    assert all("event" in line or "script" in line for line in lines[:-1])


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A directory for sockets, whose path is short."""
    with tempfile.TemporaryDirectory(prefix="qd-") as short:
        yield Path(short)


def test_the_demo_cleans_its_scratch_directory_up(
    home: Path,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    code = run(["demo", "--headless", "--pace", "fast", "--seed", "4"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, ""), out
    assert "processes left: 0." in out
    assert out.count("as expected") == len(PRACTICE.crew)
    assert not list(home.glob("quarterdeck-demo-*"))


def test_a_demo_in_which_something_does_not_come_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lazy = Member("spare", "practice-idler", items=frozenset({AttentionKind.LIMIT}))
    monkeypatch.setattr(demonstrating, "PRACTICE", Scenario((lazy,)))
    monkeypatch.setattr(demonstrating, "SECONDS", 1.0)
    assert run(["demo", "--headless", "--json"]) == 1
    out, err = capsys.readouterr()
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert summary["sessions"][0]["missing"] == ["item limit"]
    error = json.loads(err)["error"]
    assert error["code"] == "demo_failed"
    assert "spare: item limit" in error["message"]


def is_healthy(state_dir: Path) -> bool:
    try:
        with contextlib.closing(Link.open(entered_socket(state_dir) or "")) as link:
            return bool(link.call("system.health")["health"]["status"] == "healthy")
    except CliFault:
        return False


async def test_processes_are_given_time_to_go() -> None:
    quick = RetryPolicy(max_attempts=3, initial_delay=0.001)
    assert await left_of({os.getpid()}, quick) == [os.getpid()]
    child = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    assert await left_of({child.pid}, quick) == [child.pid]
    await child.communicate(b"")
    assert await left_of({child.pid}) == []


def test_the_engine_in_this_process(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stop_it() -> None:
        try:
            until(lambda: is_healthy(state_dir))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop_it)
    stopper.start()
    code = run(["--headless", "--state-dir", str(state_dir)])
    stopper.join()
    assert (code, capsys.readouterr().err) == (0, "")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing(
    machine: Machine, number: signal.Signals
) -> None:
    child = machine.begin("demo", "--headless", "--json", "--pace", "person")
    assert child.stdout is not None
    pids: set[int] = set()
    while len(pids) < 8:
        event = json.loads(child.stdout.readline()).get("event", {})
        session = event.get("payload", {}).get("session") or {}
        pids |= {pid for pid in (session.get("pid"), session.get("keeper_pid")) if pid}
    child.send_signal(number)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == 128 + number
    assert gone(pids)


@pytest.mark.parametrize("pace", ["slow", "-1", "nan", "inf"])
def test_a_pace_that_is_none(machine: Machine, pace: str) -> None:
    assert "--pace is fast, person" in machine.run("demo", "--headless", f"--pace={pace}", code=2)


def test_the_demo_needs_a_terminal_unless_headless(machine: Machine) -> None:
    assert "not_a_terminal" in machine.run("demo", code=2)
