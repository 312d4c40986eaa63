"""Jinja2's sandbox, as templates of workflows see it: no way to the program, no way to run for ever."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from .bounds import check_power, check_product, check_size, check_sum, counted, plain, step

_KEPT_FILTERS = (
    "abs", "attr", "batch", "capitalize", "count", "d", "default", "dictsort", "escape", "e",
    "first", "float", "groupby", "int", "items", "last", "length", "list", "lower", "map", "max",
    "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr", "slice", "sort",
    "string", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
_TEXT_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha",
    "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isspace",
    "istitle", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
    "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
    "swapcase", "title", "upper",
})  # fmt: skip
"""Methods of text that make nothing longer than it was."""
_COUNTS = "__counted__"
_JOINED = "__joined__"
_FILLING = frozenset({"batch", "slice", "truncate"})


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox with its steps counted."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
            finalize=text_of,
        )
        kept = {name: _measured(name, self.filters[name]) for name in _KEPT_FILTERS}
        self.filters.clear()
        self.filters.update(kept)
        self.filters.update(
            replace=_replace, join=_join, tojson=_to_json, quote=_quote, indent=_indent
        )
        self.globals.clear()
        self.globals.update({"range": _range, "dict": dict})
        self.filters.update({_COUNTS: counted, _JOINED: _join})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may see it."""
        if isinstance(obj, str) and attr not in _TEXT_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Nothing: text is not filled in by ``format``, which can make much out of little."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A mapping's entry before its methods: an input called ``items`` is that input."""
        step()
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """As the sandbox does."""
        step()
        return super().getitem(obj, argument)

    def call(self, __context: Context, __obj: Any, *given: Any, **named: Any) -> Any:  # noqa: PYI063  # the sandbox's own form
        """As the sandbox does, as one step."""
        step()
        return super().call(__context, __obj, *given, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The operators that can make much out of little."""
        step()
        if operator == "%" and isinstance(left, str):
            raise TypeError("text with % is not filled in here; put values side by side with ~")
        check = _CHECKS.get(operator)
        if check is not None:
            check(left, right)
        return super().call_binop(context, operator, left, right)


_CHECKS: Mapping[str, Callable[[Any, Any], None]] = {
    "*": check_product,
    "**": check_power,
    "+": check_sum,
}


@cache
def environment() -> TemplateEnvironment:
    """The one environment; it keeps nothing of what is rendered."""
    return TemplateEnvironment()


class _Counter(NodeTransformer):
    """Puts the counting of steps into every loop, and measures what ``~`` puts together."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # jinja's naming
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _COUNTS, [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  # as above
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, _JOINED, [], [], None, None, lineno=node.lineno)


def with_counts(tree: nodes.Template) -> nodes.Template:
    """``tree`` with every loop counted."""
    changed: nodes.Template = _Counter().visit(tree)
    return changed


def _measured(name: str, called: Callable[..., Any]) -> Callable[..., Any]:
    """A filter as one step; one that fills up takes no huge numbers."""

    @wraps(called)
    def measured(*given: Any, **named: Any) -> Any:
        step()
        if name in _FILLING:
            check_size(
                max(
                    (abs(one) for one in (*given[1:], *named.values()) if type(one) is int),
                    default=0,
                )
                * 10
            )
        return called(*given, **named)

    return measured


def _range(*given: int) -> range:
    made = range(*given)
    check_size(len(made))
    return made


def _quote(value: Any) -> str:
    """``value`` as one word for the shell."""
    return shlex.quote(text_of(value))


def _replace(value: Any, old: Any, new: Any, most: int | None = None) -> str:
    text, sought, put = text_of(value), text_of(old), text_of(new)
    times = text.count(sought) if most is None else min(most, text.count(sought))
    check_size(len(text) + times * max(0, len(put) - len(sought)))
    return text.replace(sought, put, -1 if most is None else most)


def _join(value: Iterable[Any], between: Any = "", attribute: str | None = None) -> str:
    parts, size, gap = [], 0, text_of(between)
    for one in counted(value):
        part = text_of(one if attribute is None else environment().getattr(one, attribute))
        parts.append(part)
        size += len(part) + len(gap)
        check_size(size)
    return gap.join(parts)


def _indent(value: Any, width: int = 4, first: bool = False) -> str:
    lines = text_of(value).split("\n")
    check_size(sum(map(len, lines)) + len(lines) * width)
    gap = " " * width
    return "\n".join(
        gap + line if line and (at or first) else line for at, line in enumerate(lines)
    )


def _to_json(value: Any, indent: int | None = None) -> str:

    if isinstance(value, Undefined):
        str(value)
    return json.dumps(plain(value), indent=min(indent, 8) if indent else None, ensure_ascii=False)


def text_of(value: Any) -> str:
    """A value as it stands in a text: lists and mappings as JSON, nothing as no text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value)
