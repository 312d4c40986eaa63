"""The steps of making a worktree, each with what undoes it; all of them bear repetition."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ...coordination.saga import Saga, SagaStep
from ...protocol.events import Cause
from ...protocol.workspace import WorkspaceView
from ..services import Services
from ..session import Session
from ..starter import Starter
from .git import CHECKOUT_SECONDS, Git, free
from .model import WorktreeOptions, home_of, log_of, mark_of, tether_of
from .repository import Repository
from .setting_up import SetupRun, Setups

AGENT = "worktrees"
"""Who carries the steps out."""

SLACK = 60.0
BUSY_SECONDS = CHECKOUT_SECONDS

Step = Callable[[Session, WorkspaceView], Awaitable[None]]


def saga_of(
    session: Session, workspace: WorkspaceView, options: WorktreeOptions, *, start: bool
) -> Saga:
    """The saga that makes a session's worktree and starts its agent there; its id is the session's."""

    def step(name: str, *, undone: bool, seconds: float | None, retries: int = 0) -> SagaStep:
        undo = {"undo": name, "session": session.id} if undone else None
        return SagaStep(name, AGENT, {"do": name, "session": session.id}, undo, retries, seconds)

    steps = [
        step("branch", undone=True, seconds=CHECKOUT_SECONDS + SLACK, retries=1),
        step("worktree", undone=True, seconds=3 * CHECKOUT_SECONDS, retries=1),
    ]
    if workspace.setup:
        steps.append(step("setup", undone=True, seconds=options.setup_timeout + 2 * SLACK))
    if start:
        steps.append(step("start", undone=True, seconds=None))
    return Saga(f"worktree of {session.record.name}", steps, session.id)


class Steps:
    """Carries the steps out; ``failures`` holds the last fault of each session, as it was raised."""

    def __init__(
        self,
        services: Services,
        starter: Starter,
        git: Git,
        options: WorktreeOptions,
        find: Callable[[str], Session],
    ) -> None:
        self._services = services
        self._starter = starter
        self._git = git
        self._options = options
        self._find = find
        self._setups = Setups(services.keepers, services.state_dir)
        self.failures: dict[str, Exception] = {}
        self.causes: dict[str, Cause] = {}
        self._does: Mapping[str, Step] = {
            "branch": self._make_branch,
            "worktree": self._add_worktree,
            "setup": self._set_up,
            "start": self._start,
        }
        self._undoes: Mapping[str, Step] = {
            "branch": self._unmake_branch,
            "worktree": self._drop_worktree,
            "setup": self._end_setup,
            "start": self._stop,
        }

    async def act(self, action: Any) -> None:
        """Do or undo one step, as the saga says.

        :raises QuarterdeckError: what the step raises.
        """
        session = self._find(action["session"])
        workspace = session.record.workspace
        if workspace is None:
            return
        undo = action.get("undo")
        step = self._does[action["do"]] if undo is None else self._undoes[undo]
        try:
            await free(tether_of(workspace), BUSY_SECONDS)
            await step(session, workspace)
        except Exception as error:
            if undo is None:
                self.failures[session.id] = error
            raise

    async def _make_branch(self, session: Session, workspace: WorkspaceView) -> None:
        await asyncio.to_thread(_make_home, home_of(workspace))
        if workspace.made_branch:
            await self._repository(workspace).make_branch(
                workspace.branch, workspace.commit, mark_of(session.id), tether_of(workspace)
            )

    async def _unmake_branch(self, session: Session, workspace: WorkspaceView) -> None:
        if workspace.made_branch and await asyncio.to_thread(Path(workspace.repository).is_dir):
            await self._repository(workspace).unmake_branch(
                workspace.branch, workspace.commit, mark_of(session.id), tether_of(workspace)
            )
        await asyncio.to_thread(remove_home, workspace)

    async def _add_worktree(self, session: Session, workspace: WorkspaceView) -> None:
        await self._drop_worktree(session, workspace)  # what a step that was cut short has left
        try:
            await self._repository(workspace).add_worktree(
                workspace.path, workspace.branch, tether_of(workspace)
            )
        except BaseException:  # a hook that fails leaves a worktree behind
            await self._drop_worktree(session, workspace)
            raise

    async def _drop_worktree(self, _session: Session, workspace: WorkspaceView) -> None:
        """Nothing of value is in it yet: only git and the set-up command have written there."""
        if await asyncio.to_thread(Path(workspace.repository).is_dir):
            await self._repository(workspace).remove_worktree(
                workspace.path, force=True, tether=tether_of(workspace)
            )
        await asyncio.to_thread(shutil.rmtree, workspace.path, ignore_errors=True)

    async def _set_up(self, session: Session, workspace: WorkspaceView) -> None:
        own = {"QUARTERDECK_SESSION": session.id, "QUARTERDECK_NAME": session.record.name}
        place = {
            "QUARTERDECK_REPOSITORY": workspace.repository,
            "QUARTERDECK_WORKTREE": workspace.path,
            "QUARTERDECK_BRANCH": workspace.branch,
        }
        run = SetupRun(
            session.id,
            workspace.setup,
            workspace.path,
            {**self._services.environment, **session.record.env, **own, **place},
            log_of(workspace),
            self._options.setup_timeout,
        )
        await self._setups.run(run, self._services.epoch)

    async def _end_setup(self, session: Session, _workspace: WorkspaceView) -> None:
        await self._setups.end(session.id)

    async def _start(self, session: Session, _workspace: WorkspaceView) -> None:
        await self._starter.start(session, self.causes.get(session.id, Cause()))

    async def _stop(self, session: Session, _workspace: WorkspaceView) -> None:
        await self._starter.stop(session, self.causes.get(session.id))

    def _repository(self, workspace: WorkspaceView) -> Repository:
        return Repository(self._git, workspace.repository)


def _make_home(home: Path) -> None:
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)


def remove_home(workspace: WorkspaceView) -> None:
    """Remove what lies beside a worktree that is gone; the worktree itself is never touched."""
    if not Path(workspace.path).exists():
        shutil.rmtree(home_of(workspace), ignore_errors=True)
