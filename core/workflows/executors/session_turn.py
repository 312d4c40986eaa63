"""One attempt as one turn of an agent in a session of its own."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio import CancelledError
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ...protocol.status import Activity
from ...sessions.agents.definition import AgentDefinition
from ...sessions.faults import SessionUnknown
from ..context import AttemptLost
from .attempt import Attempt
from .children import Child, ChildKind
from .desk import named
from .kept_sessions import KeptSessions
from .live_session import LiveSession, Order
from .ports import Sessions
from .transcript import Screen

RESULT_NAME, ANSWER_NAME = "result", "answer.json"
_BEGUN = frozenset({Activity.WORKING, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER})
_HOW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
PROMPTED, LINE, ANSWERED = "prompted_at", "line", "answered"


class SessionTurn:
    """Creates a session, gives it the prompt, waits for the turn's end, and ends it."""

    def __init__(
        self,
        attempt: Attempt,
        definition: AgentDefinition,
        sessions: Sessions,
        kept: KeptSessions,
        env: Mapping[str, str],
    ) -> None:
        self._attempt = attempt
        order = order_of(attempt, definition, cwd=attempt.cwd, env=env)
        self._session = LiveSession(order, sessions, kept, attempt.desk.now)

    async def go(self, prompt: str, child: Child | None) -> Any:
        """What the agent gives for ``prompt``; with ``child`` what a former engine began goes on.

        :raises SessionEnded: if the session ends before the turn does.
        :raises AttemptLost: if it is lost.
        :raises AgentFailed: if the agent says that it failed.
        """
        session = self._session
        self._attempt.taken_up = True
        try:
            if child is not None and ANSWERED in child.more:
                session.id = child.place
                self._attempt.announce_log()
                result = await asyncio.to_thread(self._kept_answer)
            else:
                await self._to_the_end(prompt, child)
                result = await self._result()
        except CancelledError:
            if self._attempt.wanted_on:
                await session.stop(keep=False)
            raise
        except Exception:
            await session.stop(keep=False)
            raise
        await session.stop(keep=bool(self._attempt.task.metadata.get("keep")))
        return result

    async def _to_the_end(self, prompt: str, child: Child | None) -> None:
        if child is None:
            await self._begin(prompt)
        else:
            self._session.id = child.place
            await self._take_up(prompt, child)
        await self._session.end_of_turn()

    async def _begin(self, prompt: str) -> None:
        await self._session.create(adoptable=True)
        await self._keep()
        await self._session.hush()
        await self._to_the_turn(prompt)

    async def _keep(self, **more: Any) -> None:
        child = Child(ChildKind.SESSION, self._attempt.context.attempt, self._session.id, more)
        await self._attempt.keep_child(child)

    async def _to_the_turn(self, prompt: str) -> None:
        await self._session.start()
        await self._session.give(prompt, self._note_turn)

    async def _note_turn(self, at: datetime, screen: Screen) -> None:
        await self._keep(**{PROMPTED: at.isoformat(), LINE: screen.start})

    async def _result(self) -> Any:
        text, result = await self._session.result()
        self._attempt.announce_log()
        await self._attempt.write(text.encode() + b"\n")
        # The session is ended before the attempt's end is recorded; whoever takes over in between
        # finds no screen that it could read the answer from.
        await asyncio.to_thread(self._keep_answer, result)
        await self._keep(**{ANSWERED: True})
        return result

    @property
    def _answer(self) -> Path:
        return self._attempt.folder / ANSWER_NAME

    def _keep_answer(self, result: Any) -> None:
        fresh = self._answer.with_suffix(".part")
        with os.fdopen(os.open(fresh, _HOW, 0o600), "w", encoding="utf-8") as file:
            json.dump(result, file)
        fresh.replace(self._answer)

    def _kept_answer(self) -> Any:
        try:
            return json.loads(self._answer.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            told = f"What {self._attempt.task.task_id} gave was kept, and is gone: {error}"
            raise AttemptLost(told) from error

    # ---- taking up what a former engine began ---------------------------------------------------

    async def _take_up(self, prompt: str, child: Child) -> None:
        """Go on where the former engine stood.

        :raises AttemptLost: if the session is not there any more.
        """
        with suppress(SessionUnknown):
            await self._session.hush()
            self._attempt.announce_log()
            prompted = child.more.get(PROMPTED)
            if prompted is not None and await self._turn_began(datetime.fromisoformat(prompted)):
                self._session.resume(datetime.fromisoformat(prompted), int(child.more.get(LINE, 0)))
                return
            await self._to_the_turn(prompt)
            return
        raise AttemptLost(f"The session of {self._attempt.task.task_id} is gone.")

    async def _turn_began(self, prompted: datetime) -> bool:
        """Whether anything shows that the agent took the prompt."""
        view = self._session.view
        if view.status.activity in _BEGUN and view.status.since >= prompted:
            return True
        return any(
            datetime.fromisoformat(entry["at"]) >= prompted and entry["activity"] in _BEGUN
            for entry in await self._session.former()
        )


def order_of(
    attempt: Attempt, definition: AgentDefinition, *, cwd: Path, env: Mapping[str, str]
) -> Order:
    """What an attempt wants of a session of its own."""
    declared: Mapping[str, str | None] = attempt.task.metadata.get("env", {})
    # Sessions have what is passed through by themselves, and it is not kept.
    passed = {name for name, value in declared.items() if value is None}
    own = {name: value for name, value in attempt.env.items() if name not in passed}
    return Order(
        definition=definition,
        workflow=str(named(attempt.task).get("name", "")),
        workflow_id=attempt.context.workflow_id,
        task_id=attempt.task.task_id,
        cwd=cwd,
        env={**own, **env},
        priority=attempt.task.priority,
        result_file=(attempt.folder / RESULT_NAME).absolute(),
    )
