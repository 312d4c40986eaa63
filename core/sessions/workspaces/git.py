"""Running git: argument lists, no shell, a time limit, nothing left running."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .faults import GitFailed, GitMissing, GitSlow, WorktreeBusy

T = TypeVar("T")

SECONDS = 60.0
CHECKOUT_SECONDS = 900.0
"""What a command may take that writes or removes a whole working tree."""

GRACE = 2.0
FIRST_LOOK, LONGEST_PAUSE = 0.01, 0.25

_PLACES = frozenset(
    {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_GRAFT_FILE",
        "GIT_SHALLOW_FILE", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
    }
)  # fmt: skip
"""Variables that point git at another repository than the one in whose directory it runs."""

_OURS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git command said; ``code`` is how it exited."""

    code: int
    out: str
    error: str

    @property
    def lines(self) -> list[str]:
        """The lines of its output."""
        return self.out.splitlines()

    @property
    def line(self) -> str:
        """Its output, where it is one line."""
        return self.out.strip()


class Git:
    """Runs git commands. ``environment`` is theirs, without what would point git at other places."""

    def __init__(self, environment: Mapping[str, str], *, seconds: float = SECONDS) -> None:
        kept = {name: value for name, value in environment.items() if name not in _PLACES}
        self._environment = {**kept, **_OURS}
        self._seconds = seconds

    async def run(
        self,
        place: str,
        *words: str,
        codes: tuple[int, ...] = (0,),
        tether: Path | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """What ``git words...`` says in the directory ``place``; other exit codes are faults.

        Whoever waits for ``tether`` (see ``free``) waits for it to end, also when this process was killed.

        :raises GitMissing: if git can't be run.
        :raises GitSlow: if it took too long.
        :raises GitFailed: if it exited with another code than ``codes``.
        """
        answer = await self._answer(place, words, tether, seconds or self._seconds)
        if answer.code not in codes:
            said = answer.error.strip() or answer.out.strip() or f"exit code {answer.code}"
            raise GitFailed(
                f"git {words[0]} failed in {place}: {said}", command=list(words), place=place
            )
        return answer

    async def ask(self, place: str, *words: str) -> Answer:
        """The same, whatever the exit code is: a question."""
        return await self._answer(place, words, None, self._seconds)

    async def _answer(
        self, place: str, words: tuple[str, ...], tether: Path | None, seconds: float
    ) -> Answer:
        held = None if tether is None else await _taken(tether)
        try:
            process = await _begun(self._begin(place, words, () if held is None else (held,)), _end)
        finally:
            if held is not None:
                os.close(held)  # the child has its own
        try:
            async with asyncio.timeout(seconds):
                out, error = await process.communicate()
        except BaseException as broken:
            await _end(process)
            if isinstance(broken, TimeoutError):
                raise GitSlow(
                    f"git {words[0]} did not end within {seconds:g} s in {place} and was ended. "
                    "See whether its disk or a hook of the repository hangs, then try again.",
                    place=place,
                ) from broken
            raise
        return Answer(process.returncode or 0, _text(out), _text(error))

    async def _begin(
        self, place: str, words: tuple[str, ...], held: tuple[int, ...]
    ) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                "git",
                "-C",
                place,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                pass_fds=held,
                start_new_session=True,
            )
        except OSError as error:
            raise GitMissing(
                f"git can't be run ({error.strerror}); a worktree needs it. Install git, or put it on "
                "PATH, or create the session without --worktree.",
            ) from error


async def _begun(beginning: Coroutine[Any, Any, T], end: Callable[[T], Awaitable[None]]) -> T:
    """What is begun, once it is there; whoever cancels this meanwhile ends it first.

    Cancelled itself, asyncio's start of a process kills the command alone, and what that has started
    goes on; and a thread goes on to the end, with nobody to take what it gives.
    """
    start = asyncio.ensure_future(beginning)
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        await asyncio.wait([start])
        if start.cancelled() or start.exception():
            raise
        await end(start.result())
        raise


async def _taken(tether: Path) -> int:
    return await _begun(asyncio.to_thread(_hold, tether), _close)


async def free(tether: Path, seconds: float) -> None:
    """Return once no command runs that was started with this tether.

    :raises WorktreeBusy: if one still does after ``seconds``.
    """
    pause, over = FIRST_LOOK, asyncio.get_running_loop().time() + seconds
    while await asyncio.to_thread(_is_held, tether):
        if asyncio.get_running_loop().time() >= over:
            raise WorktreeBusy(
                f"A git command that an earlier engine began still works on {tether.parent}. "
                "It is left alone; try again when it has ended.",
                path=str(tether.parent),
            )
        await asyncio.sleep(pause)  # nobody tells the end of a process that is not our child
        pause = min(pause * 2, LONGEST_PAUSE)


def _hold(tether: Path) -> int:
    handle = os.open(tether, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


async def _close(handle: int) -> None:
    os.close(handle)


def _is_held(tether: Path) -> bool:
    try:
        handle = os.open(tether, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command with its hooks; it has its own process group.

    Where it has ended and nobody holds its pipes nothing is killed: its number may be another's by now.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None and await _is_over(process, FIRST_LOOK):
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        await _is_over(process, GRACE)
    # What left the group may hold the pipes for ever; nobody reads them any more.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way


async def _is_over(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether the command has ended, and all that it started has closed its output."""
    try:
        async with asyncio.timeout(seconds):
            await process.communicate()
    except TimeoutError:
        return False
    return True


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
