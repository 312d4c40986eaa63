"""What the engine needs: a store, and sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..base.batches import Batch
from ..base.kept import KeptStore
from ..protocol import commands as c
from ..protocol.attention import AttentionItem
from ..protocol.events import Cause
from ..protocol.screen import ScreenFrame
from ..protocol.views import AgentView, Check, SessionView
from ..protocol.wire import Input
from ..sessions.ports import SessionStore
from ..telemetry.audit import ChainHead, KeptRecord
from ..workflows.ports import WorkflowStore
from .records import Change, EventRecord, Retention, StoreNotice, StoreStatistics


class Store(SessionStore, WorkflowStore, Protocol):
    """Durable state. One writer; every change is on disk before its future ends.

    ``durability`` is the one in force: ``normal`` survives the death of the process, ``full`` a
    power cut too. ``notices`` holds what ``open`` found and mended, for the engine to report.
    """

    durability: str
    notices: list[StoreNotice]

    @property
    def kept(self) -> KeptStore:
        """Small records of rooms' own: locks, sagas, votes, budgets."""
        ...

    async def open(self) -> None:
        """Open or create; bring an older schema up to date.

        :raises StoreFault: a subclass for each cause: newer schema, corrupt (moved aside with a
            message, never deleted), full disk, no right to write.
        """
        ...

    async def close(self) -> None:
        """Write what is pending, checkpoint, release; a second time does nothing."""
        ...

    async def begin(self, engine_id: str) -> int:
        """Enter a new engine; its epoch is one above every earlier one's."""
        ...

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction; futures end in the order of the calls.

        A transaction that fails (disk full, a stale version) ends its own future with the error
        and leaves the others alone. Cancelling a future does not take its changes back. Whoever
        writes much awaits ``ready`` first.
        """
        ...

    async def ready(self) -> None:
        """Wait while more transactions are pending than the store's bound."""
        ...

    async def preferences(self) -> dict[str, Any]:
        """The kept preferences by name."""
        ...

    async def reply(self, command_id: str) -> str | None:
        """The kept reply to a command."""
        ...

    async def events(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        types: tuple[str, ...] = (),
        session_id: str | None = None,
        limit: int = 200,
    ) -> list[EventRecord]:
        """Kept events, oldest first: those after ``after``, else the newest; by type if given.

        ``before`` leaves out those from that sequence number on.
        """
        ...

    async def batches(self, log: str) -> list[Batch]:
        """A log's batches, oldest first."""
        ...

    async def audit(self, *, after: int = 0, limit: int = 1000) -> list[KeptRecord]:
        """Records of the audit log with numbers above ``after``, oldest first."""
        ...

    async def audit_head(self) -> ChainHead | None:
        """Where the audit log's chain stands; ``None`` if that is gone."""
        ...

    async def last_sequence(self) -> int:
        """The highest sequence ever kept; 0 if none."""
        ...

    async def checkpoint(self) -> None:
        """Fold the journal into the main file."""
        ...

    async def prune(self, retention: Retention) -> int:
        """Drop history beyond ``retention``; the number of rows dropped."""
        ...

    def statistics(self) -> StoreStatistics:
        """Figures since opening."""
        ...


class ScreenSource(Protocol):
    """One session's screen, for whoever watches it."""

    def frame(self, since: int) -> ScreenFrame | None:
        """What changed after generation ``since`` (0: everything); ``None`` if nothing did."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after every change, until the returned function is called."""
        ...

    def tap(self, output: Callable[[bytes, bool], None]) -> Callable[[], None]:
        """Pass on the program's bytes as they come, and ``True`` at their end, until released."""
        ...

    def repaint(self) -> bytes:
        """Bytes that draw the whole screen on a real terminal of its size."""
        ...


class SessionService(Protocol):
    """Sessions and the attention queue, as the engine's handlers call them.

    Every method raises errors of ``core.base.errors``; a ``cause`` goes into the events.
    """

    async def load(self, epoch: int) -> None:
        """Take up the kept sessions: reconnect keepers, call the others lost."""
        ...

    async def close(self, *, stop_sessions: bool) -> None:
        """Let go of every keeper, or stop every session; a last checkpoint either way."""
        ...

    async def checkpoint(self) -> None:
        """Keep a snapshot of every screen that changed since the last one."""
        ...

    async def tidy(self) -> None:
        """Remove stale sockets, rings and surroundings of sessions that are gone."""
        ...

    async def checks(self) -> list[Check]:
        """The health of sessions and their keepers."""
        ...

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        ...

    def view(self, session_id: str) -> SessionView:
        """One session."""
        ...

    def agents(self) -> list[AgentView]:
        """Every agent that is known."""
        ...

    def items(self, *, snoozed: bool = True) -> list[AttentionItem]:
        """The open attention items in the queue's order."""
        ...

    async def create(self, wish: c.CreateSession, cause: Cause) -> SessionView:
        """Create a session; its place within the limit is taken before anything is awaited."""
        ...

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        """Remove a session."""
        ...

    async def merge(
        self, wish: c.MergeSession, cause: Cause
    ) -> tuple[SessionView, Mapping[str, Any]]:
        """Merge the branch of a session's worktree: the session, and what was done."""
        ...

    async def update(self, wish: c.UpdateSession, cause: Cause) -> SessionView:
        """Change a session."""
        ...

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        """Start a session's process; a running one is left as it is."""
        ...

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        """Stop a session's process tree; an ended one is left as it is."""
        ...

    async def restart(self, wish: c.RestartAgent, cause: Cause) -> SessionView:
        """Stop and start."""
        ...

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        """Deliver a prompt: ``{"delivery": "verified" | "unverified"}``."""
        ...

    async def keys(self, wish: c.SendKeys, cause: Cause) -> None:
        """Press keys or type text, unguarded."""
        ...

    async def resize(self, wish: c.Resize, cause: Cause) -> None:
        """Change the terminal's size."""
        ...

    async def answer(self, wish: c.Answer, cause: Cause) -> Mapping[str, Any]:
        """Answer an open request, after detecting it again."""
        ...

    async def answer_item(self, wish: c.AnswerItem, cause: Cause) -> Mapping[str, Any]:
        """Answer an attention item."""
        ...

    async def snooze(self, wish: c.SnoozeItem, cause: Cause) -> AttentionItem:
        """Put an item aside."""
        ...

    async def resolve(self, wish: c.ResolveItem, cause: Cause) -> AttentionItem:
        """Take an item off the queue."""
        ...

    def next_actionable(self, wish: c.NextActionable) -> AttentionItem | None:
        """The next or previous item that needs a person."""
        ...

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        """A screen or a part of its history as data."""
        ...

    async def search(self, wish: c.SearchScreen) -> Mapping[str, Any]:
        """Matches in scrollback and screen."""
        ...

    async def logs(self, wish: c.ReadLog) -> Mapping[str, Any]:
        """The tail of the output."""
        ...

    def explain(self, wish: c.ExplainSession) -> Mapping[str, Any]:
        """What says the status."""
        ...

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        """Former statuses."""
        ...

    def focus(self, client_id: str, session_id: str | None) -> None:
        """Note what a client's person looks at; two seconds of it count as seen."""
        ...

    def input(self, message: Input) -> None:
        """Pass input on, in order; dropped with a counter where the session can't take it."""
        ...

    def screen_source(self, session_id: str) -> ScreenSource:
        """A session's screen to watch."""
        ...

    async def owner(self, wish: c.Payload) -> str | None:
        """The session a command is about, directly or through an item; its mailbox runs it."""
        ...
