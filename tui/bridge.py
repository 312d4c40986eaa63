"""What all screens share: the link, the deck, the keymap, and the ways to act."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from textual.notifications import SeverityLevel
from textual.screen import Screen

from ..core.base.clock import SYSTEM_CLOCK, Clock
from ..core.base.errors import QuarterdeckError
from ..core.client.ports import Connector, LinkClosed
from ..core.client.view import EVENTS_KEPT, View
from ..core.protocol.attention import AttentionItem
from ..core.protocol.commands import Payload, SetFocus, SetPreference
from ..core.protocol.events import Event, PreferenceChanged, StateSnapshot, StatusProgress
from ..core.protocol.preferences import with_defaults
from ..core.protocol.wire import Input
from .keys.actions import Context
from .keys.keymap import Keymap, resolve
from .keys.repeats import Repeats
from .link import Link, LinkState, back_off
from .model.deck import Deck
from .model.rows import item_owner
from .notifier import Channels, Notifier
from .pace import Alarm, Pacer, Pacing
from .watching import Watching

T = TypeVar("T")
Then = Callable[[dict[str, Any]], None]
Failed = Callable[[QuarterdeckError], None]


class Host(Channels, Protocol):
    """What the bridge needs of the app."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside everything else, until the app ends."""
        ...

    def later(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` as the app's own message, soon."""
        ...

    def tell(self, text: str, severity: SeverityLevel = "information", title: str = "") -> None:
        """Show a short message."""
        ...

    def open(self, dialog: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Put a dialog on top; ``then`` gets what it ends with."""
        ...

    def perform(self, action: str) -> None:
        """Carry out a named action where the person is."""
        ...

    def show_flow(self, workflow_id: str, task_id: str | None = None) -> None:
        """Show a workflow and its task."""
        ...

    def show_pipelines(self, about: str) -> None:
        """Show a pipeline, or a payload."""
        ...

    def show_crew(self, about: str) -> None:
        """Show a line of the crew."""
        ...

    def contexts(self) -> Sequence[Context]:
        """The keymap's contexts that are active where the person is."""
        ...

    def leave(self, text: str, code: int) -> None:
        """End the dashboard with an exit code; ``text`` is left on the terminal."""
        ...


class Bridge:
    """Shared state of the dashboard; screens ask it and act through it.

    Whoever shows something adds a listener to ``listeners``: it is called, at most thirty times a
    second, after something changed; while it is called, ``steps_only`` says whether sessions have told of
    their steps and nothing else changed. ``taps`` are called with every event, at once. ``feed`` holds the newest events, ``fed`` counts all of them.
    ``drafts`` are texts that were written and not sent, by session or by field. ``room`` is the size, in
    cells, of the panel in which one types into a session. ``left_running`` counts the sessions
    that go on after the person has left.
    """

    def __init__(
        self,
        host: Host,
        connector: Connector,
        *,
        directory: str,
        keys: Mapping[str, str],
        preset: str | None,
        clock: Clock = SYSTEM_CLOCK,
        pacing: Pacing | None = None,
    ) -> None:
        self.host = host
        self.directory = directory
        self.clock = clock
        self.pacing = pacing or Pacing()
        self.link = Link(connector, clock, back_off(self.pacing.retry))
        self.deck = Deck(clock, View())
        self.watching = Watching()
        self.repeats = Repeats()
        self.notifier = Notifier(clock, host, self.pacing.notify)
        self.notifier.owner = self.owner
        self.keymap = Keymap({})
        self.listeners: list[Callable[[], None]] = []
        self.taps: list[Callable[[Event], None]] = []
        self.feed: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.fed = 0
        self.drafts: dict[str, str] = {}
        self.room: tuple[int, int] = (80, 20)
        self.left_running = 0
        self.ready = False
        self.steps_only = False
        self._all_due = True
        self._place = "deck"
        self._in_front = True
        self._keys, self._preset = keys, preset
        self._told: set[str] = set()
        self._focus_sent: str | None = None
        self._focus_wanted: str | None = None
        self._focus_alarm = Alarm(self._send_focus)
        self._age_alarm = Alarm(self.changed)
        self._rest_alarm = Alarm(self.moved)
        self.pacer = Pacer(lambda: self.host.later(self._frame), self.pacing.frame)
        self.link.on_event = self._event
        self.link.on_state = self._link_changed
        self.link.on_frame = self.watching.apply
        self._rebuild_keymap()

    @property
    def view(self) -> View:
        """What the engine said."""
        return self.deck.view

    @property
    def preferences(self) -> Mapping[str, Any]:
        """Every preference in force."""
        return self.view.preferences

    def session_name(self, session_id: str) -> str:
        """A session's name; empty if it is gone."""
        session = self.view.sessions.get(session_id)
        return session.name if session is not None else ""

    def owner(self, item: AttentionItem) -> str:
        """Whom an item is of: a session's name, a workflow's, what it is about; empty if it is gone."""
        return item_owner(item, self.view)

    def changed(self) -> None:
        """Something shown has changed."""
        self._all_due = True
        self.pacer.mark()

    def _frame(self) -> None:
        """Show what changed since the last frame."""
        if self._all_due or self.deck.query.text:  # a filter may look for what a step says
            self.flush()
            return
        self.steps_only = True
        try:
            self._tell_listeners()
        finally:
            self.steps_only = False

    def _tell_listeners(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    def flush(self) -> None:
        """Bring everything shown up to date."""
        self._all_due = False
        self._rest_alarm.set(None)
        self.deck.reconcile()
        self._focus_changed()
        self._tell_listeners()
        self._age_alarm.set(self.deck.changes_in() if self.ready else None)

    def moved(self) -> None:
        """The person went somewhere else: show it at once."""
        self.flush()

    def stepped(self) -> None:
        """The cursor made a step, which its list shows: the rest follows when it rests."""
        if self.pacing.rest:
            self._rest_alarm.set(self.pacing.rest)
        else:
            self.moved()

    @property
    def stepping(self) -> bool:
        """Whether something shown has not yet followed the cursor."""
        return self._rest_alarm.pending

    def catch_up(self) -> None:
        """Let all follow the cursor now: something is done to where it stands."""
        if self.stepping:
            self.moved()

    def close(self) -> None:
        """Stop every timer."""
        self._rest_alarm.set(None)
        self.pacer.stop()
        self.notifier.close()
        self._age_alarm.set(None)
        self._focus_alarm.set(None)

    # ---- acting

    def send(
        self, payload: Payload, then: Then | None = None, failed: Failed | None = None
    ) -> None:
        """Send a command; ``then`` gets its result, ``failed`` its error (else it is shown)."""
        self.host.spawn(self._call(payload, then, failed or self.complain))

    async def call(self, payload: Payload) -> dict[str, Any]:
        """The result of a command; while a link is being made it waits for that.

        :raises QuarterdeckError: if the engine refuses it or can't be reached.
        """
        await self.link.settled.wait()
        if self.link.client is None or not self.link.state.up:
            raise LinkClosed("There is no link to the engine now; nothing was sent.")
        return await self.link.client.call(payload)

    async def _call(self, payload: Payload, then: Then | None, failed: Failed) -> None:
        try:
            result = await self.call(payload)
        except QuarterdeckError as error:
            failed(error)
        else:
            if then is not None:
                then(result)

    def complain(self, error: QuarterdeckError) -> None:
        """Show an error with its code."""
        info = error.info()
        self.host.tell(info.message, "error", title=info.code)

    def input(self, message: Input) -> bool:
        """Pass input on to a session; False if it can't be taken now."""
        client = self.link.client
        return client is not None and self.link.state.up and client.input(message)

    def prefer(self, name: str, value: bool | int | str) -> None:
        """Keep a preference; it is in force here at once."""
        self.view.preferences = with_defaults({**self.view.preferences, name: value})
        self._preferences_changed()
        self.changed()
        self.send(SetPreference(key=name, value=value))

    # ---- what the engine says

    def _event(self, event: Event) -> None:
        kind = type(event.payload)  # isinstance of another model costs ten times as much
        if kind is StateSnapshot:
            self._snapshot()
        else:
            self.feed.append(event)
            self.fed += 1
        for tap in tuple(self.taps):
            tap(event)
        if kind is StatusProgress:  # a flood consists of these: they cost a frame, not a turn
            self.pacer.mark()
            return
        if kind is PreferenceChanged:
            self._preferences_changed()
        self.notifier.event(event)
        self.changed()

    def _snapshot(self) -> None:
        view = self.link.view
        if view is not None:
            self.deck.view = view
            self.ready = True
            self._preferences_changed()

    def _preferences_changed(self) -> None:
        self.notifier.preferences = self.preferences
        self.deck.grouped = bool(self.preferences["group_by_repo"])
        self._rebuild_keymap()

    def _rebuild_keymap(self) -> None:
        preset = self._preset or str(self.preferences["keymap"])
        self.keymap = resolve(preset, self._keys)
        for problem in self.keymap.problems:
            if self.ready and problem not in self._told:
                self._told.add(problem)
                self.host.tell(problem, "warning", title="keymap")

    def _link_changed(self, state: LinkState) -> None:
        self.watching.attach(self.link.client if state.up else None)
        self._focus_sent = self._focus_wanted = None
        self.deck.sent.clear()
        self.changed()

    # ---- where the person looks

    def look(self, *, place: str | None = None, in_front: bool | None = None) -> None:
        """Which screen is shown, and whether the terminal has the focus."""
        self._place = self._place if place is None else place
        self._in_front = self._in_front if in_front is None else in_front
        self._focus_changed()

    def _focus_changed(self) -> None:
        wanted = self._focus()
        self.notifier.looked_at = wanted
        if self.ready and wanted != self._focus_wanted:
            self._focus_wanted = wanted
            self._focus_alarm.set(self.pacing.focus)

    def _focus(self) -> str | None:
        seen = self._place == "deck" and self._in_front
        return self.deck.session_id if seen else None

    def _send_focus(self) -> None:
        wanted = self._focus()
        if wanted != self._focus_sent and self.link.state.up:
            self._focus_sent = wanted
            self.send(SetFocus(session_id=wanted), failed=_overlook)


def _overlook(_: QuarterdeckError) -> None:
    """A lost focus report harms nobody, and the next one follows."""
