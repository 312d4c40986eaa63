"""Leaving the dashboard: agents go on, unless the person says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from textual.widget import Widget
from textual.widgets import Static

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import StopAgent
from ..bridge import Bridge
from ..model.words import plural
from .base import Dialog, Offer


def others(bridge: Bridge) -> int:
    """How many other clients the engine has, as far as its last health report says."""
    health = bridge.view.health
    return max(0, health.clients - 1) if health is not None else 0


def living(bridge: Bridge) -> int:
    """How many sessions have a process."""
    return sum(session.living for session in bridge.view.sessions.values())


def nothing_runs(bridge: Bridge) -> bool:
    """Whether leaving changes nothing for anybody."""
    return not living(bridge) and not others(bridge)


async def leave(bridge: Bridge, *, stop: bool) -> None:
    """Let go of the engine, after stopping every session if told to, and end the dashboard."""
    connector = bridge.link.connector
    bridge.left_running = 0 if stop or connector.parting else living(bridge)
    if stop and not connector.hosting:
        for session in bridge.view.sessions.values():
            if session.living:
                with suppress(QuarterdeckError):  # its own fault is the engine's to keep
                    await bridge.call(StopAgent(session_id=session.id))
    await bridge.link.leave()
    try:
        await connector.release(stop_sessions=stop)
    except QuarterdeckError as error:
        bridge.host.leave(f"{error.code}: {error.message}", 1)
    else:
        bridge.host.leave("", 0)


class QuitDialog(Dialog[None]):
    """Leave running, stop all, or stay; stopping all asks for a second, different key."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge, "Leave the dashboard?", kind="quit")
        self._stopping = False
        self._leaving = False
        self._text = Static(classes="dialog-text", markup=False)

    def body(self) -> Iterable[Widget]:
        """What will happen."""
        return (self._text,)

    def show_state(self) -> None:
        """Say what happens to agents and other clients."""
        self._text.update("\n".join(self._sentences()))
        super().show_state()

    def _sentences(self) -> Sequence[str]:
        running = plural(living(self.bridge), "session")
        if self._leaving:
            return ("Letting go…",)
        if self._stopping:
            return (f"Stop {running} and quit? What they are doing is cut short.",)
        one = living(self.bridge) == 1
        if self.bridge.link.connector.parting:
            ends = "ends" if one else "end"
            return (f"{running} {ends} with the demo; nothing of it is kept.",)
        if not self.bridge.link.state.up:
            return ("There is no link to the engine.", "Sessions stay as they are now.")
        return (
            f"{running} {'runs' if one else 'run'} on without the dashboard.",
            self._about_others(),
        )

    def _about_others(self) -> str:
        count = others(self.bridge)
        if not self.bridge.link.connector.hosting:
            return "The engine runs in another process and goes on, too."
        if count:
            if count == 1:
                return "Another client is attached and takes the engine over."
            return f"{count} other clients are attached; one of them takes the engine over."
        return "The engine ends with it; the next start finds them again."

    def offers(self) -> Sequence[Offer]:
        """Leave, stop and leave, or stay."""
        if self._leaving:
            return ()
        if self._stopping:
            return (
                Offer(
                    ("y",),
                    "yes, stop all and quit",
                    lambda: self._leave(stop=True),
                    guarded=True,
                ),
                Offer(("escape", "n"), "no", self._think_again),
            )
        if self.bridge.link.connector.parting:
            end = Offer(("enter",), "end the demo", lambda: self._leave(stop=True), guarded=True)
            return (end, self.escape("stay"))
        if not self.bridge.link.state.up:
            return (
                Offer(("enter", "l"), "leave", lambda: self._leave(stop=False)),
                self.escape("stay"),
            )
        return (
            Offer(("enter", "l"), "leave them running", lambda: self._leave(stop=False)),
            Offer(("S",), "stop all and quit", self._ask),
            self.escape("stay"),
        )

    def _ask(self) -> None:
        self._stopping = True
        self.show_state()
        self.ask()

    def _think_again(self) -> None:
        self._stopping = False
        self.show_state()

    def _leave(self, *, stop: bool) -> None:
        self._leaving = True
        self.show_state()
        self.bridge.host.spawn(leave(self.bridge, stop=stop))
