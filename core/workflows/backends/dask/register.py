"""Who may run which attempt: the cluster's one answer, kept on its scheduler. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import takewhile
from typing import Any

from .faults import AttemptFenced

BOUND = 10_000
"""Workflows whose epoch is remembered, and ended attempts that nobody came to forget."""

UNHEARD = 10.0
"""Seconds in which what was announced must have become a task of Dask's."""


class State(StrEnum):
    """How an attempt stands on the cluster."""

    WAITING = "waiting"
    """It has not begun, and may."""
    CLAIMED = "claimed"
    """A worker has begun it."""
    ENDED = "ended"
    LOST = "lost"
    """How it ended can't be known; it is gone for sure from ``Head.gone`` on."""


OVER = frozenset((State.ENDED, State.LOST))


@dataclass(slots=True)
class Head:
    """An attempt as the register knows it.

    ``owner`` is the back end that follows it. ``reason`` is why it waits, or was lost. ``machine``
    and ``folder`` are by what its processes can be found; ``tethered``: they end when their worker does.
    ``ended`` is its last event as data, ``size`` the end of its output, ``kept`` whether that can be read.
    ``settle`` is after how many seconds nothing runs on a worker that was lost.
    """

    place: str
    epoch: int
    owner: str
    settle: float
    since: float
    serial: int = 0
    state: State = State.WAITING
    reason: str = ""
    worker: str = ""
    machine: str = ""
    folder: str = ""
    tethered: bool = False
    ended: list[Any] | None = None
    size: int = 0
    kept: bool = True
    gone: float = 0.0


@dataclass(slots=True)
class Register:
    """Every attempt that was announced and not forgotten, and the highest epoch of each workflow.

    ``clock`` gives monotonic seconds. ``serial`` grows with every change.
    """

    clock: Callable[[], float]
    bound: int = BOUND
    serial: int = 0
    opened: float = 0.0
    heads: dict[str, Head] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    recent: dict[str, dict[str, Head]] = field(default_factory=dict)
    """For each owner its attempts, the one that changed last at the end."""
    swept: float = 0.0

    def __post_init__(self) -> None:
        self.opened = self.clock()

    def announce(self, place: str, *, workflow: str, epoch: int, owner: str, settle: float) -> Head:
        """The attempt, entered if it is new; one that is known already is left as it is.

        :raises AttemptFenced: if a higher epoch was seen of its workflow.
        """
        seen = self.epochs.pop(workflow, epoch)
        self.epochs[workflow] = max(seen, epoch)
        if len(self.epochs) > self.bound:
            del self.epochs[next(iter(self.epochs))]
        if epoch < seen:
            raise AttemptFenced(
                f"Attempt {place} was begun under epoch {epoch}, and an engine of epoch {seen} has "
                "taken its workflow over.",
                place=place,
            )
        if head := self.heads.get(place):
            head.epoch = max(head.epoch, epoch)
            return head
        head = self.heads[place] = Head(place, epoch, owner, settle=settle, since=self.clock())
        self._touch(head)
        self._thin()
        return head

    def claim(self, place: str, epoch: int, *, worker: str, machine: str, folder: str) -> bool:
        """Whether ``worker`` may begin the attempt: it alone, and only once."""
        head = self.heads.get(place)
        if head is None or head.state is not State.WAITING or epoch > head.epoch:
            return False
        head.state, head.reason = State.CLAIMED, ""
        head.worker, head.machine, head.folder = worker, machine, folder
        self._touch(head)
        return True

    def begin(self, place: str, worker: str) -> None:
        """The attempt's keeper holds on to its worker."""
        if self._holds(worker, place):
            self.heads[place].tethered = True

    def end(self, place: str, worker: str, ended: list[Any], size: int) -> None:
        """How the attempt of ``worker`` ended; one that was given up for lost stays lost."""
        if self._holds(worker, place):
            head = self.heads[place]
            head.state, head.ended, head.size = State.ENDED, ended, size
            self._touch(head)

    def withdraw(self, place: str, ended: list[Any]) -> bool:
        """End an attempt that has not begun, so that it never does; whether it was one."""
        head = self.heads.get(place)
        if head is None or head.state is not State.WAITING:
            return False
        head.state, head.ended = State.ENDED, ended
        self._touch(head)
        return True

    def lose(self, place: str, reason: str, *, proven: bool = False) -> None:
        """Give an attempt up; unless its end is proven, its worker is left the time to end it."""
        head = self.heads.get(place)
        if head is None or head.state not in {State.WAITING, State.CLAIMED}:
            return
        wait = 0.0 if proven or head.state is State.WAITING else head.settle
        head.state, head.reason, head.gone = State.LOST, reason, self.clock() + wait
        self._touch(head)

    def lose_worker(self, worker: str) -> None:
        """A worker has left the cluster: what it ran is lost, and so is the output it kept."""
        for head in [one for one in self.heads.values() if one.worker == worker]:
            if head.state is State.ENDED and head.kept:
                head.kept = False
                self._touch(head)
            self.lose(head.place, f"the worker {worker} has left the cluster")

    def note(self, place: str, reason: str) -> None:
        """Why an attempt waits."""
        head = self.heads.get(place)
        if head and head.state is State.WAITING and head.reason != reason:
            head.reason = reason
            self._touch(head)

    def sweep(self, known: Callable[[str], bool]) -> None:
        """Give up what was announced and never came to be a task, as its engine died in between."""
        now = self.clock()
        if now < self.swept + UNHEARD / 2:
            return
        self.swept, due = now, now - UNHEARD
        for head in list(self.heads.values()):
            if head.state is State.WAITING and head.since <= due and not known(head.place):
                self.lose(head.place, "it never reached the cluster's queue")

    def held(self, worker: str, places: Collection[str]) -> list[str]:
        """Those of ``places`` that ``worker`` still holds."""
        return [place for place in places if self._holds(worker, place)]

    def _holds(self, worker: str, place: str) -> bool:
        head = self.heads.get(place)
        return head is not None and head.worker == worker and head.state is State.CLAIMED

    def follow(self, owner: str, places: Collection[str]) -> None:
        """Have ``owner`` be told of ``places``."""
        for head in [self.heads[place] for place in places if place in self.heads]:
            if head.owner != owner:
                self._leave(head)
                head.owner = owner
                self._touch(head)

    def forget(self, place: str) -> None:
        """Remove what is known of an attempt; one that may still run is kept."""
        head = self.heads.get(place)
        if head and head.state in OVER:
            self._leave(head)
            del self.heads[place]

    def changed(self, owner: str, since: int) -> bool:
        """Whether there is something to tell."""
        last = next(reversed(self.recent.get(owner, {}).values()), None)
        return last is not None and last.serial > since

    def changes(self, owner: str, since: int) -> list[dict[str, Any]]:
        """The attempts of ``owner`` that changed after ``since``, as data."""
        latest = reversed(self.recent.get(owner, {}).values())
        return [self.tell(head) for head in takewhile(lambda head: head.serial > since, latest)]

    def standing(self, places: Collection[str]) -> dict[str, dict[str, Any]]:
        """What is known of ``places``, as data; those not known are left out."""
        return {place: self.tell(self.heads[place]) for place in places if place in self.heads}

    def tell(self, head: Head) -> dict[str, Any]:
        """A head as data, with ``settles``: seconds until a lost attempt is gone for sure."""
        settles = max(head.gone - self.clock(), 0.0) if head.state is State.LOST else 0.0
        return {**asdict(head), "state": head.state.value, "settles": settles}

    def statistics(self) -> Mapping[str, int]:
        """How many attempts stand in each state."""
        counts = dict.fromkeys((state.value for state in State), 0)
        for head in self.heads.values():
            counts[head.state.value] += 1
        return counts

    def _touch(self, head: Head) -> None:
        self.serial += 1
        head.serial = self.serial
        mine = self.recent.setdefault(head.owner, {})
        mine.pop(head.place, None)
        mine[head.place] = head

    def _leave(self, head: Head) -> None:
        mine = self.recent.get(head.owner, {})
        mine.pop(head.place, None)
        if not mine:
            self.recent.pop(head.owner, None)

    def _thin(self) -> None:
        if len(self.heads) > self.bound:
            over = [one.place for one in self.heads.values() if one.state in OVER]
            for place in over[: len(self.heads) - self.bound]:
                self.forget(place)
