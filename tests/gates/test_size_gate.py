"""The size gate names what is too large, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

GATE = Path(__file__).with_name("size_gate.py")


def load_gate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("size_gate", GATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


gate = load_gate()


def function(name: str, lines: int, indent: str = "") -> str:
    return "\n".join([f"{indent}def {name}():"] + [f"{indent}    x = 1"] * (lines - 1)) + "\n"


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def faults(root: Path) -> list[str]:
    found, _figures = gate.check(root)
    return list(found)


def test_an_empty_tree_has_no_fault(tmp_path: Path) -> None:
    assert gate.check(tmp_path) == (
        [],
        "0 files, 0 classes, 0 functions: median 0 lines, 90th percentile 0, 0 above 50",
    )


@pytest.mark.parametrize("folder", ["core/base", "tests/core", "bench", "examples", "tui"])
def test_a_file_above_500_lines_is_named_in_every_folder(tmp_path: Path, folder: str) -> None:
    write(tmp_path, f"{folder}/fits.py", "x = 1\n" * 500)
    write(tmp_path, f"{folder}/large.py", "x = 1\n" * 501)
    assert faults(tmp_path) == [f"{folder}/large.py:1: the file has 501 lines, at most 500"]


def test_other_folders_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, ".venv/lib/large.py", "x = 1\n" * 900)
    write(tmp_path, "core/large.sql", "select 1;\n" * 900)
    assert faults(tmp_path) == []


def test_a_class_above_40_methods_is_named_with_its_line(tmp_path: Path) -> None:
    def body(count: int) -> str:
        return "".join(f"    def m{number}(self): ...\n" for number in range(count))

    write(tmp_path, "cli/god.py", f"class Fits:\n{body(40)}\nclass God:\n{body(41)}")
    assert faults(tmp_path) == ["cli/god.py:43: class God has 41 methods, at most 40"]


def test_overloads_and_setters_count_once(tmp_path: Path) -> None:
    pair = "    @property\n    def m{0}(self): ...\n    @m{0}.setter\n    def m{0}(self, v): ...\n"
    write(tmp_path, "core/one.py", "class C:\n" + "".join(pair.format(n) for n in range(40)))
    assert faults(tmp_path) == []


def test_one_long_function_in_a_hundred_is_allowed_and_two_are_not(tmp_path: Path) -> None:
    write(tmp_path, "core/short.py", "".join(function(f"f{n}", 3) for n in range(99)))
    write(tmp_path, "core/long.py", function("first", 51))
    assert faults(tmp_path) == []
    write(tmp_path, "state/long.py", "\n" + function("second", 60))
    assert faults(tmp_path) == [
        "2 of 101 functions are above 50 lines, at most 1 in 100:",
        "  state/long.py:2: second() has 60 lines, at most 50",
        "  core/long.py:1: first() has 51 lines, at most 50",
    ]


def test_the_median_is_held_and_the_longest_are_named(tmp_path: Path) -> None:
    write(tmp_path, "tui/all.py", "".join(function(f"f{n}", 8 + n) for n in range(7)))
    found = faults(tmp_path)
    assert found[0] == "the functions' median is 11 lines, at most 7; the longest:"
    assert found[1] == "  tui/all.py:64: f6() 14"
    assert len(found) == 1 + gate.NAMED


def test_the_90th_percentile_is_held(tmp_path: Path) -> None:
    text = "".join(function(f"s{n}", 3) for n in range(8))
    text += "".join(function(f"l{n}", 25) for n in range(2))
    write(tmp_path, "core/all.py", text)
    assert faults(tmp_path)[0].startswith("the functions' 90th percentile is 25 lines, at most 24")


def test_nested_and_async_functions_count(tmp_path: Path) -> None:
    inner = "async def outer():\n    async def inner():\n        pass\n    return inner\n"
    write(tmp_path, "core/nested.py", inner)
    _classes, functions = gate.measure_code(tmp_path, Path("core/nested.py"))
    assert [(piece.name, piece.size) for piece in functions] == [("outer()", 4), ("inner()", 2)]


def test_functions_of_tests_may_be_long(tmp_path: Path) -> None:
    write(tmp_path, "tests/test_long.py", function("test_story", 80))
    assert faults(tmp_path) == []


@given(st.lists(st.integers(1, 90), min_size=1), st.floats(0, 1))
def test_at_most_the_share_lies_below_the_percentile(sizes: list[int], share: float) -> None:
    pieces = [gate.Piece(Path("x.py"), 1, "f()", size) for size in sizes]
    found = gate.percentile(pieces, share)
    assert found in sizes
    assert sum(size < found for size in sizes) <= share * len(sizes)


def run(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(GATE), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_says_the_figures_and_exits_0(tmp_path: Path) -> None:
    write(tmp_path, "core/fine.py", function("f", 4))
    done = run(tmp_path)
    assert done.returncode == 0
    assert done.stdout == (
        "size gate: 1 files, 0 classes, 1 functions: "
        "median 4 lines, 90th percentile 4, 0 above 50\n"
    )


def test_the_script_exits_1_on_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "core/large.py", "x = 1\n" * 501)
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("core/large.py:1: the file has 501 lines, at most 500\n")
