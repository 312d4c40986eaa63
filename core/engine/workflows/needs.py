"""What workflows need of people beside gates: the items of failures, raised once and taken back in time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from ...base.clock import Clock
from ...base.errors import QuarterdeckError
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.workflow_views import WorkflowView
from ...sessions.desk import AttentionDesk
from ...workflows.ports import WorkflowStore
from ...workflows.records import AddSignal, SignalRecord
from ...workflows.statuses import ENDED, TaskStatus, WorkflowStatus
from .book import Book
from .gates import failure_draft
from .gazette import Gazette

FAILURE_TOLD = "failure told"
"""The name of the signal that notes that a failure has its item; its key is when that was."""

_UNFINISHED = frozenset(set(WorkflowStatus) - ENDED)
_OVER = frozenset(set(TaskStatus) - {TaskStatus.RUNNING, TaskStatus.READY, TaskStatus.LOST})

Errand = Callable[[Coroutine[Any, Any, None]], None]


class Needs:
    """Keeps the attention queue true to what workflows need; without ``desk`` nobody is asked."""

    def __init__(
        self,
        desk: AttentionDesk | None,
        store: WorkflowStore,
        book: Book,
        gazette: Gazette,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._store = store
        self._book = book
        self._gazette = gazette
        self._clock = clock

    def moved(self, view: WorkflowView, before: WorkflowStatus, errand: Errand) -> None:
        """A workflow has another status; ``errand`` sees to what takes a while."""
        if self._desk is None:
            return
        if view.status is WorkflowStatus.FAILED:
            if view.parent is None:
                errand(self.tell_failure(view))
        elif before is WorkflowStatus.FAILED:
            self._desk.close_about(view.id, AttentionKind.FAILURE)

    async def tell_failure(self, view: WorkflowView) -> None:
        """Raise the item of a failure, and note that it was: a crash in between raises it again."""
        if self._desk is not None and await self._desk.ask(failure_draft(view)):
            note = SignalRecord(
                view.id, FAILURE_TOLD, str(view.ended_at), self._clock.now(), "null"
            )
            with suppress(QuarterdeckError):  # it is removed meanwhile
                await self._store.commit([AddSignal(note)])

    async def tell_failures(self) -> None:
        """Raise the items that a crash has kept from being raised."""
        if self._desk is None:
            return
        told = {one.workflow_id for one in self._desk.items() if one.kind is AttentionKind.FAILURE}
        for view in self._book.views():
            if view.status is WorkflowStatus.FAILED and not view.parent and view.id not in told:
                signals = await self._store.signals(view.id)
                if (FAILURE_TOLD, str(view.ended_at)) not in {
                    (one.name, one.key) for one in signals
                }:
                    await self.tell_failure(view)

    def tidy(self) -> None:
        """Close the items of workflows that went on, or away, where nobody saw it."""
        if self._desk is None:
            return
        for item in self._desk.items():
            if item.workflow_id and not self._still_asked(item):
                self._desk.close_about(item.workflow_id, item.kind, item.task_id or None)

    def _still_asked(self, item: AttentionItem) -> bool:
        view = self._book.get(item.workflow_id)
        if item.kind is AttentionKind.FAILURE:
            return view is not None and view.status is WorkflowStatus.FAILED
        standing = self._gazette.standing(item.workflow_id)
        if standing is None:
            return view is not None and view.status in _UNFINISHED and view.engine_id is None
        return standing.statuses.get(item.task_id) not in {*_OVER}
