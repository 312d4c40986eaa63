"""An attempt as a process: begun through the back end, followed, adopted, ended."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from ..backends.ports import Leaf, LeafEnded, LeafEvent, LeafOutput, Standing, Stream
from ..context import AttemptLost
from .attempt import GRACE, Attempt
from .children import Child, ChildKind
from .faults import CommandFailed, CommandMissing
from .results import Collected
from .unbroken import unbroken

TAIL = 2000
"""Bytes of standard error that are shown in a message."""
TRACEBACK, FRAME = "Traceback (most recent call last)", '  File "'
"""How lines of what Python says about an error begin."""
NOT_FOUND = 127
"""What a shell exits with where there is no such command."""
FIRST_LOOK, LAST_LOOK = 1.0, 30.0
"""Seconds between two questions to a back end that can't tell now what became of an attempt."""


def last_words(said: bytes) -> str:
    """What a process said last, as text; of a Python traceback the line that says what went wrong."""
    text = said.decode("utf-8", "replace").strip()
    lines = text.splitlines()
    if not any(line.startswith((TRACEBACK, FRAME)) for line in lines):
        return text
    frames = [at for at, line in enumerate(lines) if line.startswith((" ", "\t", TRACEBACK))]
    what = lines[frames[-1] + 1 :] if frames else lines
    told = " ".join(one.strip() for one in what[:3]) or lines[-1].strip()
    return f"{told} (the traceback is in the log)"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended, and what it printed."""

    ended: LeafEnded
    stdout: Collected
    stderr: Collected

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.ended.exit_code == 0

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.ended.exit_code is not None:
            return f"exited with code {self.ended.exit_code}"
        if self.ended.signal is not None:
            return f"was ended by signal {self.ended.signal}"
        return f"never began ({self.ended.error})" if self.ended.error else "ended; nobody saw how"

    def check(self, what: str) -> None:
        """Nothing, if it succeeded.

        :raises CommandFailed: with the last of what it said.
        """
        if self.succeeded:
            return
        text = last_words(self.stderr.tail(TAIL) or self.stdout.tail(TAIL))
        kind = CommandMissing if self.ended.exit_code == NOT_FOUND else CommandFailed
        raise kind(
            f"{what} {self.how}" + (f":\n{text}" if text else ", and said nothing."),
            exit_code=self.ended.exit_code,
            signal=self.ended.signal,
        )


@dataclass(slots=True)
class Process:
    """The process of one attempt. ``logged`` are the streams that its log has."""

    attempt: Attempt
    command: tuple[str, ...]
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    logged: frozenset[Stream] = frozenset(Stream)
    stdout: Collected = field(default_factory=Collected)
    stderr: Collected = field(default_factory=Collected)
    _told: bool = False

    async def go(self, child: Child | None) -> Finished:
        """See it to its end: what a former engine began, if there is a ``child``, else a new one."""
        return await (self.run() if child is None else self.adopt(child))

    async def run(self) -> Finished:
        """Begin it, and follow it to its end."""
        context, backend = self.attempt.context, self.attempt.desk.surroundings.backend
        leaf = self._leaf()
        child = Child(ChildKind.PROCESS, context.attempt, backend.place_of(leaf))
        await self.attempt.keep_child(child)
        try:
            await unbroken(backend.submit(leaf, child.place))
            return await self._to_the_end(child)
        except CancelledError:
            await self._end(child)
            raise

    async def adopt(self, child: Child) -> Finished:
        """Follow to its end what a former engine began.

        :raises AttemptLost: if it is gone, and nothing tells how it ended.
        """
        self.attempt.taken_up = True
        self.attempt.announce_log()
        try:
            await self._reconciled(child.place)
            return await self._to_the_end(child)
        except CancelledError:
            await self._end(child)
            raise

    def _leaf(self) -> Leaf:
        attempt = self.attempt
        context, task = attempt.context, attempt.task
        return Leaf(
            workflow_id=context.workflow_id,
            task_id=task.task_id,
            attempt=context.attempt,
            epoch=attempt.desk.orchestrator.epoch_of(context.workflow_id),
            command=self.command,
            cwd=str(attempt.cwd),
            env={**attempt.env, **self.env},
            stdin=self.stdin,
            priority=task.priority,
            resources=task.metadata.get("resources", {}),
            grace=GRACE,
        )

    async def _reconciled(self, place: str) -> None:
        """Return once the back end knows of it; as long as it can't tell, it is asked again."""
        backend, pause = self.attempt.desk.surroundings.backend, FIRST_LOOK
        while True:
            standing = (await backend.reconcile([place])).get(place, Standing.GONE)
            if standing is Standing.GONE:
                raise AttemptLost(f"The process of {self.attempt.task.task_id} is gone.")
            if standing is not Standing.UNKNOWN:
                return
            await asyncio.sleep(pause)  # what can't be reached does not say when it can be
            pause = min(pause * 2, LAST_LOOK)

    async def _to_the_end(self, child: Child) -> Finished:
        ended = await self._follow(child.place)
        self.attempt.desk.forget_later(self.attempt.context, child)
        return Finished(ended, self.stdout, self.stderr)

    async def _follow(self, place: str) -> LeafEnded:
        events = self.attempt.desk.surroundings.backend.events(place)
        try:
            async for event in events:
                if isinstance(event, LeafEnded):
                    self._note_end(event)
                    return event
                await self._take(event)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        raise AttemptLost(f"Nothing tells how the process of {self.attempt.task.task_id} ended.")

    async def _take(self, event: LeafEvent) -> None:
        if not isinstance(event, LeafOutput):
            return
        collected = self.stdout if event.stream is Stream.STDOUT else self.stderr
        first = not self._told
        if first:
            self._told = True
            # What the keeper has no more, the former engine's log still has.
            self.attempt.log.begin(anew=event.offset == 0)
        missing = collected.missing
        fresh = collected.add(event.offset, event.data)
        if event.stream in self.logged:
            if event.offset and collected.missing > missing and not first:
                self.attempt.log.line(f"{collected.missing - missing} bytes are missing here")
            await self.attempt.write(fresh)

    def _note_end(self, ended: LeafEnded) -> None:
        if ended.exit_code != 0:
            self.attempt.log.line(Finished(ended, self.stdout, self.stderr).how)

    async def _end(self, child: Child) -> None:
        """End its tree, and take what it said last; left alone where another engine drives it."""
        if not self.attempt.wanted_on:
            return
        backend = self.attempt.desk.surroundings.backend
        await backend.cancel(child.place, GRACE)
        with contextlib.suppress(Exception):  # how it ended is known: it was ended
            await self._follow(child.place)
        self.attempt.desk.forget_later(self.attempt.context, child)
