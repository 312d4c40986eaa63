"""Notifications outside the dashboard: once for each request, never in a flood."""

from __future__ import annotations

import asyncio
import contextlib
import html
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..core.base.clock import Clock
from ..core.protocol.attention import AttentionItem, is_snoozed
from ..core.protocol.events import (
    AttentionClosed,
    AttentionRaised,
    AttentionUpdated,
    Event,
    StateSnapshot,
)
from .model.words import KIND_WORDS, clean, plural
from .pace import Alarm

HEARD = frozenset(
    kind.type for kind in (AttentionClosed, AttentionRaised, AttentionUpdated, StateSnapshot)
)
TEXT_LIMIT = 200
SEEN_KEPT = 1000
DESKTOP_PATIENCE = 5.0


class Channels(Protocol):
    """The ways out of the dashboard."""

    def ring(self) -> None:
        """Ring the terminal's bell."""
        ...

    def write(self, sequence: str) -> None:
        """Write a control sequence to the terminal."""
        ...

    def desktop(self, text: str) -> None:
        """Show a desktop notification."""
        ...


def osc9(text: str) -> str:
    """The sequence that makes a terminal notify; nothing in ``text`` can end it early."""
    return f"\x1b]9;{clean(text, TEXT_LIMIT)}\x07"


def desktop_command(text: str) -> tuple[str, ...]:
    """The command for a desktop notification; empty if ``notify-send`` is not there."""
    path = shutil.which("notify-send")
    if path is None:
        return ()
    body = html.escape(clean(text, TEXT_LIMIT), quote=False)
    return (path, "--app-name=quarterdeck", "--", "Quarterdeck", body)


async def send_to_desktop(text: str) -> None:
    """Run ``notify-send``; one that hangs is ended after five seconds."""
    command = desktop_command(text)
    if not command:
        return
    null = asyncio.subprocess.DEVNULL
    with contextlib.suppress(OSError):
        process = await asyncio.create_subprocess_exec(
            *command, stdin=null, stdout=null, stderr=null
        )
        try:
            async with asyncio.timeout(DESKTOP_PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Notifier:
    """Decides what is worth a notification.

    Each request notifies once, and again when it comes back from being snoozed. Within ``quiet``
    seconds after a notification further ones are counted, and told together at the end.
    """

    def __init__(self, clock: Clock, channels: Channels, quiet: float) -> None:
        self._clock = clock
        self._channels = channels
        self._quiet = quiet
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._held: dict[tuple[str, str], str] = {}
        self._until = 0.0
        self._alarm = Alarm(self._tell_held)
        self.preferences: Mapping[str, Any] = {}
        self.owner: Callable[[AttentionItem], str] = lambda _item: ""
        self.looked_at: str | None = None

    def event(self, event: Event) -> None:
        """Notify of ``event`` if it is due."""
        if event.type not in HEARD:  # a flood of steps passes here
            return
        match event.payload:
            case StateSnapshot(state=state):
                for item in state.attention:
                    self._remember(item)
            case AttentionClosed(item=item):
                self._held.pop((item.item_id, item.request_id), None)
            case AttentionRaised(item=item):
                self._item(item)
            case _:
                pass

    def close(self) -> None:
        """Tell nothing more."""
        self._alarm.set(None)

    def _item(self, item: AttentionItem) -> None:
        key = (item.item_id, item.request_id)
        if is_snoozed(item, self._clock.now()):
            self._seen.pop(key, None)
            return
        known = key in self._seen
        self._remember(item)
        looked_at = bool(item.session_id) and item.session_id == self.looked_at
        if known or looked_at or not self._wanted(item):
            return
        name = self.owner(item) or "a session"
        self._tell(key, f"{name}: {KIND_WORDS[item.kind]}: {item.title or item.text}")

    def _remember(self, item: AttentionItem) -> None:
        self._seen[item.item_id, item.request_id] = None
        while len(self._seen) > SEEN_KEPT:
            self._seen.popitem(last=False)

    def _wanted(self, item: AttentionItem) -> bool:
        kinds = str(self.preferences.get("notify_kinds", ""))
        return item.kind.value in {kind.strip() for kind in kinds.split(",")}

    def _tell(self, key: tuple[str, str], text: str) -> None:
        now = self._clock.monotonic()
        if now < self._until:
            self._held[key] = text
            if not self._alarm.pending:
                self._alarm.set(self._until - now)
            return
        self._until = now + self._quiet
        self._send(text)

    def _tell_held(self) -> None:
        held, self._held = list(self._held.values()), {}
        self._until = self._clock.monotonic() + self._quiet
        if held:
            self._send(held[0] if len(held) == 1 else f"{plural(len(held), 'item')} more need you")

    def _send(self, text: str) -> None:
        if self.preferences.get("notify_bell"):
            self._channels.ring()
        if self.preferences.get("notify_osc9"):
            self._channels.write(osc9(text))
        if self.preferences.get("notify_desktop"):
            self._channels.desktop(text)
