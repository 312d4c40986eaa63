"""What sessions tell without being asked: crashes, turns, usage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ...base.clock import Clock
from ...base.kept import Kept, KeptStore
from ...protocol.events import Event, SessionDeleted, SessionUsage, StatusChanged
from ...protocol.status import Activity, Lifecycle
from ...protocol.views import SessionView
from ...safety.budgets import BudgetScope, Usage
from ...safety.monitor import Admission
from .accounts import Accounts
from .admissions import Admissions
from .board import BreakerBoard
from .dispatch import Ticket
from .errands import Errands
from .gate import WorkflowGate
from .starts import fail

KIND = "usage"
PROVEN = 10.0
"""Seconds after which an agent that was started, and lives, is taken to work."""
BUSY = frozenset({Activity.WORKING, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER})
_DEAD = frozenset({Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST})


@dataclass(slots=True)
class _Watched:
    """One session: since when its turn goes on, the prompt's ticket, the permits of its start."""

    since: float | None = None
    ticket: Ticket | None = None
    start: Admission | None = None
    counted: datetime | None = None
    timer: asyncio.TimerHandle | None = None
    told: tuple[str, float, float] = ("", 0.0, 0.0)
    version: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Watch:
    """Follows the sessions by their events.

    Those of attempts pay through their attempts, but for what a person prompts there.
    """

    def __init__(
        self,
        store: KeptStore,
        *,
        clock: Clock,
        board: BreakerBoard,
        accounts: Accounts,
        admissions: Admissions,
        gate: WorkflowGate,
        errands: Errands,
    ) -> None:
        self._store = store
        self._clock = clock
        self._board = board
        self._accounts = accounts
        self._admissions = admissions
        self._gate = gate
        self._errands = errands
        self._watched: dict[str, _Watched] = {}
        self.starting: Callable[[str], bool] = lambda _agent: False

    async def restore(self) -> None:
        """Read what was counted of each session's own figures."""
        for record in await self._store.all_kept(KIND):
            start, cost, tokens = json.loads(record.body)
            self._watched[record.key] = _Watched(told=(start, cost, tokens), version=record.version)

    def started(self, view: SessionView, admission: Admission) -> None:
        """A person's session has started: its agent works if it lives on, or ends a turn."""
        one = self._of(view.id)
        if view.lifecycle is Lifecycle.CRASHED:
            one.counted = view.started_at
            fail(admission)
            return
        self._settle_start(one, good=None)
        one.start = admission
        loop = asyncio.get_running_loop()
        one.timer = loop.call_later(PROVEN, self._proven, view.id)

    def prompted(self, session_id: str, ticket: Ticket) -> None:
        """A prompt was delivered: its turn is paid for when it has ended."""
        one = self._of(session_id)
        if one.ticket is not None:
            self._admissions.release(one.ticket)
        one.ticket = ticket
        if one.since is None:
            one.since = self._clock.monotonic()

    def heard(self, event: Event) -> None:
        """One event of the journal."""
        match event.payload:
            case StatusChanged() as payload:
                self._moved(payload)
            case SessionUsage() as payload:
                self._errands.run(self._used(payload, self._of(payload.session_id)), "usage")
            case SessionDeleted(session_id=session_id):
                self._gone(session_id)
            case _:
                pass

    def close(self) -> None:
        """Set no timer any more."""
        for one in self._watched.values():
            self._settle_start(one, good=None)

    # ---- turns and crashes -----------------------------------------------------------------

    def _moved(self, event: StatusChanged) -> None:
        view = event.session
        of_attempt = self._gate.is_attempts(view.id)
        one = self._watched.get(view.id) if of_attempt else self._of(view.id)
        if one is None or (of_attempt and one.ticket is None):
            return
        dead = event.lifecycle in _DEAD
        busy = event.status.activity in BUSY and not dead
        if busy and one.since is None:
            one.since = self._clock.monotonic()
        over = not busy and event.old_activity in BUSY
        if one.since is not None and (over or dead):
            self._turn_over(view, one, good=not dead and event.status.activity is not _ERRORED)
        if dead and event.old_lifecycle not in _DEAD and not of_attempt:
            self._ended(view, one, crashed=event.lifecycle is Lifecycle.CRASHED)

    def _turn_over(self, view: SessionView, one: _Watched, *, good: bool) -> None:
        seconds = self._clock.monotonic() - (one.since or 0.0)
        one.since = None
        if good:
            self._settle_start(one, good=True)
            self._board.went_well(view.agent)
        ticket, one.ticket = one.ticket, None
        self._errands.run(self._pay(view, ticket, Usage(turns=1.0, wall_seconds=seconds)), "turn")

    def _ended(self, view: SessionView, one: _Watched, *, crashed: bool) -> None:
        why = view.reason or "it crashed"
        counted = one.start is not None or one.counted == view.started_at
        if crashed:
            self._board.failed(view.agent, why)
        self._settle_start(one, good=not crashed if crashed or view.exit_code == 0 else None)
        if crashed and not counted and not self.starting(view.agent):
            self._board.crashed(view.agent, why)
        self._board.look()

    def _proven(self, session_id: str) -> None:
        one = self._watched.get(session_id)
        if one is not None:
            one.timer = None
            self._settle_start(one, good=True)
            self._board.look()

    @staticmethod
    def _settle_start(one: _Watched, *, good: bool | None) -> None:
        """The start was good, bad, or says nothing any more."""
        if one.timer is not None:
            one.timer.cancel()
            one.timer = None
        admission, one.start = one.start, None
        if admission is None:
            return
        if good is None:
            admission.release()
        elif good:
            for _, permit in admission.permits:
                permit.success()
        else:
            fail(admission)

    # ---- accounts --------------------------------------------------------------------------

    async def _used(self, event: SessionUsage, one: _Watched) -> None:
        """The program's own figures, which only grow: what is new is spent."""
        async with one.lock:
            start = event.started_at.isoformat() if event.started_at else ""
            before = one.told if one.told[0] == start else (start, 0.0, 0.0)
            cost, tokens = max(event.cost, before[1]), max(event.tokens, before[2])
            new = Usage(cost=cost - before[1], tokens=tokens - before[2])
            if not (new.cost or new.tokens):
                return
            one.told = (start, cost, tokens)
            one.version += 1
            body = json.dumps(one.told)
            await self._store.put_kept(Kept(KIND, event.session_id, one.version, body, open=False))
        ticket = self._gate.ticket_of(event.session_id) or one.ticket
        await self._pay(event.session, ticket, new, over=False)

    async def _pay(
        self, view: SessionView, ticket: Ticket | None, usage: Usage, *, over: bool = True
    ) -> None:
        if ticket is not None:
            await self._admissions.draw(ticket, usage)
            if over:
                self._admissions.release(ticket)
        elif self._accounts.budgets.budgets:
            found = await self._accounts.budgets.report(scopes_of(view), usage)
            self._accounts.spent(found)

    def _gone(self, session_id: str) -> None:
        one = self._watched.pop(session_id, None)
        self._gate.forget_session(session_id)
        if one is None:
            return
        self._settle_start(one, good=None)
        if one.ticket is not None:
            self._admissions.release(one.ticket)
        self._errands.run(self._forget(session_id, one), "forget")

    async def _forget(self, session_id: str, one: _Watched) -> None:
        async with one.lock:  # what it told last is counted before
            if one.version:
                await self._store.remove_kept(KIND, session_id)

    def _of(self, session_id: str) -> _Watched:
        return self._watched.setdefault(session_id, _Watched())


_ERRORED = Activity.ERRORED


def scopes_of(view: SessionView) -> dict[BudgetScope, str]:
    """The accounts of a person's session: its own, and that of its repository or directory."""
    return {BudgetScope.SESSION: view.id, BudgetScope.GROUP: view.repo or view.cwd}
