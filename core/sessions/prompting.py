"""Guarded input: prompts and answers, delivered only where they can't do harm, and verified."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ..base.errors import QuarterdeckError
from ..protocol.events import Cause, SystemWarning
from ..protocol.status import Activity, Lifecycle
from .faults import AnswerStalled, NotRunning, PromptStalled
from .run import Run
from .session import Session
from .status.answers import answer_keys, prompt_steps
from .status.delivery import PromptOutcome, PromptWatch
from .status.dialog import Dialog
from .status.guard import Delivery, guard_answer, guard_prompt
from .status.keys import KeyStep, Send

DIALOG_PATIENCE = 1.0
"""Seconds that a dialog may come later than the word of it."""

FIRST_PROMPT_PATIENCE = 7 * 86400.0
"""Seconds to wait for an agent to become ready: a person may leave its first dialog open."""


def running(session: Session) -> Run:
    """The session's run.

    :raises NotRunning: if there is none.
    """
    if session.run is None or session.record.lifecycle is not Lifecycle.RUNNING:
        raise NotRunning(
            f"{session.record.name} is {session.record.lifecycle}; start it first.",
            lifecycle=str(session.record.lifecycle),
        )
    return session.run


async def deliver_prompt(session: Session, text: str, *, verify: bool = True) -> Mapping[str, Any]:
    """Type ``text`` and submit it.

    :raises NotRunning: if there is no process.
    :raises NeedsApproval, NeedsAnswer, StatusUnknown: if the prompt might be taken for an answer.
    :raises PromptStalled: if the agent does not react in time.
    """
    run = running(session)
    async with run.exclusive():
        await _look(session, run)
        expected = guard_prompt(session.definition, session.record.lifecycle, session.status)
        watch = PromptWatch(session.services.clock.monotonic(), session.status)
        steps = prompt_steps(session.definition, text, session.screen.emulator.modes)
        await _type(run, steps)
        session.reader.submitted()
    if not verify or expected is Delivery.UNVERIFIED:
        return {"delivery": "unverified"}
    return {"delivery": "verified", "outcome": await _watched(session, watch)}


async def _watched(session: Session, watch: PromptWatch) -> str:
    def decided(current: Session) -> bool:
        now = session.services.clock.monotonic()
        return watch.observe(current.status, now) is not PromptOutcome.PENDING

    await session.until(decided, session.services.options.prompt_timeout)
    if watch.outcome in {PromptOutcome.PENDING, PromptOutcome.STALLED}:
        raise PromptStalled(
            f"The prompt was typed into {session.record.name}, and nothing shows that it was "
            "taken; look at its screen.",
            activity=str(session.status.activity),
        )
    return str(watch.outcome)


async def answer_request(
    session: Session, request_id: str, choice: str | None, text: str | None, cause: Cause
) -> Mapping[str, Any]:
    """Answer the open request ``request_id``, found again on the drained screen before typing.

    :raises NotRunning: if there is no process.
    :raises RequestGone: if another request is open, or none.
    :raises AnswerNotOffered: if it can't be answered so.
    :raises AnswerStalled: if it is still there after the answer.
    """
    run = running(session)
    async with run.exclusive():
        await _look(session, run)
        dialog = await _dialog(session, request_id)
        guard_answer(
            session.record.lifecycle, session.status, request_id, still_open=dialog is not None
        )
        assert dialog is not None  # noqa: S101  # the guard has just refused the other case
        modes = session.screen.emulator.modes
        steps = answer_keys(session.definition, dialog, choice=choice, text=text, modes=modes)
        session.services.desk.answering(session.id, request_id, choice or text or "", cause)
        await _type(run, steps)
        session.reader.answered(request_id)
    if not await session.until(
        lambda current: _request_id(current) != request_id, session.services.options.answer_timeout
    ):
        raise AnswerStalled(
            f"The answer was typed into {session.record.name}, and its dialog is still there; "
            "look at its screen.",
            request_id=request_id,
        )
    return {"delivery": "verified", "request_id": request_id}


def _request_id(session: Session) -> str | None:
    request = session.status.request
    return request.request_id if request else None


async def _dialog(session: Session, request_id: str) -> Dialog | None:
    """The request's dialog; a program may say that it asks a moment before it draws it."""

    def told(current: Session) -> bool:
        return _request_id(current) != request_id or _still_open(current, request_id) is not None

    await session.until(told, DIALOG_PATIENCE)
    return _still_open(session, request_id)


def _still_open(session: Session, request_id: str) -> Dialog | None:
    emulator = session.screen.emulator
    cursor = emulator.cursor
    return session.reader.detector.still_open(
        request_id, emulator.lines(), emulator.title, cursor.y if cursor.visible else None
    )


async def _look(session: Session, run: Run) -> None:
    """Take in all that the program has written, and read it."""
    try:
        await run.drain()
    except TimeoutError:
        pass  # it writes without a pause: what was read last is what there is to go by
    except QuarterdeckError as error:
        raise NotRunning(f"{session.record.name} can't be reached: {error.message}") from error
    session.reader.look()


async def _type(run: Run, steps: Iterable[KeyStep]) -> None:
    for step in steps:
        if isinstance(step, Send):
            await run.write(step.data)
        else:
            await asyncio.sleep(step.seconds)


_READY = frozenset({Activity.IDLE, Activity.TURN_DONE})


async def deliver_first_prompt(session: Session, text: str) -> None:
    """Deliver the prompt a session was created with, once it is ready for one.

    A start-up dialog (trust, key) is left to the person: the prompt waits until it is answered.
    """

    def ready(current: Session) -> bool:
        return not current.living or (
            current.status.activity in _READY or not current.definition.readable
        )

    await session.until(ready, FIRST_PROMPT_PATIENCE)
    try:
        await deliver_prompt(session, text)
    except QuarterdeckError as error:
        told = SystemWarning(
            code="first_prompt_failed",
            message=f"{session.record.name} did not get its first prompt: {error.message}",
            details={"session_id": session.id, "cause": error.code},
        )
        await session.services.recorder.record([], [told])
