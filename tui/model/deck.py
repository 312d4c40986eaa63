"""What the deck shows and where the person stands in it: no I/O, no widgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

from ...core.base.clock import Clock
from ...core.client.view import View
from ...core.protocol.attention import AttentionItem, AttentionKind, is_snoozed, urgency
from ...core.protocol.views import SessionView
from ...core.protocol.workflow_status import WorkflowStatus
from .ages import age_lasts, age_of
from .query import Query
from .rows import (
    Counts,
    DeckRow,
    ItemRow,
    arranged,
    count,
    is_failed,
    item_owner,
    item_row,
    session_rows,
)
from .words import is_quiet

SETTLE_SECONDS = 0.5
LIVELY = frozenset((WorkflowStatus.RUNNING, WorkflowStatus.PAUSED))
FORMER_KEPT = 50


class Deck:
    """The rows of the deck's lists and the person's place in them.

    ``session_id`` is the focused session and ``item_id`` the item that answers go to: the one
    selected in the attention queue, else the focused session's most urgent one.
    """

    def __init__(self, clock: Clock, view: View) -> None:
        self._clock = clock
        self.view = view
        self.query: Query[SessionView] = Query()
        self.minimal = False
        self.folded = False
        self.grouped = True
        self.session_id: str | None = None
        self.item_id: str | None = None
        self.sent: set[tuple[str, str]] = set()
        self._former: deque[str] = deque(maxlen=FORMER_KEPT)
        self._shown: AttentionItem | None = None
        self._shown_since = 0.0
        self._by_hand = False
        self._row = 0
        self._last_urgency: tuple[int, int, float, float, str] | None = None

    @property
    def session(self) -> SessionView | None:
        """The focused session; none while an item is shown that is of none."""
        return None if self.lone_item else self.view.sessions.get(self.session_id or "")

    @property
    def lone_item(self) -> AttentionItem | None:
        """The selected item, if it is of no session: of a workflow, or of what it names as ``about``."""
        item = self.view.attention.get(self.item_id or "")
        return item if item is not None and not item.session_id else None

    @property
    def target(self) -> AttentionItem | None:
        """The item that answers go to, as it was shown last."""
        return self._shown

    def select_session(self, session_id: str, *, jump: bool = False) -> None:
        """Focus a session; ``jump`` remembers the one left for ``back``."""
        self._leave_for(session_id, jump=jump)
        items = self._items_of(session_id)
        self._select(session_id, items[0].item_id if items else None)

    def select_item(self, item_id: str, *, jump: bool = False, by_hand: bool = True) -> None:
        """Focus an item and its session; one of another kind has none, and leaves the focus where it is."""
        item = self.view.attention.get(item_id)
        if item is not None and item.session_id:
            self._leave_for(item.session_id, jump=jump)
        if item is not None:
            self._select(item.session_id or self.session_id, item_id, by_hand=by_hand)

    def back(self) -> str | None:
        """Focus the session left last that is still there; its id."""
        while self._former:
            former = self._former.pop()
            if former in self.view.sessions and former != self.session_id:
                self.select_session(former, jump=True)
                return former
        return None

    def can_go_back(self) -> bool:
        """Whether a session that was left is still there."""
        return any(id_ in self.view.sessions and id_ != self.session_id for id_ in self._former)

    def _leave_for(self, session_id: str, *, jump: bool) -> None:
        if jump and self.session_id is not None and self.session_id != session_id:
            self._former.append(self.session_id)

    def _select(self, session_id: str | None, item_id: str | None, *, by_hand: bool = True) -> None:
        self.session_id, self.item_id = session_id, item_id
        self._show(by_hand=by_hand)

    def reconcile(self) -> None:
        """Bring the person's place in line with what the engine said; nothing moves needlessly."""
        open_ids = {item.item_id for item in self.open_items()}
        self.sent = {(item, request) for item, request in self.sent if item in open_ids}
        if self.session_id not in self.view.sessions:
            self._choose_session()
        if self.item_id not in open_ids:
            items = self._items_of(self.session_id or "")
            self.item_id = items[0].item_id if items else None
        self._show(by_hand=False)
        ids = self.listed_ids()
        if self.session_id in ids:
            self._row = ids.index(self.session_id)

    def _choose_session(self) -> None:
        """Focus the neighbour of a session that is gone, or the first that needs someone."""
        ids = self.listed_ids()
        needing = self.actionable()
        if self.session_id is None and needing:
            self.session_id = needing[0].session_id or next(iter(ids), None)
        else:
            self.session_id = ids[min(self._row, len(ids) - 1)] if ids else None

    def _show(self, *, by_hand: bool) -> None:
        """Note which item is shown as the one to answer, since when, and by whose doing."""
        item = self.view.attention.get(self.item_id or "")
        if identity(item) != identity(self._shown):
            self._shown_since, self._by_hand = self._clock.monotonic(), by_hand
        self._shown = item
        if item is not None:
            self._last_urgency = urgency(item)

    def refusal(self, item: AttentionItem) -> str | None:
        """Why an answer to ``item`` would not be for what is shown; ``None`` if it would be."""
        current = self.view.attention.get(item.item_id)
        if current is None:
            return "It is gone or was answered elsewhere; nothing was sent."
        if not identity(item) == identity(current) == identity(self._shown):
            return "It has changed under your hand; nothing was sent. Look at it again."
        if (item.item_id, item.request_id) in self.sent:
            return "Your answer to it is on its way."
        if not self._by_hand and self._clock.monotonic() - self._shown_since < SETTLE_SECONDS:
            return "It came up only just now; nothing was sent. Read it, then press again."
        return None

    def open_items(self) -> list[AttentionItem]:
        """The queue in its order, snoozed items last."""
        now = self._clock.now()
        return sorted(self.view.open_items(), key=lambda item: is_snoozed(item, now))

    def actionable(self) -> list[AttentionItem]:
        """The items that ``n`` goes through."""
        now = self._clock.now()
        return [item for item in self.view.open_items() if not is_snoozed(item, now)]

    def next_actionable(self, *, backwards: bool = False) -> AttentionItem | None:
        """The item after (or before) the selected one, or after where it stood; wraps."""
        items = self.actionable()
        if not items:
            return None
        ids = [item.item_id for item in items]
        if self.item_id in ids:
            step = -1 if backwards else 1
            return items[(ids.index(self.item_id) + step) % len(items)]
        later = [
            item for item in items if self._last_urgency and urgency(item) > self._last_urgency
        ]
        if backwards:
            return items[len(items) - len(later) - 1]
        return later[0] if later else items[0]

    def _items_of(self, session_id: str) -> list[AttentionItem]:
        return [item for item in self.open_items() if item.session_id == session_id]

    def listed(self) -> list[SessionView]:
        """The sessions that pass the filter, oldest first."""
        return [s for s in self.view.sessions.values() if self.query.admits(s)]

    def listed_ids(self) -> list[str]:
        """The sessions of the list's rows, top to bottom."""
        groups, _ = arranged(
            self.listed(), grouped=self._is_grouped, folded=self.folded, keep=self.session_id
        )
        return [session.id for members in groups for session in members]

    @property
    def _is_grouped(self) -> bool:
        return self.grouped and not self.minimal

    def session_rows(self) -> list[DeckRow]:
        """The rows of the session list."""
        return session_rows(
            self.listed(),
            grouped=self._is_grouped,
            folded=self.folded,
            keep=self.session_id,
            now=self._clock.now() if self.minimal else None,
        )

    def item_rows(self) -> list[ItemRow]:
        """The rows of the attention queue."""
        now = self._clock.now()
        return [self._item_row(item, now) for item in self.open_items()]

    def _item_row(self, item: AttentionItem, now: datetime) -> ItemRow:
        sent = (item.item_id, item.request_id) in self.sent
        return item_row(item, item_owner(item, self.view), now, sent=sent)

    def counts(self) -> Counts:
        """What the line of status counts, each session once.

        Finished turns wait, but need nobody at once; a failed session is counted as that.
        """
        needing = [item for item in self.actionable() if not self._counted(item)]
        flows = sum(flow.status in LIVELY for flow in self.view.workflows.values())
        return count(self.view.sessions.values(), len(needing), flows)

    def _counted(self, item: AttentionItem) -> bool:
        """Whether its session is counted by how it stands."""
        session = self.view.sessions.get(item.session_id)
        failed = session is not None and is_failed(session)
        return item.kind is AttentionKind.TURN_DONE or (
            item.kind is AttentionKind.FAILURE and failed
        )

    def changes_in(self) -> float | None:
        """Seconds until an age that is shown says something else; ``None`` if none is shown."""
        now = self._clock.now()
        since = [item.created_at for item in self.actionable()]
        since += [session.shown_since for session in self._aged()]
        return min((age_lasts(age_of(start, now)) for start in since), default=None)

    def _aged(self) -> Sequence[SessionView]:
        """The sessions whose age is shown: the focused one, in minimal mode every listed one."""
        if self.minimal:
            return [s for s in self.listed() if not (self.folded and is_quiet(s))]
        return [self.session] if self.session is not None else []


def identity(item: AttentionItem | None) -> object:
    """What must be the same for an answer to be meant for it."""
    if item is None:
        return None
    return item.item_id, item.request_id, item.title, item.text, item.choices, item.free_text
