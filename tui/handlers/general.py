"""What can be done on every screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.app import App

from ..bridge import Bridge
from .base import Handler, Handlers


class General:
    """Screens, help, palette, preferences, quitting."""

    def __init__(self, bridge: Bridge, app: App[None]) -> None:
        self._bridge = bridge
        self._app = app

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "screen.deck": Handler(partial(self.show_screen, "deck")),
            "screen.flows": Handler(partial(self.show_screen, "flows")),
            "screen.pipelines": Handler(partial(self.show_screen, "pipelines")),
            "screen.crew": Handler(partial(self.show_screen, "crew")),
            "screen.log": Handler(partial(self.show_screen, "log")),
            "ui.help": Handler(self.help),
            "ui.palette": Handler(self.palette),
            "ui.preferences": Handler(self.preferences),
            "link.start": Handler(self._bridge.link.reconnect_now, self._linked),
            "link.reconnect": Handler(self._bridge.link.reconnect_now, self._linked),
            "app.quit": Handler(self.quit),
        }

    def show_screen(self, mode: str) -> None:
        """Show another screen."""
        self._app.switch_mode(mode)

    def help(self) -> None:
        """Show every key."""
        from ..dialogs.help import HelpDialog  # noqa: PLC0415 - start-up time

        self._bridge.host.open(HelpDialog(self._bridge))

    def palette(self) -> None:
        """Find something by its name and do it."""
        from ..dialogs.palette import PaletteDialog  # noqa: PLC0415 - start-up time

        dialog = PaletteDialog(self._bridge, self._bridge.host.contexts())
        self._bridge.host.open(dialog, _run)

    def preferences(self) -> None:
        """Show and change the preferences."""
        from ..dialogs.settings import SettingsDialog  # noqa: PLC0415 - start-up time

        self._bridge.host.open(SettingsDialog(self._bridge))

    def quit(self) -> None:
        """Leave; ask first if something runs."""
        from ..dialogs.quit import QuitDialog, leave, nothing_runs  # noqa: PLC0415 - start-up time

        if nothing_runs(self._bridge):
            self._bridge.host.spawn(leave(self._bridge, stop=False))
        else:
            self._bridge.host.open(QuitDialog(self._bridge))

    def _linked(self) -> str | None:
        return "The link to the engine is up." if self._bridge.link.state.up else None


def _run(chosen: Callable[[], None] | None) -> None:
    if chosen is not None:
        chosen()
