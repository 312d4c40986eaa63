"""The dashboard: mounts, binds, routes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.notifications import SeverityLevel
from textual.screen import Screen

from ..core.base.clock import SYSTEM_CLOCK, Clock
from ..core.client.ports import Connector
from .bridge import Bridge
from .keys.actions import Context
from .notifier import send_to_desktop
from .pace import Pacing
from .screens.base import MainScreen
from .screens.deck import DeckScreen
from .screens.log import LogScreen
from .screens.small import SmallScreen, is_small

T = TypeVar("T")
MOUSE_MODES = (1000, 1003, 1015, 1006)
MOUSE_ON = "".join(f"\x1b[?{mode}h" for mode in MOUSE_MODES)
MOUSE_OFF = "".join(f"\x1b[?{mode}l" for mode in MOUSE_MODES)
"""What Textual itself writes at its start and at its end."""



class QuarterdeckApp(App[None], inherit_bindings=False):
    """The dashboard over an engine that ``connector`` finds or starts.

    ``directory`` is where new sessions are created first. ``keys`` gives actions other keys
    (action name to comma-separated keys), ``preset`` the preset they lie over; ``None``: the
    user's preference.
    """

    TITLE = "quarterdeck"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "dialogs.tcss"]  # type: ignore[assignment]  # as Textual allows

    def __init__(
        self,
        connector: Connector,
        *,
        directory: str,
        minimal: bool = False,
        keys: Mapping[str, str] | None = None,
        preset: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        pacing: Pacing | None = None,
    ) -> None:
        super().__init__()
        self.bridge = Bridge(
            self,
            connector,
            directory=directory,
            keys=keys or {},
            preset=preset,
            clock=clock,
            pacing=pacing,
        )
        self.bridge.deck.minimal = minimal
        self._theme_kept = ""
        self._mouse = True

    def on_mount(self) -> None:
        """Show the deck and reach for the engine."""
        self.add_mode("deck", partial(DeckScreen, self.bridge))
        self.add_mode("log", partial(LogScreen, self.bridge))
        self.switch_mode("deck")
        self.bridge.listeners.append(self._follow_preferences)
        self.spawn(self.bridge.link.run())

    async def on_unmount(self) -> None:
        """Leave no timer and no task behind."""
        self.bridge.close()
        await self.bridge.link.close()

    def _follow_preferences(self) -> None:
        """Put theme and mouse in force; a theme that Textual no longer has is told of."""
        wanted = str(self.bridge.preferences["theme"])
        mouse = bool(self.bridge.preferences["mouse"])
        if self.bridge.ready and mouse != self._mouse:
            self._mouse = mouse
            self.write(MOUSE_ON if mouse else MOUSE_OFF)
        if not self.bridge.ready or wanted == self._theme_kept:
            return
        self._theme_kept = wanted
        if wanted in self.available_themes:
            self.theme = wanted
            self._keep_uncoloured()
        else:
            self.tell(f"There is no theme {wanted!r}; : lists the themes.", "warning", "theme")

    def _keep_uncoloured(self) -> None:
        """Under NO_COLOR Textual chooses how to drop colours once, for its first theme only."""
        if self.no_color:
            kept = [one for one in self._filters if not isinstance(one, NoColor | Monochrome)]
            self._filters = [*kept, NoColor() if self.native_ansi_color else Monochrome()]

    # ---- what the bridge needs

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until it or the app ends."""
        self.run_worker(work, exit_on_error=True)

    def later(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` soon, as a message of the app."""
        self.call_later(callback)

    def tell(self, text: str, severity: SeverityLevel = "information", title: str = "") -> None:
        """Show a short message; never as markup."""
        self.notify(text, severity=severity, title=title, markup=False)

    def open(self, dialog: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Put a dialog on top."""
        self.push_screen(dialog, then)

    def perform(self, action: str) -> None:
        """Carry out a named action on the main screen below any dialog."""
        main = self.screen_stack[0]
        if isinstance(main, MainScreen):
            main.perform(action)

    def contexts(self) -> Sequence[Context]:
        """The contexts that are active on the main screen."""
        main = self.screen_stack[0]
        return main.contexts() if isinstance(main, MainScreen) else ()

    def ring(self) -> None:
        """Ring the terminal's bell."""
        self.bell()

    def write(self, sequence: str) -> None:
        """Write a control sequence to the terminal, if there is one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def desktop(self, text: str) -> None:
        """Show a desktop notification."""
        self.spawn(send_to_desktop(text))

    # ---- the terminal around us

    def on_resize(self, event: events.Resize) -> None:
        """Say so if there is no room."""
        if is_small(*event.size) and not isinstance(self.screen, SmallScreen):
            self.push_screen(SmallScreen())

    def on_app_blur(self) -> None:
        """Nobody looks."""
        self.bridge.look(looking=False)

    def on_app_focus(self) -> None:
        """The person is back."""
        self.bridge.look(looking=True)
