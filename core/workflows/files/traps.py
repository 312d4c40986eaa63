"""What YAML takes for more than text, and what to do: the hints for a file that can't be parsed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_QUOTE = "put the whole text in quotes"
_TEMPLATE = f'A text that begins with {{{{ must be quoted: {_QUOTE}, as in "{{{{ ... }}}}".'
_INDENT = "Give this line the indent of its neighbours."
_OPENER = re.compile(r"""(?:^|[:,-]\s|[\[{])\s*([{\["'])""")
_KEY_BEFORE = re.compile(r"""^\s*(?:- +)*[^\s#"'{\[-][^:]*:\s+\S""")


class Trouble(NamedTuple):
    """What the parser says, and the line that it says it of, up to there.

    ``opened`` is the line (from 1) in which what it is within was begun.
    """

    told: str
    before: str
    opened: int


Hint = str | Callable[[Trouble, re.Match[str]], str]


def hint_of(trouble: Trouble) -> str:
    """What to do; empty where nothing usual fits."""
    for pattern, hint in _HINTS:
        if found := pattern.search(trouble.told):
            return hint if isinstance(hint, str) else hint(trouble, found)
    return ""


def _unquoted(sign: str) -> str:
    return f"A text can't begin with {sign} unless it is quoted: {_QUOTE}."


def _cant_begin(_: Trouble, found: re.Match[str]) -> str:
    return _unquoted(found[1])


def _tab(trouble: Trouble, _: re.Match[str]) -> str:
    if trouble.before.strip():
        return "Write spaces in place of the tab, or put the text in quotes if it belongs to it."
    return "Indent with spaces, not with tabs."


def _colon(trouble: Trouble, _: re.Match[str]) -> str:
    if _KEY_BEFORE.search(trouble.before):
        return f"A text that holds a colon with a space behind it must be quoted: {_QUOTE}."
    return (
        "Give this key the indent of its neighbours; and a key in the line above needs a colon and a "
        "space behind it."
    )


def _flow(trouble: Trouble, found: re.Match[str]) -> str:
    end, sign = found[1], found[2]
    if sign == "<stream end>":
        return (
            f"What is opened in line {trouble.opened} is never closed: add the {end}, or {_QUOTE}."
        )
    if "{{" in trouble.before:
        return _TEMPLATE
    if sign in {"?", ":"}:
        return f"Within braces or brackets a text that holds {sign} must be quoted: {_QUOTE}."
    return f"Put a comma between the entries; if all of it is one text, {_QUOTE}."


def _behind(trouble: Trouble, _: re.Match[str]) -> str:
    """Something stands behind a value that is complete."""
    opener = _OPENER.search(trouble.before)
    if "{{" in trouble.before:
        return _TEMPLATE
    if opener is None:
        return _INDENT
    if opener[1] == "'":
        return f"Quotes go around the whole text: {_QUOTE}, and write a ' within it twice."
    if opener[1] == '"':
        return f'Quotes go around the whole text: {_QUOTE}, and write a " within it as \\".'
    return _unquoted(opener[1])


def _unclosed(trouble: Trouble, _: re.Match[str]) -> str:
    return f"The quote that is opened in line {trouble.opened} is never closed."


FLOW_KEY = "A text that begins with { or [ must be quoted, as in \"{{ ... }}\" or '[...]'."
"""For a mapping or list where a key should be: most often it is a template."""

_HINTS: tuple[tuple[re.Pattern[str], Hint], ...] = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"character '(?:\\t|\t)' that cannot start", _tab),
        (r"character '(.)' that cannot start", _cant_begin),
        (r"the node content, but found '([],}])'", _cant_begin),
        (
            r"the node content, but found '<stream end>'",
            f"A bracket that is opened above is never closed: close it, or {_QUOTE}.",
        ),
        (r"^mapping values are not allowed", _colon),
        (r"a flow \w+: expected ',' or '(.)', but got '(.+?)'", _flow),
        (r"scanning an alias|undefined alias", _unquoted("*")),
        (r"scanning an anchor", _unquoted("&")),
        (r"scanning a directive", _unquoted("%")),
        (r"^mapping keys are not allowed", _unquoted("?")),
        (
            r"^sequence entries are not allowed",
            f"Begin a list in the line below its key; if this is a text, {_QUOTE}.",
        ),
        (
            r"scanning a block scalar",
            f"Begin the text in the line below; if this sign belongs to it, {_QUOTE}.",
        ),
        (r"unknown escape", "Within double quotes write a backslash twice, or use single quotes."),
        (r"quoted scalar: found unexpected end of stream", _unclosed),
        (r"expected <block end>, but found '<scalar>'", _behind),
        (r"expected <block end>", _INDENT),
    )
)
