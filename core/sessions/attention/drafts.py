"""What of a session's state needs a person, as drafts of attention items."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from ...base.priority import Priority
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.status import Activity, Choice, DialogKind, Lifecycle, Request, Status

_KIND = {
    Activity.NEEDS_APPROVAL: AttentionKind.APPROVAL,
    Activity.NEEDS_ANSWER: AttentionKind.QUESTION,
    Activity.ERRORED: AttentionKind.FAILURE,
    Activity.LIMITED: AttentionKind.LIMIT,
    Activity.TURN_DONE: AttentionKind.TURN_DONE,
}

_TITLES = {
    AttentionKind.APPROVAL: "waits for an approval",
    AttentionKind.QUESTION: "waits for an answer",
    AttentionKind.FAILURE: "reports an error",
    AttentionKind.LIMIT: "has come to a limit",
    AttentionKind.TURN_DONE: "has finished its turn",
}
TITLE_LIMIT = 120

_ABOUT = {DialogKind.TRUST: "trust", DialogKind.AUTH: "sign in"}
"""What a dialog of these kinds is about, which its first line may not say."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An attention item to be: what is needed, and by which request it is known.

    ``title`` says it in one line, ``text`` in full. A workflow's has its id, and maybe a task's.
    """

    kind: AttentionKind
    request_id: str
    title: str
    text: str = ""
    choices: tuple[Choice, ...] = ()
    free_text: bool = False
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    workflow_id: str = ""
    task_id: str = ""
    about: str = ""


def draft_of(item: AttentionItem) -> Draft:
    """The draft that an item was made of, as it stands now."""
    return Draft(**{one.name: getattr(item, one.name) for one in fields(Draft)})


def status_draft(status: Status, priority: Priority = Priority.NORMAL) -> Draft | None:
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
        return Draft(kind, known_by, _TITLES[kind], status.evidence, priority=priority)
    return Draft(
        kind,
        request.request_id,
        _named(request) or _TITLES[kind],
        request.text,
        choices=request.choices,
        free_text=request.free_text,
        priority=priority,
    )


def _named(request: Request) -> str:
    line, about = headline(request.text), _ABOUT.get(request.kind)
    if not line or about is None or about in line.lower():
        return line
    return headline(f"{about}: {line}")


def headline(text: str) -> str:
    """The first line of ``text`` that says something, cut to ``TITLE_LIMIT`` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_LIMIT else line[: TITLE_LIMIT - 1] + "…"


def session_drafts(
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
        return [Draft(AttentionKind.FAILURE, known_by, headline(text), text, priority=priority)]
    draft = status_draft(status, priority)
    return [draft] if draft else []
