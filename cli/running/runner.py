"""Follows one workflow to its end: shows it, asks its questions, and takes a person's wishes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.client.client import Client
from ...core.client.ports import LinkClosed
from ...core.protocol import workflow_commands as w
from ...core.protocol.attention import AttentionItem
from ...core.protocol.commands import AnswerItem
from ...core.protocol.events import Event, StateSnapshot
from ...core.protocol.workflow_status import WorkflowStatus
from ...core.protocol.workflow_views import WholeWorkflowView
from ..failing import fault
from .course import Course
from .faces import Face
from .talking import INTERRUPT_QUESTION, LineInput, Wish, choice_of, given_choice, question, wish_of

TOPICS = ("workflow.*", "attention.*")

Reconnect = Callable[[], Awaitable[Client | None]]


class Ending(StrEnum):
    """How following ended."""

    OVER = "over"
    PAUSED = "paused"
    DETACHED = "detached"


class Runner:
    """Drives one run of the command; ``lines`` is where a person answers, if there is one.

    ``reconnect`` gives a client of the engine that took over, when one has left; ``again`` the
    command that goes on with a workflow. ``answers`` are given ahead, by task, ``*`` for all others.
    """

    def __init__(
        self,
        client: Client,
        face: Face,
        *,
        lines: LineInput | None,
        reconnect: Reconnect,
        again: Callable[[str], str],
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.client = client
        self._face = face
        self._lines = lines
        self._reconnect = reconnect
        self._again = again
        self._answers = answers or {}
        self._course: Course | None = None
        self._stir = asyncio.Event()
        self._interrupts = 0
        self._pausing = self._cancelling = self._detaching = False
        self._renewing: asyncio.Task[None] | None = None
        self._lost = False
        self._asked: AttentionItem | str | None = None
        self._told: set[str] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self.signalled: int | None = None

    @property
    def course(self) -> Course:
        """The workflow as it stands."""
        assert self._course is not None  # noqa: S101  # it is followed by then
        return self._course

    async def follow(self, workflow_id: str) -> Ending:
        """Follow it until it has ended, is paused by a wish, or is let run on alone.

        :raises LinkClosed: if the engine left and none took over.
        """
        await self._attach(workflow_id)
        self._face.begin(self.course)
        reading: asyncio.Task[str | None] | None = None
        try:
            while (ending := self._ending()) is None:
                self._put_next()
                if self._asked is not None and self._lines is not None and reading is None:
                    reading = asyncio.create_task(self._lines.line())
                if self._asked is None and reading is not None:
                    reading.cancel()
                    reading = None
                await self._await_news(reading)
                if reading is not None and reading.done():
                    await self._hear(reading.result())
                    reading = None
                if self._lost:
                    await self._return(workflow_id)
        finally:
            if reading is not None:
                reading.cancel()
            if self._renewing is not None:
                self._renewing.cancel()
            for errand in self._errands:
                errand.cancel()
        if ending is Ending.OVER and not self.course.deleted:
            await self._renew()
        self.client.on_event = _nothing_more
        self._face.end(self.course)
        return ending

    async def _await_news(self, reading: asyncio.Task[str | None] | None) -> None:
        stirred = asyncio.create_task(self._stir.wait())
        try:
            waited = {stirred} if reading is None else {stirred, reading}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
        self._stir.clear()

    def _ending(self) -> Ending | None:
        if self._detaching:
            return Ending.DETACHED
        if self.course.over:
            return Ending.OVER
        if self._pausing and self.course.at_rest:
            return Ending.PAUSED
        return None

    # ---- the engine ----------------------------------------------------------------------------

    async def _attach(self, workflow_id: str) -> None:
        client = self.client
        client.on_event = self._take
        client.on_closed = self._closed
        self._lost = False
        await client.follow(*TOPICS)
        whole = await self._read(workflow_id)
        if self._course is None:
            self._course = Course(whole)
        else:
            self._course.renew(whole)
        self._course.ask(client.view.open_items())

    async def _read(self, workflow_id: str) -> WholeWorkflowView:
        found = await self.client.call(w.ShowWorkflow(workflow_id=workflow_id))
        return WholeWorkflowView.model_validate(found["whole"])

    async def _renew(self) -> None:
        with suppress(LinkClosed):
            self.course.renew(await self._read(self.course.id))

    def _take(self, event: Event) -> None:
        if self._course is None:
            return
        if isinstance(event.payload, StateSnapshot):
            self._course.ask(self.client.view.open_items())
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._resync())
        elif self._course.take(event):
            self._face.news(self._course, event)
        self._stir.set()

    async def _resync(self) -> None:
        """Events were missed: read it anew."""
        try:
            await self._renew()
            self._face.renewed(self.course)
        finally:
            self._renewing = None
            self._stir.set()

    def _closed(self, _reason: str) -> None:
        self._lost = True
        self._stir.set()

    async def _return(self, workflow_id: str) -> None:
        client = await self._reconnect()
        if client is None:
            told = f"The engine left. Go on with: {self._again(workflow_id)}"
            raise fault("link_closed", told)
        self.client = client
        await self._attach(workflow_id)
        self._face.renewed(self.course)

    # ---- people --------------------------------------------------------------------------------

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Somebody pressed ctrl+c, or sent a signal."""
        self._interrupts += 1
        if self._lines is None or number != signal.SIGINT:
            self.signalled = number
            self._detaching = self._detaching or self._interrupts > 1
        self._stir.set()

    def _put_next(self) -> None:
        """Put what is to be asked now, if it is not what stands there already."""
        self._answer_ahead()
        topic = self._topic()
        if topic == self._asked:
            return
        if (
            isinstance(self._asked, AttentionItem)
            and self._asked.item_id not in self.course.questions
        ):
            self._write("\n")
            self._face.say(f"{self._asked.title} (answered elsewhere)")
        self._asked = topic
        if topic is None:
            self._face.go_on(self.course)
            return
        self._face.hold()
        self._write(topic if isinstance(topic, str) else question(topic))

    def _topic(self) -> AttentionItem | str | None:
        if self._interrupts and self._act_on_interrupts():
            return INTERRUPT_QUESTION
        if self._lines is None or self._lines.closed or self._pausing or self._cancelling:
            self._tell_questions()
            return None
        return next(iter(self.course.questions.values()), None)

    def _act_on_interrupts(self) -> bool:
        """Carry out what an interrupt means by itself; whether a person is to be asked."""
        if self._lines is None or self.signalled is not None or self._lines.closed:
            self._interrupts = 0
            self._wish(Wish.PAUSE)
            return False
        if self._interrupts > 1 or self._cancelling:
            self._interrupts = 0
            self._write("\n")
            self._wish(Wish.CANCEL)
            return False
        return True

    def _tell_questions(self) -> None:
        """Nobody is here to be asked: say where an answer can be given."""
        if self._pausing or self._cancelling:
            return
        for item in self.course.questions.values():
            if item.item_id not in self._told:
                self._told.add(item.item_id)
                keys = "|".join(choice.key for choice in item.choices)
                self._face.say(
                    f"{item.task_id} asks: {item.title} Answer with: quarterdeck attention answer "
                    f"{item.item_id[-6:]} {keys}"
                )

    async def _hear(self, line: str | None) -> None:
        """Take an answer."""
        topic, self._asked = self._asked, None
        if isinstance(topic, str):
            wish = Wish.PAUSE if line is None else wish_of(line)
            if wish is not None:
                self._interrupts = 0
                self._wish(wish)
        elif topic is not None and line is not None:
            choice = choice_of(topic, line)
            if choice is not None:
                await self._answer(topic, choice)

    async def _answer(self, item: AttentionItem, choice: str) -> None:
        self.course.questions.pop(item.item_id, None)
        try:
            await self.client.call(AnswerItem(item_id=item.item_id, choice=choice))
        except LinkClosed:
            self.course.questions[item.item_id] = item
        except QuarterdeckError as error:
            self._face.say(error.message)

    def _wish(self, wish: Wish) -> None:
        if wish is Wish.DETACH:
            self._detaching = True
        elif wish is Wish.PAUSE and not self._pausing:
            self._pausing = True
            self._send(w.PauseWorkflow(workflow_id=self.course.id, interrupt=True))
        elif wish is Wish.CANCEL:
            self._pausing, self._cancelling = False, True
            self._send(w.CancelWorkflow(workflow_id=self.course.id))

    def _answer_ahead(self) -> None:
        """Answer what was given an answer before it was asked; a part of a fan-out has its maker's."""
        for item in list(self.course.questions.values()):
            maker = item.task_id.partition("[")[0]
            words = (self._answers.get(name) for name in (item.task_id, maker, "*"))
            word = next(filter(None, words), None)
            choice = given_choice(item, word) if word is not None else None
            if choice is not None:
                del self.course.questions[item.item_id]
                self._run(self._answer(item, choice))

    def _send(self, payload: w.OnWorkflow) -> None:
        self._run(self._call(payload))

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        self._stir.set()

    async def _call(self, payload: w.OnWorkflow) -> None:
        try:
            await self.client.call(payload)
        except LinkClosed:
            return
        except QuarterdeckError as error:
            if self.course.workflow.status is not WorkflowStatus.PAUSED:
                self._pausing = False
            self._face.say(error.message)
        else:
            await self._renew()

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _nothing_more(_: Event) -> None:
    """The end is shown: what comes behind it is of another workflow, or stands there already."""
