"""What the shell offers: commands, options, PATHs, and names from an engine that answers at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck.cli import completion
from quarterdeck.cli.main import run

if TYPE_CHECKING:
    from tests.cli.fake_engine import FakeEngine

Offers = Callable[[str], list[str]]


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Offers:
    """The words offered at the end of a command line, as bash asks for them."""

    def ask(line: str) -> list[str]:
        words = re.split(r"(?<!\\) ", line)
        monkeypatch.setattr("sys.argv", ["/usr/bin/quarterdeck"])
        monkeypatch.setenv("_QUARTERDECK_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        with pytest.raises(SystemExit):
            run([])
        return [word for word in capsys.readouterr().out.splitlines() if word]

    return ask


def test_commands_and_groups(offers: Offers, home: Path) -> None:
    assert {"session", "attention", "next", "demo"} <= set(offers("quarterdeck "))
    assert offers("quarterdeck sess") == ["session"]
    assert set(offers("quarterdeck session st")) == {"start", "stop"}


def test_options(offers: Offers) -> None:
    assert "--prompt" in offers("quarterdeck session new x --p")
    assert offers("quarterdeck --headl") == ["--headless"]


def test_directories_for_the_path(offers: Offers, home: Path) -> None:
    for name in ("shop", "shed", ".hidden", "sessions"):
        (home / name / "inner").mkdir(parents=True)
    (home / "ship.txt").write_text("")
    assert offers("quarterdeck sh") == ["shutdown", "shed/", "shop/"]
    assert offers("quarterdeck sess") == ["session", "sessions/"]
    assert offers("quarterdeck shop/") == ["shop/inner/"]
    assert offers("quarterdeck ~/sho") == ["~/shop/"]
    assert offers("quarterdeck .h") == [".hidden/"]
    assert offers("quarterdeck nowhere/") == []


def test_words_with_blanks_are_offered_as_bash_takes_them(
    offers: Offers, engine: FakeEngine, state_dir: Path, home: Path
) -> None:
    (home / "my shop").mkdir()
    engine.add("my plan")
    line = f"quarterdeck --state-dir {state_dir} session show "
    assert offers(f"{line}my") == offers(f"{line}my\\ pl") == ["my\\ plan"]
    assert offers(f'{line}"my') == ["my plan"]
    assert offers("quarterdeck my") == ["my\\ shop/"]


def test_names_of_sessions(offers: Offers, engine: FakeEngine, state_dir: Path) -> None:
    engine.add("fix-login")
    engine.add("fix-tests")
    engine.add("docs")
    line = f"quarterdeck --state-dir {state_dir} session show "
    assert set(offers(line)) == {"fix-login", "fix-tests", "docs"}
    assert set(offers(f"{line}fix")) == {"fix-login", "fix-tests"}
    after = f"quarterdeck session stop --state-dir {state_dir} fix-l"
    assert offers(after) == ["fix-login"]


def test_items_agents_preferences_and_states(
    offers: Offers, engine: FakeEngine, state_dir: Path
) -> None:
    item = engine.raise_item(engine.add("docs"))
    place = f"quarterdeck --state-dir {state_dir}"
    assert offers(f"{place} attention answer 01") == [item.item_id]
    assert set(offers(f"{place} session new x --agent c")) == {"claude", "codex"}
    assert "keymap" in offers(f"{place} preferences set k")
    assert set(offers("quarterdeck status w")) == {"working"}


def test_without_an_engine_nothing_is_offered_and_nothing_said(
    offers: Offers, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offers(f"quarterdeck --state-dir {state_dir} session show ") == []


def test_a_slow_engine_is_not_waited_for(
    offers: Offers, engine: FakeEngine, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "PATIENCE", 0.05)
    engine.handlers["session.list"] = lambda _: None
    assert offers(f"quarterdeck --state-dir {state_dir} session show ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/qd"])
    monkeypatch.setenv("_QD_COMPLETE", f"source_{shell}")
    with pytest.raises(SystemExit):
        run([])
    out = capsys.readouterr().out
    assert "_QD_COMPLETE" in out
    assert "qd" in out
