"""``quarterdeck agent setup``: what an agent's settings must say, put there and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.cli.agent_settings import FILES

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

WANTED = {
    "ui": {"hideWindowTitle": False},
    "general": {"enableNotifications": True},
}


@pytest.fixture
def settings(home: Path) -> Path:
    """Where Gemini's settings would be, in a home of its own."""
    return home / ".gemini" / "settings.json"


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir()) if path.parent.exists() else []


def test_it_shows_what_would_be_written_and_writes_nothing(settings: Path, qd: CommandLine) -> None:
    done = qd("agent", "setup", "gemini")
    assert done.code == 0
    assert f"--write puts this into {settings}, and nothing else" in done.out
    assert names(settings) == []
    found = qd("agent", "setup", "gemini", "--json").json
    assert found["channels"] == [
        "rules on its title and its screen",
        "its process and its output",
    ]
    wrong = [one["key"] for one in found["settings"]["entries"] if not one["in_order"]]
    assert wrong == ["general.enableNotifications"]
    assert (found["changed"], found["settings"]["backup"]) == (False, None)


def test_written_once_kept_before_and_taken_back(settings: Path, qd: CommandLine) -> None:
    before = {"ui": {"hideWindowTitle": True, "theme": "Dracula"}, "mcp": {"é": [1, 2]}}
    put(settings, before)
    settings.chmod(0o640)
    original = settings.read_bytes()
    first = qd("agent", "setup", "gemini", "--write", "--json").json
    assert first["changed"] is True
    backup = Path(first["settings"]["backup"])
    assert backup.read_bytes() == original
    now = json.loads(settings.read_text())
    assert now["ui"] == {"hideWindowTitle": False, "theme": "Dracula"}
    assert (now["general"], now["mcp"]) == (WANTED["general"], before["mcp"])
    assert settings.stat().st_mode & 0o777 == 0o640
    stamp = settings.stat().st_mtime_ns
    again = qd("agent", "setup", "gemini", "--write")
    assert again.out.endswith("All is in order.\n")
    assert settings.stat().st_mtime_ns == stamp
    put(settings, now | {"later": 1})
    assert qd("agent", "setup", "gemini", "--undo", "--json").json["changed"] is True
    assert json.loads(settings.read_text()) == before | {"later": 1}
    assert names(settings) == ["settings.json"]
    assert "nothing to take back" in qd("agent", "setup", "gemini", "--undo").out


def test_what_a_person_changed_after_it_is_not_taken_back(settings: Path, qd: CommandLine) -> None:
    put(settings, {"ui": {"hideWindowTitle": True, "dynamicWindowTitle": False}})
    qd("agent", "setup", "gemini", "--write")
    now = json.loads(settings.read_text())
    now["ui"]["dynamicWindowTitle"] = "mine"
    put(settings, now)
    qd("agent", "setup", "gemini", "--undo")
    assert json.loads(settings.read_text()) == {
        "ui": {"hideWindowTitle": True, "dynamicWindowTitle": "mine"}
    }


def test_a_second_writing_keeps_the_file_as_it_was_before_the_first(
    settings: Path, qd: CommandLine
) -> None:
    put(settings, {"ui": {"hideWindowTitle": True}})
    qd("agent", "setup", "gemini", "--write")
    put(settings, {"ui": {"hideWindowTitle": True}, "later": 1})  # a person turned it back
    assert qd("agent", "setup", "gemini", "--write", "--json").json["changed"] is True
    assert qd("agent", "setup", "gemini", "--undo", "--json").json["changed"] is True
    assert json.loads(settings.read_text()) == {"ui": {"hideWindowTitle": True}, "later": 1}


def test_a_file_that_was_not_there_is_gone_again(settings: Path, qd: CommandLine) -> None:
    qd("agent", "setup", "gemini", "--write")
    assert json.loads(settings.read_text()) == {"general": WANTED["general"]}
    assert settings.stat().st_mode & 0o777 == 0o600
    qd("agent", "setup", "gemini", "--undo")
    assert names(settings) == []


def test_a_link_stays_a_link(settings: Path, qd: CommandLine, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "gemini.json"
    put(real, {})
    settings.parent.mkdir(parents=True)
    settings.symlink_to(real)
    assert qd("agent", "setup", "gemini", "--write", "--json").json["settings"]["file"] == str(real)
    assert settings.is_symlink()
    assert json.loads(real.read_text()) == {"general": WANTED["general"]}


@pytest.mark.parametrize("content", ['{"ui": {} // mine\n}', "[1]", "\ufeff\x00"])
def test_what_is_no_plain_json_is_left_alone(settings: Path, qd: CommandLine, content: str) -> None:
    put(settings, content)
    done = qd("agent", "setup", "gemini", "--write")
    assert (done.code, done.err.startswith("quarterdeck: unreadable: ")) == (1, True)
    assert settings.read_text() == content
    assert names(settings) == ["settings.json"]


def test_a_place_that_can_t_be_written_is_told(settings: Path, qd: CommandLine) -> None:
    put(settings.parent, "a file")
    done = qd("agent", "setup", "gemini", "--write")
    assert (done.code, "quarterdeck: unwritable: " in done.err) == (1, True)


@pytest.mark.parametrize("agent", ["claude", "codex", "opencode", "aider", "shell"])
def test_the_others_need_nothing(settings: Path, qd: CommandLine, agent: str) -> None:
    done = qd("agent", "setup", agent, "--write")
    assert (done.code, "there is nothing to write" in done.out) == (0, True)
    assert ("OSC 7501" in done.out) == (agent in {"claude", "codex"})
    assert names(settings) == []
    assert agent not in FILES


def test_calls_that_can_t_be(settings: Path, qd: CommandLine) -> None:
    assert "agent_unknown: There is no agent gemni. Did you mean gemini?" in (
        qd("agent", "setup", "gemni").err
    )
    assert qd("agent", "setup", "gemini", "--write", "--undo").code == 2
