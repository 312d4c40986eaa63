"""What the command line can say, as data: groups, commands, arguments, options.

Everything here is light: the quick parser reads the table on every call, Typer only for help,
completion and faults.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import NamedTuple

TEXT, FLAG, WHOLE, NUMBER = "text", "flag", "whole", "number"
"""Kinds of an option's value: text, no value at all, an integer, a float."""


class Argument(NamedTuple):
    """A word by its place; with ``many``, all the words from there on.

    ``complete`` names what the shell offers for it: see ``completion``.
    """

    name: str
    help: str
    required: bool = True
    many: bool = False
    complete: str = ""

    @property
    def key(self) -> str:
        """The name of its value."""
        return self.name.lower()


class Option(NamedTuple):
    """A value by its name; with ``many`` it may be given again and again.

    A number is at least ``least``. With ``bare`` it may be given without a value, at the end or before
    another option; its value is empty then.
    """

    name: str
    help: str
    kind: str = TEXT
    default: str | float | None = None
    metavar: str = ""
    many: bool = False
    hidden: bool = False
    complete: str = ""
    least: float | None = None
    bare: bool = False

    @property
    def key(self) -> str:
        """The name of its value; one that is a word of Python's has an underscore behind."""
        key = self.name[2:].replace("-", "_")
        return f"{key}_" if iskeyword(key) else key

    @property
    def unset(self) -> object:
        """Its value where it is not given."""
        if self.many:
            return ()
        return False if self.kind == FLAG else self.default


class Command(NamedTuple):
    """One command; ``run`` is ``module:function`` under ``cli.commands``, loaded when it runs."""

    name: str
    help: str
    run: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    notes: str = ""


class Group(NamedTuple):
    """Commands under one word; ``alone`` is the one that is meant where none is named."""

    name: str
    help: str
    commands: tuple[Command, ...]
    alone: str = ""

    def find(self, name: str) -> Command | None:
        """The command of that name."""
        return next((command for command in self.commands if command.name == name), None)


STORES = (
    Option("--store", "where the state is kept, such as postgresql://...", metavar="URL"),
    Option("--executor", "where tasks run, such as dask://HOST:PORT", metavar="URL"),
)

PLACE = (
    Option("--state-dir", "the state directory, instead of the user's own", metavar="DIR"),
    Option("--config", "a configuration file read after the others", metavar="FILE"),
    Option("--profile", "a profile of the configuration: dev, staging, prod", metavar="NAME"),
)
"""Which engine is meant; may stand before a command or after it."""

JSON = Option("--json", "print JSON, for programs", FLAG)

COMMON = (JSON, *(option._replace(hidden=True) for option in PLACE))
"""What every command takes beside its own options; these may stand before it, too."""
