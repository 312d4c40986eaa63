"""What a template refers to, found without rendering it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import TemplateSyntaxError, meta, nodes

from .environment import environment
from .templates import is_template, parse

Key = str | int | None
"""A key that is written out; ``None`` for one that is computed."""

REFUSED: dict[type[nodes.Node], str] = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set with an end",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
}
"""What makes templates long: they stay small here."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with the keys that follow it: ``tasks``, (``build``, ``result``)."""

    name: str
    keys: tuple[Key, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a template in itself; ``words`` are those that were near."""

    message: str
    line: int
    word: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a template."""

    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()
    unquoted: tuple[int, ...] = ()
    """Lines of values that do not go through ``quote``."""


@lru_cache(maxsize=8192)
def look_into(text: str) -> Seen:
    """What ``text`` refers to, and what is wrong with it."""
    if not is_template(text):
        return Seen()
    try:
        tree = parse(text)
        environment().compile(parse(text))
    except TemplateSyntaxError as error:
        return Seen(problems=(_syntax(error),))
    return Seen(tuple(_references(tree)), tuple(_refused(tree)), tuple(_unquoted(tree)))


def _syntax(error: TemplateSyntaxError) -> Problem:
    message = (error.message or "It can't be read").rstrip(".")
    for kind, known in (("filter", environment().filters), ("test", environment().tests)):
        if message.startswith(f"No {kind} named"):
            word = message.split("'")[1]
            names = tuple(name for name in known if not name.startswith("_"))
            return Problem(f"There is no {kind} {word}.", error.lineno, word, names)
    return Problem(f"This is no template: {message}.", error.lineno)


def _references(tree: nodes.Template) -> Iterator[Reference]:
    """Every name that comes from outside, with the longest chain of keys that follows it."""
    outside = meta.find_undeclared_variables(tree)
    inner: set[int] = set()
    for node in _nodes(tree):
        if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name) and id(node) not in inner:
            keys: list[Key] = []
            at: nodes.Node = node
            while isinstance(at, nodes.Getattr | nodes.Getitem):
                keys.append(_key(at))
                at = at.node
                inner.add(id(at))
            if isinstance(at, nodes.Name) and at.ctx == "load" and at.name in outside:
                yield Reference(at.name, tuple(reversed(keys)), at.lineno)


def _nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    """All nodes, outer ones first."""
    for child in tree.iter_child_nodes():
        yield child
        yield from _nodes(child)


def _key(node: nodes.Getattr | nodes.Getitem) -> Key:
    if isinstance(node, nodes.Getattr):
        return node.attr
    argument = node.arg
    if isinstance(argument, nodes.Const) and isinstance(argument.value, str | int):
        return argument.value
    return None


def _refused(tree: nodes.Template) -> Iterator[Problem]:
    for node in _nodes(tree):
        word = REFUSED.get(type(node))
        if word is not None:
            yield Problem(f"{word} is not for templates of workflows.", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            yield Problem("A loop is not recursive here.", node.lineno)


def _unquoted(tree: nodes.Template) -> Iterator[int]:
    for output in tree.find_all(nodes.Output):
        for part in output.nodes:
            if isinstance(part, nodes.TemplateData | nodes.Const):
                continue
            if not (isinstance(part, nodes.Filter) and part.name == "quote"):
                yield part.lineno
