"""What of a session's state needs a person, as drafts of attention items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...base.priority import Priority
from ...protocol.attention import AttentionKind
from ...protocol.status import Activity, Choice, Lifecycle, Status

_KIND = {
    Activity.NEEDS_APPROVAL: AttentionKind.APPROVAL,
    Activity.NEEDS_ANSWER: AttentionKind.QUESTION,
    Activity.ERRORED: AttentionKind.FAILURE,
    Activity.LIMITED: AttentionKind.LIMIT,
    Activity.TURN_DONE: AttentionKind.TURN_DONE,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An attention item to be: what is needed, and by which request it is known."""

    kind: AttentionKind
    request_id: str
    title: str
    text: str = ""
    choices: tuple[Choice, ...] = ()
    free_text: bool = False
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None


def status_draft(name: str, status: Status, priority: Priority = Priority.NORMAL) -> Draft | None:
    """What ``status`` needs of a person; ``None`` if nothing.

    An approval or a question is known by its request's id; the others, which nobody asked, by
    their activity and their beginning, so that the next failure is another item.
    """
    kind = _KIND.get(status.activity)
    if kind is None:
        return None
    request = status.request
    if request is None:
        known_by = f"{status.activity}@{status.since.isoformat()}"
        return Draft(kind, known_by, name, status.evidence, priority=priority)
    return Draft(
        kind,
        request.request_id,
        name,
        request.text,
        choices=request.choices,
        free_text=request.free_text,
        priority=priority,
    )


def session_drafts(
    name: str,
    lifecycle: Lifecycle,
    status: Status,
    priority: Priority = Priority.NORMAL,
    *,
    reason: str = "",
    ended_at: datetime | None = None,
) -> list[Draft]:
    """Everything that a session needs of a person, for ``AttentionQueue.sync``.

    A crashed or lost session is a failure, whatever its last activity was.
    """
    if lifecycle in {Lifecycle.CRASHED, Lifecycle.LOST}:
        known_by = f"{lifecycle}@{ended_at.isoformat() if ended_at else '-'}"
        text = reason or f"The session {lifecycle}."
        return [Draft(AttentionKind.FAILURE, known_by, name, text, priority=priority)]
    draft = status_draft(name, status, priority)
    return [draft] if draft else []
