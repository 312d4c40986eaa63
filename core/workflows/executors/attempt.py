"""One attempt as the executors see it: its values, its log, its files, its faults without secrets."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...base.homes import expanded
from ...protocol.commands import StopAgent
from ...protocol.events import Cause
from ..backends.faults import SupersededHere
from ..context import AttemptLost, ConditionFalse, TaskExecutionContext
from ..faults import ExecutionError
from ..files.executing import rendered
from ..files.templates import Scope
from .artifacts import Leaving, keep_files
from .children import Child, ChildKind
from .desk import Desk, named
from .folders import attempt_folder
from .given import Given
from .log import AttemptLog
from .results import check_result
from .unbroken import unbroken

LOG_NAME = "log"
GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL."""
BIG = 16 * 1024
"""Bytes from which on hiding secrets takes long enough to go to a thread."""


class Attempt:
    """An attempt under way; ``taken_up`` once what carries on an adopted child's work sees to its end."""

    def __init__(self, desk: Desk, context: TaskExecutionContext, scope: Scope) -> None:
        self.desk = desk
        self.context = context
        self.scope = scope
        self.task = context.task_def
        self.hide = desk.hider(scope)
        where = desk.surroundings.artifacts
        self.folder = attempt_folder(where, context.workflow_id, self.task.task_id, context.attempt)
        self.log = AttemptLog(self.folder / LOG_NAME, self.hide)
        self.given = Given(self.folder, self.hide)
        self.given.add({"env": dict(scope.env)} if scope.env else {})
        self.taken_up = False

    # ---- what the file says ----------------------------------------------------------------

    def rendered(self, *keys: str) -> dict[str, Any]:
        """Those entries of the metadata that are there, with their templates rendered."""
        found = rendered(self.task, self.scope, *keys)
        self.given.add(found)
        return found

    @property
    def cwd(self) -> Path:
        """The directory that it works in."""
        home = Path(named(self.task).get("directory") or Path.cwd())
        given = self.rendered("cwd").get("cwd")
        return home / expanded(str(given)) if given else home

    @property
    def env(self) -> dict[str, str]:
        """Its environment: what the file says, and who it is."""
        return {
            **self.scope.env,
            "QUARTERDECK_WORKFLOW_ID": self.context.workflow_id,
            "QUARTERDECK_TASK_ID": self.task.task_id,
            "QUARTERDECK_ATTEMPT": str(self.context.attempt),
            "QUARTERDECK_IDEMPOTENCY_KEY": self.context.idempotency_key,
        }

    # ---- what is told while it runs --------------------------------------------------------

    async def keep_child(self, child: Child) -> None:
        """Keep where its child is to be found; returns when it is on disk, with its log's place."""
        self.announce_log()
        await self.context.keep_child(child.text)

    def announce_log(self) -> None:
        """Say where its log is, from the artifacts' folder on; what it was given is kept there."""
        self.given.keep()
        place = self.log.path.relative_to(self.desk.surroundings.artifacts)
        self.desk.orchestrator.note_log(
            self.context.workflow_id, self.task.task_id, place.as_posix()
        )

    async def write(self, data: bytes) -> None:
        """Take output into the log, and tell those who follow."""
        if len(data) > BIG:
            # The thread goes on when this is cancelled, and the log has one writer at a time.
            grown = await unbroken(asyncio.to_thread(self.log.write, data))
        else:
            grown = self.log.write(data)
        if grown:
            self.tell()

    def tell(self) -> None:
        """Tell the log's size."""
        context = self.context
        self.desk.surroundings.on_output(
            context.workflow_id, self.task.task_id, context.attempt, self.log.size
        )

    @property
    def wanted_on(self) -> bool:
        """Whether this engine still drives it: else its child is left to whoever does."""
        return self.desk.orchestrator.drives(self.context.workflow_id, self.task.task_id)

    # ---- its end -----------------------------------------------------------------------------

    async def finish(self, result: Any) -> Any:
        """The result, if it fits, once the files that are to be kept are."""
        outputs = self.task.metadata.get("outputs", {})
        check_result(result, outputs.get("schema"))
        if outputs.get("files"):
            leaving = Leaving(self.desk, self.context, self.scope, self.cwd, self.folder)
            await keep_files(leaving, outputs["files"])
        return result


Work = Callable[[Attempt], Awaitable[Any]]


async def attempt_with(
    desk: Desk, context: TaskExecutionContext, work: Work, child: Child | None = None
) -> Any:
    """Carry out an attempt, with all that is the same for every kind around it.

    ``child`` is that of an attempt that is adopted; it is ended where this fails before it is taken up.

    :raises ConditionFalse: if the task is not wanted.
    """
    try:
        scope = await _scope(desk, context, child)
    except Exception:
        await _end_child(desk, context, child)
        raise
    attempt = Attempt(desk, context, scope)
    try:
        return await work(attempt)
    except (CancelledError, AttemptLost, ConditionFalse):
        raise
    except SupersededHere as error:
        # Whoever drives it now records its end; nothing that is said here counts.
        raise CancelledError from error
    except Exception as error:  # noqa: BLE001  # whatever it is, it must not tell secrets
        if not attempt.taken_up:
            await _end_child(desk, context, child)
        raise hidden(error, attempt.hide) from None
    finally:
        attempt.given.keep()
        attempt.log.close()
        if attempt.log.size:
            attempt.tell()


async def _end_child(desk: Desk, context: TaskExecutionContext, child: Child | None) -> None:
    """End what a former engine began and this one can't go on with: nobody else would ever do so."""
    driven = desk.orchestrator.drives(context.workflow_id, context.task_def.task_id)
    if child is None or not driven:
        return
    sessions = desk.surroundings.sessions
    with suppress(QuarterdeckError):  # it has ended by itself, as most have
        if child.kind is ChildKind.PROCESS:
            await desk.surroundings.backend.cancel(child.place, GRACE)
        elif child.kind is ChildKind.SESSION and sessions is not None:
            await sessions.stop(StopAgent(session_id=child.place), Cause())
        elif child.kind is ChildKind.WORKFLOW:
            await desk.orchestrator.cancel_workflow(child.place)


async def _scope(desk: Desk, context: TaskExecutionContext, child: Child | None) -> Scope:
    """The values for its templates; a child that lives is ended by its own kind, so that goes on.

    Cancelled meanwhile, an attempt with a child is cancelled again once it is under way.
    """
    if child is None:
        return await desk.scope(context)
    reading = asyncio.ensure_future(desk.scope(context))
    try:
        return await asyncio.shield(reading)
    except CancelledError:
        await asyncio.wait([reading])
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().call_soon(task.cancel)
        return await reading


def hidden(error: Exception, hide: Callable[[str], str]) -> Exception:
    """The error without secrets in its text: itself, where it has none."""
    message = str(error)
    shown = hide(message)
    if shown == message:
        return error
    if isinstance(error, QuarterdeckError) and type(error).__init__ is QuarterdeckError.__init__:
        return type(error)(shown)
    return ExecutionError(f"{type(error).__name__}: {shown}")
