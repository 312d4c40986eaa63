"""Worktrees of sessions from their making to their end; what the session manager asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...coordination.faults import SagaUnknown
from ...coordination.layer import CoordinationLayer
from ...coordination.saga import SagaResult, SagaStatus
from ...protocol import commands as c
from ...protocol.events import Cause, SystemInfo, SystemWarning
from ...protocol.status import Lifecycle
from ...protocol.workspace import WorkspaceState, WorkspaceView
from ...telemetry.logs import logger
from ..faults import SessionLiving
from ..lifecycle import StartAsked, StartFailed
from ..services import Services
from ..session import Session
from ..starter import Starter
from .faults import NoWorktree, WorktreeBroken, WorktreeUndone
from .git import Git
from .merging import Merge, Merger
from .model import FOLDER, LOGS, Plan, WorktreeOptions, log_of
from .planning import plan_worktree
from .removal import Removal
from .steps import AGENT, Steps, remove_home, saga_of

Remove = Callable[[Session, Cause], Awaitable[None]]
_log = logger("sessions.workspaces")


class Workspaces:
    """The worktrees of one manager's sessions; whoever calls for a session holds its ``busy``.

    ``layer`` keeps sagas and locks. ``remove`` strikes a session out that is undone.
    """

    def __init__(
        self,
        services: Services,
        starter: Starter,
        *,
        find: Callable[[str], Session],
        remove: Remove,
        layer: CoordinationLayer | None = None,
        options: WorktreeOptions | None = None,
    ) -> None:
        self.layer = layer or CoordinationLayer()
        self._services = services
        self._options = options or WorktreeOptions()
        self._git = Git(services.environment)
        self._remove = remove
        self._untidy = True
        self._steps = Steps(services, starter, self._git, self._options, find)
        self._removal = Removal(self._git)
        self._merger = Merger(self._git, self.layer, self._options)
        self.layer.register_agent(AGENT, self._steps.act)

    async def close(self) -> None:
        """Break off what is under way; the next engine finishes or undoes it. Locks are given up."""
        await self.layer.close()

    # ---- making ----------------------------------------------------------------------------

    async def plan(self, wish: c.CreateSession, directory: str) -> Plan | None:
        """What is to be made for a session that is wished for; ``None`` if it wants no worktree.

        :raises QuarterdeckError: whatever speaks against it.
        """
        if wish.worktree is None:
            return None
        return await plan_worktree(self._git, self._options, wish.name, directory, wish.worktree)

    def place(self, plan: Plan, session_id: str) -> WorkspaceView:
        """The planned worktree as that of a session."""
        folder = self._options.directory or self._services.state_dir / FOLDER
        return plan.at(folder.resolve(), session_id)

    async def make(self, session: Session, cause: Cause, *, start: bool) -> None:
        """Make the session's worktree and start its agent, or undo all of it and the session.

        :raises QuarterdeckError: why it could not be made.
        """
        workspace = session.record.workspace
        if workspace is None:
            return
        self._steps.causes[session.id] = cause
        self._untidy = True
        try:
            saga = saga_of(session, workspace, self._options, start=start)
            result = await self.layer.run_saga(saga)
            await self._conclude(session, result, cause)
        finally:
            self._steps.causes.pop(session.id, None)
            self._steps.failures.pop(session.id, None)

    async def settle(self, session: Session) -> None:
        """Finish or undo what an engine that ended had begun for this session, and say so."""
        async with session.busy:
            workspace = session.record.workspace
            if (
                session.removed
                or workspace is None
                or workspace.state is not WorkspaceState.PREPARING
            ):
                return
            name = session.record.name
            try:
                result = await self._resumed(session.id)
                await self._conclude(session, result, Cause())
            except QuarterdeckError as error:
                told = (
                    f"The worktree of {name} was being made when the engine ended. {error.message}"
                )
                warning = SystemWarning(code=error.code, message=told, details={"session": name})
                self._services.recorder.record([], [warning])
            else:
                text = f"The worktree of {name}, begun by an engine that ended, is finished."
                done = SystemInfo(code="worktree_finished", message=text, details={"session": name})
                self._services.recorder.record([], [done])

    async def _resumed(self, session_id: str) -> SagaResult | None:
        """How the saga ended, now or then; ``None`` if it was never begun."""
        former = self.layer.locks.engine_id  # an engine's sessions are its home's alone
        resumed = await self.layer.sagas.resume({former}, only=session_id)
        if resumed:
            return resumed[0]
        try:
            return await self.layer.sagas.result(session_id)
        except SagaUnknown:
            return None

    async def _conclude(self, session: Session, result: SagaResult | None, cause: Cause) -> None:
        """Let the session be what became of its saga.

        :raises QuarterdeckError: if it was undone, or could not be.
        """
        workspace = session.record.workspace
        if workspace is None:
            return
        if result is not None and result.status is SagaStatus.COMPLETED:
            await session.change(cause, workspace=workspace.changed(state=WorkspaceState.READY))
        elif result is not None and result.status is SagaStatus.COMPENSATION_FAILED:
            await self._break(session, workspace, result, cause)
        else:
            failure = self._steps.failures.get(session.id)
            await asyncio.to_thread(remove_home, workspace)
            await self._remove(session, cause)
            raise _undone(session, result, failure)

    async def _break(
        self, session: Session, workspace: WorkspaceView, result: SagaResult, cause: Cause
    ) -> None:
        """Something is left: the session stays, as a failure that a person must look at."""
        left = "; ".join(f"{step}: {why}" for step, why in result.compensation_errors.items())
        reason = (
            f"Its worktree could not be made ({result.error}), nor all of it undone ({left}). Look at "
            f"{workspace.repository}, then: quarterdeck session delete, with --discard or --keep-worktree."
        )
        now = self._services.clock.now()
        broken = workspace.changed(state=WorkspaceState.BROKEN)
        if session.record.lifecycle is Lifecycle.CREATED:
            session.move(StartAsked(), cause)
            session.move(
                StartFailed(),
                cause,
                reason=reason,
                ended_at=now,
                status=session.reader.finish(reason),
                workspace=broken,
            )
        else:
            session.change(cause, reason=reason, workspace=broken)
        session.ended.set()
        await session.settled()
        raise WorktreeBroken(reason, session=session.record.name)

    # ---- afterwards ------------------------------------------------------------------------

    async def merge(
        self, session: Session, wish: c.MergeSession, cause: Cause
    ) -> Mapping[str, Any]:
        """Merge the session's branch; what was done.

        :raises QuarterdeckError: whatever speaks against it; nothing has changed then.
        """
        workspace = session.record.workspace
        if (
            workspace is None
            or workspace.state is not WorkspaceState.READY
            or workspace.branch_gone
        ):
            raise NoWorktree(
                f"{session.record.name} has no branch of its own to merge; only a session that was "
                "created with --worktree has one.",
            )
        if wish.delete_branch and session.living:
            raise SessionLiving(
                f"{session.record.name} is {session.view().shown}; its branch is deleted only when it "
                "has ended. Stop it first, or merge without --delete-branch.",
            )
        merge = Merge(session.record.name, workspace, wish.into or workspace.base)
        done = await self._merger.merge(merge)
        gone = wish.delete_branch and await self._merger.delete_branch(merge, done.tip)
        await session.change(
            cause, workspace=workspace.changed(merged_into=merge.into, branch_gone=gone)
        )
        return {
            "into": merge.into,
            "branch": workspace.branch,
            "commit": done.commit,
            "how": done.how,
            "branch_deleted": gone,
        }

    async def check_removal(self, session: Session, wish: c.DeleteSession) -> None:
        """Let a session be deleted as wished.

        :raises WorktreeDirty: if changes would be lost that are not committed.
        :raises BranchUnmerged: if commits would be that are nowhere else.
        """
        workspace = session.record.workspace
        if workspace is not None and not wish.keep_worktree:
            await self._removal.check(workspace, discard=wish.discard)

    async def take_down(self, session: Session, wish: c.DeleteSession) -> None:
        """Remove the session's worktree as wished, and its branch where that is merged.

        :raises QuarterdeckError: as for ``check_removal``; what is left is then still there.
        """
        workspace = session.record.workspace
        if workspace is None:
            return
        if not wish.keep_worktree:
            await self._removal.take_down(workspace, discard=wish.discard)
            await asyncio.to_thread(remove_home, workspace)
        await self.layer.sagas.forget(session.id)
        await asyncio.to_thread(log_of(workspace).unlink, missing_ok=True)

    async def tidy(self, known: frozenset[str]) -> None:
        """Drop what is kept of sagas and set-ups of sessions that are gone, but for the latest."""
        if not self._untidy:
            return
        self._untidy = False
        sagas = [run for run in await self.layer.list_sagas() if run.ended]
        ours = [run for run in sagas if all(step.agent_id == AGENT for step in run.saga.steps)]
        strangers = sorted(run.saga.saga_id for run in ours if run.saga.saga_id not in known)
        for saga_id in strangers[:-LOGS]:
            await self.layer.sagas.forget(saga_id)
        folder = self._options.directory or self._services.state_dir / FOLDER
        await asyncio.to_thread(_drop_logs, folder, known)


def _drop_logs(folder: Path, known: frozenset[str]) -> None:
    logs = sorted(log for log in folder.glob("*.log") if log.stem not in known)
    for log in logs[:-LOGS]:
        log.unlink(missing_ok=True)


def _undone(
    session: Session, result: SagaResult | None, failure: Exception | None
) -> QuarterdeckError:
    """Why there is no session, for whoever wished for it."""
    if isinstance(failure, QuarterdeckError):
        return failure
    name = session.record.name
    why = "it had not begun" if result is None else f"{result.failed_step}: {result.error}"
    return WorktreeUndone(
        f"The worktree of {name} could not be made ({why}). All that was done for it is undone.",
        session=name,
    )
