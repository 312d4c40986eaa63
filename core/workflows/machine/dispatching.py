"""Which attempt is begun next: slots, order, bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf

from ...base.clock import Random
from ..statuses import TaskStatus, WorkflowStatus
from .decisions import Drained, Start, Stop
from .gating import Gate
from .places import Places, urgency
from .ready import NORMAL, Entry, ReadyQueue
from .reasons import StopReason
from .run import Run
from .timers import Due, Timers

_READY = TaskStatus.READY
_RUNNING = TaskStatus.RUNNING
_PAUSED = WorkflowStatus.PAUSED

AGEING_SECONDS = 60.0
RECOVERY_LIMIT = 3


class Dispatching:
    """Slots and the ready queue of all runs.

    ``limit`` bounds the attempts of the engine under way at once (``None``: no bound); those of
    slotless tasks don't count. ``ageing`` is the seconds after which a waiting task rises one level
    (``None``: never). A task whose attempts were lost more than ``recovery_limit`` times fails.
    Tasks that are ``placed`` take a slot of an agent, too, where there are ``places``.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        ageing: float | None = AGEING_SECONDS,
        recovery_limit: int = RECOVERY_LIMIT,
        random: Random | None = None,
        places: Places | None = None,
    ) -> None:
        self.limit: float = inf if limit is None else limit
        self.recovery_limit = recovery_limit
        self.running = 0
        self.runs: dict[str, Run] = {}
        self.timers = Timers()
        self.places = places
        self.gate: Gate | None = None
        self._barred: dict[tuple[Run, int], Entry] = {}
        self._put_by: set[tuple[Run, int]] = set()  # the gate has told to wait, and knows of that
        self._random = random
        self._ageing = ageing
        self._sequence = 0
        self._queue = ReadyQueue(ageing)
        self._waiters: deque[Entry] = deque()
        self._unplaced: dict[Run, None] = {}  # bounded runs of which something came to wait
        self._touched: list[Run] = []
        self._stops: list[Stop] = []
        self._ended: list[Run] = []

    def take(self, now: float) -> Start | None:
        """Begin the next attempt: it is running now, and holds its slots until it is told ended."""
        entry = self._next_waiter() if self._waiters else None
        if entry is None:
            if self.running >= self.limit or (entry := self._next_admitted(now)) is None:
                return None
            self.running += 1
            entry[4].running += 1
        run, task = entry[4], entry[5]
        attempt = run.attempts[task] + 1
        run.attempts[task] = attempt
        run.tasks[task] = _RUNNING
        run.started[task] = now
        run.ended[task] = None
        if not run.changed:
            self._touched.append(run)
        run.changed.append(task)
        if run.plan.special[task]:
            timeout = run.plan.rules[task].timeout
            if timeout is not None:
                self.timers.add(now + timeout, Due.TIMEOUT, run, task, attempt)
        return run, task, attempt

    @property
    def pressing(self) -> bool:
        """Whether stops or ends of runs wait to be drained."""
        return bool(self._stops or self._ended)

    @property
    def noted(self) -> int:
        """How many notes of changes wait to be drained."""
        return len(self._touched)

    def waiting(self) -> float:
        """How many attempts ``take`` may have to begin; never less than it has."""
        queued = len(self._queue) + (0 if self.places is None else len(self.places))
        if not queued:
            return len(self._waiters)
        return len(self._waiters) + min(queued, self.limit - self.running)

    def next_wake(self) -> float | None:
        """When ``tick`` is next to be called, if nothing else happens before."""
        return self.timers.next() if self.timers.heap else None

    def drain(self) -> Drained:
        """What has changed since the last call."""
        changed: list[tuple[Run, list[int]]] = []
        moved: list[Run] = []
        for run in self._touched:
            if run.changed:
                changed.append((run, list(dict.fromkeys(run.changed))))
                run.changed.clear()
            if run.moved:
                moved.append(run)
                run.moved = False
        drained = Drained(changed, moved, self._stops, self._ended)
        self._touched = []
        self._stops = []
        self._ended = []
        return drained

    def forget_changes(self) -> None:
        """Drop the notes on what changed, stops and ends excepted; for runs nobody follows."""
        for run in self._touched:
            run.changed.clear()
            run.moved = False
        self._touched.clear()

    def note(self, run: Run, task: int) -> None:
        """Count the task as changed: something that belongs to it is to be kept."""
        self._note(run, task)

    def _note(self, run: Run, task: int) -> None:
        if not run.changed:
            self._touched.append(run)
        run.changed.append(task)

    def _move(self, run: Run, status: WorkflowStatus) -> None:
        run.status = status
        if not run.moved:
            run.moved = True
            self._touched.append(run)

    def _make_ready(self, run: Run, task: int, now: float) -> None:
        run.tasks[task] = _READY
        if not run.changed:
            self._touched.append(run)
        run.changed.append(task)
        self._sequence += 1
        if not run.plan.special[task]:
            entry: Entry = (self._sequence, now, NORMAL, inf, run, task)
            run.entries[task] = entry
            self._queue.push(entry)
            return
        rules = run.plan.rules[task]
        entry = (self._sequence, now, int(rules.priority), run.deadlines.get(task, inf), run, task)
        run.entries[task] = entry
        self._line_up(entry)

    def _line_up(self, entry: Entry) -> None:
        """Enter what is ready where it is to wait."""
        rules = entry[4].plan.rules[entry[5]]
        if rules.slotless:
            self._waiters.append(entry)
        elif rules.placed and self.places is not None:
            self.places.enter(entry)
            if entry[4].bounds is not None:
                self._unplaced[entry[4]] = None
        else:
            self._queue.push(entry)

    def _let_by(self, now: float) -> bool:
        """Let in what is kept out by tasks that hold no slot, but wait for an agent; if there is any."""
        while self._unplaced:
            run, _ = self._unplaced.popitem()
            more = [] if run.bounds is None else list(run.bounds.more(now))
            self._enter(more)
            if more:
                self._unplaced[run] = None
                return True
        return False

    def readmit(self, run: Run, task: int) -> None:
        """Ask the gate again about a task that was told to wait."""
        entry = self._barred.pop((run, task), None)
        if self.places is not None and self.places.forgive(run, task) and entry is None:
            if self.places.need_of(run, task) is None:
                return
            entry = run.entries[task]
            self.places.withdraw(run, task)
        if entry is not None and run.entries[task] is entry:
            self._enter([entry])

    def barred(self) -> list[Entry]:
        """What the gate has told to wait, in that order."""
        return list(self._barred.values())

    def _next_admitted(self, now: float) -> Entry | None:
        while (entry := self._next_ready(now)) is not None:
            run, task = entry[4], entry[5]
            if self.gate is None or self.gate.admits(run, task):
                if self._put_by:
                    self._put_by.discard((run, task))
                if self.places is not None:
                    self.places.forgive(run, task)
                return entry
            self._put_off(entry, now)
        return None

    def _put_off(self, entry: Entry, now: float) -> None:
        """The gate has told an attempt to wait, on the agent that it was given if it has one."""
        run, task = entry[4], entry[5]
        self._put_by.add((run, task))
        elsewhere = False
        if self.places is not None:
            self.places.release(run, task)
            agent = run.placed.pop(task, "")
            elsewhere = bool(agent) and self.places.avoid(run, task, agent)
        if run.bounds is not None:
            self._enter(run.bounds.leave(task, now))
        if elsewhere:
            self._enter([entry])
        else:
            self._barred[run, task] = run.entries[task] = entry

    def _unbar(self, run: Run, task: int) -> None:
        """A task does not want to begin any more."""
        if self.places is not None:
            self.places.forgive(run, task)
        self._barred.pop((run, task), None)
        if (run, task) in self._put_by:
            self._put_by.remove((run, task))
            if self.gate is not None:
                self.gate.withdrawn(run, task)

    def _next_ready(self, now: float) -> Entry | None:
        if self.places is not None and len(self.places):
            return self._next_of_both(self.places, now)
        while (entry := self._queue.pop(now)) is not None:
            run = entry[4]
            if run.status is _PAUSED:
                self._hold(entry)
                continue
            if run.bounds is None:
                return entry
            instead = run.bounds.admit(entry, now)
            if instead is None:
                return entry
            self._enter(instead)
        return None

    def _next_of_both(self, places: Places, now: float) -> Entry | None:
        """The most urgent of those that wait for a slot alone and those that wait for an agent too."""
        while True:
            first = places.first(now)
            entry = self._queue.pop(now)
            if first is not None and (entry is None or first[0] < urgency(entry)):
                if entry is not None:
                    entry[4].entries[entry[5]] = entry
                    self._queue.push(entry)
                entry = first[1]
            elif entry is not None:
                first = None
            elif self._let_by(now):
                continue
            else:
                return None
            run, task = entry[4], entry[5]
            if run.status is _PAUSED:
                self._hold(entry)
            elif run.bounds is None or (instead := run.bounds.admit(entry, now)) is None:
                if first is not None:
                    run.placed[task] = places.take(run, task)
                    run.entries[task] = None
                return entry
            else:
                self._enter(instead)
            places.withdraw(run, task)

    def reason(self, run: Run, task: int) -> str:  # noqa: PLR0911  # one for each cause
        """Why a task that is ready has not begun; empty for any other."""
        if run.tasks[task] is not _READY or run.plan.rules[task].slotless:
            return ""
        if run.status is _PAUSED:
            return "the workflow is paused"
        if self.gate is not None and (run, task) in self._barred:
            return self.gate.reason(run, task)
        if self.places is not None and (why := self.places.reason_of(run, task)):
            put_off = self.gate is not None and self.places.avoids(run, task)
            return f"{why}; {self.gate.reason(run, task)}" if self.gate and put_off else why
        if run.bounds is not None and (why := run.bounds.reason(task)):
            return why
        if self.running >= self.limit:
            return f"{self.running} tasks run, as many as may"
        return "others are before it"

    def _next_waiter(self) -> Entry | None:
        while self._waiters:
            entry = self._waiters.popleft()
            run, task = entry[4], entry[5]
            mine: bool = run.entries[task] is entry
            if not mine:
                continue
            if run.status is _PAUSED:
                self._hold(entry)
                continue
            run.entries[task] = None
            return entry
        return None

    def _hold(self, entry: Entry) -> None:
        entry[4].entries[entry[5]] = entry
        entry[4].held.append(entry)

    def _let_go(self, run: Run) -> None:
        """Enter again what was held while the run was paused."""
        held, run.held = run.held, []
        for entry in held:
            if run.entries[entry[5]] is entry:
                self._line_up(entry)

    def _enter(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            entry[4].entries[entry[5]] = entry
            self._line_up(entry)

    def _withdraw(self, run: Run, task: int, now: float) -> None:
        """Take a ready task out of whatever queue it is in."""
        if run.entries[task] is not None:
            run.entries[task] = None
            if self.places is not None:
                self.places.withdraw(run, task)
            self._unbar(run, task)
            if run.bounds is not None:
                self._enter(run.bounds.retry(task, now))

    def _release(self, run: Run, task: int, now: float) -> None:
        """Give back the slots of an attempt that has ended, and its timer."""
        if run.plan.special[task]:
            rules = run.plan.rules[task]
            if rules.timeout is not None:
                self.timers.forget_one()
            if rules.slotless:
                return
            if rules.placed and self.places is not None:
                self.places.release(run, task)
        if self.gate is not None:
            self.gate.left(run, task)
        self.running -= 1
        run.running -= 1
        if run.bounds is not None:
            self._enter(run.bounds.leave(task, now))

    def _occupy(self, run: Run, task: int) -> None:
        """Take the slots of an attempt that runs already, free or not."""
        if run.plan.rules[task].slotless:
            return
        self.running += 1
        run.running += 1
        if self.places is not None and task in run.placed:
            self.places.occupy(run, task, run.placed[task])
        if run.bounds is not None:
            run.bounds.occupy(task)

    def _stop(self, run: Run, task: int, reason: StopReason) -> None:
        """Ask for the end of a running attempt; the first reason stays, but a cancel wins."""
        if task not in run.stopping:
            self._stops.append(Stop(run, task, run.attempts[task], reason))
            run.stopping[task] = reason
        elif reason is StopReason.CANCEL:
            run.stopping[task] = reason
