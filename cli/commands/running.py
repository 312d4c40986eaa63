"""``quarterdeck run``: one workflow, in the engine that runs or in one of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...core.base.errors import QuarterdeckError
from ...core.base.retry import RetryPolicy
from ...core.client.client import Client
from ...core.protocol import workflow_commands as w
from ...core.protocol.workflow_status import WorkflowStatus
from ...core.settings import Settings
from ...core.telemetry.redaction import Redactor
from ...core.workflows.backends.registry import check_backend
from ..connector import EngineConnector
from ..exits import DONE, FAILED, INTERRUPTED
from ..failing import fault
from ..faults import CliFault
from ..homes import home_of
from ..invocation import Invocation
from ..naming import by_prefix
from ..place import absolute, load
from ..running.course import OVER, Course
from ..running.detaching import leave_engine
from ..running.faces import Face, JsonFace, LineFace
from ..running.others import Words, left, others, taken_up
from ..running.runner import Ending, Runner
from ..running.talking import LineInput
from ..running.words import approvals_of, inputs_of

RETURN = RetryPolicy(max_attempts=20, initial_delay=0.05, max_delay=0.5)
"""How long another engine is looked for when one has left: about eight seconds."""

MOST_LISTED = 10_000


def run(
    invocation: Invocation,
    *,
    file: str | None,
    input: tuple[str, ...],  # noqa: A002  # the option is called so
    approve: tuple[str, ...],
    store: str | None,  # noqa: ARG001  # part of the invocation's place
    executor: str | None,  # noqa: ARG001  # as above
    resume: str | None,
) -> int:
    """``run``; exit code 0 if the workflow was completed."""
    wish = _wish(file, input, approve, resume)
    settings = load(invocation.place).settings
    check_backend(settings.workflows.executor)
    return asyncio.run(_Run(invocation, settings, bool(invocation.flags)).run(wish))


def _wish(
    file: str | None, inputs: tuple[str, ...], approve: tuple[str, ...], resume: str | None
) -> w.CreateWorkflow | _Resumed:
    answers = approvals_of(approve)
    if resume is not None:
        if inputs:
            raise fault("usage", "--input is for a new workflow, not for --resume.")
        return _Resumed(resume, None if file is None else str(absolute(file)), answers)
    if file is None:
        raise fault("usage", "Give a FILE to run, or --resume ID to go on with a workflow.")
    return w.CreateWorkflow(
        file=str(absolute(file)),
        inputs=dict(inputs_of(inputs)),
        cwd=os.getcwd(),  # noqa: PTH109  # text is what crosses the boundary
        approve=answers,
    )


@dataclass(frozen=True, slots=True)
class _Resumed:
    """What to go on with: a part of an id, the file it must be of, and answers to what it asks."""

    part: str
    file: str | None
    answers: Mapping[str, str]


class _Run:
    def __init__(self, invocation: Invocation, settings: Settings, chosen: bool) -> None:
        self._invocation = invocation
        self._printer = invocation.printer
        self._settings = settings
        self._chosen = chosen
        self._connector = EngineConnector(
            settings.state_dir, lambda: settings, reason="its workflow was followed to the end"
        )
        self._clients: list[Client] = []

    async def run(self, wish: w.CreateWorkflow | _Resumed) -> int:
        detached = False
        try:
            client = await self._client(Client(await self._connector.connect(), "run"))
            self._check_engine(client)
            runner = Runner(
                client,
                self._face(),
                lines=self._lines(),
                reconnect=self._reconnect,
                again=lambda workflow_id: self._again(workflow_id, hosted=True),
                answers=wish.answers if isinstance(wish, _Resumed) else {},
            )
            with _signals(runner):
                workflow_id = await self._begin(client, wish)
                await self._tell_others(client, workflow_id, taken_up, hosted=False)
                ending = await runner.follow(workflow_id)
            detached = ending is Ending.DETACHED and runner.signalled is None
            code = self._code(runner, ending)
            if not detached:
                await self._tell_others(runner.client, workflow_id, left, hosted=True)
            elif not self._connector.hosting:
                self._tell_detached(workflow_id)
        finally:
            hosted = self._connector.hosting
            for one in self._clients:
                await one.close()
            await self._connector.release()
        if detached and hosted:
            try:
                await leave_engine(self._invocation.place, self._settings)
            except CliFault:
                self._note(f"Go on with: {self._again(workflow_id, hosted=True)}")
                raise
            self._tell_detached(workflow_id)
        return code

    def _code(self, runner: Runner, ending: Ending) -> int:
        course = runner.course
        if ending is Ending.OVER:
            return DONE if course.workflow.status is WorkflowStatus.COMPLETED else FAILED
        if ending is Ending.DETACHED and runner.signalled is None:
            return DONE
        self._tell_paused(course)
        return INTERRUPTED if runner.signalled is None else 128 + runner.signalled

    def _tell_paused(self, course: Course) -> None:
        self._note(f"Go on with: {self._again(course.id, hosted=self._connector.hosting)}")

    def _tell_detached(self, workflow_id: str) -> None:
        self._note(f"It runs on. Follow it with: {self._again(workflow_id, hosted=False)}")

    async def _tell_others(
        self, client: Client, workflow_id: str, words: Words, *, hosted: bool
    ) -> None:
        """Tell what an engine of our own drives besides: it is there only as long as this runs."""
        if not self._connector.hosting:
            return
        with suppress(QuarterdeckError):  # the workflow's own end is what counts
            found = await others(client, home_of(self._settings), workflow_id)
            for text in words(found, partial(self._again, hosted=hosted)):
                self._note(text)

    def _again(self, workflow_id: str, *, hosted: bool) -> str:
        return self._invocation.again("run", "--resume", workflow_id, hosted=hosted)

    def _note(self, text: str) -> None:
        if self._printer.as_json:
            self._printer.record({"kind": "note", "text": text})
        else:
            self._printer.line(text)

    # ---- engine ----------------------------------------------------------------------------------

    async def _client(self, client: Client) -> Client:
        self._clients.append(client)
        await client.start()
        return client

    def _check_engine(self, client: Client) -> None:
        """See that an engine that runs already is the one that is asked for.

        :raises CliFault: ``engine_differs``.
        """
        engine = client.view.engine
        if self._connector.hosting or not self._chosen or engine is None:
            return
        wanted = Redactor().text(self._settings.store_url)
        if engine.store != wanted or self._settings.workflows.executor != "local://":
            raise fault(
                "engine_differs",
                f"An engine (process {engine.pid}) runs for {engine.state_dir} already, with the "
                f"store {engine.store}. Leave out --store and --executor, or give another "
                "--state-dir.",
            )

    async def _reconnect(self) -> Client | None:
        attempt = 1
        while RETURN.allows(attempt):
            await asyncio.sleep(RETURN.delay(attempt))
            attempt += 1
            endpoint = await self._connector.attach()
            if endpoint is not None:
                return await self._client(Client(endpoint, "run"))
        return None

    async def _begin(self, client: Client, wish: w.CreateWorkflow | _Resumed) -> str:
        """Create the workflow, or go on with one; its id."""
        if isinstance(wish, w.CreateWorkflow):
            made = await client.call(wish)
            return str(made["workflow"]["id"])
        found = await client.call(w.ListWorkflows(limit=MOST_LISTED))
        view = by_prefix(found["workflows"], wish.part)
        if wish.file is not None and not _is_same(wish.file, view["file"]):
            made_from = f"made from {view['file']}" if view["file"] else "not made from a file"
            told = f"The workflow {view['id']} was {made_from}; leave out FILE to go on with it."
            raise fault("usage", told)
        status, workflow_id = WorkflowStatus(view["status"]), str(view["id"])
        if status not in OVER:
            await client.call(w.StartWorkflow(workflow_id=workflow_id))
        elif status is not WorkflowStatus.COMPLETED:
            raise fault(
                "workflow_over",
                f"The workflow {workflow_id} is {status}. Begin anew from what failed with: "
                f"quarterdeck workflow retry {workflow_id}",
            )
        return workflow_id

    # ---- people ----------------------------------------------------------------------------------

    def _face(self) -> Face:
        if self._printer.as_json:
            return JsonFace(self._printer)
        if not self._printer.fancy:
            return LineFace(self._printer)
        # Start-up time: rich is for terminals.
        from ..running.live import LiveFace  # noqa: PLC0415

        return LiveFace(self._printer)

    def _lines(self) -> LineInput | None:
        """Where a person answers; none where there is no terminal."""
        if self._printer.as_json or not self._printer.fancy or not sys.stdin.isatty():
            return None
        return LineInput(sys.stdin.fileno())


def _is_same(file: str, known: str) -> bool:
    """Whether both name one file, however written; it may be gone by now."""
    return Path(file).resolve() == Path(known).resolve() if known else False


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """Let signals be a person's wishes."""
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [one for one in wanted if signal.getsignal(one) is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, runner.interrupt, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
