"""The entry point of ``quarterdeck`` and ``qd``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from .catalogue import CATALOGUE
from .exits import DONE, FAILED, INTERRUPTED, PIPE_CLOSED
from .failing import fault
from .grammar import JSON, PLACE, Option
from .invocation import Invocation
from .parsing import Call, parse
from .place import PROGRAM
from .printing import clean, to_json


def run(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _take_any_text()
    try:
        code = _carry_out(arguments)
        return PIPE_CLOSED if _is_unread() and code == DONE else code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _write_nowhere(sys.stdout)
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001  # told apart below; unknown ones are raised again
        return _fail(error, as_json="--json" in arguments)


def _is_unread() -> bool:
    """Whether what is left to write finds nobody, as where the terminal is gone."""
    unread = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _write_nowhere(stream)
            unread = True
    return unread


def _write_nowhere(stream: TextIO) -> None:
    """Nobody reads any more; Python must not complain of it when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _take_any_text() -> None:
    """Print what the terminal's encoding has no letters for as escapes, rather than fail at it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _carry_out(arguments: list[str]) -> int:
    program = Path(sys.argv[0]).name or PROGRAM
    call = None if _completing(program) else parse(CATALOGUE, arguments)
    if call is None:
        # Start-up time: Typer loads only for help, completion and what is wrong.
        from .tree import understand  # noqa: PLC0415

        understood = understand(CATALOGUE, arguments, program)
        if isinstance(understood, int):
            return understood
        call = understood
    return execute(call)


def _completing(program: str) -> bool:
    return f"_{program}_COMPLETE".replace("-", "_").upper() in os.environ


def execute(call: Call) -> int:
    """Run one command; its exit code."""
    invocation = Invocation(call.values)
    command = call.command
    own = [part.key for part in command.options if part not in (*PLACE, JSON)]
    keys = [*(argument.key for argument in command.arguments), *own]
    values = {key: call.values[key] for key in keys}
    for option in command.options:
        check_least(option, values.get(option.key))
    try:
        code = handler(call.command.run)(invocation, **values)
    finally:
        invocation.close()
    return DONE if code is None else int(code)


def check_least(option: Option, value: Any) -> None:
    """See that a number is not too small.

    :raises CliFault: ``usage``, naming ``option``.
    """
    if option.least is not None and value is not None and not value >= option.least:
        raise fault("usage", f"{option.name} is at least {option.least:g}, not {value:g}.")


def handler(name: str) -> Callable[..., Any]:
    """The function that ``module:function`` under ``cli.commands`` names."""
    # Start-up time: each command loads its own module only.
    from importlib import import_module  # noqa: PLC0415

    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(f".commands.{module}", __package__), function)
    return found


def _fail(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, on stderr."""
    # Start-up time: the error tree is loaded by now, or soon will be.
    from ..core.base.errors import QuarterdeckError  # noqa: PLC0415

    if isinstance(error, OSError):
        error = fault("os_error", f"The system refused: {error}.")
    if not isinstance(error, QuarterdeckError):
        raise error
    if as_json:
        text = to_json({"error": error.info().model_dump(mode="json")}, sys.stderr)
    else:
        text = f"quarterdeck: {error.code}: {clean(error.message)}"
    sys.stderr.write(f"{text}\n")
    return int(getattr(error, "exit_code", FAILED))
