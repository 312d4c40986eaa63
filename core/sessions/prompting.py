"""Guarded input: prompts and answers, delivered only where they can't do harm, and verified."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ..base.errors import QuarterdeckError
from ..protocol.events import Cause
from ..protocol.status import DialogKind, Lifecycle, Status
from .faults import AnswerStalled, NotRunning, PromptStalled, RequestGone, ScreenBehind
from .run import Run
from .session import Session
from .status.answers import answer_keys, prompt_steps
from .status.delivery import PromptOutcome, PromptWatch
from .status.dialog import Dialog
from .status.guard import (
    Delivery,
    MenuOpen,
    NeedsAnswer,
    NeedsApproval,
    guard_answer,
    guard_prompt,
    guard_screen,
)
from .status.input_box import draft_in, guard_box
from .status.matching import ScreenMatch
from .status.steps import KeyStep, Send

DIALOG_PATIENCE = 1.0
"""Seconds that a dialog may come later than the word of it."""


ECHO_PATIENCE = 5.0
"""Seconds within which an agent shows what is typed."""


def running(session: Session) -> Run:
    """The session's run.

    :raises NotRunning: if there is none.
    """
    if session.run is None or session.record.lifecycle is not Lifecycle.RUNNING:
        told = "held by another engine" if session.superseded else session.record.lifecycle
        raise NotRunning(
            f"{session.record.name} is {told}; start it first.",
            lifecycle=str(session.record.lifecycle),
        )
    return session.run


async def deliver_prompt(
    session: Session, text: str, *, verify: bool = True, over_draft: bool = False
) -> Mapping[str, Any]:
    """Type ``text`` and submit it; with ``over_draft`` after what stands in its input box.

    :raises NotRunning: if there is no process.
    :raises NeedsApproval, NeedsAnswer, StatusUnknown: if the prompt might be taken for an answer.
    :raises MenuOpen: if a menu or a viewer would take its keys.
    :raises DraftPresent: if somebody's words stand in its input box.
    :raises ScreenBehind: if what it asks can't be seen in time.
    :raises InputStalled: if the program does not read what is typed.
    :raises PromptStalled: if the agent does not react in time.
    """
    run = running(session)
    async with run.typist.exclusive():
        await _look(session, run)
        expected = guard_prompt(session.definition, session.record.lifecycle, session.status)
        guard_screen(_in_the_way(session))
        if not over_draft:
            guard_box(_draft(session), session.record.name)
        before = session.status
        *steps, submit = prompt_steps(session.definition, text, session.screen.emulator.modes)
        await _type_draft(session, run, steps)
        await _check_draft(session, run)
        await _type(run, [submit])
        session.reader.submitted()
    if not verify or expected is Delivery.UNVERIFIED:
        return {"delivery": "unverified"}
    return {"delivery": "verified", "outcome": await _watched(session, before)}


async def _type_draft(session: Session, run: Run, steps: Iterable[KeyStep]) -> None:
    """Type a prompt, and go on once it shows: its Enter must not run ahead into what is drawn next.

    :raises PromptStalled: if the screen of an agent that can be read stays as it is.
    """
    text, *rest = steps
    before = session.screen.emulator.lines()
    changed = asyncio.Event()
    release = session.screen.watch(changed.set)
    try:
        await _type(run, [text])
        if session.definition.readable:
            async with asyncio.timeout(ECHO_PATIENCE):
                while session.living and session.screen.emulator.lines() == before:
                    changed.clear()
                    await changed.wait()
    except TimeoutError as error:
        raise PromptStalled(
            f"The prompt was typed into {session.record.name}, and its screen stays as it is; it was "
            "not submitted. Look at its screen.",
            activity=str(session.status.activity),
            typed=True,
        ) from error
    finally:
        release()
    await _type(run, rest)


async def _check_draft(session: Session, run: Run) -> None:
    """Look once more before a prompt is submitted: its Enter would confirm a dialog that came."""
    if not session.definition.readable:
        return
    await _look(session, run)
    try:
        guard_prompt(session.definition, session.record.lifecycle, session.status)
        guard_screen(_in_the_way(session))
    except (NeedsApproval, NeedsAnswer, MenuOpen) as fault:
        told = f"{fault.message} The prompt was typed, and not submitted."
        raise type(fault)(told, **{**fault.details, "typed": True}) from fault


async def _watched(session: Session, before: Status) -> str:
    clock, patience = session.services.clock, session.services.options.prompt_timeout
    watch = PromptWatch(clock.monotonic(), before, patience)

    def decided(current: Session) -> bool:
        if not current.living:
            return True
        return watch.observe(current.status, clock.monotonic()) is not PromptOutcome.PENDING

    await session.until(decided, patience)
    if watch.outcome not in {PromptOutcome.PENDING, PromptOutcome.STALLED}:
        return str(watch.outcome)
    if not session.living:
        return "ended"
    raise PromptStalled(
        f"The prompt was typed into {session.record.name}, and nothing shows that it was "
        "taken; look at its screen.",
        activity=str(session.status.activity),
    )


async def answer_request(
    session: Session, request_id: str, choice: str | None, text: str | None, cause: Cause
) -> Mapping[str, Any]:
    """Answer the open request ``request_id``, found again on the drained screen before typing.

    :raises NotRunning: if there is no process.
    :raises RequestGone: if another request is open, or none.
    :raises AnswerNotOffered: if it can't be answered so.
    :raises ScreenBehind: if what it asks can't be seen in time.
    :raises InputStalled: if the program does not read what is typed.
    :raises AnswerStalled: if it is still there after the answer.
    """
    run, desk = running(session), session.services.desk
    async with run.typist.exclusive():
        dialog = await _find(session, run, request_id)
        modes = session.screen.emulator.modes
        steps = answer_keys(session.definition, dialog, choice=choice, text=text, modes=modes)
        desk.answering(session.id, request_id, choice or _told(dialog, text or ""), cause)
        try:
            if text is None:
                await _type_choice(session, run, request_id, steps)
            else:  # what is typed changes the dialog that it is typed into
                await _type(run, steps)
        except BaseException:
            desk.not_answered(session.id, request_id)
            raise
        session.reader.answered(request_id)
    if not await session.until(
        lambda current: _request_id(current) != request_id, session.services.options.answer_timeout
    ):
        desk.not_answered(session.id, request_id)
        raise AnswerStalled(
            f"The answer was typed into {session.record.name}, and its dialog is still there; "
            "look at its screen.",
            request_id=request_id,
        )
    await session.settled()
    return {"delivery": "verified", "request_id": request_id}


def _told(dialog: Dialog, text: str) -> str:
    """An answer in words as it is kept: a key or a password is not."""
    return "(not kept)" if dialog.kind is DialogKind.AUTH else text


def _request_id(session: Session) -> str | None:
    request = session.status.request
    return request.request_id if request else None


async def _find(session: Session, run: Run, request_id: str) -> Dialog:
    """The dialog of the request as it stands now; a program may draw it a moment after its word."""
    await _look(session, run)
    dialog = _still_open(session, request_id)
    if dialog is None and _request_id(session) == request_id:
        await session.until(
            lambda current: (
                _request_id(current) != request_id
                or _still_open(current, request_id) is not None
                or not current.living
            ),
            DIALOG_PATIENCE,
        )
        await _look(session, run)
        dialog = _still_open(session, request_id)
    guard_answer(
        session.record.lifecycle, session.status, request_id, still_open=dialog is not None
    )
    assert dialog is not None  # noqa: S101  # the guard has just refused the other case
    return dialog


def _in_the_way(session: Session) -> ScreenMatch | None:
    emulator = session.screen.emulator
    cursor = emulator.cursor
    return session.reader.detector.in_the_way(
        emulator.lines(), cursor.y if cursor.visible else None
    )


def _draft(session: Session) -> str:
    emulator = session.screen.emulator
    cursor, mark = emulator.cursor, session.definition.prompt.mark
    return draft_in(mark, emulator.lines(), cursor.x, cursor.y)


def _still_open(session: Session, request_id: str) -> Dialog | None:
    emulator = session.screen.emulator
    cursor = emulator.cursor
    return session.reader.detector.still_open(
        request_id, emulator.lines(), emulator.title, cursor.y if cursor.visible else None
    )


async def _look(session: Session, run: Run) -> None:
    """Take in all that the program has written, and read it.

    :raises ScreenBehind: if an agent that can be read writes faster than it is read.
    """
    try:
        await run.drain()
    except TimeoutError as error:
        if session.definition.readable:
            raise ScreenBehind(
                f"{session.record.name} writes faster than it can be read, so what it asks can't "
                "be told; nothing was typed. Try again when it pauses."
            ) from error
    except QuarterdeckError as error:
        raise NotRunning(f"{session.record.name} can't be reached: {error.message}") from error
    held_until = session.screen.emulator.held_until
    if held_until is not None:  # a frame is being drawn: what it shows is not what stands there
        await asyncio.sleep(max(held_until - session.services.clock.monotonic(), 0.0))
    session.reader.look()


async def _type(run: Run, steps: Iterable[KeyStep]) -> None:
    for step in steps:
        if isinstance(step, Send):
            await run.typist.write(step.data)
        else:
            await asyncio.sleep(step.seconds)


async def _type_choice(
    session: Session, run: Run, request_id: str, steps: Iterable[KeyStep]
) -> None:
    """Type the keys that choose an option as long as no other request comes between them."""
    for step in steps:
        if _request_id(session) not in {request_id, None}:
            raise RequestGone(
                f"{session.record.name} asks something else since the answer was begun; the rest "
                "of it was not typed. Look at its screen.",
                request_id=request_id,
                open_request=_request_id(session),
            )
        await _type(run, [step])
