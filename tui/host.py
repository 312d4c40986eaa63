"""What the bridge needs of the app: work, messages, dialogs, ways out to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App
from textual.notifications import SeverityLevel
from textual.screen import Screen

from .keys.actions import Context

if TYPE_CHECKING:
    from .bridge import Bridge
    from .screens.base import MainScreen

T = TypeVar("T")
TOLD_AGAIN_AFTER = 2.0


class HostApp(App[None], inherit_bindings=False):
    """An app that is the bridge's host."""

    ENABLE_COMMAND_PALETTE = False
    bridge: Bridge
    _told = (("", ""), 0.0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until it or the app ends."""
        self.run_worker(work, exit_on_error=True)

    def later(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` soon, as a message of the app."""
        self.call_later(callback)

    def tell(self, text: str, severity: SeverityLevel = "information", title: str = "") -> None:
        """Show a short message, never as markup; one that was just shown is not shown twice."""
        now = self.bridge.clock.monotonic()
        if self._told[0] != (text, title) or now - self._told[1] > TOLD_AGAIN_AFTER:
            self.notify(text, severity=severity, title=title, markup=False)
        self._told = (text, title), now

    def open(self, dialog: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Put a dialog on top."""
        self.push_screen(dialog, then)

    def perform(self, action: str) -> None:
        """Carry out a named action on the main screen below any dialog."""
        main = self._main()
        if main is not None:
            main.perform(action)

    def contexts(self) -> Sequence[Context]:
        """The contexts that are active on the main screen."""
        main = self._main()
        return main.contexts() if main is not None else ()

    def _main(self) -> MainScreen | None:
        # Start-up time: the opening screen is painted before the main ones are loaded.
        from .screens.base import MainScreen  # noqa: PLC0415

        main = self.screen_stack[0]
        return main if isinstance(main, MainScreen) else None

    def ring(self) -> None:
        """Ring the terminal's bell."""
        self.bell()

    def write(self, sequence: str) -> None:
        """Write a control sequence to the terminal, if there is one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def desktop(self, text: str) -> None:
        """Show a desktop notification."""
        # Start-up time: as above.
        from .notifier import send_to_desktop  # noqa: PLC0415

        self.spawn(send_to_desktop(text))
