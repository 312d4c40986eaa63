"""A session that works for an attempt: created, given prompts, read, ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...base.priority import Priority
from ...protocol import commands as c
from ...protocol.events import Cause
from ...protocol.status import Activity, Lifecycle
from ...protocol.views import SessionView
from ...sessions.agents.definition import AgentDefinition
from ...sessions.faults import NameTaken, SessionLimit, SessionUnknown
from ...sessions.status.guard import MenuOpen, NeedsAnswer, NeedsApproval, StatusUnknown
from ..context import AttemptLost
from .faults import AgentFailed, AgentLimited, SessionEnded
from .kept_sessions import KeptSessions
from .ports import Sessions
from .results import RESULT_LIMIT, Collected, as_value, without_last_end
from .transcript import Screen, gained
from .unbroken import unbroken

RESULT = "QUARTERDECK_RESULT"
SETTLE = 5.0
"""Seconds after which an agent that shows nothing of a prompt is taken to have done with it."""
NAME_LIMIT = 50
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 _-]+")
_FREE = frozenset({Activity.TURN_DONE, Activity.IDLE})
_IN_THE_WAY = (NeedsApproval, NeedsAnswer, StatusUnknown, MenuOpen)

Before = Callable[[datetime, Screen], Awaitable[None]]
"""Told when a prompt is about to be typed, and how the screen stands."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a session: for which task of which workflow, and how it is begun."""

    definition: AgentDefinition
    workflow: str
    workflow_id: str
    task_id: str
    cwd: Path
    env: Mapping[str, str]
    priority: Priority
    result_file: Path


async def _untold(_at: datetime, _screen: Screen) -> None:
    """Nobody wants to know."""


class LiveSession:
    """One session. Turns are one after the other: ``give``, ``end_of_turn``, ``result``."""

    def __init__(
        self,
        order: Order,
        sessions: Sessions,
        kept: KeptSessions,
        now: Callable[[], datetime],
    ) -> None:
        self.id = ""
        self._order = order
        self._sessions = sessions
        self._kept = kept
        self._now = now
        self._cause = Cause(correlation_id=order.workflow_id)
        self._before = Screen()
        self._since = now()
        self._sure = False

    @property
    def view(self) -> SessionView:
        """How it stands.

        :raises SessionUnknown: if it is not there any more.
        """
        return self._sessions.view(self.id)

    # ---- its begin -----------------------------------------------------------------------------

    async def create(self, *, adoptable: bool) -> None:
        """Create it, not yet started. One that is not ``adoptable`` ends with the engine."""
        order = self._order
        order.result_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        wish = {
            "agent": order.definition.name,
            "cwd": str(order.cwd),
            "env": {**order.env, RESULT: str(order.result_file)},
            "start": False,
            "priority": order.priority,
        }
        await unbroken(self._make(wish, adoptable=adoptable))

    async def _make(self, wish: Mapping[str, Any], *, adoptable: bool) -> None:
        self.id = (await self._with_free_name(wish)).id
        await self._kept.note(self.id, adoptable=adoptable)

    async def _with_free_name(self, wish: Mapping[str, Any]) -> SessionView:
        number = 1
        while True:
            name = session_name(self._order.workflow, self._order.task_id, number)
            try:
                return await self._sessions.create(c.CreateSession(name=name, **wish), self._cause)
            except NameTaken:
                number += 1

    async def hush(self) -> None:
        """Ask for nobody's attention when it or a turn ends, well or not: that is waited for here."""
        await self._sessions.hush(self.id)

    async def start(self) -> None:
        """Start it; as long as as many live as may, wait until one of them has ended."""
        while True:
            others = [one for one in self._sessions.views() if one.living]
            try:
                await self._sessions.start(c.StartAgent(session_id=self.id), self._cause)
            except SessionLimit:
                if not others:
                    raise
                await self._any_change(others)
            else:
                return

    async def _any_change(self, views: list[SessionView]) -> None:
        waits = [asyncio.ensure_future(self._gone(one)) for one in views]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _gone(self, view: SessionView) -> None:
        with suppress(SessionUnknown):
            while view.living:
                view = await self._sessions.changed(view.id, view.version)

    # ---- a turn --------------------------------------------------------------------------------

    async def give(self, prompt: str, before: Before = _untold) -> None:
        """Type the prompt as soon as it takes one; what it asks before goes to a person.

        :raises SessionEnded: if it ends before.
        :raises AgentFailed: if the agent says that it failed, or is at a limit, and takes none.
        """
        await asyncio.to_thread(self._order.result_file.unlink, missing_ok=True)
        while True:
            await self._until_ready()
            self._before = Screen()
            self._before = await self._screen()
            at = self._now()
            await before(at, self._before)
            try:
                told = await self._sessions.prompt(
                    c.Prompt(session_id=self.id, text=prompt), self._cause
                )
            except _IN_THE_WAY as error:
                if error.details.get("typed"):
                    raise
                await self._something_else()
                continue
            except QuarterdeckError:
                self._check_living(self.view)  # how it ended says more than that it did
                raise
            self._since, self._sure = at, told.get("delivery") == "verified"
            return

    def resume(self, since: datetime, line: int) -> None:
        """A turn goes on that began then, when the screen began at that line."""
        self._since, self._sure = since, True
        self._before = Screen(line)

    async def _until_ready(self) -> None:
        view = self.view
        while view.status.activity not in _FREE:
            self._check_living(view)
            self._check_able(view)
            view = await self._changed(view)
        self._check_living(view)

    async def _something_else(self) -> None:
        """Wait a while for what is in the way to show, or to go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                await self._changed(self.view)

    async def end_of_turn(self) -> None:
        """Wait for it; a person who answers and types meanwhile is part of the turn.

        :raises SessionEnded: if the session ends before the turn does.
        :raises AttemptLost: if it is lost.
        :raises AgentFailed: if the agent says that it failed.
        """
        view = self.view
        quiet_until = asyncio.get_running_loop().time() + SETTLE
        while not self._turn_over(view):
            self._check_living(view)
            if self._sure or view.status.activity not in _FREE:
                view = await self._changed(view)
                continue
            try:  # it shows nothing of prompts by design: silence must do
                async with asyncio.timeout_at(quiet_until):
                    view = await self._changed(view)
            except TimeoutError:
                return

    def _turn_over(self, view: SessionView) -> bool:
        if not view.living or view.status.since < self._since:
            return False
        self._check_able(view)
        return view.status.activity in _FREE

    def _check_able(self, view: SessionView) -> None:
        """Nobody is asked to look at this one (``hush``): what it can't go on from is told here."""
        status, shown = view.status, self._order.definition.shown
        if status.activity is Activity.LIMITED:
            raise AgentLimited(f"{shown} has come to a limit: {status.evidence}")
        if status.activity is Activity.ERRORED:
            raise AgentFailed(f"{shown} failed: {status.evidence}")

    def _check_living(self, view: SessionView) -> None:
        if view.living:
            return
        if view.lifecycle is Lifecycle.LOST:
            raise AttemptLost(f"The session {view.name} is lost: {view.reason}")
        raise SessionEnded(
            f"The session {view.name} {view.lifecycle} before its turn was over"
            + (f": {view.reason}." if view.reason else "."),
            session_id=view.id,
            exit_code=view.exit_code,
        )

    async def result(self) -> tuple[str, Any]:
        """The text that its screen gained in the turn; and what it left in its file, else that."""
        text = gained(self._before, await self._screen())
        left = await asyncio.to_thread(_read, self._order.result_file)
        return text, text if left is None else as_value(left)

    async def former(self) -> list[dict[str, Any]]:
        """Its former statuses, newest first."""
        told = await self._sessions.history(c.SessionHistory(session_id=self.id))
        return list(told["entries"])

    # ---- its end -------------------------------------------------------------------------------

    async def stop(self, *, keep: bool) -> None:
        """End it; it is there to be looked at for a while, or lives on where it is kept."""
        if not self.id:
            return
        with suppress(QuarterdeckError):
            if keep:
                await self._kept.release(self.id)
                return
            await self._sessions.stop(c.StopAgent(session_id=self.id), self._cause)
        await self._kept.ended(self.id)

    async def _changed(self, view: SessionView) -> SessionView:
        return await self._sessions.changed(self.id, view.version)

    async def _screen(self) -> Screen:
        """The screen, or all that it gained since the turn began."""
        begun = self._before.start if self._before.rows or self._before.start else None
        return Screen.of(
            await self._sessions.screen(
                c.ReadScreen(
                    session_id=self.id, start=begun, count=None if begun is None else 10_000
                )
            )
        )


def session_name(workflow: str, task_id: str, number: int) -> str:
    """What a task's session is called: the workflow, the task, and a number where that is taken."""
    mark = "" if number == 1 else f" {number}"
    task = _NOT_IN_NAMES.sub("-", task_id).strip("-")
    room = NAME_LIMIT - len(mark)
    first = _NOT_IN_NAMES.sub("-", workflow).strip(" -")[: max(room - len(task) - 1, 0)]
    return (f"{first} {task}".strip()[:room].rstrip() or "task") + mark


def _read(path: Path) -> str | None:
    """The text of the file; ``None`` if there is none, or nothing in it."""
    try:
        with path.open("rb") as file:
            data = file.read(RESULT_LIMIT + 1)
    except OSError:
        return None
    collected = Collected()
    collected.add(0, data)
    text = without_last_end(collected.whole() if len(data) <= RESULT_LIMIT else collected.text())
    return text or None
