"""What the bridge needs of the app: work, messages, dialogs, ways out to the terminal."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from textual import events
from textual.app import App
from textual.constants import DRIVER
from textual.css.model import RuleSet
from textual.driver import Driver
from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel
from textual.screen import Screen

from .keys.actions import Context
from .keys.gate import Gate, Station
from .keys.names import name_of
from .keys.strokes import Stroke, Typed

if TYPE_CHECKING:
    from ..core.base.errors import QuarterdeckError
    from .bridge import Bridge
    from .screens.base import MainScreen

T = TypeVar("T")
S = TypeVar("S", bound=Screen[None])
TOLD_AGAIN_AFTER = 2.0

# To style a widget Textual looks up every rule there is; its own hash, by identity like this one, is
# written in Python and takes a quarter of the time in which a dialog opens.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # as said


class HostApp(App[None], inherit_bindings=False):
    """An app that is the bridge's host."""

    ENABLE_COMMAND_PALETTE = False
    bridge: Bridge
    _told = (("", ""), 0.0)
    last_words = ""

    def __init__(self) -> None:
        super().__init__(driver_class=driver_for_keys())
        self.gate = Gate(self)
        self._noticed: set[str] = set()

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

    def leave(self, text: str, code: int) -> None:
        """End the dashboard; ``text`` is for the terminal, once it is itself again."""
        self.last_words = text
        self.exit(return_code=code)

    def give_up(self, error: QuarterdeckError) -> None:
        """End: what keeps the engine from starting has to be mended by a person."""
        self.leave(f"{error.code}: {error.message}", 1)

    def show_notices(self) -> None:
        """What the engine found and mended at its start stays until it is dismissed."""
        if not self.bridge.ready or self._main() is None:
            return
        new = [one for one in self.bridge.view.notices if one.message not in self._noticed]
        if new:
            # Start-up time: hardly any start has one.
            from .dialogs.notice import NoticeDialog  # noqa: PLC0415

            self._noticed.update(one.message for one in new)
            self.open(NoticeDialog(self.bridge, [one.message for one in new]))

    def open(self, dialog: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Put a dialog on top."""
        self.push_screen(dialog, then)

    def perform(self, action: str) -> None:
        """Carry out a named action on the main screen below any dialog."""
        main = self._main()
        if main is not None:
            main.perform(action)

    def show_flow(self, workflow_id: str, task_id: str | None = None) -> None:
        """Show a workflow and its task."""
        # Start-up time: as above.
        from .screens.flows import FlowsScreen  # noqa: PLC0415

        self._show("flows", FlowsScreen, lambda screen: screen.go_to(workflow_id, task_id))

    def show_pipelines(self, about: str) -> None:
        """Show a pipeline, or a payload."""
        # Start-up time: as above.
        from .screens.pipelines import PipelinesScreen  # noqa: PLC0415

        self._show("pipelines", PipelinesScreen, lambda screen: screen.go_to(about))

    def show_crew(self, about: str) -> None:
        """Show a line of the crew."""
        # Start-up time: as above.
        from .screens.crew import CrewScreen  # noqa: PLC0415

        self._show("crew", CrewScreen, lambda screen: screen.go_to(about))

    def _show(self, mode: str, kind: type[S], then: Callable[[S], None]) -> None:
        """Show a screen, and have it do something once it is there."""

        def there() -> None:
            screen: Any = self.screen
            if isinstance(screen, kind):
                then(screen)

        self.switch_mode(mode)
        self.call_later(there)

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

    # ---- keys on their way

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes go through the gate; everything else as Textual has it."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.typed((Stroke("", event),))
        else:
            await super().on_event(event)

    def on_typed(self, message: Typed) -> None:
        """The same for what this dashboard's own driver has read."""
        self.typed(message.strokes)

    def typed(self, strokes: Iterable[Stroke]) -> None:
        """Send strokes on their way."""
        self.gate.take(strokes)

    def stations(self) -> Sequence[Station]:
        """The focused widget, what is around it, its screen, the app."""
        target = self.focused or self.screen
        return [node for node in target.ancestors_with_self if isinstance(node, MessagePump)]

    def at_rest(self) -> bool:
        """Whether the dashboard stands, with a screen on top that is there in full."""
        stacks = self._screen_stacks.get(self.current_mode)
        return bool(stacks) and self._main() is not None and self.screen_stack[-1].is_mounted

    def deliver(self, strokes: deque[Stroke]) -> None:
        """All that goes into a session goes at once; of the rest, one to who has the focus."""
        self.app_focus = True
        screen, main = self.screen, self._main()
        if main is not None and screen is main and main.take_strokes(strokes):
            return
        meant = self._meaning(strokes.popleft())
        strokes.extendleft(Stroke("", event) for event in reversed(meant[1:]))
        if meant:
            (self.focused or screen)._forward_event(meant[0])  # noqa: SLF001 - as Textual's App does

    def overflow(self) -> None:
        """More was typed than can be held."""
        self.tell("More was typed than can be taken in; some of it is lost.", "warning")

    def _meaning(self, stroke: Stroke) -> Sequence[events.Key | events.Paste]:
        """What a stroke means where the focus is: Alt and a key where that is something."""
        focused = self.focused
        if stroke.field and focused is not None and focused.check_consume_key("x", "x"):
            return (stroke.field,)
        alone = isinstance(stroke.event, events.Key) and self._is_bound(stroke.event)
        if stroke.apart and not alone:
            return stroke.apart
        return () if stroke.event is None else (stroke.event,)

    def _is_bound(self, event: events.Key) -> bool:
        key = name_of(event)
        return any(key in keys for keys in self.bridge.keymap.keys.values())

    def desktop(self, text: str) -> None:
        """Show a desktop notification."""
        # Start-up time: as above.
        from .notifier import send_to_desktop  # noqa: PLC0415

        self.spawn(send_to_desktop(text))


def driver_for_keys() -> type[Driver] | None:
    """The driver that tells keys as they came; ``None`` where another one is asked for."""
    if DRIVER is not None or sys.platform == "win32":
        return None
    # Start-up time: a test's dashboard has no terminal.
    from .keys.driver import StrokeDriver  # noqa: PLC0415

    return StrokeDriver
