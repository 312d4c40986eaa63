"""The crew of one engine: looked at, told of, and steered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from ...base.clock import Clock
from ...base.kept import KeptStore
from ...coordination.layer import CoordinationLayer
from ...coordination.lock_line import KeptLock
from ...protocol.crew_events import CrewChanged
from ...protocol.crew_views import CrewView, ProposalView, SagaView, VoteChoice, WaitingView
from ...protocol.events import Cause, Event
from ...scheduling.items import Need
from ...workflows.machine import Placed
from ..answering import Answerers
from ..journal import Journal
from ..ports import SessionService
from ..workflows.service import WorkflowService
from .people import NoVoteLeft, People
from .placing import Placing
from .ports import NothingWatched, SafetyViews
from .view import crew_view, proposal_view, saga_view

PAUSE = 0.1
"""Seconds between two looks at what has changed, at least."""
TOLD_AT_ONCE = 500
"""Waiting tasks whose new reasons are told in one look; the others show it when they are asked for."""
_ABOUT_SESSIONS = frozenset({
    "session.created", "session.deleted", "session.updated", "status.changed",
})  # fmt: skip
_ABOUT_SAFETY = frozenset({
    "breaker.changed", "budget.breached", "budget.granted", "safety.halted", "safety.reset",
    "safety.violation",
})  # fmt: skip


class CrewService:
    """Watches what changes in the crew, and tells it at most every ``PAUSE`` seconds.

    ``layer`` holds locks, sagas and votes over ``kept``; whoever made it closes it. ``placing`` is that of
    the workflows. ``safety`` may be
    put in its place later, and so may ``elsewhere``: what waits that no workflow knows of.
    """

    def __init__(
        self,
        workflows: WorkflowService,
        sessions: SessionService,
        layer: CoordinationLayer,
        *,
        placing: Placing | None,
        kept: KeptStore,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self.layer = layer
        self.safety: SafetyViews = NothingWatched()
        self.elsewhere: Callable[[], Sequence[WaitingView]] = tuple
        self._workflows = workflows
        self._sessions = sessions
        self._journal = journal
        self._clock = clock
        self._placing = placing
        self._told: dict[Need, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = float("-inf")
        self._dirty = False
        self._closed = False
        desk = workflows.desk
        self._people = None if desk is None else People(layer, kept, desk, journal, self.changed)

    def answer_through(self, answerers: Answerers) -> None:
        """Take the answers to what is asked here."""
        if self._people is not None:
            self._people.answer_through(answerers)

    async def load(self) -> None:
        """Count what is there; to be called when sessions are loaded, and before workflows are."""
        if self._placing is not None:
            self._placing.count_sessions(self._sessions.views())
            self._placing.places.changed = self.changed
        if self._people is not None:
            await self._people.load()

    async def close(self) -> None:
        """Watch nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._people is not None:
            await self._people.close()

    # ---- looking -------------------------------------------------------------------------------

    async def view(self) -> CrewView:
        """How the crew stands."""
        self._count_sessions()
        return await crew_view(
            self._placing,
            self.layer,
            self.safety,
            self._workflows.orchestrator.why_waiting,
            self._barred(),
            elsewhere=self.elsewhere(),
            now=self._clock.now(),
        )

    def _barred(self) -> list[Placed]:
        now, wall = self._clock.monotonic(), self._clock.now()
        return [
            Placed(
                run,
                task,
                wall - timedelta(seconds=now - since),
                run.label.tasks[task].priority,
                None,
            )
            for run, task, since in self._workflows.orchestrator.barred()
        ]

    # ---- steering ------------------------------------------------------------------------------

    async def vote(
        self, proposal_id: str, choice: VoteChoice, by: str, reason: str, cause: Cause
    ) -> ProposalView:
        """A person's vote; the proposal then.

        :raises ProposalUnknown: if there is no such proposal.
        :raises VoteRefused: if it comes too late.
        :raises NoVoteLeft: if no vote of a person is missing.
        """
        if self._people is None:
            raise NoVoteLeft("Nobody is asked here.", proposal_id=proposal_id)
        return proposal_view(await self._people.vote(proposal_id, choice, by, reason, cause))

    async def release_lock(self, resource: str) -> KeptLock:
        """Take a lock from its holder; the lock as it was.

        :raises LockFree: if nobody holds it.
        """
        return await self.layer.locks.take_away(resource)

    async def resume_saga(self, saga_id: str) -> SagaView:
        """Try to undo again what could not be; the saga then.

        :raises SagaUnknown: if there is none with that id.
        """
        if self._people is None:
            await self.layer.sagas.compensate_again(saga_id)
        else:
            await self._people.resume(saga_id)
        runs = await self.layer.list_sagas()
        return next(saga_view(run) for run in runs if run.saga.saga_id == saga_id)

    # ---- changes -------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """A session may have come, gone, started or ended; or what work is held against has changed."""
        if event.type in _ABOUT_SESSIONS:
            self._look_soon()
        elif event.type in _ABOUT_SAFETY:
            self.changed()

    def changed(self) -> None:
        """Something of the crew's view has changed."""
        self._dirty = True
        self._look_soon()

    def _look_soon(self) -> None:
        if self._timer is None and not self._closed:
            wait = self._looked_at + PAUSE - self._clock.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0.0), self._look)

    def _look(self) -> None:
        self._timer = None
        self._looked_at = self._clock.monotonic()
        self._count_sessions()
        if self._dirty:
            self._dirty = False
            self._tell_reasons()
            self._journal.announce(CrewChanged())

    def _count_sessions(self) -> None:
        if self._placing is not None and self._placing.count_sessions(self._sessions.views()):
            self._workflows.orchestrator.look_at_places()

    def _tell_reasons(self) -> None:
        """Tell anew why tasks wait, where that is another reason than was told last."""
        if self._placing is None:
            return
        places = self._placing.places
        needs = {need: places.reason(need) for need in places.needs()}
        changed = {need for need, why in needs.items() if self._told.get(need) != why}
        self._told = needs
        if changed:
            affected = [one for one in places.waiting() if one.need in changed]
            for one in affected[:TOLD_AT_ONCE]:
                self._tell_again(one)

    def _tell_again(self, one: Placed) -> None:
        self._workflows.tell_again(one.run.id, one.run.label.tasks[one.task].task_id)
