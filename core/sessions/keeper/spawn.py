"""Starting keepers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import QuarterdeckError
from ...base.places import runtime_directory
from ..faults import DirectoryMissing
from .bundle import install_program
from .faults import (
    CommandNotExecutable,
    CommandNotFound,
    KeeperExists,
    KeeperStartFailed,
    KeeperTimeout,
    SystemExhausted,
)
from .items import KeeperFacts
from .places import (
    FoundKeeper,
    KeeperPlaces,
    clean_places,
    erase_places,
    find_keepers,
    make_folder,
    places_for,
)
from .recording import PostMortem, post_mortem
from .spec import ChildSpec

__all__ = [
    "ChildSpec",
    "FoundKeeper",
    "KeeperHandle",
    "KeeperPlaces",
    "PostMortem",
    "clean_places",
    "erase_places",
    "find_keepers",
    "places_for",
    "post_mortem",
    "spawn_keeper",
]


EXHAUSTED = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))

LAST_WORDS = 2.0
"""Seconds in which a keeper that is given up tells its process id, if it got so far."""


@dataclass(frozen=True, slots=True)
class KeeperHandle:
    """A keeper that has started its child."""

    places: KeeperPlaces
    facts: KeeperFacts

    @property
    def keeper_pid(self) -> int:
        """The keeper's process."""
        return self.facts.keeper_pid

    @property
    def child_pid(self) -> int:
        """Its child's process, which leads a session and a group of its own."""
        return self.facts.child_pid


@dataclass(slots=True)
class _Launch:
    """A start under way, with what was said so far: the keeper's pid, then facts or a failure."""

    process: Process
    said: bytearray = field(default_factory=bytearray)

    async def tell(self, orders: bytes) -> None:
        """Give the orders and listen until the keeper is on its own."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("the process was started with pipes")
        with contextlib.suppress(ConnectionError):  # it failed at once: what it says tells why
            stdin.write(orders)
            await stdin.drain()
        stdin.close()
        while data := await stdout.read(4096):
            self.said += data
        await self.process.wait()

    async def give_up(self) -> None:
        """End what was started; a keeper that is told to end takes its child with it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._hear_pid()
        answers = self.answers()
        if answers:  # it holds the pipe, so that this number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(answers[0]["keeper_pid"]), signal.SIGTERM)
        await self.process.wait()

    async def _hear_pid(self) -> None:
        stdout = self.process.stdout
        while stdout and not self.answers() and (data := await stdout.read(4096)):
            self.said += data

    def answers(self) -> list[dict[str, Any]]:
        """The whole lines of JSON among what was said."""
        lines = bytes(self.said).split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith(b"{")]


async def spawn_keeper(
    spec: ChildSpec,
    places: KeeperPlaces,
    *,
    python: str = sys.executable,
    timeout: float = 10.0,  # noqa: ASYNC109  # it names the fault
) -> KeeperHandle:
    """Start a keeper and its child; what an earlier one left at ``places`` is overwritten.

    ``python`` must be of this program's version. A start that is cancelled leaves nothing running.

    :raises CommandNotFound: if the command is not there.
    :raises CommandNotExecutable: if it can't be run.
    :raises DirectoryMissing: if the directory is not there.
    :raises KeeperExists: if a keeper lives at ``places``.
    :raises SystemExhausted: if the system has no process, memory or file to spare just now.
    :raises KeeperStartFailed: if the system refuses anything else.
    :raises KeeperTimeout: if it takes longer than ``timeout`` seconds.
    :raises PlaceUnsafe: if a directory belongs to another user.
    """
    try:
        async with asyncio.timeout(timeout):
            program = await asyncio.to_thread(_prepare, places)
            answers, said = await _launch(python, program, spec.orders(places))
    except TimeoutError as error:
        raise KeeperTimeout(
            f"The keeper of {spec.argv[0]} didn't start within {timeout:g} seconds; the machine may "
            "be overloaded, or the directory on a disk that doesn't answer."
        ) from error
    except (KeeperStartFailed, SystemExhausted):
        await asyncio.to_thread(erase_places, places)
        raise
    if len(answers) > 1 and "stage" not in answers[1]:
        return KeeperHandle(places, KeeperFacts.parse(answers[1]))
    stage, number = "", 0
    if len(answers) > 1:
        stage, number = str(answers[1]["stage"]), int(answers[1]["errno"])
    if stage != "lock":
        await asyncio.to_thread(erase_places, places)
    raise _fault(spec, stage, number, said)


def _prepare(places: KeeperPlaces) -> Path:
    make_folder(places)
    try:
        with contextlib.suppress(OSError):  # a full disk; only a moved keeper needs it
            places.address.write_bytes(os.fsencode(places.socket))
        return install_program(runtime_directory())
    except OSError as error:
        raise KeeperStartFailed(f"The keeper's program can't be written: {error}.") from error


async def _launch(python: str, program: Path, orders: bytes) -> tuple[list[dict[str, Any]], str]:
    linker = {name: os.environ[name] for name in os.environ if name.startswith(("LD_", "DYLD_"))}
    try:
        process = await asyncio.create_subprocess_exec(
            python,
            "-I",
            "-S",
            "-X",
            "utf8",
            str(program),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            cwd="/",
            env=linker,
        )
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise _exhausted(python, error.errno) from error
        raise KeeperStartFailed(f"{python} can't be run: {error.strerror}.") from error
    launch = _Launch(process)
    try:
        await launch.tell(orders)
    except BaseException:
        await launch.give_up()
        raise
    return launch.answers(), launch.said.decode(errors="replace")


def _fault(spec: ChildSpec, stage: str, number: int, said: str) -> QuarterdeckError:
    command, why = spec.argv[0], os.strerror(number)
    if stage == "lock" and number in {errno.EAGAIN, errno.EACCES}:
        return KeeperExists(f"A keeper of {spec.session_id} lives already; connect to it.")
    if stage == "directory" and number in {errno.ENOENT, errno.ENOTDIR}:
        return DirectoryMissing(
            f"The directory {spec.cwd} is not there; create it or give another one.", cwd=spec.cwd
        )
    if stage == "command" and number in {errno.ENOENT, errno.ENOTDIR}:
        return CommandNotFound(
            f"There is no command {command}, or the interpreter it names is missing; install it or "
            "correct the agent's command.",
            command=command,
        )
    if stage == "command" and number in {errno.EACCES, errno.ENOEXEC, errno.EPERM}:
        return CommandNotExecutable(
            f"{command} can't be run ({why}); make it executable.", command=command
        )
    if number in EXHAUSTED:
        return _exhausted(command, number)
    what = {"": said.strip()[-2000:], "directory": f"{spec.cwd} can't be entered: {why}"}
    return KeeperStartFailed(
        f"{command} could not be started: {what.get(stage, f'{stage}: {why}')}.",
        stage=stage,
        errno=number,
    )


def _exhausted(command: str, number: int) -> SystemExhausted:
    return SystemExhausted(
        f"{command} could not be started for now: {os.strerror(number)}. End other programs or "
        "sessions, or raise the limit (ulimit -u, ulimit -n).",
        errno=number,
    )
