"""The life of a session's process: which state may follow which, and who decides it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from ..base.machine import StateTable
from ..protocol.status import Lifecycle

LIFECYCLE: StateTable[Lifecycle] = StateTable(
    "session",
    {
        Lifecycle.CREATED: frozenset({Lifecycle.STARTING}),
        Lifecycle.STARTING: frozenset(
            {
                Lifecycle.RUNNING,
                Lifecycle.STOPPING,
                Lifecycle.EXITED,
                Lifecycle.CRASHED,
                Lifecycle.LOST,
            }
        ),
        Lifecycle.RUNNING: frozenset(
            {Lifecycle.STOPPING, Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST}
        ),
        Lifecycle.STOPPING: frozenset({Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST}),
        Lifecycle.EXITED: frozenset({Lifecycle.STARTING}),
        Lifecycle.CRASHED: frozenset({Lifecycle.STARTING}),
        # A keeper that answers late is found again; its record tells how a process ended.
        Lifecycle.LOST: frozenset(
            {Lifecycle.STARTING, Lifecycle.RUNNING, Lifecycle.EXITED, Lifecycle.CRASHED}
        ),
    },
)
"""Every legal move. No state is terminal: whatever ended can be started again."""

LIVING = frozenset({Lifecycle.STARTING, Lifecycle.RUNNING, Lifecycle.STOPPING})
"""States behind which a process stands, or may stand."""


@dataclass(frozen=True, slots=True)
class StartAsked:
    """Someone wants the session started, anew or for the first time, or resumed."""


@dataclass(frozen=True, slots=True)
class ProcessUp:
    """The keeper says that its child runs."""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """There will be no process: no such command, no such directory, no keeper."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Someone wants the process ended."""


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """The process is over: seen as it happened, or read from the record it left.

    Either ``code`` or ``signal`` says how; neither means that nobody could tell. ``sent`` holds
    the signals that we sent it.
    """

    code: int | None = None
    signal: int | None = None
    sent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class KeeperGone:
    """The keeper is not there any more and left no record, as after a reboot."""


@dataclass(frozen=True, slots=True)
class KeeperFound:
    """The keeper answers, and its child lives."""


LifecycleEvent = (
    StartAsked | ProcessUp | StartFailed | StopAsked | ProcessEnded | KeeperGone | KeeperFound
)
"""All that can move a session from one state to another."""


def ending(state: Lifecycle, end: ProcessEnded) -> Lifecycle:
    """Whether a process that ended in ``state`` exited or crashed.

    A signal that we did not send is a crash in every state. A code other than 0 is one too, unless
    we were stopping the process: many agents answer a polite signal with such a code.
    """
    if end.signal is not None:
        return Lifecycle.EXITED if end.signal in end.sent else Lifecycle.CRASHED
    if end.code == 0 or state is Lifecycle.STOPPING:
        return Lifecycle.EXITED
    return Lifecycle.CRASHED


def _wanted(state: Lifecycle, event: LifecycleEvent) -> Lifecycle:
    match event:
        case StartAsked():
            return Lifecycle.STARTING
        case ProcessUp() | KeeperFound():
            return Lifecycle.RUNNING
        case StartFailed():
            return Lifecycle.CRASHED
        case StopAsked():
            return Lifecycle.STOPPING
        case ProcessEnded():
            return ending(state, event)
        case KeeperGone():
            return Lifecycle.LOST
        case _:
            assert_never(event)


def decide(state: Lifecycle, event: LifecycleEvent) -> Lifecycle:
    """The state that follows ``state`` on ``event``: the only place that decides it.

    A keeper that is found again confirms ``running`` and ``stopping``, and ends ``starting`` and
    ``lost``.

    :raises IllegalTransition: if ``state`` knows no such move; the message names both states.
    """
    if isinstance(event, KeeperFound) and state in {Lifecycle.RUNNING, Lifecycle.STOPPING}:
        return state
    return LIFECYCLE.check(state, _wanted(state, event))


class RestartStep(StrEnum):
    """One thing to do on the way to a fresh process."""

    STOP = "stop"
    AWAIT_END = "await_end"
    START = "start"


def restart_steps(state: Lifecycle) -> tuple[RestartStep, ...]:
    """What restarting means for a session in ``state``; for one without a process, a start."""
    if state in {Lifecycle.STARTING, Lifecycle.RUNNING}:
        return (RestartStep.STOP, RestartStep.AWAIT_END, RestartStep.START)
    if state is Lifecycle.STOPPING:
        return (RestartStep.AWAIT_END, RestartStep.START)
    return (RestartStep.START,)
