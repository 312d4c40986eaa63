"""The watched folder as a machine, and patterns: against plain models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quarterdeck.core.pipelines.triggers import scanning
from quarterdeck.core.pipelines.triggers.folder import Change, Folder, Signature
from quarterdeck.core.pipelines.triggers.patterns import matches, may_hold
from quarterdeck.core.pipelines.triggers.scanning import FolderTooLarge, scan

ALL = ("created", "changed", "removed")
SETTLE = 1.0
NAMES = st.sampled_from(["a", "b", "c"])


class WatchedFolder(RuleBasedStateMachine):
    """Whatever happens to the files and whenever it is looked: in the end what was told leads to what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.written = 0
        self.files: dict[str, Signature] = {"a": (0, 1)}
        self.folder = Folder(ALL, SETTLE)
        assert self.folder.look(self.files, self.now) == []
        self.heard = dict(self.files)

    @rule(name=NAMES)
    def write(self, name: str) -> None:
        self.written += 1
        self.files[name] = (self.written, 1)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0]), refused=st.booleans())
    def look(self, seconds: float, refused: bool) -> None:
        self.now += seconds
        for change in self.folder.look(dict(self.files), self.now):
            if not refused:
                self.hear(change)
                self.folder.done(change)

    @rule()
    def restart(self) -> None:
        self.folder = Folder(ALL, SETTLE, self.folder.known)

    def hear(self, change: Change) -> None:
        """What is told is news, of the kind that it says."""
        known = self.heard.get(change.path)
        if change.kind == "removed":
            assert known == change.signature
            del self.heard[change.path]
        else:
            assert (known is None) == (change.kind == "created")
            assert known != change.signature
            self.heard[change.path] = change.signature

    @invariant()
    def what_was_left_alone_is_told(self) -> None:
        folder = Folder(ALL, SETTLE, self.folder.known)
        heard = dict(self.heard)
        folder.look(self.files, 0.0)
        for change in folder.look(self.files, SETTLE):
            if change.kind == "removed":
                del heard[change.path]
            else:
                heard[change.path] = change.signature
        assert heard == self.files


TestWatchedFolder = WatchedFolder.TestCase
TestWatchedFolder.settings = settings(max_examples=60, stateful_step_count=25)


def test_a_file_that_is_still_written_is_not_told() -> None:
    folder = Folder(("created",), SETTLE, {})
    assert folder.look({"x": (1, 1)}, 0.0) == []
    assert folder.due() == SETTLE
    assert folder.look({"x": (2, 5)}, 0.9) == []
    assert folder.look({"x": (2, 5)}, 1.2) == []
    assert folder.look({"x": (2, 5)}, 1.9) == [Change("x", "created", (2, 5))]


def test_what_comes_and_goes_at_once_is_not_told_and_not_waited_for() -> None:
    folder = Folder(ALL, SETTLE, {})
    folder.look({"x": (1, 1)}, 0.0)
    assert folder.look({}, 0.5) == []
    assert folder.due() is None


def test_what_nobody_asked_for_is_noted_but_not_told() -> None:
    folder = Folder(("removed",), SETTLE, {})
    folder.look({"x": (1, 1)}, 0.0)
    assert folder.look({"x": (1, 1)}, 1.0) == []
    folder.look({}, 2.0)
    assert folder.look({}, 3.0) == [Change("x", "removed", (1, 1))]


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*", ["a", "b.py"], ["a/b", ".hidden"]),
        ("*.py", ["a.py"], ["a.pyc", "x/a.py", ".py"]),
        ("**/*.py", ["a.py", "x/a.py", "x/y/a.py"], ["a.txt", ".git/a.py", "x/.y/a.py"]),
        ("src/**", ["src/a", "src/b/c"], ["src", "a", "src/.x"]),
        ("src/*/t?.[ab]", ["src/x/t1.a"], ["src/t1.a", "src/x/y/t1.a", "src/x/t1.c"]),
        (".*", [".env"], ["env"]),
        ("**", ["a", "a/b"], [".a", "a/.b"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    assert [one for one in (*fits, *fits_not) if matches(pattern, one)] == fits


PARTS = st.sampled_from(["**", "*", "a", "a*", ".b", "?"])
PATHS = st.lists(st.sampled_from(["a", "ab", ".b", "c"]), min_size=1, max_size=4).map("/".join)


@given(pattern=st.lists(PARTS, min_size=1, max_size=4).map("/".join), path=PATHS)
@settings(max_examples=300)
def test_no_folder_is_left_out_that_holds_what_fits(pattern: str, path: str) -> None:
    if matches(pattern, path):
        names = path.split("/")
        assert all(may_hold(pattern, "/".join(names[:end])) for end in range(1, len(names)))


def test_a_scan_finds_files_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.py").write_text("1234")
    (tmp_path / "y.py").symlink_to(tmp_path / "in" / "x.py")
    (tmp_path / "z.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.py").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "p.py")
    found = scan(str(tmp_path), "**/*.py")
    assert {path: size for path, (_, size) in found.items()} == {"in/x.py": 4, "y.py": 4}
    assert scan(str(tmp_path / "gone"), "*") == {}


def test_a_folder_that_is_too_large_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(FolderTooLarge, match="narrower"):
        scan(str(tmp_path), "*")
