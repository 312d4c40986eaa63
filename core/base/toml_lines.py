"""Where in a TOML file a value stands: the standard parser forgets lines, messages need them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

_KEY_PART = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[\w-]+))\s*""")
_TABLE = re.compile(r"\s*\[(?!\[)(?P<keys>[^\]]+)\]")
_ARRAY_TABLE = re.compile(r"\s*\[\[(?P<keys>[^\]]+)\]\]")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*')
_LONG = ('"""', "'''")


def _split_keys(text: str) -> tuple[list[str], int]:
    """The dotted keys at the start of ``text``, and where they end; none if it starts otherwise."""
    keys: list[str] = []
    at = 0
    while found := _KEY_PART.match(text, at):
        keys.append(found["double"] or found["single"] or found["bare"] or "")
        at = found.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return keys, at


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line at which a statement starts, with its number; values over several lines skipped."""
    depth, quote = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quote and depth <= 0:
            depth = 0
            yield number, line
            if _TABLE.match(line) or _ARRAY_TABLE.match(line):
                continue
        depth, quote = _open_after(line, depth, quote)


def _open_after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How many brackets and which long quote are open at the end of ``line``."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return depth, quote
            at, quote = end + len(quote), ""
        elif line.startswith(_LONG, at):
            quote = line[at : at + 3]
            at += 3
        elif found := _STRING.match(line, at):
            at = found.end()
        else:
            depth += (line[at] in "[{") - (line[at] in "]}")
            at += 1
    return depth, quote


class _Walk:
    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}
        self._table: KeyPath = ()

    def _resolve(self, keys: list[str]) -> KeyPath:
        """A header's keys with the position of the newest element after each list of tables."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def array_table(self, keys: list[str], number: int) -> None:
        parent = (*self._resolve(keys[:-1]), keys[-1])
        self._counts[parent] = self._counts.get(parent, 0) + 1
        self.lines.setdefault(parent, number)
        self._enter((*parent, self._counts[parent] - 1), number)

    def table(self, keys: list[str], number: int) -> None:
        self._enter(self._resolve(keys), number)

    def key(self, keys: list[str], number: int) -> None:
        for end in range(1, len(keys) + 1):
            self.lines.setdefault((*self._table, *keys[:end]), number)

    def _enter(self, path: KeyPath, number: int) -> None:
        self._table = path
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], number)


def line_map(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table and key of a valid TOML text."""
    walk = _Walk()
    for number, line in _logical_lines(text):
        if found := _ARRAY_TABLE.match(line):
            walk.array_table(_split_keys(found["keys"])[0], number)
        elif found := _TABLE.match(line):
            walk.table(_split_keys(found["keys"])[0], number)
        else:
            keys, end = _split_keys(line)
            if keys and line[end : end + 1] == "=":
                walk.key(keys, number)
    return walk.lines


def line_of(lines: Mapping[KeyPath, int], path: tuple[Any, ...]) -> int | None:
    """The line of ``path``, or of the nearest thing around it; ``None`` if nothing is known."""
    for end in range(len(path), 0, -1):
        if (number := lines.get(path[:end])) is not None:
            return number
    return None
