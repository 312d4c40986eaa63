"""What the machine holds: tasks as items, agents, groups, and needs with their queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from ..base.priority import Priority
from ..base.retry import RetryPolicy
from .model import AgentCapacity, Task
from .timers import Timer

SLACK = 16
Key = tuple[int, float, int]
"""Level, deadline in the machine's time, sequence: the order of dispatch."""
Entry = tuple[float, int, int, "Item"]
"""Deadline, sequence, number, item: a place in a queue, which counts while its number is the item's."""
LEVELS = len(Priority)
_numbers = count(1)


class Item:
    """A task with what the machine knows of it."""

    __slots__ = (
        "agent", "clock_timer", "deadline", "deadline_timer", "dependents", "entry", "level", "losses",
        "need", "needed", "policy", "sequence", "stopping", "task", "timeout",
    )  # fmt: skip

    def __init__(self, task: Task, sequence: int, policy: RetryPolicy) -> None:
        self.task = task
        self.sequence = sequence
        self.policy = policy
        self.level = int(task.priority)
        self.deadline = inf
        self.timeout: float | None = None
        self.need: Need | None = None
        self.agent: Agent | None = None
        self.entry = 0  # the number of its place in a queue; 0: it is in none
        self.losses = 0
        self.needed: set[str] = set()
        self.dependents: list[Item] = []
        self.stopping: str | None = None
        self.clock_timer: Timer[Item] | None = None
        self.deadline_timer: Timer[Item] | None = None

    @property
    def key(self) -> Key:
        """Its place in the order of dispatch."""
        return (self.level, self.deadline, self.sequence)


class Group:
    """Slots that agents or tasks share: a repository, a provider."""

    __slots__ = ("agents", "limit", "name", "needs", "running")

    def __init__(self, name: str) -> None:
        self.name = name
        self.limit: int | None = None
        self.running = 0
        self.agents: set[Agent] = set()
        self.needs: set[Need] = set()

    @property
    def free(self) -> bool:
        """Whether one more fits."""
        return self.limit is None or self.running < self.limit


class Agent:
    """An agent; ``ready`` while it could take one more task.

    ``others`` is work beside the tasks that takes its slots as well, and may exceed them. ``closed``
    says why it takes nothing at present, if so.
    """

    __slots__ = (
        "alive", "capacity", "closed", "completed", "failed", "groups", "id", "lost", "needs", "order",
        "others", "ready", "running", "seen", "size",
    )  # fmt: skip

    def __init__(self, capacity: AgentCapacity, order: int, groups: Iterable[Group]) -> None:
        self.id = capacity.agent_id
        self.capacity = capacity
        self.size = capacity.max_concurrent_tasks
        self.order = order
        self.groups = tuple(groups)
        self.running: dict[str, Item] = {}
        self.needs: set[Need] = set()
        self.others = 0
        self.closed = ""
        self.alive = True
        self.seen = 0.0
        self.completed = self.failed = self.lost = 0
        self.ready = False
        self.look()

    def look(self) -> bool:
        """Find out whether it is ready; whether it has just become so."""
        was = self.ready
        self.ready = (
            self.alive
            and not self.closed
            and len(self.running) + self.others < self.size
            and all(group.free for group in self.groups)
        )
        return self.ready and not was

    @property
    def load(self) -> float:
        """Running over capacity."""
        return (len(self.running) + self.others) / self.size


NeedKey = tuple[str, frozenset[str], str | None, tuple[str, ...], frozenset[str]]
"""Type, capabilities, binding, groups, and those among whom the agent is chosen (empty: all)."""


class Line:
    """A queue of one level: by deadline, then sequence.

    Who comes without a deadline, in the order of the sequence, is merely appended.
    """

    __slots__ = ("fifo", "heap")

    def __init__(self) -> None:
        self.fifo: deque[Entry] = deque()
        self.heap: list[Entry] = []

    def __len__(self) -> int:
        return len(self.fifo) + len(self.heap)

    def push(self, item: Item) -> None:
        """Append an item, or put it where it belongs."""
        entry = (item.deadline, item.sequence, item.entry, item)
        if item.deadline == inf and (not self.fifo or self.fifo[-1][1] < item.sequence):
            self.fifo.append(entry)
        else:
            heappush(self.heap, entry)

    def head(self) -> Item | None:
        """The first one that counts."""
        fifo, heap = self.fifo, self.heap
        while fifo and fifo[0][2] != fifo[0][3].entry:
            fifo.popleft()
        while heap and heap[0][2] != heap[0][3].entry:
            heappop(heap)
        if heap and (not fifo or heap[0][:2] < fifo[0][:2]):
            return heap[0][3]
        return fifo[0][3] if fifo else None

    def clean(self) -> None:
        """Drop what doesn't count."""
        self.fifo = deque(entry for entry in self.fifo if entry[2] == entry[3].entry)
        self.heap = [entry for entry in self.heap if entry[2] == entry[3].entry]
        heapify(self.heap)


class Need:
    """What some tasks have in common: who could take them. Their queue, in the order of dispatch.

    A need that found nobody is ``parked`` until one of its agents or groups has room again.
    """

    __slots__ = (
        "agents", "among", "binding", "capabilities", "entered", "groups", "key", "lines", "live",
        "parked", "task_type",
    )  # fmt: skip

    def __init__(self, key: NeedKey, groups: Iterable[Group]) -> None:
        self.key = key
        self.task_type, self.capabilities, self.binding, _, self.among = key
        self.groups = tuple(groups)
        self.agents: list[Agent] = []
        self.lines: dict[int, Line] = {}
        self.live = 0
        self.parked = False
        self.entered: Key | None = None  # where it stands among the needs that could be served

    def fits(self, agent: Agent) -> bool:
        """Whether ``agent``, with all its slots free, could take these tasks."""
        if self.binding is not None and agent.id != self.binding:
            return False
        if self.among and agent.id not in self.among:
            return False
        has = agent.capacity.capabilities
        if self.capabilities:
            return self.capabilities <= has
        chosen = self.binding is not None or bool(self.among)
        return chosen or not has or self.task_type in has

    def push(self, item: Item) -> None:
        """Queue an item at its key; one that is queued already moves there."""
        self.live += not item.entry
        item.entry = next(_numbers)
        line = self.lines.get(item.level)
        if line is None:
            line = self.lines[item.level] = Line()
        line.push(item)

    def drop(self, item: Item) -> None:
        """Take an item out, wherever it stands."""
        item.entry = 0
        self.live -= 1
        line = self.lines[item.level]
        if len(line) > 2 * self.live + SLACK:
            line.clean()

    def head(self) -> Item | None:
        """The first one."""
        if not self.live:
            return None
        for level in range(LEVELS):
            line = self.lines.get(level)
            if line is not None and (item := line.head()) is not None:
                return item
        return None
