"""YAML and JSON as values with their places: every key, value and line is found again.

Words mean what YAML 1.2 says: ``yes``, ``on`` and ``12:30`` are text, and every key is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from .faults import Fault, FileUnreadable, WorkflowFileUnreadable
from .traps import FLOW_KEY, Trouble, hint_of

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

MOST_BYTES = 4 * 1024 * 1024
MOST_NODES = 200_000
DEEPEST = 60
TOO_DEEP = "This is nested too deeply, too long, or within itself."

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset({_TAG + "map", _TAG + "seq"})
_TEXT, _NULL, _BOOL, _INT, _FLOAT = (
    f"{_TAG}{name}" for name in ("str", "null", "bool", "int", "float")
)
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands and where its value begins, from 1.

    ``block`` is true for a value that was written as lines of its own below a ``|``.
    """

    line: int
    column: int
    value_line: int
    value_column: int
    block: bool = False


START = Place(1, 1, 1, 1)


@dataclass(slots=True)
class Document:
    """A file as it was read: its value, where everything in it stands, and what is wrong so far."""

    file: str
    value: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: KeyPath) -> Place:
        """The place of ``path``, or of the nearest thing around it."""
        for end in range(len(path), 0, -1):
            if (found := self.places.get(path[:end])) is not None:
                return found
        return START

    def fault(self, path: KeyPath, message: str, hint: str = "", *, row: int = 0) -> None:
        """Note a fault at ``path``; ``row`` counts lines within a value of several, from 1."""
        place = self.place(path)
        line, column = place.line, place.column
        if row and place.block:
            line, column = place.value_line + row, 1
        elif row:
            line, column = place.value_line + row - 1, place.value_column
        found = Fault(self.file, line, column, shown_key(path), message, hint)
        if found not in self.faults:
            self.faults.append(found)


def shown_key(path: KeyPath) -> str:
    """``path`` as a person writes it: ``tasks.build.needs[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(
    path: Path, unreadable: type[FileUnreadable] = WorkflowFileUnreadable
) -> Document:
    """The file at ``path``.

    :raises FileUnreadable: as ``unreadable``, if there is none, or it is too large or no text.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise unreadable(f"{path} is larger than 4 MiB: nobody wrote that by hand.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise unreadable(f"{path} is no text in UTF-8.") from error
    return parse_document(text, str(path), as_json=path.suffix == ".json")


def parse_document(text: str, file: str = "<text>", *, as_json: bool = False) -> Document:
    """``text`` as a document; what can't be parsed is a fault in it."""
    document = Document(file)
    if as_json:
        # No JSON text has a tab in a string, and YAML takes none elsewhere.
        if _json_is_wrong(document, text):
            return document
        text = text.replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        _syntax(document, text, error)
        return document
    except RecursionError:
        document.faults.append(Fault(document.file, 1, 1, "", TOO_DEEP))
        return document
    if root is not None:
        document.value = _Walk(document).value(root, ())
        if as_json:
            document.value = json.loads(text)
    return document


def _json_is_wrong(document: Document, text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        message = f"This is no JSON: {error.msg}."
        document.faults.append(Fault(document.file, error.lineno, error.colno, "", message))
    except (RecursionError, ValueError) as error:
        document.faults.append(Fault(document.file, 1, 1, "", f"This is no JSON: {error}."))
    return bool(document.faults)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON's")


def _syntax(document: Document, text: str, error: yaml.YAMLError) -> None:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        told, hint = f"the character U+{error.character:04X} may not be in it", "Remove it."
    else:
        mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        around = getattr(error, "context", None)
        told = f"{around}: {problem}" if around else str(problem)
        row = next(iter(text.splitlines()[line - 1 : line]), "")
        begun = line if opened is None else opened.line + 1
        hint = hint_of(Trouble(told, row[: column - 1], begun))
    message = f"This is no YAML: {told}."
    document.faults.append(Fault(document.file, line, column, "", message, hint))


class _Loader(yaml.SafeLoader):
    """Composes nodes only; resolves words as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # yaml's own form


for _kind, _words, _first in (
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        _FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_kind, re.compile(f"^(?:{_words})$"), _first)


class _Walk:
    """Values from nodes, with the places noted on the way."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._open: set[int] = set()

    def value(self, node: Node, path: KeyPath) -> Any:
        """The value of ``node``, which stands at ``path``."""
        self._nodes += 1
        if id(node) in self._open or self._nodes > MOST_NODES or len(path) > DEEPEST:
            if self._nodes <= MOST_NODES + 1:
                self._document.fault(path, TOO_DEEP)
            return None
        self._open.add(id(node))
        try:
            return self._inner(node, path)
        finally:
            self._open.discard(id(node))

    def _inner(self, node: Node, path: KeyPath) -> Any:
        if isinstance(node, MappingNode | SequenceNode) and node.tag not in _PLAIN:
            self._foreign(node, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(one, (*path, at)) for at, one in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: Node, path: KeyPath) -> Any:
        self._note(path, node, node)
        return self.value(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._no_key(key_node, path)
                continue
            key = str(key_node.value)
            if key == _MERGE and key_node.style is None:
                merged.append(value_node)
                continue
            here = (*path, key)
            if key in found:
                self._twice(here, key_node)
                continue
            self._note(here, key_node, value_node)
            found[key] = self.value(value_node, here)
        for one in merged:
            self._merge(one, path, found)
        return found

    def _no_key(self, node: Node, path: KeyPath) -> None:
        self._fault(node, path, "A key is a word, not a list or a mapping.", FLOW_KEY)

    def _twice(self, path: KeyPath, key_node: Node) -> None:
        first = self._document.places[path]
        told = f"This key stands here twice; the first is in line {first.line}."
        self._fault(key_node, path, told, "Remove one of them.")

    def _fault(self, node: Node, path: KeyPath, message: str, hint: str) -> None:
        file, mark = self._document.file, node.start_mark
        self._document.faults.append(
            Fault(file, mark.line + 1, mark.column + 1, shown_key(path), message, hint)
        )

    def _merge(self, node: Node, path: KeyPath, found: dict[str, Any]) -> None:
        """Take over the keys of a mapping, or of a list of them, that are not there yet."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, MappingNode):
                self._document.fault(path, "<< takes a mapping, or a list of mappings.")
                continue
            inner = self._mapping(part, path) if id(part) not in self._open else {}
            for key, value in inner.items():
                found.setdefault(key, value)

    def _note(self, path: KeyPath, key: Node, value: Node) -> None:
        start, at = key.start_mark, value.start_mark
        if path not in self._document.places:
            self._document.places[path] = Place(
                start.line + 1,
                start.column + 1,
                at.line + 1,
                at.column + 1,
                block=isinstance(value, ScalarNode) and value.style == "|",
            )

    def _foreign(self, node: Node, path: KeyPath) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._document.fault(
            path,
            f"The tag {tag} is not known here.",
            "Write plain values; put a text that begins with ! in quotes.",
        )

    def _scalar(self, node: Node, path: KeyPath) -> Any:
        text = str(node.value)
        reader = _READERS.get(node.tag)
        if reader is None:
            self._foreign(node, path)
            return None
        try:
            return reader(text)
        except ValueError:
            self._document.fault(path, f"{text} is no value that can be kept.")
            return None


def _float(text: str) -> float:
    found = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if found != found or found in {float("inf"), float("-inf")}:  # noqa: PLR0124  # how one knows nan
        raise ValueError(text)
    return found


def _whole(text: str) -> int:
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


_READERS: Mapping[str, Any] = {
    _TEXT: str,
    _NULL: lambda _: None,
    _BOOL: lambda text: text.lower() == "true",
    _INT: _whole,
    _FLOAT: _float,
}
