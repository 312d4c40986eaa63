"""``quarterdeck workflow check`` and ``workflow graph``."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FEATURE = str(EXAMPLES / "feature.yaml")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.yaml"
    path.write_text("name: x\ntasks:\n  a:\n    agent: cluade\n    prmpt: hi\n")
    return str(path)


def test_a_file_without_faults(qd: CommandLine) -> None:
    done = qd("workflow", "check", FEATURE)
    assert (done.code, done.out) == (0, f"No fault in {FEATURE}.\n")
    assert qd("workflow", "check", FEATURE, "--json").json == {
        "file": FEATURE,
        "ok": True,
        "faults": [],
        "notes": [],
    }


def test_every_fault_with_its_place(qd: CommandLine, broken: str) -> None:
    done = qd("workflow", "check", broken)
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{broken}:4:5: tasks.a.agent: The agent is told nothing. Add a prompt.",
        f"{broken}:4:5: tasks.a.agent: There is no agent cluade. Did you mean claude?",
        f"{broken}:5:5: tasks.a.prmpt: There is no such key. Did you mean prompt?",
    ]
    told = qd("workflow", "check", broken, "--json")
    assert told.code == 1
    assert told.json["faults"][2] == {
        "file": broken, "line": 5, "column": 5, "key": "tasks.a.prmpt",
        "message": "There is no such key.", "hint": "Did you mean prompt?",
        "text": done.out.splitlines()[2],
    }  # fmt: skip


def test_a_file_that_is_not_there(qd: CommandLine) -> None:
    for command in ("check", "graph"):
        done = qd("workflow", command, "/nowhere/x.yaml")
        assert done.code == 1
        assert "workflow_file_unreadable: /nowhere/x.yaml can't be read" in done.err


def test_a_graph_in_text(qd: CommandLine) -> None:
    out = qd("workflow", "graph", FEATURE, "--width", "60").out
    assert "○ build agent" in out
    assert max(map(len, out.splitlines())) <= 60


def test_a_graph_unfolded(qd: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text("name: x\ntasks:\n" + "".join(f"  t{n}: {{run: [x]}}\n" for n in range(9)))
    assert "t… (9)" in qd("workflow", "graph", str(path)).out
    assert "t8" in qd("workflow", "graph", str(path), "--unfold").out


def test_other_forms(qd: CommandLine) -> None:
    assert qd("workflow", "graph", FEATURE, "--format", "mermaid").out.startswith("flowchart TD\n")
    assert qd("workflow", "graph", FEATURE, "--format", "dot").out.startswith(
        "digraph workflow {\n"
    )
    picture = ET.fromstring(qd("workflow", "graph", FEATURE, "--format", "svg").out)  # noqa: S314  # our own
    assert picture.tag.endswith("svg")
    told = qd("workflow", "graph", FEATURE, "--format", "dot", "--json").json
    assert told["format"] == "dot"


def test_a_form_that_is_not_there(qd: CommandLine) -> None:
    done = qd("workflow", "graph", FEATURE, "--format", "svgg")
    assert done.code == 2
    assert "Did you mean svg?" in done.err


def test_no_graph_of_a_file_with_faults(qd: CommandLine, broken: str) -> None:
    done = qd("workflow", "graph", broken)
    assert done.code == 1
    assert "workflow_file_invalid" in done.err
