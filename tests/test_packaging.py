"""The repository shows four folders; installed, they are `quarterdeck`, complete and nothing more."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import quarterdeck

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core", "state", "tui", "cli")


@pytest.mark.parametrize("room", ROOMS)
def test_the_development_face_links_to_each_folder(room: str) -> None:
    link = ROOT / ".dev" / "quarterdeck" / room
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / room


def test_the_development_face_holds_nothing_else() -> None:
    names = {path.name for path in (ROOT / ".dev" / "quarterdeck").iterdir()} - {"__pycache__"}
    assert names == {*ROOMS, "__init__.py"}


def test_an_editable_install_runs_the_folders_themselves() -> None:
    assert list(quarterdeck.__path__) == [str(ROOT)]


@pytest.mark.parametrize("room", ROOMS)
def test_each_folder_says_that_it_is_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()


def shipped_files() -> set[str]:
    """The files of the four folders, caches left out, as they are named once installed."""
    paths = (path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*"))
    return {
        f"quarterdeck/{path.as_posix()}"
        for path in paths
        if (ROOT / path).is_file()
        and not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_four_folders_and_no_other(
    wheel: zipfile.ZipFile,
) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == shipped_files()


def test_the_wheel_names_its_commands_and_stores(wheel: zipfile.ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (name,) = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    text = wheel.read(name).decode()
    wanted = dict(project["scripts"])
    for group in project["entry-points"].values():
        wanted.update(group)
    assert {line for line in text.splitlines() if " = " in line} == {
        f"{key} = {target}" for key, target in wanted.items()
    }


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())


def test_every_entry_point_leads_to_something() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = list(project["scripts"].values())
    for group in project["entry-points"].values():
        targets.extend(group.values())
    program = (
        "import sys; from importlib.metadata import EntryPoint\n"
        "for target in sys.argv[1:]: EntryPoint('x', target, 'x').load()\n"
    )
    command = [sys.executable, "-I", "-c", program, *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
