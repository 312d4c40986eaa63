"""Regular expressions that a person wrote: compiled once, refused when they could run away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

PATTERN_LIMIT = 600
"""Characters of one expression."""

_QUANTIFIER = re.compile(r"\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\}|[*+?]")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def _pieces(pattern: str) -> Iterator[tuple[str, bool]]:
    """The pattern's groups, atoms and quantifiers; with each quantifier, whether it is unbounded."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            yield "atom", False
            at += 2
        elif found := _CLASS.match(pattern, at):
            yield "atom", False
            at = found.end()
        elif pattern[at] in "()":
            yield pattern[at], False
            at += 1
            if pattern[at - 1] == "(" and pattern[at : at + 1] == "?":
                at += 1
        elif found := _QUANTIFIER.match(pattern, at):
            yield "quantifier", _is_unbounded(found)
            at = found.end()
        else:
            yield "atom", False
            at += 1


def _is_unbounded(found: re.Match[str]) -> bool:
    if found.group() in {"*", "+"}:
        return True
    return bool(found["comma"]) and not found["high"]


def has_nested_repetition(pattern: str) -> bool:
    """Whether an endless repetition holds another one, such as ``(a+)*``.

    Such an expression can take exponential time on a text that almost matches.
    """
    open_groups = [False]
    closed = False  # what just ended was a group that holds an endless repetition
    for piece, unbounded in _pieces(pattern):
        if piece == "(":
            open_groups.append(False)
        elif piece == ")" and len(open_groups) > 1:
            inner = open_groups.pop()
            open_groups[-1] |= inner
            closed = inner
            continue
        elif unbounded:
            if closed:
                return True
            open_groups[-1] = True
        closed = False
    return False


def compile_pattern(value: Any) -> re.Pattern[str]:
    """``value`` as an expression in which ``^`` and ``$`` stand at every line's ends.

    :raises PydanticCustomError: ``bad_pattern``, if it is none, too long, or could run away.
    """
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("bad_pattern", "A regular expression is text, and not empty.")
    if len(value) > PATTERN_LIMIT:
        raise PydanticCustomError(
            "bad_pattern",
            "A regular expression has at most {limit} characters; this one has {length}.",
            {"limit": PATTERN_LIMIT, "length": len(value)},
        )
    if has_nested_repetition(value):
        raise PydanticCustomError(
            "bad_pattern",
            "An endless repetition inside another one can take for ever: bound one of them, "
            "such as {example}.",
            {"example": "{0,9}"},
        )
    try:
        return re.compile(value, re.MULTILINE)
    except re.error as error:
        raise PydanticCustomError(
            "bad_pattern", "No regular expression: {reason}.", {"reason": str(error)}
        ) from error


def as_tuple(value: Any) -> Any:
    """A list, as files hold them, as a tuple; anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


Expression = Annotated[re.Pattern[str], BeforeValidator(compile_pattern)]
"""A field that holds a regular expression."""

Expressions = Annotated[tuple[Expression, ...], BeforeValidator(as_tuple)]
"""A field that holds several."""
