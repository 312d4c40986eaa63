"""The scripts behind `make`: which Python is taken, which environment stays, what CI prints last."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIND = ROOT / ".ci" / "find-python"
MAKE_VENV = ROOT / ".ci" / "make-venv"
SYSTEM = "/usr/bin:/bin"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def python(folder: Path, name: str, version: str, *, venv: bool = True) -> Path:
    """A stand-in that answers the probe as Python ``version`` would."""
    path = folder / name
    key = "".join(f"{int(part):03d}" for part in version.split("."))
    answer = f"{key} {path}" if venv else f"no-venv {version.rpartition('.')[0]}"
    return script(path, f"echo '{answer}'")


def shell(
    command: list[str | Path], path: str, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        env={"PATH": path, "HOME": str(cwd)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of the few programs the finder needs, and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "sort", "sed", "head"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def find(tools: Path, *wish: str | Path) -> subprocess.CompletedProcess[str]:
    text = FIND.read_text(encoding="utf-8")
    # Only what the test put there may be found.
    text = text.replace("/usr/local/bin/python3 /usr/bin/python3", "")
    return shell(["sh", script(tools / "find", text.partition("\n")[2]), *wish], str(tools))


def test_the_newest_python_is_taken_whatever_its_name(tools: Path) -> None:
    python(tools, "python3.11", "3.11.9")
    python(tools, "python3.12", "3.12.4")
    newest = python(tools, "python3", "3.13.1")
    assert find(tools).stdout == f"{newest}\n"


def test_3_11_will_do(tools: Path) -> None:
    old = python(tools, "python3", "3.11.2")
    assert find(tools).stdout == f"{old}\n"


def test_a_shim_that_does_not_run_is_passed_over(tools: Path) -> None:
    script(tools / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    good = python(tools, "python3", "3.11.7")
    assert find(tools).stdout == f"{good}\n"


def test_versions_that_pyenv_keeps_are_found(tools: Path) -> None:
    python(tools, "python3", "3.11.7")
    root = tools / "the root"
    kept = python(root / "versions" / "3.12.1" / "bin", "python", "3.12.1")
    script(
        tools / "pyenv",
        f"case $1 in root) echo '{root}' ;; versions) echo 3.9.1; echo 3.12.1 ;; esac",
    )
    assert find(tools).stdout == f"{kept}\n"


def test_a_python_without_venv_is_passed_over_for_an_older_one(tools: Path) -> None:
    python(tools, "python3.13", "3.13.1", venv=False)
    old = python(tools, "python3.11", "3.11.2")
    assert find(tools).stdout == f"{old}\n"


def test_with_only_a_python_without_venv_the_package_is_named(tools: Path) -> None:
    python(tools, "python3", "3.12.3", venv=False)
    done = find(tools)
    assert (done.returncode, done.stdout) == (1, "")
    assert "install python3.12-venv" in done.stderr


def test_with_no_python_it_says_what_is_needed(tools: Path) -> None:
    done = find(tools)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs Python 3.11 or later" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_wish_is_taken_as_it_is(tools: Path) -> None:
    python(tools, "python3.13", "3.13.1")
    wish = python(tools, "mine", "3.11.4")
    assert find(tools, wish).stdout == f"{wish}\n"


def test_a_wish_that_does_not_run_is_refused_not_replaced(tools: Path) -> None:
    python(tools, "python3.13", "3.13.1")
    done = find(tools, "python3.12")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("PYTHON=python3.12 is not a Python 3.11 or later")


def test_the_real_probe_believes_this_python_and_looks_through_its_environment() -> None:
    done = shell([FIND, sys.executable], SYSTEM)
    found = Path(done.stdout.strip())
    assert found.samefile(Path(sys.executable).resolve())
    assert not found.is_relative_to(sys.prefix) or sys.prefix == sys.base_prefix


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """A Python that notes each environment it makes and fills it with a copy of itself."""
    return script(
        tmp_path / "python",
        f"""
        case "$*" in
        *'print("%d.%d.%d"'*) cat '{tmp_path}/version' ;;
        "-m pip --version") exit 0 ;;
        "-m venv --clear "*)
            echo made >>'{tmp_path}/made'; rm -rf "$4"; mkdir -p "$4/bin"
            cp '{tmp_path}/python' "$4/bin/python"
            version=$(cat '{tmp_path}/version')
            sed -i.old "s/cat .*version. ;;$/echo $version ;;/" "$4/bin/python" ;;
        esac""",
    )


def make_venv(fake: Path, version: str, cwd: Path) -> int:
    """Run the script; how many environments were made so far."""
    (fake.parent / "version").write_text(f"{version}\n", encoding="utf-8")
    cwd.mkdir(exist_ok=True)
    done = shell([MAKE_VENV, fake, ".venv"], SYSTEM, cwd)
    assert done.returncode == 0, done.stderr
    assert (cwd / ".venv" / ".place").read_text(encoding="utf-8") == f"{cwd.resolve()}\n"
    return (fake.parent / "made").read_text(encoding="utf-8").count("made")


def test_an_environment_is_made_once(fake_python: Path, tmp_path: Path) -> None:
    home = tmp_path / "a clone"
    assert make_venv(fake_python, "3.13.0", home) == 1
    place = home / ".venv" / ".place"
    os.utime(place, (1, 1))
    assert make_venv(fake_python, "3.13.0", home) == 1
    assert place.stat().st_mtime == 1  # or everything would be installed again


def test_another_version_makes_it_anew(fake_python: Path, tmp_path: Path) -> None:
    home = tmp_path / "clone"
    make_venv(fake_python, "3.13.0", home)
    assert make_venv(fake_python, "3.12.1", home) == 2


def test_a_moved_clone_makes_it_anew(fake_python: Path, tmp_path: Path) -> None:
    make_venv(fake_python, "3.13.0", tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert make_venv(fake_python, "3.13.0", tmp_path / "new") == 2


def test_one_made_by_hand_is_taken_over(fake_python: Path, tmp_path: Path) -> None:
    home = tmp_path / "clone"
    make_venv(fake_python, "3.13.0", home)
    (home / ".venv" / ".place").unlink()
    assert make_venv(fake_python, "3.13.0", home) == 1


def run_ci(tmp_path: Path, output: str, status: int) -> subprocess.CompletedProcess[str]:
    said = tmp_path / "said"
    said.write_text(output, encoding="utf-8")
    script(tmp_path / "bin" / "make", f"cat '{said}'; exit {status}")
    return shell([ROOT / ".ci" / "run"], f"{tmp_path / 'bin'}:{SYSTEM}")


CLOSING = "================= 12 passed, 1 skipped in 3.21s =================="


def test_ci_prints_pytests_closing_line_last(tmp_path: Path) -> None:
    done = run_ci(tmp_path, f"ruff\n{CLOSING}\nquarterdeck 0.1.0\ndemo: all done\n", 0)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == CLOSING
    assert done.stdout.count("demo: all done") == 1


@pytest.mark.parametrize(
    "closing",
    [
        "=== 2 failed, 10 passed in 3.21s ===",
        "=== 1 error in 0.30s ===",
        "12 passed in 61.20s (0:01:01)",
        "=== no tests ran in 0.02s ===",
    ],
)
def test_ci_fails_when_make_fails_and_still_closes_with_it(tmp_path: Path, closing: str) -> None:
    done = run_ci(tmp_path, f"{closing}\nmake: *** [unit] Error 1\n", 2)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-2:] == [".ci/run: failed; the faults are above.", closing]


def test_ci_says_when_no_tests_were_run(tmp_path: Path) -> None:
    done = run_ci(tmp_path, "ruff: 3 errors found in 2 files\n", 2)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1] == ".ci/run: no tests were run."


def test_help_names_every_target_a_person_may_ask_for() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: ([a-z-]+)$", text, re.MULTILINE)) - {"asked-again"}
    done = shell(["make", "help"], os.environ["PATH"])
    listed = set(re.findall(r"^  ([a-z-]+) {2,}", done.stdout, re.MULTILINE))
    assert listed == targets
    assert {"run", "test", "check", "demo", "bench", "screenshots", "clean"} <= listed
