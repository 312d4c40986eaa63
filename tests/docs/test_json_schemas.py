"""The JSON that the documentation describes is the one that a real engine's command line prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()
ROWS = dict(re.findall(r"^\| (`.+) \| (.+) \|$", PAGE, re.MULTILINE))
WORD = re.compile(r"`([a-z_]+)`")
PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
Ask = Callable[..., Any]


def told(row: str) -> tuple[set[str], set[str]]:
    """The keys of the object that a row of the table tells, and of the things in its list."""
    outer, colon, inner = ROWS[row].partition(":")
    return set(WORD.findall(outer)), set(WORD.findall(inner)) if colon else set()


def described(name: str) -> set[str]:
    """The keys that the page lists for a session or an item."""
    text = PAGE.partition(f"<!-- {name} -->")[2].partition(". ")[0]
    return set(WORD.findall(text))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, short_dir: str) -> Iterator[Ask]:
    """Runs a command beside a real engine; its JSON."""
    home = tmp_path_factory.mktemp("home")
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": short_dir, "PATH": os.environ["PATH"]}
    environment |= {"SHELL": "/bin/sh", "TERM": "xterm"}
    command = [sys.executable, "-c", PROGRAM]

    def run(*words: str) -> Any:
        done = subprocess.run(
            [*command, *words, "--json"],
            cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with subprocess.Popen(
        [*command, "--headless"], cwd=home, env=environment, stdout=subprocess.DEVNULL
    ) as engine:
        run("health", "--wait", "60s")
        run("session", "new", "sh", "--agent", "shell")
        run("session", "new", "ap", "--agent", "practice-approver", "--prompt", "go",
            "--arg=--pace", "--arg=fast")  # fmt: skip
        run("session", "wait", "ap", "--until", "needs", "--timeout", "60s")
        yield run
        run("shutdown", "--stop-sessions")
        engine.wait(60)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("`session list`", ("session", "list")),
        ("`session screen`", ("session", "screen", "ap")),
        ("`session logs`", ("session", "logs", "ap")),
        ("`session explain`", ("session", "explain", "ap")),
        ("`session history`", ("session", "history", "ap")),
        ("`session search`", ("session", "search", "ap", "Practice")),
        ("`session keys`", ("session", "keys", "sh", "enter")),
        ("`session prompt`", ("session", "prompt", "sh", "true")),
        ("`attention list`", ("attention", "list")),
        ("`next`", ("next",)),
        ("`agent list`", ("agent", "list")),
        ("`agent check`", ("agent", "check", "/dev/null")),
        ("`health`", ("health",)),
        ("`config show`", ("config", "show")),
        ("`config check`", ("config", "check")),
        ("`config path`", ("config", "path")),
        ("`config init`", ("config", "init", "--user")),
        ("`preferences list`", ("preferences", "list")),
        ("`preferences set`", ("preferences", "set", "minimal", "false")),
        ("`--version`", ("--version",)),
    ],
)
def test_the_keys_are_those_that_are_told(ask: Ask, row: str, words: tuple[str, ...]) -> None:
    outer, inner = told(row)
    found = ask(*words)
    assert set(found) == outer
    things = next((value for value in found.values() if isinstance(value, list) and value), [])
    if inner and things and isinstance(things[0], dict):
        assert set(things[0]) == inner


def test_a_session_and_an_item_have_the_keys_that_are_told(ask: Ask) -> None:
    assert set(ask("session", "show", "ap")) == described("session")
    assert set(ask("session", "list")["sessions"][0]) == described("session")
    assert set(ask("attention", "list")["items"][0]) == described("item")
    assert set(ask("next")["item"]) == described("item")
    assert set(ask("next")["item"]["choices"][0]) == {"key", "label", "meaning"}


def test_an_event_has_the_keys_that_are_told(ask: Ask) -> None:
    assert set(ask("events", "--limit", "1")) == told("`events`")[1]


def test_what_changes_a_session_prints_it(ask: Ask) -> None:
    new = ask("session", "new", "more", "--agent", "shell", "--no-start")
    for found in (
        new,
        ask("session", "rename", "more", "most"),
        ask("session", "start", "most"),
        ask("session", "restart", "most", "--grace", "0.1"),
        ask("session", "stop", "most", "--grace", "0.1"),
        ask("session", "wait", "most", "--until", "ended"),
    ):
        assert set(found) == {"session"}
        assert set(found["session"]) == described("session")
    gone = ask("session", "delete", "most")
    assert (set(gone), set(gone["deleted"])) == ({"deleted"}, told("`session delete`")[1])
