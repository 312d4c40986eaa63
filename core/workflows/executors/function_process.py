"""Calls one function in a process of its own; run by path, standard library only.

What to call comes on standard input as JSON (``function``, ``with``); its result, or its error, goes
to standard output as JSON. All that the function prints goes to standard error, whoever prints it.
"""

# pathlib and asyncio are loaded by those functions that need them.
# ruff: noqa: PTH109

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

FAILED = 1
ERROR_TEXT = 4000


def find(name: str) -> Any:
    """The function that ``module:function`` names; dots lead into classes.

    :raises AttributeError, ImportError, TypeError: if there is none.
    """
    module, _, path = name.partition(":")
    return reach(import_module(module), path, name)


def reach(module: Any, path: str, name: str) -> Any:
    """What ``path`` leads to in a module; ``name`` says it all, for errors.

    :raises AttributeError, TypeError: if it is no function.
    """
    found = module
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        msg = f"{name} is no function"
        raise TypeError(msg)
    return found


def call(name: str, given: dict[str, Any]) -> Any:
    """What the function gives; an async one is run to its end."""
    result = _found(name)(**given)
    if inspect.isawaitable(result):
        import asyncio  # noqa: PLC0415  # most functions need none of it

        result = asyncio.run(_come(result))
    return result


class Missing(Exception):
    """There is no such function; its cause says why."""


def _found(name: str) -> Any:
    try:
        return find(name)
    except (AttributeError, ImportError, TypeError) as error:
        raise Missing from error


async def _come(result: Any) -> Any:
    return await result


def told(error: BaseException) -> dict[str, str]:
    """An error as its type and its text."""
    return {"type": type(error).__name__, "message": str(error)[:ERROR_TEXT]}


def carry_out(order: dict[str, Any]) -> tuple[int, str]:
    """The exit code, and what to say."""
    try:
        result = call(order["function"], order["with"])
        return 0, json.dumps({"result": result}, allow_nan=False)
    except SystemExit as leaving:
        if leaving.code in {None, 0}:
            return 0, json.dumps({"result": None})
        return FAILED, json.dumps({"error": told(leaving)})
    except Missing as missing:
        cause = missing.__cause__ or missing
        traceback.print_exception(cause)
        return FAILED, json.dumps({"error": {**told(cause), "missing": True}})
    except BaseException as error:  # noqa: BLE001  # whatever it is, whoever waits is told
        traceback.print_exception(_own(error))
        return FAILED, json.dumps({"error": told(error)})


def _own(error: BaseException) -> BaseException:
    """The error with the traceback of the function alone."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return error.with_traceback(trace or error.__traceback__)


def main() -> int:
    """Read, call, answer."""
    sys.path[0] = os.getcwd()
    order = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    code, text = carry_out(order)
    sys.stdout.flush()
    with answers:
        answers.write(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
