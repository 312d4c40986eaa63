"""The engine gone at every point of making a worktree: it is finished or undone, never half there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.core.sessions.conftest import NewRig
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, until
from tests.core.sessions.workspaces.gitrepo import GitRepo

from quarterdeck.core.base.kept import Kept, KeptStore
from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SystemInfo, SystemWarning
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.workspace import WorkspaceState, WorktreeWish
from quarterdeck.core.sessions.workspaces.faults import SetupFailed
from quarterdeck.core.sessions.workspaces.git import Answer, Git
from quarterdeck.core.sessions.workspaces.setting_up import SetupRun, Setups
from quarterdeck.state.memory import MemoryStore

CHANGING = {"update-ref", "worktree"}


@dataclass
class Death:
    """The engine ends at the ``at``-th point that it comes to; from then on nothing is done."""

    at: int
    seen: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def check(self) -> None:
        """Nothing more is done by a dead engine."""
        if self.came.is_set() and not self.over:
            raise asyncio.CancelledError

    async def point(self) -> None:
        """One point; at the last one time stands still."""
        self.check()
        if not self.over:
            self.seen += 1
            if self.seen == self.at:
                self.came.set()
                await asyncio.Event().wait()


class DyingKept:
    """A store of small records whose engine may die before or after each is written."""

    def __init__(self, inner: KeptStore, death: Death) -> None:
        self._inner = inner
        self._death = death

    async def get_kept(self, kind: str, key: str) -> Kept | None:
        return await self._inner.get_kept(kind, key)

    async def remove_kept(self, kind: str, key: str) -> None:
        await self._inner.remove_kept(kind, key)

    async def all_kept(self, kind: str, *, open_only: bool = False) -> list[Kept]:
        return await self._inner.all_kept(kind, open_only=open_only)

    async def put_kept(self, record: Kept) -> bool:
        await self._death.point()
        done = await self._inner.put_kept(record)
        await self._death.point()
        return done


def mortal(monkeypatch: pytest.MonkeyPatch, death: Death) -> None:
    """Let git commands that change something, and set-ups, be points of death."""
    answer = Git._answer

    async def dying(
        git: Git, place: str, words: tuple[str, ...], tether: Path | None, seconds: float
    ) -> Answer:
        changes = words[0] in CHANGING and tether is not None
        if changes:
            await death.point()
        else:
            death.check()
        found = await answer(git, place, words, tether, seconds)
        if changes:
            await death.point()
        return found

    async def run(_setups: Setups, run: SetupRun, _epoch: int) -> None:
        await death.point()
        leave_mark(run.cwd)
        await death.point()
        if run.argv == ("fail",):
            raise SetupFailed("It fails.")

    monkeypatch.setattr(Git, "_answer", dying)
    monkeypatch.setattr(Setups, "run", run)


def leave_mark(place: str) -> None:
    Path(place, "set-up").write_text("was here")


async def live_and_die(
    rig: Rig, layer: CoordinationLayer, repo: GitRepo, death: Death, setup: str
) -> bool:
    """Create a session until the engine dies; whether it did before that was over."""
    wish = c.CreateSession(
        name="one", agent="shell", cwd=str(repo.path), worktree=WorktreeWish(setup=(setup,))
    )
    making = asyncio.ensure_future(rig.manager.create(wish, CAUSE))
    dying = asyncio.ensure_future(death.came.wait())
    await asyncio.wait({making, dying}, return_when=asyncio.FIRST_COMPLETED)
    died = death.came.is_set()
    if died:
        for session in rig.sessions.values():
            session.removed = True
    making.cancel()
    dying.cancel()
    await layer.sagas.close()
    await asyncio.gather(making, dying, return_exceptions=True)
    await rig.die()
    death.over = True
    return died


def check_whole(rig: Rig, repo: GitRepo, state_dir: Path) -> bool:
    """It is all there, or nothing of it is; which."""
    homes = [path for path in (state_dir / "worktrees").glob("*") if path.is_dir()]
    if not rig.sessions:
        assert repo.branches == ["main"]
        assert repo.worktrees == []
        assert homes == []
        return False
    view = rig.view("one")
    assert view.workspace is not None
    assert view.workspace.state is WorkspaceState.READY
    assert view.lifecycle is Lifecycle.RUNNING
    assert repo.branches == ["main", "qd/one"]
    assert repo.worktrees == [view.workspace.path]
    assert repo.git("status", "--porcelain", place=view.workspace.path) == "?? set-up"
    assert len(homes) == 1
    return True


@pytest.mark.parametrize("setup", ["work", "fail"])
async def test_at_every_point_a_worktree_is_finished_or_undone(
    new_rig: NewRig,
    store: MemoryStore,
    repo: GitRepo,
    state_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    setup: str,
) -> None:
    at, finished, undone = (0 if setup == "work" else 7), 0, 0  # until then both are alike
    while True:
        at += 1
        death, keepers = Death(at), FakeKeepers()
        with monkeypatch.context() as patch:
            mortal(patch, death)
            kept = DyingKept(store.kept, death)
            layer = CoordinationLayer(store=kept, engine_id="home")
            first = await new_rig(keepers=keepers, layer=layer)
            died = await live_and_die(first, layer, repo, death, setup)
            second = await new_rig(
                keepers=keepers, layer=CoordinationLayer(store=store.kept, engine_id="home")
            )
            await until(partial(_settled, second), what=f"it stands still at point {at}")
        await second.journal.settled()
        whole = check_whole(second, repo, state_dir)
        if died:
            told = {one.code for one in second.told(SystemWarning)}
            told |= {one.code for one in second.told(SystemInfo)}
            assert whole or not second.sessions
            assert told <= {"worktree_finished", "worktree_undone", "setup_failed"}
            finished, undone = finished + whole, undone + (not whole)
        if whole:
            await second.delete(force=True, discard=True)
        await second.close()
        if not died:
            break
    assert undone
    assert bool(finished) is (setup == "work")
    assert at > 12


def _settled(rig: Rig) -> bool:
    states = [one.record.workspace for one in rig.sessions.values()]
    return all(one is not None and one.state is not WorkspaceState.PREPARING for one in states)
