"""The schema that is published, the page about the format, and the examples say what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from quarterdeck.core.pipelines.files import (
    check,
    load_pipeline,
    pipeline_schema,
    shipped_schema,
)
from quarterdeck.core.pipelines.files.model import KINDS, TRIGGERS
from quarterdeck.core.pipelines.files.uses import PAYLOAD_KEYS, PIPELINE_KEYS, TOLD
from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.workflows.files.reading import parse_document, read_document

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "pipelines-format.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*.yaml")
    if "/pipeline.schema.json" in path.read_text()
)


def test_the_schema_is_published_and_shipped() -> None:
    made = json.dumps(pipeline_schema(), indent=2, ensure_ascii=False) + "\n"
    assert shipped_schema() == made, "run python docs/generate.py"
    assert (ROOT / "docs" / "pipeline.schema.json").read_text() == made


def test_the_schema_is_one_and_describes_every_key() -> None:
    schema = pipeline_schema()
    Draft202012Validator.check_schema(schema)
    for properties in _properties(schema):
        assert [key for key, one in properties.items() if not one.get("description")] == []


def _properties(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "type" in schema:
            yield schema["properties"]
        for one in schema.values():
            yield from _properties(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _properties(one)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][:30].strip())
def test_every_example_of_the_page_is_right(block: str, tmp_path: Path) -> None:
    inner = "name: b\ninputs: {version: string}\ntasks: {a: {run: [x]}}"
    (tmp_path / "build.yaml").write_text(inner)
    path = tmp_path / "example.yaml"
    path.write_text(block if "name" in parse_document(block).value else f"name: example\n{block}")
    assert [str(fault) for fault in check(path, agents=load_agents().definitions)] == []
    Draft202012Validator(pipeline_schema()).validate(read_document(path).value)
    load_pipeline(path)


def test_the_page_shows_every_key_there_is() -> None:
    shown = {key for block in BLOCKS for key in _keys(parse_document(block).value)}
    known = {key for properties in _properties(pipeline_schema()) for key in properties}
    assert known - shown == set()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from _keys(one)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)


def test_the_page_names_every_kind_and_every_name() -> None:
    words = {*KINDS, *TRIGGERS, *(key for keys in TOLD.values() for key in keys)}
    assert [word for word in sorted(words) if f"`{word}`" not in PAGE] == []
    keys = [*PAYLOAD_KEYS[1:], *PIPELINE_KEYS[1:]]
    assert [key for key in keys if f"`.{key}`" not in PAGE] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right(path: Path) -> None:
    assert [str(fault) for fault in check(path, agents=load_agents().definitions)] == []
    Draft202012Validator(pipeline_schema()).validate(read_document(path).value)
    load_pipeline(path)
    head = path.read_text().splitlines()[0]
    assert head == "# yaml-language-server: $schema=../docs/pipeline.schema.json"
    assert f"({path.name})" in (ROOT / "examples" / "README.md").read_text()


def test_the_examples_are_there() -> None:
    assert {path.stem for path in EXAMPLES} >= {"debate", "lint-fix", "night-watch", "releases"}
