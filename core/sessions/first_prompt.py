"""The prompt a session was created with: delivered once, as soon as its agent is ready for it."""

from __future__ import annotations

import asyncio

from ..base.errors import QuarterdeckError
from ..protocol.events import SystemWarning
from ..protocol.status import Activity
from .errands import Errands
from .prompting import deliver_prompt
from .session import Session
from .status.guard import MenuOpen, NeedsAnswer, NeedsApproval, StatusUnknown
from .status.input_box import DraftPresent

PATIENCE = 7 * 86400.0
"""Seconds to wait for an agent to become ready: a person may leave its first dialog open."""

BLIND_PATIENCE = 5.0
"""The same for one whose status nothing reads; it gets the prompt all the same then."""

RETRY = 5.0
"""Seconds after which a prompt is tried again that something on the screen was in the way of."""

_READY = frozenset({Activity.IDLE, Activity.TURN_DONE})


class FirstPrompts:
    """Delivers first prompts, one errand for each session that has one.

    A prompt is struck off the record before it is typed: after a crash it is never typed twice.
    """

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def deliver(self, session: Session) -> None:
        """Deliver the session's first prompt as soon as it can be, if it still has one."""
        self.give_up(session)
        if session.record.prompt:
            task = self._errands.run(_deliver(session), "session-first-prompt")
            self._waiting[session.id] = task
            task.add_done_callback(lambda done: self._done(session.id, done))

    def give_up(self, session: Session) -> None:
        """Wait no longer for this session."""
        task = self._waiting.pop(session.id, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Wait no longer; what was not delivered is, by the next engine."""
        for task in self._waiting.values():
            task.cancel()

    def _done(self, session_id: str, task: asyncio.Task[None]) -> None:
        if self._waiting.get(session_id) is task:
            del self._waiting[session_id]


def _ready(session: Session) -> bool:
    """Whether a prompt can be typed, as far as can be told; an ended session waits for nothing."""
    activity = session.status.activity
    if not session.living or session.removed:
        return True
    if session.definition.readable or session.definition.shell:
        return activity in _READY
    return session.offset > 0 and activity is not Activity.WORKING


async def _deliver(session: Session) -> None:
    """Deliver the prompt. A start-up dialog (trust, key) is left to the person, and waited for."""
    patience = PATIENCE if session.definition.readable else BLIND_PATIENCE
    while text := session.record.prompt:
        await session.until(_ready, patience)
        if not session.living or session.removed:
            return  # the next start tries again
        try:
            await session.change(prompt=None)
            await deliver_prompt(session, text)
        except QuarterdeckError as error:
            came_between = isinstance(
                error, NeedsApproval | NeedsAnswer | StatusUnknown | MenuOpen | DraftPresent
            )
            if came_between and not error.details.get("typed"):
                await session.change(prompt=text)  # it is ready again later
                # What is in the way may not be in its status yet, or never be: a menu.
                await session.until(lambda current: not _ready(current), RETRY)
                continue
            told = SystemWarning(
                code="first_prompt_failed",
                message=f"{session.record.name} did not get its first prompt: {error.message}",
                details={"session_id": session.id, "cause": error.code},
            )
            await session.services.recorder.record([], [told])
