"""The halt: in force at once, kept, told, and asked about until a person resets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.crew_events import SafetyHalted, SafetyReset
from ...protocol.crew_views import HaltView
from ...protocol.events import Cause
from ...protocol.status import Choice
from ...safety.model import Halt
from ...safety.monitor import SafetyMonitor
from ...sessions.attention.drafts import Draft, headline
from ...sessions.desk import AttentionDesk
from ..journal import Journal
from .errands import Errands
from .faults import NotHalted

ABOUT = "halt/"
RESET = "reset"


class Halting:
    """Halts and goes on; ``moved`` is called when either has happened."""

    def __init__(
        self,
        monitor: SafetyMonitor,
        journal: Journal,
        errands: Errands,
        desk: AttentionDesk | None,
        moved: Callable[[], None],
    ) -> None:
        self._monitor = monitor
        self._journal = journal
        self._errands = errands
        self._desk = desk
        self._moved = moved
        self._unfollow: Callable[[], None] = lambda: None

    def view(self) -> HaltView | None:
        """The halt that stands."""
        found = self._monitor.halted
        return None if found is None else _view(found)

    def trip(self, reason: str, *, rule: str) -> None:
        """Halt now; keeping and telling it follow."""
        if self._monitor.halted is None:
            self._monitor.trip(reason, rule=rule)
            self._errands.run(self._told(Cause()), "halt")

    async def halt(self, reason: str, cause: Cause, *, rule: str = "asked") -> HaltView:
        """Halt, and return when that is kept; a halt that stands already stays as it is."""
        if self._monitor.halted is None:
            self._monitor.trip(reason, rule=rule)
            await self._told(cause)
        found = self.view()
        assert found is not None  # noqa: S101  # it stands by now
        return found

    async def reset(self, cause: Cause) -> None:
        """Go on.

        :raises NotHalted: if nothing is halted.
        """
        if not await self._monitor.reset():
            raise NotHalted("Nothing is halted.")
        if self._desk is not None:
            self._desk.close_about("", AttentionKind.LIMIT, about=ABOUT)
        await self._gone_on(cause)

    async def answer(
        self, item: AttentionItem, _wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """The item's answer: there is one, to go on."""
        await self._monitor.reset()
        assert self._desk is not None  # noqa: S101  # the item is its own
        rows, events = self._desk.answer(item.item_id, RESET, by or cause.client_id or "")
        await self._journal.record(rows, events, cause)
        await self._gone_on(cause)
        return {"choice": RESET}

    async def restore(self) -> None:
        """Take up the halt of a former engine, and from now on those of others on the store."""
        self._unfollow = self._monitor.follow(self._heard)
        await self._monitor.restore()
        if self._monitor.halted is not None:
            self._moved()

    def close(self) -> None:
        """Follow nothing more."""
        self._unfollow()

    def _heard(self) -> None:
        self._errands.run(self._look(), "follow")

    async def _look(self) -> None:
        """Another engine may have halted, or gone on."""
        if not await self._monitor.look():
            return
        self._moved()
        found = self._monitor.halted
        told = SafetyReset() if found is None else SafetyHalted(halt=_view(found))
        await self._journal.record([], [told], Cause())
        await self.begin()

    async def begin(self) -> None:
        """Let the attention queue say what is true."""
        if self._desk is None:
            return
        if self._monitor.halted is not None:
            await self._desk.ask(_draft(self._monitor.halted))
        else:
            self._desk.close_about("", AttentionKind.LIMIT, about=ABOUT)

    async def _told(self, cause: Cause) -> None:
        self._moved()
        found = self._monitor.halted
        await self._monitor.keep_halt()
        if found is not None:
            await self._journal.record([], [SafetyHalted(halt=_view(found))], cause)
            if self._desk is not None and self._monitor.halted is not None:
                await self._desk.ask(_draft(found))

    async def _gone_on(self, cause: Cause) -> None:
        self._moved()
        await self._journal.record([], [SafetyReset()], cause)


def _view(halt: Halt) -> HaltView:
    return HaltView(reason=halt.reason, rule=halt.rule, since=datetime.fromisoformat(halt.since))


def _draft(halt: Halt) -> Draft:
    text = f"Everything is halted: {halt.reason}\nRule: {halt.rule}. Nothing is begun until it is reset."
    return Draft(
        AttentionKind.LIMIT,
        f"halt@{halt.since}",
        headline(f"Halted: {halt.reason}"),
        text,
        choices=(Choice(key=RESET, label="reset it and go on", meaning="allow_once"),),
        about=ABOUT,
    )
