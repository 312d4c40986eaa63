"""From what a process printed to a task's result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .faults import ResultTooLarge, ResultUnfit, ResultUnreadable

RESULT_LIMIT = 1024 * 1024
"""Bytes of output that a result is made of."""


_FENCED = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Collected:
    """The output of one stream, up to a limit: its beginning and its end, and what lies between them.

    ``missing`` is how many bytes are not there: because there were too many, or because they were
    lost while no engine listened.
    """

    def __init__(self, limit: int = RESULT_LIMIT) -> None:
        self.size = 0
        self.missing = 0
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, offset: int, data: bytes) -> bytes:
        """Take ``data`` that begins at ``offset``; what of it is new."""
        if offset > self.size:
            self.missing += offset - self.size
            self.size = offset
        fresh = data[self.size - offset :] if offset < self.size else data
        self.size += len(fresh)
        room = max(self._limit // 2 - len(self._head), 0)
        self._head += fresh[:room]
        self._tail += fresh[room:]
        over = len(self._tail) - self._limit // 2
        if over > self._limit:  # now and then, so that each byte is moved but a few times
            self._shorten(over)
        return fresh

    def _shorten(self, over: int) -> None:
        del self._tail[:over]
        self.missing += over

    def tail(self, size: int) -> bytes:
        """The last ``size`` bytes."""
        return bytes((self._head + self._tail)[-size:])

    def text(self) -> str:
        """All of it; where something is missing, a line says so."""
        over = len(self._tail) - self._limit // 2
        if over > 0:
            self._shorten(over)
        if not self.missing:
            return bytes(self._head + self._tail).decode("utf-8", "replace")
        head, tail = (part.decode("utf-8", "replace") for part in (self._head, self._tail))
        return f"{head}\n[quarterdeck: {self.missing} bytes are missing here]\n{tail}"

    def whole(self) -> str:
        """All of it.

        :raises ResultTooLarge: if something is missing.
        """
        text = self.text()
        if self.missing:
            raise ResultTooLarge(
                f"{self.missing} of {self.size} bytes of the output are missing, since more than "
                f"{self._limit} were printed or nobody listened; leave a file instead (outputs.files).",
                missing=self.missing,
            )
        return text


def result_of(collected: Collected, form: str) -> Any:
    """The result in a command's output: ``text``, ``json`` or ``lines``.

    :raises ResultUnreadable: if it is no JSON.
    :raises ResultTooLarge: if not all of it is there, for JSON and lines.
    """
    if form == "json":
        return json_of(collected.whole(), "The output")
    if form == "lines":
        return lines_of(collected.whole())
    return without_last_end(collected.text())


def without_last_end(text: str) -> str:
    """``text`` without the end of its last line."""
    return text.removesuffix("\n").removesuffix("\r")


def lines_of(text: str) -> list[str]:
    """The lines of ``text``, without their ends; a last one without an end counts."""
    if not text:
        return []
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def json_of(text: str, what: str) -> Any:
    """The JSON that ``text`` is.

    :raises ResultUnreadable: naming line and column.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        shown = " ".join(text[:200].split())
        raise ResultUnreadable(
            f"{what} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            + (f"It begins: {shown}" if shown else "It is empty.")
        ) from None
    except (ValueError, RecursionError) as error:
        raise ResultUnreadable(f"{what} is no JSON: {error}.") from None


def check_result(result: Any, schema: Mapping[str, Any] | None) -> None:
    """Nothing, if the result fits the task's schema.

    :raises ResultUnfit: naming the first place that does not.
    """
    if schema is None:
        return
    # Loaded with the first schema: it would cost every start a tenth of a second.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    fault = best_match(Draft202012Validator(dict(schema)).iter_errors(result))
    if fault is not None:
        raise ResultUnfit(
            f"The result does not fit outputs.schema at {fault.json_path}: {fault.message[:500]}.",
            path=fault.json_path,
        )


def _no_constant(name: str) -> Any:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def as_value(text: str) -> Any:
    """The JSON in an answer that is to be a value: all of it, or its one fenced block; else the text."""
    for candidate in (text, *_FENCED.findall(text)[:1]):
        try:
            return json.loads(candidate, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            continue
    return text
