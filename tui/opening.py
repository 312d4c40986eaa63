"""The app's first moments: the empty frame is painted, then everything else is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from textual.app import ComposeResult

from .host import HostApp
from .keys.strokes import Stroke
from .outfit import Outfit
from .widgets.frame import OpeningFrame

KEYS_KEPT = 64
"""Keys pressed before the deck is there; more than that nobody types blindly."""


class OpeningApp(HostApp, inherit_bindings=False):
    """An app that can be painted before it is loaded.

    ``fit_out`` is called in a thread after the first paint, with the modules of the deck loaded. A
    fault of either ends the app and is kept as ``fault``. Keys pressed meanwhile are kept and
    carried out when the deck is there.
    """

    def __init__(self, *, minimal: bool, fit_out: Callable[[], Outfit] | None) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.opened = False
        self._minimal = minimal
        self._fit_out = fit_out
        self._early: list[Stroke] | None = None if fit_out is None else []

    def take(self, outfit: Outfit) -> None:
        """Build what the screens share."""
        raise NotImplementedError

    async def board(self) -> None:
        """Show the deck, and reach for the engine."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The frame, where nothing else is there yet."""
        if self._fit_out is not None:
            yield OpeningFrame(minimal=self._minimal)

    async def on_mount(self) -> None:
        """Show the deck, or the frame until the deck is loaded."""
        if self._fit_out is None:
            await self.board()
            self.opened = True
        else:
            self.spawn(self._open(self._fit_out))

    async def _open(self, fit_out: Callable[[], Outfit]) -> None:
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()
        try:
            outfit = await asyncio.to_thread(_load, fit_out)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller tells it
            self.fault = error
            self.exit(return_code=1)
            return
        # As a message of the app's own: one that is ending opens nothing any more.
        self.call_later(self._opened, outfit)

    async def _opened(self, outfit: Outfit) -> None:
        if self._exit:
            return
        self.take(outfit)
        await self.board()
        self.opened = True
        early, self._early = self._early, None
        self.typed(early or ())

    def typed(self, strokes: Iterable[Stroke]) -> None:
        """Keep keys until the deck is there to take them."""
        if self._early is None:
            super().typed(strokes)
        else:
            self._early.extend(strokes)
            del self._early[KEYS_KEPT:]


def _load(fit_out: Callable[[], Outfit]) -> Outfit:
    # Start-up time: the frame is painted before the protocol and the screens are there.
    from . import bridge  # noqa: F401, PLC0415
    from .screens import deck  # noqa: F401, PLC0415

    return fit_out()
