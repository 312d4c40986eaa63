"""The schema that is published, the page about the format, and the examples say what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.workflows.files import check, load_workflow, shipped_schema, workflow_schema
from quarterdeck.core.workflows.files.model import INPUT_TYPES, KINDS
from quarterdeck.core.workflows.files.reading import read_document
from quarterdeck.core.workflows.plan import compile_plan

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "workflows-format.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*.yaml")
    if "/workflow.schema.json" in path.read_text()
)
GIVEN = {"version": "1.2"}


def completed(block: str) -> str:
    """An example of the page as a file: with a name and a task, where it leaves them out."""
    value = yaml.safe_load(block)
    head = "" if "name" in value else "name: example\n"
    tail = "" if "tasks" in value else "tasks: {a: {run: [x]}}\n"
    return f"{head}{block}{tail}"


def test_the_schema_is_published_and_shipped() -> None:
    made = json.dumps(workflow_schema(), indent=2, ensure_ascii=False) + "\n"
    assert shipped_schema() == made, "run python docs/generate.py"
    assert (ROOT / "docs" / "workflow.schema.json").read_text() == made


def test_the_schema_is_one_and_describes_every_key() -> None:
    schema = workflow_schema()
    Draft202012Validator.check_schema(schema)
    assert "``" not in json.dumps(schema)
    for properties in _properties(schema):
        assert [key for key, one in properties.items() if not _described(one)] == []


def _properties(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "type" in schema:
            yield schema["properties"]
        for one in schema.values():
            yield from _properties(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _properties(one)


def _described(entry: dict[str, Any]) -> bool:
    return bool(entry.get("description"))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:30])
def test_every_example_of_the_page_is_right(block: str, tmp_path: Path) -> None:
    inner = "name: b\ninputs: {version: string}\ntasks: {a: {run: [x]}}"
    (tmp_path / "build.yaml").write_text(inner)
    path = tmp_path / "example.yaml"
    path.write_text(completed(block))
    assert [str(fault) for fault in check(path, agents=load_agents().definitions)] == []
    Draft202012Validator(workflow_schema()).validate(read_document(path).value)
    inputs = {name: value for name, value in GIVEN.items() if "version: string" in block}
    compile_plan(load_workflow(path, inputs))


def test_the_page_shows_every_key_there_is() -> None:
    shown = {key for block in BLOCKS for key in _keys(yaml.safe_load(block))}
    known = {key for properties in _properties(workflow_schema()) for key in properties}
    assert known - shown == set()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from _keys(one)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)


@pytest.mark.parametrize("word", [*KINDS, *INPUT_TYPES])
def test_the_page_names_every_kind(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right(path: Path) -> None:
    assert [str(fault) for fault in check(path, agents=load_agents().definitions)] == []
    Draft202012Validator(workflow_schema()).validate(read_document(path).value)
    compile_plan(load_workflow(path))
    head = path.read_text().splitlines()[0]
    assert head == "# yaml-language-server: $schema=../docs/workflow.schema.json"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_say_how_a_real_agent_is_had(path: Path) -> None:
    text = path.read_text()
    if path.stem != "ml-pipeline":
        assert "the one line to change for a real agent" in text or "agent: claude" in text


def test_the_examples_are_there() -> None:
    assert {path.stem for path in EXAMPLES} == {
        "feature", "review-diff", "nightly", "document-processing", "ml-pipeline", "parallel",
        "release", "conversation",
    }  # fmt: skip
    table = (ROOT / "examples" / "README.md").read_text()
    assert [path.name for path in EXAMPLES if f"({path.name})" not in table] == []
