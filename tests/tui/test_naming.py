"""Names and directories for new sessions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.commands import CreateSession
from quarterdeck.tui.model.directories import fault_of, file_completion, full_path
from quarterdeck.tui.model.naming import free_name, suggest_name


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("", "claude"),
        ("Fix the login, please!", "fix-login"),
        ("Could you add tests for the shop's cart?", "add-tests-shop"),
        ("a to the", "claude"),
        ("日本語", "claude"),
    ],
)
def test_a_name_is_made_of_the_prompts_telling_words(prompt: str, name: str) -> None:
    assert suggest_name(prompt, "claude", ()) == name


def test_a_taken_name_gets_a_number() -> None:
    assert suggest_name("", "claude", ["claude"]) == "claude-2"
    assert suggest_name("", "claude", ["Claude", "claude-2"]) == "claude-3"
    assert suggest_name("", "§", ()) == "session"


@given(st.text(max_size=300), st.text(max_size=80), st.lists(st.text(max_size=10), max_size=5))
def test_every_suggestion_is_a_name_the_engine_takes(
    prompt: str, agent: str, taken: list[str]
) -> None:
    name = suggest_name(prompt, agent, taken)
    assert CreateSession(name=name, agent="x").name == name
    assert name.casefold() not in {one.casefold() for one in taken}


def test_a_long_name_keeps_its_number() -> None:
    name = free_name("x" * 50, ["x" * 50])
    assert name == "x" * 48 + "-2"


def test_paths_are_taken_from_home_root_or_base() -> None:
    assert full_path("~/shop", "/base") == "/home/ann/shop"
    assert full_path("/srv/../etc", "/base") == "/etc"
    assert full_path("sub/", "/base") == "/base/sub"
    assert full_path("  ", "/base") == "/base"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("shop", "shop-old", "site", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "shopping.txt").write_text("")
    (tmp_path / "shop" / "cart").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("s", "shop/"),
        ("si", "site/"),
        ("shop-", "shop-old/"),
        ("shop/", "shop/cart/"),
        ("shop/c", "shop/cart/"),
        (".h", ".hidden/"),
        ("nothing", None),
        ("shopping.txt/x", None),
        ("", None),
    ],
)
def test_directories_are_completed(tree: Path, typed: str, completed: str | None) -> None:
    assert file_completion(typed, str(tree), ()) == completed


def test_absolute_paths_are_completed(tree: Path) -> None:
    assert file_completion(f"{tree}/si", "/", ()) == f"{tree}/site/"


def test_hidden_directories_are_offered_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert file_completion(f"{tmp_path}/", "/", ()) is None


def test_a_session_can_work_only_in_a_directory(tree: Path) -> None:
    assert fault_of(str(tree / "shop")) == ""
    assert "There is no directory" in fault_of(str(tree / "none"))
    assert "is no directory" in fault_of(str(tree / "shopping.txt"))


def test_a_directory_that_may_not_be_entered_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert "may not be entered" in fault_of(str(tree / "site"))
