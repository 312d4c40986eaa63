"""The versions of a workflow, and what differs between two of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ....core.protocol.workflow_views import DifferenceView, VersionView
from ..cells import Cell, Row
from ..words import clean
from .words import TASK_SIGNS

VALUE = 200


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version's line; ``marked``: the other one of the pair that is compared."""

    version: int
    time: str
    task: str
    text: str
    tone: str
    marked: bool = False


def version_row(view: VersionView, marked: int | None) -> VersionRow:
    """A version's line."""
    text = clean(view.kind.replace("_", " ").replace(".", " "), 60)
    if view.status:
        text = clean(view.status, 40) if view.task_id else f"{text}: {clean(view.status, 40)}"
    if view.restored_from is not None:
        text = f"restored from version {view.restored_from}"
    return VersionRow(
        version=view.version,
        time=view.at.astimezone().strftime("%H:%M:%S"),
        task=clean(view.task_id or "", 200),
        text=text,
        tone=TASK_SIGNS.get(view.status or "", ("", ""))[1],
        marked=view.version == marked,
    )


class History:
    """The newest versions, newest first; ``complete`` once there are no older ones.

    ``marked`` is the version that another one is compared with.
    """

    def __init__(self) -> None:
        self.versions: list[VersionView] = []
        self.marked: int | None = None
        self.cursor = 0
        self.complete = False

    @property
    def newest(self) -> int:
        """The newest version that is known."""
        return self.versions[0].version if self.versions else 0

    @property
    def chosen(self) -> VersionView | None:
        """The version under the cursor."""
        return self.versions[self.cursor] if self.cursor < len(self.versions) else None

    def take(self, versions: list[VersionView], *, limit: int | None = None) -> None:
        """Take versions in; with ``limit`` they are the newest there are. The cursor stays on its version."""
        chosen = self.chosen
        known = {view.version: view for view in (*self.versions, *versions)}
        self.versions = [known[number] for number in sorted(known, reverse=True)]
        if limit is not None:
            self.complete = len(versions) < limit
        at_top = self.cursor == 0
        if chosen is not None and not at_top:
            self.cursor = self.versions.index(known[chosen.version])

    def pair(self) -> tuple[int, int] | None:
        """The two versions to compare: the marked one, or the one before, and the chosen one."""
        chosen = self.chosen
        if chosen is None:
            return None
        other = self.marked
        if other is None or other == chosen.version:
            other = chosen.version - 1
        return (min(other, chosen.version), max(other, chosen.version)) if other > 0 else None


def difference_rows(view: DifferenceView) -> list[Row]:
    """What differs, as lines: before at the left of the arrow, after at its right."""
    rows: list[Row] = [
        (Cell(f"Version {view.before} "), Cell("→", "muted"), Cell(f" version {view.after}"))
    ]
    rows += _changes("the workflow", view.workflow)
    for task, changes in view.tasks.items():
        rows += _changes(task, changes)
    rows += [
        (Cell(f"+ {clean(name, 200)}", "done"), Cell("  is new", "muted")) for name in view.added
    ]
    rows += [
        (Cell(f"- {clean(name, 200)}", "error"), Cell("  is gone", "muted"))
        for name in view.removed
    ]
    if len(rows) == 1:
        rows.append((Cell("Nothing differs.", "muted"),))
    return rows


def _changes(name: str, changes: dict[str, list[Any]]) -> list[Row]:
    if not changes:
        return []
    rows: list[Row] = [(Cell(clean(name, 200), "head"),)]
    for field, (before, after) in changes.items():
        rows.append(
            (
                Cell(f"  {clean(field, 60)}: ", "muted"),
                Cell(value_text(before), "error"),
                Cell(" → ", "muted"),
                Cell(value_text(after), "done"),
            )
        )
    return rows


def value_text(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return clean(text, VALUE) or '""'


def moment(at: datetime) -> str:
    """A stamp as the person's clock shows it."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
