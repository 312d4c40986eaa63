"""A command's way: validate, tell a repeated one, limit, route, carry out, reply, measure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..protocol import commands as c
from ..protocol.attention import AttentionItem
from ..protocol.events import Cause
from ..protocol.pipeline_commands import LoadPipeline, OnPayload, OnPipeline
from ..protocol.validation import check_values, parse_command, parse_payload
from ..protocol.views import SessionView
from ..protocol.wire import Reply
from ..protocol.workflow_commands import OnWorkflow, RemoveSchedule, SaveSchedule
from ..telemetry.logs import logger
from ..telemetry.redaction import Redactor
from .audit_commands import command_entry
from .context import Call, Context, Job, Kept, Place, Route, Routes, sent_id
from .faults import Internal, ShuttingDown
from .mailboxes import Mailboxes
from .records import AddAudit
from .replies import KeptReplies
from .safety.limits import CommandLimits

UNKNOWN = "unknown"
"""The label of commands of no known type: what clients make up is no label."""

_log = logger("engine.commands")


def internal(error: BaseException, redactor: Redactor, doing: str) -> Internal:
    """The fault to answer with for an ``error`` nobody foresaw; its traceback goes to the log."""
    error_id = new_id()
    _log.error("internal error", error, error_id=error_id, doing=doing)
    what = redactor.text(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    return Internal(
        f"{doing} failed inside the engine ({what}). Its log has the details under {error_id}.",
        error_id=error_id,
    )


class Pipeline:
    """Serves jobs; every one of them is answered once, whatever happens."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        *,
        limits: CommandLimits,
        mailboxes: Mailboxes,
        replies: KeptReplies,
        redactor: Redactor,
    ) -> None:
        self._context = context
        self._routes = routes
        self._limits = limits
        self._mailboxes = mailboxes
        self._replies = replies
        self._redactor = redactor

    async def serve(self, job: Job) -> None:
        """Check a command, and carry it out or put it into its session's mailbox."""
        try:
            command, wish = _parse(job.raw)
        except QuarterdeckError as error:
            self._reject(job, error)
            return
        self._context.metrics.record_command(command.type)
        _log.debug("command", step="valid", type=command.type, id=command.id)
        if not self._replies.claim(command.id, job.answer):
            _log.debug("command", step="repeated", id=command.id)
            return
        job.claimed = command.id
        work = CommandWork(self, job, command, wish, self._routes[command.type])
        try:
            await self._dispatch(work)
        except Exception as error:  # noqa: BLE001  # every claimed command is answered
            work.refuse(self._fault(error, command.type))

    def crashed(self, job: Job, error: BaseException) -> None:
        """Answer a job whose worker ended under it."""
        if isinstance(error, asyncio.CancelledError):
            fault: QuarterdeckError = ShuttingDown(
                "The engine stopped before the command was done."
            )
        else:
            fault = self._fault(error, "The command")
        if job.claimed:
            self._replies.finish(job.claimed, self._failed(job.claimed, fault), remember=False)
        else:
            self.refuse(job, fault)

    def refuse(self, job: Job, error: QuarterdeckError) -> None:
        """Answer a job that was never begun."""
        job.answer(self._failed(sent_id(job.raw), error))

    def refuse_work(self, work: CommandWork, error: QuarterdeckError) -> None:
        """Answer a checked command that was not carried out."""
        self._end(work, self._failed(work.command.id, error), remember=False)

    def _reject(self, job: Job, error: QuarterdeckError) -> None:
        kind = _type_label(job.raw)
        self._context.metrics.record_command(kind)
        self._context.metrics.record_error(kind, error)
        _log.debug("command", step="invalid", type=kind, code=error.code, why=error.message)
        self.refuse(job, error)

    def _fault(self, error: BaseException, doing: str) -> QuarterdeckError:
        """``error`` as a fault to answer with."""
        if isinstance(error, QuarterdeckError):
            return error
        return internal(error, self._redactor, doing)

    def _failed(self, command_id: str | None, error: QuarterdeckError) -> Reply:
        """The reply that a command failed or was refused, without secrets."""
        info = error.info()
        shown = {
            "message": self._redactor.text(info.message),
            "details": self._redactor.value(info.details),
        }
        return Reply(command_id=command_id, ok=False, error=info.model_copy(update=shown))

    # The way of a command

    async def _dispatch(self, work: CommandWork) -> None:
        """Limit and route; nothing is awaited for a command that names its session.

        So commands of one session reach its mailbox in the order in which they were taken off the
        queue, whichever workers took them.
        """
        session_id = self._session_of(work.wish)
        if session_id is None:
            try:
                session_id = await self._context.sessions.owner(work.wish)
            except QuarterdeckError:
                # Its item is gone: closed, perhaps, by this very command in an earlier engine.
                if not await self._repeated(work):
                    raise
                return
        view = self._view(session_id)
        known = None if view is None else view.id
        self._context.safety.check_command(
            work.wish,
            reads=work.route.kept is Kept.NOT,
            session=view,
            client_id=work.job.client.client_id,
            item=self._item_of(work.wish),
        )
        self._limits.check(known, work.job.client.client_id, work.command.type)
        if work.route.place is Place.WORKER:
            await work.run()
            return
        box = session_id or _box_of(work.wish) or birth_box(work.command.id)
        _log.debug("command", step="mailbox", id=work.command.id, session=box)
        self._mailboxes.post(box, work)

    def _session_of(self, wish: c.Payload) -> str | None:
        """The session that ``wish`` names, itself or by an open attention item."""
        if isinstance(wish, c.OnSession):
            return wish.session_id
        item = self._item_of(wish)
        return None if item is None else item.session_id

    def _item_of(self, wish: c.Payload) -> AttentionItem | None:
        """The open attention item that ``wish`` names."""
        if not isinstance(wish, c.AnswerItem | c.SnoozeItem | c.ResolveItem):
            return None
        found = (i for i in self._context.sessions.items() if i.item_id == wish.item_id)
        return next(found, None)

    def _view(self, session_id: str | None) -> SessionView | None:
        """The session, if there is one of this id."""
        if not session_id:
            return None
        try:
            return self._context.sessions.view(session_id)
        except QuarterdeckError:
            return None

    async def carry_out(self, work: CommandWork) -> None:
        """Run a command's handler and answer it; raises nothing but a cancellation."""
        context, kept = self._context, work.route.kept
        try:
            if await self._repeated(work):
                return
            waited = context.clock.monotonic() - work.job.received
            context.metrics.observe("dispatch_latency_seconds", waited)
            reply = await self._outcome(work)
            if kept is Kept.STORE:
                await self._replies.keep(reply, self._audited(work, reply))
        except Exception as error:  # noqa: BLE001  # every claimed command is answered
            self.refuse_work(work, self._fault(error, work.command.type))
        else:
            self._end(work, reply, remember=kept is not Kept.NOT)

    def _audited(self, work: CommandWork, reply: Reply) -> AddAudit:
        now = self._context.clock.now()
        return command_entry(work.call, work.wish, reply, self._redactor, now)

    async def _repeated(self, work: CommandWork) -> bool:
        """Give the reply that an earlier engine kept, if it did; waits while the store is behind."""
        if work.route.kept is not Kept.STORE:
            return False
        await self._context.store.ready()
        earlier = await self._replies.recall(work.command.id)
        if earlier is None:
            return False
        self._replies.finish(work.command.id, earlier)
        return True

    async def _outcome(self, work: CommandWork) -> Reply:
        """The reply that the handler's result or error makes."""
        command = work.command
        _log.debug("command", step="run", type=command.type, id=command.id)
        try:
            result = await work.route.handler(self._context, work.wish, work.call)
            return Reply(command_id=command.id, ok=True, result=dict(result))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            cause: BaseException = error
        except BaseException as error:  # noqa: BLE001  # even SystemExit from a handler is an answer
            cause = error
        fault = self._fault(cause, command.type)
        _log.debug("command", step="failed", id=command.id, code=fault.code, why=fault.message)
        return self._failed(command.id, fault)

    def _end(self, work: CommandWork, reply: Reply, *, remember: bool) -> None:
        """Answer and measure."""
        metrics, kind = self._context.metrics, work.command.type
        seconds = self._context.clock.monotonic() - work.job.received
        metrics.record_command_duration(kind, seconds)
        if reply.error is not None:
            metrics.record_error(kind, reply.error)
        _log.debug("command", step="answered", id=work.command.id, ok=reply.ok, seconds=seconds)
        self._context.safety.ended(work.wish, reply.error)
        self._replies.finish(work.command.id, reply, remember=remember)


class CommandWork:
    """One checked command, to be run or refused."""

    __slots__ = ("_pipeline", "call", "command", "job", "route", "wish")

    def __init__(
        self, pipeline: Pipeline, job: Job, command: c.Command, wish: c.Payload, route: Route
    ) -> None:
        self._pipeline = pipeline
        self.job = job
        self.command = command
        self.wish = wish
        self.route = route
        cause = Cause(
            command_id=command.id,
            correlation_id=command.id,
            causation_id=command.id,
            client_id=job.client.client_id,
        )
        self.call = Call(command, job.client, cause)

    async def run(self) -> None:
        """Carry it out and answer it."""
        await self._pipeline.carry_out(self)

    def refuse(self, error: QuarterdeckError) -> None:
        """Answer that it was not carried out, so that it may be sent again."""
        self._pipeline.refuse_work(self, error)


def _box_of(wish: c.Payload) -> str | None:
    """The mailbox of what a command is about: item, workflow, schedule, pipeline or payload."""
    match wish:
        case c.AnswerItem() | c.SnoozeItem() | c.ResolveItem():
            box = f"item:{wish.item_id}"
        case OnWorkflow():
            box = wish.workflow_id
        case OnPipeline():
            box = f"pipeline:{wish.name}"
        case LoadPipeline():
            box = "pipeline-load"
        case OnPayload():
            box = f"payload:{wish.payload_id}"
        case SaveSchedule() | RemoveSchedule():
            box = f"schedule:{wish.name}"
        case _:
            return None
    return box


def birth_box(command_id: str) -> str:
    """The mailbox of a session that a command is about to create."""
    return f"new:{command_id}"


def _parse(raw: c.Command | Mapping[str, Any]) -> tuple[c.Command, c.Payload]:
    if isinstance(raw, c.Command):
        check_values(raw.payload)
        return raw, parse_payload(raw.type, raw.payload)
    return parse_command(raw)


def _type_label(raw: c.Command | Mapping[str, Any]) -> str:
    found = raw.type if isinstance(raw, c.Command) else raw.get("type")
    return found if isinstance(found, str) and found in c.PAYLOADS else UNKNOWN
