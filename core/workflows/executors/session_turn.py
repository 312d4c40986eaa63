"""One attempt as one turn of an agent in a session of its own."""

from __future__ import annotations

import asyncio
import re
from asyncio import CancelledError
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...protocol import commands as c
from ...protocol.events import Cause
from ...protocol.status import Activity, Lifecycle
from ...protocol.views import SessionView
from ...sessions.agents.definition import AgentDefinition
from ...sessions.faults import NameTaken, SessionLimit, SessionUnknown
from ...sessions.status.guard import MenuOpen, NeedsAnswer, NeedsApproval, StatusUnknown
from ..context import AttemptLost
from .attempt import Attempt
from .children import Child, ChildKind
from .desk import named
from .faults import AgentFailed, AgentLimited, SessionEnded
from .kept_sessions import KeptSessions
from .ports import Sessions
from .results import RESULT_LIMIT, Collected, as_value, without_last_end
from .transcript import Screen, gained

RESULT = "QUARTERDECK_RESULT"
RESULT_NAME = "result"
SETTLE = 5.0
"""Seconds after which an agent that shows nothing of a prompt is taken to have done with it."""
NAME_LIMIT = 50
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 _-]+")
_FREE = frozenset({Activity.TURN_DONE, Activity.IDLE})
_BEGUN = frozenset({Activity.WORKING, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER})
_IN_THE_WAY = (NeedsApproval, NeedsAnswer, StatusUnknown, MenuOpen)
PROMPTED, LINE = "prompted_at", "line"


class SessionTurn:
    """Creates a session, gives it the prompt, waits for the turn's end, and ends it."""

    def __init__(
        self,
        attempt: Attempt,
        definition: AgentDefinition,
        sessions: Sessions,
        kept: KeptSessions,
    ) -> None:
        self._attempt = attempt
        self._definition = definition
        self._sessions = sessions
        self._kept = kept
        self._cause = Cause(correlation_id=attempt.context.workflow_id)
        self._id = ""
        self._before = Screen()
        self._since = attempt.desk.now()
        self._sure = False

    async def go(self, prompt: str, env: Mapping[str, str], child: Child | None) -> Any:
        """What the agent gives for ``prompt``; with ``child`` what a former engine began goes on.

        :raises SessionEnded: if the session ends before the turn does.
        :raises AttemptLost: if it is lost.
        :raises AgentFailed: if the agent says that it failed.
        """
        try:
            if child is None:
                await self._create(env)
                await self._to_the_turn(prompt)
            else:
                self._id = child.place
                await self._take_up(prompt, child)
            await self._end_of_turn()
            result = await self._result()
        except CancelledError:
            if self._attempt.wanted_on:
                await self._stop(keep=False)
            raise
        except Exception:
            await self._stop(keep=False)
            raise
        await self._stop(keep=bool(self._attempt.task.metadata.get("keep")))
        return result

    # ---- its begin -----------------------------------------------------------------------------

    async def _create(self, env: Mapping[str, str]) -> None:
        attempt = self._attempt
        self._result_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._result_file.unlink(missing_ok=True)
        wish = {
            "agent": self._definition.name,
            "cwd": str(attempt.cwd),
            "env": {**self._environment(), **env, RESULT: str(self._result_file)},
            "start": False,
            "priority": attempt.task.priority,
        }
        view = await self._with_free_name(wish)
        self._id = view.id
        await self._kept.note(view.id)
        await self._keep()
        await self._sessions.hush(view.id)

    def _environment(self) -> dict[str, str]:
        """Without what is passed through: sessions have that by themselves, and it is not kept."""
        declared: Mapping[str, str | None] = self._attempt.task.metadata.get("env", {})
        passed = {name for name, value in declared.items() if value is None}
        return {name: value for name, value in self._attempt.env.items() if name not in passed}

    async def _with_free_name(self, wish: Mapping[str, Any]) -> SessionView:
        number = 1
        while True:
            name = session_name(
                str(named(self._attempt.task).get("name", "")), self._attempt.task.task_id, number
            )
            try:
                return await self._sessions.create(c.CreateSession(name=name, **wish), self._cause)
            except NameTaken:
                number += 1

    async def _keep(self, **more: Any) -> None:
        child = Child(ChildKind.SESSION, self._attempt.context.attempt, self._id, more)
        await self._attempt.keep_child(child)

    async def _to_the_turn(self, prompt: str) -> None:
        await self._start()
        while True:
            await self._until_ready()
            self._before = Screen()
            self._before = await self._screen()
            at = self._attempt.desk.now()
            await self._keep(**{PROMPTED: at.isoformat(), LINE: self._before.start})
            try:
                told = await self._sessions.prompt(
                    c.Prompt(session_id=self._id, text=prompt), self._cause
                )
            except _IN_THE_WAY as error:
                if error.details.get("typed"):
                    raise
                await self._something_else()
                continue
            except QuarterdeckError:
                self._check_living(self._view())  # how it ended says more than that it did
                raise
            self._since, self._sure = at, told.get("delivery") == "verified"
            return

    async def _start(self) -> None:
        """Start it; as long as as many live as may, wait until one of them has ended."""
        while True:
            others = [one for one in self._sessions.views() if one.living]
            try:
                await self._sessions.start(c.StartAgent(session_id=self._id), self._cause)
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

    async def _until_ready(self) -> None:
        """Wait until it takes a prompt; what it asks before goes to a person."""
        view = self._view()
        while view.status.activity not in _FREE:
            self._check_living(view)
            view = await self._changed(view)
        self._check_living(view)

    async def _something_else(self) -> None:
        """Wait a while for what is in the way to show, or to go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                await self._changed(self._view())

    # ---- taking up what a former engine began ---------------------------------------------------

    async def _take_up(self, prompt: str, child: Child) -> None:
        """Go on where the former engine stood.

        :raises AttemptLost: if the session is not there any more.
        """
        with suppress(SessionUnknown):
            await self._sessions.hush(self._id)
            self._attempt.announce_log()
            prompted = child.more.get(PROMPTED)
            if prompted is not None and await self._turn_began(datetime.fromisoformat(prompted)):
                self._since, self._sure = datetime.fromisoformat(prompted), True
                self._before = Screen(int(child.more.get(LINE, 0)))
                return
            await self._to_the_turn(prompt)
            return
        raise AttemptLost(f"The session of {self._attempt.task.task_id} is gone.")

    async def _turn_began(self, prompted: datetime) -> bool:
        """Whether anything shows that the agent took the prompt."""
        view = self._view()
        if view.status.activity in _BEGUN and view.status.since >= prompted:
            return True
        told = await self._sessions.history(c.SessionHistory(session_id=self._id))
        return any(
            datetime.fromisoformat(entry["at"]) >= prompted and entry["activity"] in _BEGUN
            for entry in told["entries"]
        )

    # ---- its end -----------------------------------------------------------------------------

    async def _end_of_turn(self) -> None:
        """Wait for it; a person who answers and types meanwhile is part of the turn."""
        view = self._view()
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
        """Whether the turn is over.

        :raises AgentFailed: if it ended with an error.
        """
        status = view.status
        if not view.living or status.since < self._since:
            return False
        if status.activity is Activity.LIMITED:
            raise AgentLimited(f"{self._definition.shown} has come to a limit: {status.evidence}")
        if status.activity is Activity.ERRORED:
            raise AgentFailed(f"{self._definition.shown} failed: {status.evidence}")
        return status.activity in _FREE

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

    async def _result(self) -> Any:
        """What the agent left in its file, else the text that its screen gained."""
        text = gained(self._before, await self._screen())
        self._attempt.announce_log()
        await self._attempt.write(text.encode() + b"\n")
        left = await asyncio.to_thread(_read, self._result_file)
        return text if left is None else as_value(left)

    async def _stop(self, *, keep: bool) -> None:
        """End the session; it is there to be looked at for a while, or lives on where it is kept."""
        if not self._id:
            return
        with suppress(QuarterdeckError):
            if keep:
                await self._kept.release(self._id)
                return
            await self._sessions.stop(c.StopAgent(session_id=self._id), self._cause)
        await self._kept.ended(self._id)

    # ---- small things ------------------------------------------------------------------------

    @property
    def _result_file(self) -> Path:
        return (self._attempt.folder / RESULT_NAME).absolute()

    def _view(self) -> SessionView:
        return self._sessions.view(self._id)

    async def _changed(self, view: SessionView) -> SessionView:
        return await self._sessions.changed(self._id, view.version)

    async def _screen(self) -> Screen:
        """The screen, or all that it gained since the turn began."""
        begun = self._before.start if self._before.rows or self._before.start else None
        return Screen.of(
            await self._sessions.screen(
                c.ReadScreen(
                    session_id=self._id, start=begun, count=None if begun is None else 10_000
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
