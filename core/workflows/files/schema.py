"""The format as a JSON schema, for editors.

It is made from the model, lies beside it as ``workflow.schema.json``, and is published in docs/.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from .model import Entry, WorkflowFile

FILE_NAME = "workflow.schema.json"


@cache
def workflow_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of workflow files; must not be changed."""
    return schema_of(WorkflowFile, "Quarterdeck workflow")


def shipped_schema() -> str:
    """The text of the schema as it is shipped."""
    return Path(__file__).with_name(FILE_NAME).read_text(encoding="utf-8")


def schema_of(model: type[Entry], title: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of files that ``model`` describes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_tidied(model.model_json_schema(by_alias=True)),
    }


def _tidied(value: Any) -> Any:
    """Without what says nothing: titles that repeat a name, and null as another way to leave out."""
    if isinstance(value, list):
        return [_tidied(one) for one in value]
    if isinstance(value, str):
        return value.replace("``", "`")
    if not isinstance(value, dict):
        return value
    kept = {
        key: _tidied(one)
        for key, one in value.items()
        if not (key == "title" and isinstance(one, str)) and not (key == "default" and one is None)
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [one for one in choices if one != {"type": "null"}]
        del kept["anyOf"]
        kept = {**rest[0], **kept} if len(rest) == 1 else {"anyOf": rest, **kept}
    return kept
