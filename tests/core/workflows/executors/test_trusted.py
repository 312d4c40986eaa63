"""Functions that run in the engine's process, found beside a workflow's file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from quarterdeck.core.workflows.executors.trusted import find_trusted


def test_what_is_installed_comes_first(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("def dumps(value): return 'mine'\n")
    assert find_trusted("json:dumps", [tmp_path])(1) == "1"


def test_a_file_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "deeds.py").write_text(
            f"class Deed:\n    @staticmethod\n    def do(): return {folder.name!r}\n"
        )
    assert find_trusted("deeds:Deed.do", [tmp_path, one])() == "one"
    assert find_trusted("deeds:Deed.do", [two, one])() == "two", "one name, two files"
    assert "deeds" not in sys.modules


def test_a_file_that_was_changed_is_read_anew_and_else_once(tmp_path: Path) -> None:
    file = tmp_path / "tally.py"
    file.write_text("seen = []\ndef note(): seen.append(1); return len(seen)\n")
    assert find_trusted("tally:note", [tmp_path])() == 1
    assert find_trusted("tally:note", [tmp_path])() == 2
    file.write_text("def note(): return 'new'\n")
    os.utime(file, ns=(1, 1))
    assert find_trusted("tally:note", [tmp_path])() == "new"


def test_a_file_that_went_is_not_remembered(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "chores.py").write_text(f"def do(): return {folder.name!r}\n")
    assert find_trusted("chores:do", iter([one, two]))() == "one"
    (one / "chores.py").unlink()
    assert find_trusted("chores:do", iter([one, two]))() == "two"
    (two / "chores.py").unlink()
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="chores"):
            find_trusted("chores:do", iter([one, two]))


def test_what_is_nowhere_or_breaks(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        find_trusted("nowhere_at_all:x", [tmp_path])
    (tmp_path / "wrong.py").write_text("import nowhere_at_all\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
            find_trusted("wrong:x", [tmp_path])
    (tmp_path / "plain.py").write_text("value = 3\n")
    with pytest.raises(TypeError, match="plain:value is no function"):
        find_trusted("plain:value", [tmp_path])
    with pytest.raises(AttributeError):
        find_trusted("plain:other", [tmp_path])
