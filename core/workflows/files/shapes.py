"""What pydantic finds wrong, as faults with their places; and the parts that can still be judged.

What is wrong is taken out, so that one bad value hides none of the other faults.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ...protocol.rules import quoted
from .model import Entry, WorkflowFile
from .reading import Document, KeyPath
from .schema import workflow_schema

ROUNDS = 10

File = TypeVar("File", bound=Entry)


@dataclass(frozen=True, slots=True)
class Format(Generic[File]):
    """A kind of file: its model, its JSON schema, what it is called, and the mapping it can't do without."""

    model: type[File]
    schema: Callable[[], Mapping[str, Any]]
    noun: str
    body: str


WORKFLOW = Format(WorkflowFile, workflow_schema, "workflow", "tasks")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at what ``word`` may have meant; empty if nothing is near."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {found[0]}?" if found else ""


def read_model(document: Document, form: Format[File]) -> tuple[File | None, set[KeyPath]]:
    """The model of what is right in ``document``, and the paths that were taken out.

    Faults are noted in the document. ``None``: not even a part can be judged.
    """
    if document.value is None and document.faults:
        return None, set()
    value = document.value
    if not isinstance(value, dict):
        document.fault((), f"A {form.noun}'s file is a mapping with a name and {form.body}.")
        return None, set()
    removed: set[KeyPath] = set()
    for _ in range(ROUNDS):
        try:
            return form.model.model_validate(value), removed
        except ValidationError as error:
            wrong = _note(document, form, value, error, removed)
            value = _without(value, wrong)
            removed |= wrong
            if not _judgeable(value, form.body):
                break
    return None, removed


def _judgeable(value: Mapping[str, Any], body: str) -> bool:
    return isinstance(value.get(body), dict) and bool(value[body])


def _note(
    document: Document,
    form: Format[File],
    value: Any,
    error: ValidationError,
    removed: set[KeyPath],
) -> set[KeyPath]:
    """Note every finding once for each path; the paths to take out."""
    noted: dict[KeyPath, ErrorDetails] = {}
    wrong: set[KeyPath] = set()
    for finding in error.errors(include_url=False):
        path, missing = _path_in(value, finding)
        noted.setdefault((*path, missing) if missing else path, finding)
        wrong.add(_removable(path, missing))
    for path, finding in noted.items():
        if finding["type"] == "missing" and path in removed:
            continue  # its value was wrong, and that was said
        message, hint = _said(form.schema(), path, finding)
        document.fault(path, message, hint)
    return wrong


def _removable(path: KeyPath, missing: str) -> KeyPath:
    """What to take out so that the rest can be judged."""
    if missing and not path:
        return (missing,)  # nothing to take out: it is added instead, see _without
    # A list is one value; a key of a mapping is one of its own, also of a mapping in a list.
    end = len(path)
    while end and isinstance(path[end - 1], int):
        end -= 1
    return path[:end]


def _path_in(value: Any, finding: ErrorDetails) -> tuple[KeyPath, str]:
    """The finding's path as far as it is in the file, and the key that is missing there."""
    path: list[str | int] = []
    at: Any = value
    for part in finding["loc"]:
        inside = part in at if isinstance(at, dict) else _is_place(at, part)
        if inside:
            at = at[part]
            path.append(part)
    missing = str(finding["loc"][-1]) if finding["type"] == "missing" else ""
    return tuple(path), missing


def _is_place(value: Any, part: int | str) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _without(value: dict[str, Any], wrong: set[KeyPath]) -> dict[str, Any]:
    """A copy of ``value`` without what is wrong; a name that is missing is put in."""
    changed = cast("dict[str, Any]", _copied(value))
    for path in wrong:
        at: Any = changed
        for part in path[:-1]:
            at = _part(at, part)
        if isinstance(at, dict):
            at.pop(path[-1] if path else "", None)
    if not isinstance(changed.get("name"), str) or not changed["name"]:
        changed["name"] = "unnamed"
    return changed


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _part(value: Any, part: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(part, int) and _is_place(value, part) else None


def _said(schema: Mapping[str, Any], path: KeyPath, finding: ErrorDetails) -> tuple[str, str]:
    kind, given = finding["type"], finding["input"]
    context = finding.get("ctx") or {}
    if kind == "extra_forbidden":
        known = known_keys(path[:-1], schema)
        hint = nearest(str(path[-1]), known) or f"Known here: {', '.join(known)}."
        return "There is no such key.", hint
    if kind in _PLAINLY:
        return _PLAINLY[kind], ""
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace("'", "")
        hint = nearest(str(given), expected.replace(" or ", ", ").split(", "))
        return f"This is {expected}, not {quoted(given)}.", hint
    if "message" in context:
        words = cast("Sequence[str]", context.get("words", ()))
        return str(context["message"]), str(context.get("hint", "")) or nearest(str(given), words)
    wanted = _WANTED.get(kind)
    if wanted:
        return f"This is {wanted}, not {quoted(given)}.", ""
    return f"{finding['msg'].rstrip('.').replace('Input should', 'This should')}.", ""


_PLAINLY = {
    "missing": "It is missing.",
    "too_short": "It is empty.",
    "string_too_short": "It is empty.",
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "int_from_float": "a whole number",
}


def known_keys(path: KeyPath, schema: Mapping[str, Any] | None = None) -> list[str]:
    """The keys that may stand at ``path`` of a file (a workflow's); none where any may."""
    schema = workflow_schema() if schema is None else schema
    at: Any = schema
    for part in path:
        if isinstance(part, int):
            at = _item_of(at)
            continue
        at = _object_of(schema, at)
        properties = at.get("properties", {})
        at = properties.get(part) or at.get("additionalProperties") or at.get("items") or {}
        if not isinstance(at, dict):
            return []
    return list(_object_of(schema, at).get("properties", {}))


def _item_of(at: Any) -> Any:
    """The part of a schema that describes an item, where a list may stand."""
    choices = at.get("anyOf", [at]) if isinstance(at, dict) else []
    return next((one["items"] for one in choices if "items" in one), {})


def _object_of(schema: Mapping[str, Any], at: Any) -> dict[str, Any]:
    """The part of a schema that describes a mapping."""
    while isinstance(at, dict):
        if "$ref" in at:
            at = schema["$defs"][at["$ref"].rpartition("/")[2]]
        elif "anyOf" in at and "properties" not in at:
            objects = [one for one in at["anyOf"] if "$ref" in one or one.get("type") == "object"]
            at = objects[0] if objects else {}
        else:
            return at
    return {}
