"""``python``: a function, in a process of its own or in the engine's."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import traceback
from asyncio import CancelledError
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any

from ...base.calling import is_async
from ..backends.ports import Stream
from ..context import TaskExecutionContext
from .agent_sessions import AgentSessions
from .attempt import Attempt
from .children import Child
from .desk import Desk, named
from .faults import FunctionFailed, FunctionMissing
from .leaves import LeafExecutor
from .process import Finished, Process
from .results import Collected
from .trusted import find_trusted

PROGRAM = Path(__file__).with_name("function_process.py")


class PythonExecutor(LeafExecutor):
    """Calls functions that are named as ``module:function``."""

    def __init__(self, desk: Desk, agents: AgentSessions) -> None:
        super().__init__(desk)
        self._agents = agents

    async def carry_out(self, attempt: Attempt, child: Child | None) -> Any:
        """What the function gives."""
        order = {
            "function": attempt.task.metadata["function"],
            "with": attempt.rendered("with").get("with", {}),
        }
        attempt.given.add({"function": order["function"]})
        if attempt.task.metadata.get("trusted"):
            return await attempt.finish(await _here(attempt, order, self._agents.of(attempt)))
        process = Process(
            attempt,
            (attempt.desk.surroundings.python, str(PROGRAM)),
            stdin=json.dumps(order).encode(),
            logged=frozenset({Stream.STDERR}),
        )
        return await attempt.finish(_answer(await process.go(child), order["function"]))


def _answer(finished: Finished, function: str) -> Any:
    """What the process said.

    :raises FunctionFailed: if the function raised.
    :raises CommandFailed: if the process ended without a word of it.
    """
    answer = _parsed(finished.stdout)
    if "error" in answer:
        error = answer["error"]
        kind = FunctionMissing if error.get("missing") else FunctionFailed
        raise kind(
            f"{function} raised {error['type']}: {error['message']}", error_type=error["type"]
        )
    finished.check(function)
    if "result" not in answer:
        raise FunctionFailed(f"{function} ended its process before it gave a result.")
    return answer["result"]


def _parsed(stdout: Collected) -> dict[str, Any]:
    text = stdout.whole()
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    return {}


async def _here(attempt: Attempt, order: dict[str, Any], context: TaskExecutionContext) -> Any:
    """Call the function in this process: a sync one in a thread, an async one in the loop.

    A parameter ``context`` that is not given otherwise is the attempt's context.
    """
    attempt.announce_log()
    try:
        function = find_trusted(order["function"], _folders(attempt))
        given = {**({"context": context} if _wants_context(function) else {}), **order["with"]}
        if is_async(function):
            return await function(**given)
        result = await _in_thread(lambda: function(**given))
        return await result if inspect.isawaitable(result) else result
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a task's function raises is its failure
        await attempt.write("".join(traceback.format_exception(error)).encode())
        raise FunctionFailed(
            f"{order['function']} raised {type(error).__name__}: {error}{_hint(order, error)}",
            error_type=type(error).__name__,
        ) from None


def _folders(attempt: Attempt) -> list[Path]:
    """Where modules lie that are not installed: the task's directory, and that of the file."""
    file = named(attempt.task).get("file")
    return [attempt.cwd, *([Path(file).parent] if file else [])]


def _hint(order: dict[str, Any], error: Exception) -> str:
    module = order["function"].partition(":")[0]
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return (
            " (trusted functions are looked for among the engine's modules, and in a file "
            f"{module}.py in the task's directory or beside the workflow's file)"
        )
    return ""


def _wants_context(function: Callable[..., Any]) -> bool:
    try:
        return "context" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # nothing is known of some that are not written in Python
        return False


async def _in_thread(call: Callable[[], Any]) -> Any:
    """What a thread of its own gives; one that is not waited for any more does not keep us alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result, failed = None, None
        try:
            result = context.run(call)
        except BaseException as error:  # noqa: BLE001  # it is handed on
            failed = error if isinstance(error, Exception) else RuntimeError(repr(error))
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="trusted-task", daemon=True).start()
    return await future
