"""The dashboard: mounts, binds, routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.filter import Monochrome, NoColor
from textual.geometry import Size

from ..core.base.clock import SYSTEM_CLOCK, Clock
from .model.frame import is_small
from .opening import OpeningApp
from .outfit import Outfit
from .pace import Pacing
from .screens.modes import MODES

if TYPE_CHECKING:
    from ..core.client.ports import Connector

MOUSE_MODES = (1000, 1003, 1015, 1006)
MOUSE_ON = "".join(f"\x1b[?{mode}h" for mode in MOUSE_MODES)
MOUSE_OFF = "".join(f"\x1b[?{mode}l" for mode in MOUSE_MODES)
"""What Textual itself writes at its start and at its end."""


class QuarterdeckApp(OpeningApp, inherit_bindings=False):
    """The dashboard over an engine that ``connector`` finds or starts.

    ``directory`` is where new sessions are created first; for ``keys``, ``preset`` and ``pacing``
    see ``Outfit``. With ``fit_out`` in place of all these the empty frame is painted first.
    ``laid_out`` is set once the panels have their sizes.
    """

    TITLE = "quarterdeck"
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "dialogs.tcss"]  # type: ignore[assignment]  # as Textual allows

    def __init__(
        self,
        connector: Connector | None = None,
        *,
        directory: str,
        minimal: bool = False,
        keys: Mapping[str, str] | None = None,
        preset: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        pacing: Pacing | None = None,
        fit_out: Callable[[], Outfit] | None = None,
    ) -> None:
        super().__init__(minimal=minimal, fit_out=fit_out)
        self._directory, self._clock = directory, clock
        self.laid_out = asyncio.Event()
        self._theme_kept = ""
        self._mouse = True
        if connector is not None:
            self.take(Outfit(connector, keys or {}, preset, pacing))

    def take(self, outfit: Outfit) -> None:
        """Build what the screens share."""
        # Start-up time: the frame is painted before the protocol is loaded.
        from .bridge import Bridge  # noqa: PLC0415

        self.bridge = Bridge(
            self,
            outfit.connector,
            directory=self._directory,
            keys=outfit.keys,
            preset=outfit.preset,
            clock=self._clock,
            pacing=outfit.pacing,
        )
        self.bridge.deck.minimal = self._minimal

    async def board(self) -> None:
        """Show the deck, and reach for the engine."""
        for name, make in MODES.items():
            self.add_mode(name, partial(make, self.bridge))
        await self.switch_mode("deck")
        self._mind_size(self.size)
        self.bridge.listeners += [self._follow_preferences, self.show_notices]
        self.bridge.link.on_hopeless = self.give_up
        self.spawn(self.bridge.link.run())
        self.call_after_refresh(self.laid_out.set)

    @property
    def left_running(self) -> int:
        """How many sessions run on when the dashboard ends."""
        return self.bridge.left_running if self.opened else 0

    async def on_unmount(self) -> None:
        """Leave no timer and no task behind."""
        self.gate.close()
        if hasattr(self, "bridge"):
            self.bridge.close()
            await self.bridge.link.leave()

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
            told = f"There is no theme {wanted!r}; <ui.palette> lists the themes."
            self.tell(self.bridge.keymap.told(told), "warning", "theme")

    def _keep_uncoloured(self) -> None:
        """Under NO_COLOR Textual chooses how to drop colours once, for its first theme only."""
        if self.no_color:
            kept = [one for one in self._filters if not isinstance(one, NoColor | Monochrome)]
            self._filters = [*kept, NoColor() if self.native_ansi_color else Monochrome()]

    def on_resize(self, event: events.Resize) -> None:
        """Say so while there is no room."""
        if self.current_mode in MODES:
            self._mind_size(event.size)

    def _mind_size(self, size: Size) -> None:
        # Start-up time: as above.
        from .screens.small import SmallScreen  # noqa: PLC0415

        said = isinstance(self.screen, SmallScreen)
        if is_small(*size) and not said:
            self.push_screen(SmallScreen())
        elif said and not is_small(*size):
            self.pop_screen()

    def on_app_blur(self) -> None:
        """Nobody looks."""
        if self.opened:
            self.bridge.look(in_front=False)

    def on_app_focus(self) -> None:
        """The person is back."""
        if self.opened:
            self.bridge.look(in_front=True)
