"""The quick parser: what is plainly right is read here, everything else is left to Typer.

It accepts only what Typer accepts, with the same values; ``None`` means "not plainly right": help
is asked for, something is missing, or misspelt. Typer then says what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .grammar import COMMON, FLAG, NUMBER, WHOLE, Argument, Command, Group, Option

Values = dict[str, Any]


class Catalogue(NamedTuple):
    """All that can be said: the root's own options, and the commands and groups by name."""

    root: Command
    entries: Mapping[str, Command | Group]


class Call(NamedTuple):
    """One command line that was understood; ``words`` name the command, none the root."""

    words: tuple[str, ...]
    command: Command
    values: Values


_INHERITED = tuple(option.key for option in COMMON)

PATH_OPTION = Option("--path", "the PATH, once told from a command", hidden=True)


def parse(catalogue: Catalogue, argv: Sequence[str]) -> Call | None:
    """The call that ``argv`` plainly makes, else ``None``."""
    argv = lift_path(catalogue, fill_bare(catalogue, argv))
    at = first_word(catalogue.root, argv)
    if at is None:
        values = read(root_options(catalogue.root), (), argv)
        return None if values is None else Call((), catalogue.root, values)
    outer = read(root_options(catalogue.root), (), argv[:at])
    found = _find(catalogue, argv[at:])
    if outer is None or found is None or not only_place(outer):
        return None
    words, command = found
    inner = read((*command.options, *COMMON), command.arguments, argv[at + len(words) :])
    return None if inner is None else Call(words, command, inherit(inner, outer))


def root_options(root: Command) -> tuple[Option, ...]:
    """What may stand before a PATH or a command."""
    return (*root.options, PATH_OPTION)


def only_place(values: Values) -> bool:
    """Whether only common options are given, so that a command may follow."""
    return not any(value for key, value in values.items() if key not in _INHERITED)


def inherit(inner: Values, outer: Values) -> Values:
    """A command's values; what it leaves open of the common options counts as before it."""
    return inner | {key: outer.get(key) for key in _INHERITED if not inner.get(key)}


def first_word(root: Command, argv: Sequence[str]) -> int | None:
    """Where the first word stands that is neither an option of the root nor its value."""
    options = {option.name: option for option in root_options(root)}
    skip = False
    for at, word in enumerate(argv):
        if skip:
            skip = False
        elif word == "--":
            return at + 1 if at + 1 < len(argv) else None
        elif not word.startswith("-") or word == "-":
            return at
        else:
            option = options.get(word)
            skip = option is not None and option.kind != FLAG
    return None


def lift_path(catalogue: Catalogue, argv: Sequence[str]) -> list[str]:
    """``argv`` with a PATH turned into ``--path``: a first word that names no command is one."""
    at = first_word(catalogue.root, argv)
    if at is None or argv[at] in catalogue.entries:
        return list(argv)
    before = argv[: at - 1] if at and argv[at - 1] == "--" else argv[:at]
    return [*before, f"{PATH_OPTION.name}={argv[at]}", *argv[at + 1 :]]


def fill_bare(catalogue: Catalogue, argv: Sequence[str]) -> list[str]:
    """``argv`` with an empty value for each option that may stand without one, and does."""
    end = argv.index("--") if "--" in argv else len(argv)
    names = _bare_names(catalogue) if any(word.startswith("--") for word in argv[:end]) else ()
    return [
        f"{word}=" if word in names and at < end and _is_option(argv[at + 1 : end]) else word
        for at, word in enumerate(argv)
    ]


def _bare_names(catalogue: Catalogue) -> set[str]:
    groups = [entry for entry in catalogue.entries.values() if isinstance(entry, Group)]
    commands = [command for group in groups for command in group.commands]
    return {option.name for command in commands for option in command.options if option.bare}


def _is_option(rest: Sequence[str]) -> bool:
    return not rest or (rest[0].startswith("-") and rest[0] != "-")


def _find(catalogue: Catalogue, words: Sequence[str]) -> tuple[tuple[str, ...], Command] | None:
    entry = catalogue.entries.get(words[0])
    if isinstance(entry, Command):
        return (entry.name,), entry
    if entry is None:
        return None
    if len(words) == 1 or words[1].startswith("-"):
        alone = entry.find(entry.alone)
        return None if alone is None else ((entry.name,), alone)
    command = entry.find(words[1])
    return None if command is None else ((entry.name, command.name), command)


def read(
    options: Sequence[Option], arguments: Sequence[Argument], words: Sequence[str]
) -> Values | None:
    """The values that ``words`` give to ``options`` and ``arguments``; ``None`` on any doubt."""
    known = {option.name: option for option in options}
    values: Values = {option.key: option.unset for option in options}
    loose: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            loose.extend(rest)
        elif not word.startswith("-") or word == "-":
            loose.append(word)
        elif not _take(known, word, rest, values):
            return None
    return values if _place(arguments, loose, values) else None


def _take(known: Mapping[str, Option], word: str, rest: Any, values: Values) -> bool:
    """Put the value of the option that ``word`` is into ``values``; False if it can't be one."""
    name, equals, text = word.partition("=")
    option = known.get(name)
    if option is None or (option.kind == FLAG and equals):
        return False
    if option.kind == FLAG:
        values[option.key] = True
        return True
    value = _value(option, text if equals else next(rest, None))
    if value is None:
        return False
    values[option.key] = (*values[option.key], value) if option.many else value
    return True


def _value(option: Option, text: str | None) -> str | float | None:
    convert = {WHOLE: int, NUMBER: float}.get(option.kind, str)
    try:
        return None if text is None else convert(text)
    except ValueError:
        return None


def _place(arguments: Sequence[Argument], loose: Sequence[str], values: Values) -> bool:
    """Share ``loose`` out among ``arguments``; False if they are too few or too many."""
    left = list(loose)
    if "" in left:
        return False
    for argument in arguments:
        if argument.required and not left:
            return False
        if argument.many:
            values[argument.key] = tuple(left)
            left = []
        else:
            values[argument.key] = left.pop(0) if left else None
    return not left
