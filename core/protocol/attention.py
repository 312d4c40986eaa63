"""Attention items: one thing that needs a person, bound to the request that raised it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from ..base.priority import Priority
from .status import Choice


class AttentionKind(StrEnum):
    """What is needed, in the order of the queue."""

    APPROVAL = "approval"
    QUESTION = "question"
    GATE = "gate"
    FAILURE = "failure"
    LIMIT = "limit"
    TURN_DONE = "turn_done"


class ItemState(StrEnum):
    """How an item stands; all but OPEN are terminal. A snoozed item is open with a time."""

    OPEN = "open"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    EXPIRED = "expired"


class AttentionItem(BaseModel):
    """One thing that needs a person; of a session, of a workflow's task, or of what ``about`` names.

    ``about`` is ``budget/NAME/KEY``, ``proposal/ID``, ``saga/ID`` or ``payload/ID``.
    """

    model_config = ConfigDict(frozen=True)

    item_id: str
    kind: AttentionKind
    session_id: str = ""
    workflow_id: str = ""
    task_id: str = ""
    about: str = ""
    request_id: str
    title: str
    text: str = ""
    choices: tuple[Choice, ...] = ()
    free_text: bool = False
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    created_at: datetime
    snoozed_until: datetime | None = None
    state: ItemState = ItemState.OPEN
    answer: str | None = None
    answered_by: str | None = None
    closed_at: datetime | None = None


_RANK = {kind: rank for rank, kind in enumerate(AttentionKind)}


def urgency(item: AttentionItem) -> tuple[int, int, float, float, str]:
    """The sort key of the attention queue: kind, priority, deadline, age, id; the least first."""
    deadline = item.deadline.timestamp() if item.deadline else float("inf")
    return (_RANK[item.kind], item.priority, deadline, item.created_at.timestamp(), item.item_id)


def is_snoozed(item: AttentionItem, now: datetime) -> bool:
    """Whether ``item`` is put aside at ``now``."""
    return item.snoozed_until is not None and item.snoozed_until > now
