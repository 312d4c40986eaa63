"""A drawn graph with the tasks' states painted onto its boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from os.path import commonprefix
from typing import NamedTuple

from rich.cells import cell_len

from ....core.protocol.workflow_views import BoxView, GraphView
from ..cells import Cell, Row, fit
from ..words import clean
from .state import Flow
from .words import FAILED, TASK_SIGNS, loudest, task_note

HEAVY = str.maketrans("╭╮╰╯─│┴┬", "┏┓┗┛━┃┷┯")
"""The frame of what lies on the critical path: it shows without colour, too."""
EDGE = "edge"
FRAME_TONES = frozenset(("working", "needs", "error", "done"))
CURSOR, FOUND = "cursor", "match"
STEPS = ("up", "down", "left", "right")


class BoxWords(NamedTuple):
    """What stands in a box; of ``notes`` the first for which there is room."""

    sign: str
    name: str
    notes: tuple[str, ...]
    tone: str


class Picture:
    """A drawn graph, ready to be painted line by line.

    Boxes are named as in the ``GraphView``; a box of one task stands for that task.
    """

    def __init__(self, graph: GraphView) -> None:
        self.graph = graph
        self.boxes = {box.name: box for box in graph.boxes}
        self.order = [box.name for box in sorted(graph.boxes, key=lambda box: (box.y, box.x))]
        self._home = {task: box.name for box in graph.boxes for task in members_of(box)}
        self._counted: dict[str, Mapping[str, int]] = {}
        self._lines: dict[int, list[BoxView]] = {}
        for box in sorted(graph.boxes, key=lambda one: one.x):
            for y in range(box.y, box.y + box.height):
                self._lines.setdefault(y, []).append(box)

    def touch(self, task_id: str | None = None) -> None:
        """A task stands otherwise; ``None``: any of them may."""
        if task_id is None:
            self._counted.clear()
        else:
            self._counted.pop(self._home.get(task_id, ""), None)

    def counts(self, box: BoxView, flow: Flow) -> Mapping[str, int]:
        """How many of a box's tasks stand how."""
        found = self._counted.get(box.name)
        if found is None:
            found = self._counted[box.name] = _counts(box, flow)
        return found

    def box_of(self, task_id: str | None) -> str | None:
        """The box that stands for a task."""
        return self._home.get(task_id or "")

    def on_line(self, y: int) -> list[BoxView]:
        """The boxes that a line goes through, from the left."""
        return self._lines.get(y, [])

    def lines_of(self, tasks: Iterable[str]) -> set[int]:
        """The lines of the boxes that stand for ``tasks``."""
        homes = {self._home.get(task) for task in tasks}
        found = (self.boxes[home] for home in homes if home is not None)
        return {y for box in found for y in range(box.y, box.y + box.height)}

    def step(self, name: str, way: str) -> str | None:
        """The box that lies ``up``, ``down``, ``left`` or ``right`` of another; ``None``: none does."""
        found = getattr(self.boxes[name], way)
        return found if found in self.boxes else None

    def at(self, x: int, y: int) -> str | None:
        """The box at a place."""
        found = (box.name for box in self.on_line(y) if box.x <= x < box.x + box.width)
        return next(found, None)

    def finds(self, text: str) -> list[str]:
        """The boxes that stand for a task whose name holds ``text``, top first."""
        sought = text.casefold()
        return [
            name
            for name in self.order
            if any(sought in task.casefold() for task in members_of(self.boxes[name]))
        ]

    def failed(self, flow: Flow) -> list[str]:
        """The boxes that stand for a failed task, top first."""
        return [name for name in self.order if FAILED & self.counts(self.boxes[name], flow).keys()]


def members_of(box: BoxView) -> tuple[str, ...]:
    """The tasks that a box stands for; a fan-out's own before its parts."""
    if not box.members:
        return (box.name,)
    return box.members if box.name.startswith("[") else (box.name, *box.members)


def is_fold(box: BoxView) -> bool:
    """Whether a box stands for several tasks."""
    return bool(box.members)


def _counts(box: BoxView, flow: Flow) -> Mapping[str, int]:
    tasks = (flow.tasks.get(name) for name in box.members or (box.name,))
    return Counter(flow.state(task) for task in tasks if task is not None)


def fold_name(box: BoxView) -> str:
    """What a fold is called: what its tasks' names begin with."""
    names = box.members
    if not box.name.startswith("["):
        return f"{box.name} ({len(names)})"
    start = commonprefix(names).rstrip("-_[.")  # noqa: RUF071  # by characters is what is meant
    return f"{start or names[0]}… ({len(names)})"


def box_words(box: BoxView, flow: Flow, counts: Mapping[str, int], now: datetime) -> BoxWords:
    """What a box says whose tasks stand as ``counts`` says."""
    state = loudest(counts)
    sign, tone = TASK_SIGNS[state]
    if is_fold(box):
        ended = counts.get("completed", 0) + counts.get("skipped", 0)
        done = f"{ended}/{sum(counts.values())}"
        wrong = f"{counts[state]}{sign}"
        notes = (f"{done} {wrong}", wrong) if state in FAILED else (done,)
        return BoxWords(sign, fold_name(box), notes, tone)
    task = flow.tasks.get(members_of(box)[0])
    note = task_note(task, state, now) if task is not None else ""
    return BoxWords(sign, members_of(box)[0], (note,), tone)


def _label(words: BoxWords, room: int) -> str:
    """Sign, name and note in ``room`` cells; the note goes before the name is cut."""
    shown = clean(words.name, 300)
    left = room - 2 - cell_len(shown)
    for note in words.notes:
        if note and left > cell_len(note):
            return f"{words.sign} {fit(shown, room - 3 - cell_len(note))} {note}"
    return fit(f"{words.sign} {shown}", room)


def graph_row(
    picture: Picture,
    flow: Flow,
    y: int,
    now: datetime,
    *,
    cursor: str | None = None,
    found: frozenset[str] = frozenset(),
) -> Row:
    """A line of the drawing: lines between boxes, and what each box says."""
    line = picture.graph.lines[y] if y < len(picture.graph.lines) else ""
    cells: list[Cell] = []
    critical = flow.path.at(now)
    x = 0
    for box in picture.on_line(y):
        if box.x > x:
            cells.append(Cell(line[x : box.x].ljust(box.x - x), EDGE))
        marked = CURSOR if box.name == cursor else FOUND if box.name in found else ""
        words = box_words(box, flow, picture.counts(box, flow), now)
        heavy = not critical.isdisjoint(members_of(box))
        cells += _box_cells(box, line, y, Painted(words, marked, heavy))
        x = box.x + box.width
    return (*cells, Cell(line[x:], EDGE)) if line[x:].strip() else tuple(cells)


class Painted(NamedTuple):
    """What a box says, whether a cursor or a search marks it, and whether it is on the critical path."""

    words: BoxWords
    marked: str
    heavy: bool


def _box_cells(box: BoxView, line: str, y: int, painted: Painted) -> list[Cell]:
    """The part of a line that goes through a box."""
    tone = painted.words.tone
    frame = tone if tone in FRAME_TONES else EDGE
    part = line[box.x : box.x + box.width].ljust(box.width)
    inside = painted.marked or tone
    if box.height == 1:
        left, right = ("┃", "┃") if painted.heavy else (part[0], part[-1])
        label = _label(painted.words, box.width - 2)
        return [Cell(left, frame), Cell(label, inside), Cell(right, frame)]
    shown = part.translate(HEAVY) if painted.heavy else part
    if y != box.y + box.height // 2:
        return [Cell(shown, frame)]
    label = f" {_label(painted.words, box.width - 4)} "
    return [Cell(shown[0], frame), Cell(label, inside), Cell(shown[-1], frame)]
