"""The Typer program, built from the catalogue: help, completion, and what is wrong with a call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .completion import COMPLETERS, as_typed, directories
from .exits import MEANINGS
from .failing import fault, near
from .grammar import (
    COMMON,
    FLAG,
    NUMBER,
    WHOLE,
    Argument,
    Command,
    Group,
    Option,
)
from .parsing import (
    Call,
    Catalogue,
    Values,
    fill_bare,
    first_word,
    inherit,
    lift_path,
    only_place,
    root_options,
)

_SCALARS: dict[str, Any] = {WHOLE: int, NUMBER: float, FLAG: bool}
_LISTS: dict[str, Any] = {WHOLE: list[int], NUMBER: list[float]}


def understand(catalogue: Catalogue, argv: Sequence[str], program: str) -> Call | int:
    """The call that ``argv`` makes; an exit code where help or completion was the answer.

    :raises CliFault: ``usage``, naming what is wrong.
    """
    tree = typer.main.get_command(build(catalogue))
    try:
        with as_typed(program):
            found = tree.main(fill_bare(catalogue, argv), prog_name=program, standalone_mode=False)
    except Exception as error:
        # Typer's fault classes move between its versions; what they can do does not.
        if not hasattr(error, "format_message"):
            raise
        raise _usage(error, program) from error
    return found if isinstance(found, Call) else int(found or 0)


def _usage(error: Any, program: str) -> Exception:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else program
    message = " ".join(error.format_message().split()).rstrip(".")
    if re.fullmatch(r"-\.?\d.*", str(getattr(error, "option_name", ""))):
        message += ": no number that is given here is below 0"
    stop = "" if message.endswith("?") else "."
    return fault("usage", f"{message}{stop} Try: {where} --help")


def build(catalogue: Catalogue) -> typer.Typer:
    """The whole program."""
    app = typer.Typer(
        cls=_telling_paths(catalogue),
        help=_text(catalogue.root),
        epilog=_exit_text(),
        subcommand_metavar="[PATH] | COMMAND ...",
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root(catalogue.root))
    for entry in catalogue.entries.values():
        if isinstance(entry, Command):
            _add(app, (entry.name,), entry)
        else:
            app.add_typer(_group(entry))
    return app


def _group(group: Group) -> typer.Typer:
    alone = group.find(group.alone)
    app = typer.Typer(
        name=group.name,
        help=group.help,
        rich_markup_mode=None,
        invoke_without_command=alone is not None,
    )
    if alone is not None:
        app.callback()(_alone(group, alone))
    for command in group.commands:
        _add(app, (group.name, command.name), command)
    return app


def _alone(group: Group, command: Command) -> Callable[..., Any]:
    """What runs where none of the group's commands is named; its options stand before those, too."""
    options = (*command.options, *COMMON)

    def run(ctx: typer.Context, **values: Any) -> Call | None:
        plain = inherit(_plain(options, values), ctx.obj or {})
        ctx.obj = plain
        return None if ctx.invoked_subcommand else Call((group.name,), command, plain)

    return _signed(run, (), options)


def _add(app: typer.Typer, words: tuple[str, ...], command: Command) -> None:
    app.command(command.name, help=_text(command), short_help=command.help)(_leaf(words, command))


def _telling_paths(catalogue: Catalogue) -> type[TyperGroup]:
    """A group whose first word is a command if it names one, otherwise the PATH."""

    class TellingPaths(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            lifted = lift_path(catalogue, args)
            if lifted != args and (at := first_word(catalogue.root, lifted)) is not None:
                ctx.fail(_two_words(catalogue, args, lifted[at]))
            return super().parse_args(ctx, lifted)

        def list_commands(self, ctx: Any) -> list[str]:  # Typer's signature
            return list(catalogue.entries)

        def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
            found = super().shell_complete(ctx, incomplete)
            # The class of the items is Typer's own affair: ask one.
            kind = type(next(iter(found or super().shell_complete(ctx, ""))))
            return [*found, *(kind(path) for path in directories(incomplete))]

    return TellingPaths


def _two_words(catalogue: Catalogue, args: Sequence[str], second: str) -> str:
    at = first_word(catalogue.root, args)
    first = "" if at is None else args[at]
    return f"{first!r} is no command, and a PATH stands alone, without {second!r}." + near(
        first, catalogue.entries
    )


def _root(root: Command) -> Callable[..., Any]:
    def run(ctx: typer.Context, **values: Any) -> Call | None:
        plain = _plain(root_options(root), values)
        if ctx.invoked_subcommand is None:
            return Call((), root, plain)
        if not only_place(plain):
            ctx.fail(f"Only {', '.join(option.name for option in COMMON)} stand before a command.")
        ctx.obj = plain
        return None

    return _signed(run, (), root_options(root))


def _leaf(words: tuple[str, ...], command: Command) -> Callable[..., Any]:
    options = (*command.options, *COMMON)

    def run(ctx: typer.Context, **values: Any) -> Call:
        plain = _plain((*options, *command.arguments), values)
        return Call(words, command, inherit(plain, ctx.obj or {}))

    return _signed(run, command.arguments, options)


def _plain(parts: Sequence[Option | Argument], values: Values) -> Values:
    """``values`` as the quick parser gives them: tuples where there may be many."""
    many = {part.key for part in parts if part.many}
    return {key: tuple(value or ()) if key in many else value for key, value in values.items()}


def _signed(
    run: Callable[..., Any], arguments: Sequence[Argument], options: Sequence[Option]
) -> Callable[..., Any]:
    """``run`` with the signature from which Typer reads its parameters."""
    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    parts = [_argument(argument) for argument in arguments] + [_option(one) for one in options]
    signature = inspect.Signature([context, *parts])
    run.__signature__ = signature  # type: ignore[attr-defined]  # what inspect reads first
    run.__annotations__ = {name: part.annotation for name, part in signature.parameters.items()}
    return run


def _argument(argument: Argument) -> inspect.Parameter:
    kind: Any = list[str] if argument.many else str
    told = typer.Argument(
        metavar=argument.name,
        help=argument.help,
        show_default=False,
        autocompletion=COMPLETERS.get(argument.complete),
    )
    required = argument.required
    return inspect.Parameter(
        argument.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[kind if required else kind | None, told],
    )


def _option(option: Option) -> inspect.Parameter:
    kind = _LISTS.get(option.kind, list[str]) if option.many else _SCALARS.get(option.kind, str)
    told = typer.Option(
        option.name,
        metavar=option.metavar or None,
        help=option.help,
        hidden=option.hidden,
        show_default=option.default is not None,
        autocompletion=COMPLETERS.get(option.complete),
    )
    unset = None if option.many else option.unset
    return inspect.Parameter(
        option.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=unset,
        annotation=Annotated[kind | None if unset is None else kind, told],
    )


def _text(command: Command) -> str:
    """A command's help: what it does, notes, examples."""
    parts = [command.help]
    if command.notes:
        parts.append(command.notes)
    if command.examples:
        parts.append("\b\nExamples:\n" + "\n".join(f"  {line}" for line in command.examples))
    return "\n\n".join(parts)


def _exit_text() -> str:
    codes = "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS)
    common = ", ".join(option.name for option in COMMON)
    return (
        f"{common} may stand before a command or after it.\n\n"
        "\b\nExit codes:\n" + codes + "\n\n"
        "\b\nFaults are one line on stderr, or a JSON object with --json:\n"
        "  quarterdeck: no_engine: No engine answers at ..."
    )
