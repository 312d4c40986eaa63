"""The rows of the deck's two lists, made of what the engine says; values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ...core.client.view import View
from ...core.protocol.attention import AttentionItem, is_snoozed
from ...core.protocol.status import Activity
from ...core.protocol.views import SessionView
from .about import about, about_words
from .ages import age_of, age_text
from .words import KIND_SIGNS, clean, is_quiet, plural, repo_name, short_status, sign


class SessionRow(NamedTuple):
    """One session; ``age`` is empty where no age is shown."""

    id: str
    sign: str
    tone: str
    name: str
    agent: str
    word: str
    repo: str
    title: str
    age: str = ""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The heading over a repository's sessions."""

    title: str


@dataclass(frozen=True, slots=True)
class FoldRow:
    """Quiet sessions folded into one line."""

    text: str


DeckRow = SessionRow | GroupRow | FoldRow


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One attention item; ``request`` tells requests of one item apart."""

    id: str
    request: str
    sign: str
    tone: str
    session: str
    title: str
    age: str


def session_row(session: SessionView, now: datetime | None = None) -> SessionRow:
    """A session's row, with its status's age if ``now`` is given."""
    mark, tone = sign(session)
    progress = "" if session.progress is None else f"{session.progress}% "
    return SessionRow(
        id=session.id,
        sign=mark,
        tone=tone,
        name=clean(session.name),
        agent=clean(session.agent),
        word=short_status(session),
        repo=repo_name(session),
        title=progress + clean(session.title, 200),
        age="" if now is None else age_text(age_of(session.shown_since, now)),
    )


def fold_row(quiet: Sequence[SessionView]) -> FoldRow:
    """One line for all ``quiet`` sessions."""
    idle = sum(session.status.activity is Activity.IDLE for session in quiet)
    parts = [f"{idle} idle"] * bool(idle) + [f"{len(quiet) - idle} done"] * (len(quiet) > idle)
    return FoldRow(f"… {', '.join(parts)}")


def session_rows(
    sessions: Iterable[SessionView],
    *,
    grouped: bool,
    folded: bool,
    keep: str | None = None,
    now: datetime | None = None,
) -> list[DeckRow]:
    """The list's rows in the order of creation, by repository if ``grouped``.

    With ``folded`` quiet sessions become one line at the end, all but the session ``keep``.
    """
    groups, quiet = arranged(sessions, grouped=grouped, folded=folded, keep=keep)
    rows: list[DeckRow] = []
    for members in groups:
        if len(groups) > 1:
            rows.append(GroupRow(repo_name(members[0]) or "no repository"))
        rows += [session_row(session, now) for session in members]
    if quiet:
        rows.append(fold_row(quiet))
    return rows


def arranged(
    sessions: Iterable[SessionView], *, grouped: bool, folded: bool, keep: str | None = None
) -> tuple[list[list[SessionView]], list[SessionView]]:
    """The sessions that have rows, in the groups in which they are listed, and those that are folded."""
    quiet: list[SessionView] = []
    groups: dict[str, list[SessionView]] = {}
    for session in sessions:
        if folded and session.id != keep and is_quiet(session):
            quiet.append(session)
        else:
            groups.setdefault(session.repo if grouped else "", []).append(session)
    return list(groups.values()), quiet


def item_row(item: AttentionItem, session_name: str, now: datetime, *, sent: bool) -> ItemRow:
    """An item's row; snoozed and just answered ones say so in place of their age."""
    mark, tone = KIND_SIGNS[item.kind]
    age = age_text(age_of(item.created_at, now))
    if sent:
        mark, tone, age = "»", "muted", "sent"
    elif is_snoozed(item, now):
        mark, tone, age = "z", "muted", "later"
    title = clean(item.title, 200) or clean(item.text, 200)
    return ItemRow(item.item_id, item.request_id, mark, tone, clean(session_name), title, age)


def item_owner(item: AttentionItem, view: View) -> str:
    """Whom an item is of: the session's name, the workflow's, what it is about; empty if it is gone."""
    session = view.sessions.get(item.session_id)
    if session is not None:
        return session.name
    flow = view.workflows.get(item.workflow_id)
    if flow is not None:
        return flow.name
    part = about(item.about).part
    account = view.sessions.get(part) or view.workflows.get(part)
    return about_words(item.about, account.name if account is not None else "")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the line of status counts."""

    working: int = 0
    needs: int = 0
    done: int = 0
    idle: int = 0
    failed: int = 0
    other: int = 0
    flows: int = 0

    @property
    def total(self) -> int:
        """All sessions; needs are items, and not among them."""
        return self.working + self.done + self.idle + self.failed + self.other


_COUNTED = {
    "working": "working",
    "starting": "working",
    "done": "done",
    "idle": "idle",
    "error": "failed",
    "crashed": "failed",
    "lost": "failed",
}


def is_failed(session: SessionView) -> bool:
    """Whether a session is counted as failed."""
    return _COUNTED.get(session.shown) == "failed"


def count(sessions: Iterable[SessionView], needing: int, flows: int = 0) -> Counts:
    """How many sessions stand how, how many items need a person, how many workflows run."""
    found: dict[str, int] = dict.fromkeys(("working", "done", "idle", "failed", "other"), 0)
    for session in sessions:
        found[_COUNTED.get(session.shown, "other")] += 1
    return Counts(needs=needing, flows=flows, **found)


def counts_text(counts: Counts) -> list[tuple[str, str]]:
    """The counts as words with their tones; zeros are left out."""
    needs = f"{counts.needs} {'needs' if counts.needs == 1 else 'need'} you"
    parts = [
        (counts.working, f"{counts.working} working", "working"),
        (counts.needs, needs, "needs"),
        (counts.flows, plural(counts.flows, "workflow"), "working"),
        (counts.failed, f"{counts.failed} failed", "error"),
        (counts.done, f"{counts.done} done", "done"),
        (counts.idle, f"{counts.idle} idle", "muted"),
    ]
    shown = [(text, tone) for number, text, tone in parts if number]
    if shown:
        return shown
    return [(plural(counts.total, "session") if counts.total else "no sessions", "muted")]
