"""A session's screen, painted line by line; keys, mouse and selection while one types into it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Offset, Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from ...core.client.screen import ScreenModel
from ...core.protocol.screen import Cursor, CursorShape, MouseMode, Row, row_text
from ...core.protocol.wire import Input, KeyInput, MouseInput, PasteInput, RawInput
from ..keys.names import name_of, wire_name
from ..keys.strokes import Stroke
from ..model.viewport import Viewport
from ..model.words import clean_cells, wrapped
from ..pace import Alarm, Pacer
from .painting import character_at, restyle, screen_segments
from .styled import Styled

MouseAction = Literal["press", "release", "move", "scroll_up", "scroll_down"]
WHEEL_LINES = 3
PASTE_LIMIT = 1_000_000
STRIPS_KEPT = 1024
PATIENCE = 3
"""Frames for which the last picture stays when another session's is on its way."""


UNDER_A_DIALOG = 0.25
"""Seconds between two repaints while a dialog lies over the session."""


class TerminalView(Styled):
    """Shows a ``ScreenModel``; ``sink`` takes what is typed, pasted and clicked while entered.

    Only lines that a frame changed are painted. The view never resizes a session by itself: it
    crops one that is larger, keeping its lower end in sight.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"terminal--note", "terminal--match"}

    class Left(Message):
        """The person pressed the key that leaves the session."""

    class Scrolled(Message):
        """The window moved, or came back to the present."""

    class Resized(Message):
        """The panel has another size."""

    class Wanted(Message):
        """Lines of the past are needed to go on."""

        def __init__(self, start: int, count: int) -> None:
            super().__init__()
            self.start = start
            self.count = count

    class Refused(Message):
        """Input could not be taken; ``reason`` says why."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, *, id: str | None = None, interval: float = 1 / 30) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.model: ScreenModel | None = None
        self.viewport = Viewport()
        self.entered = False
        self.needle = ""
        self.sink: Callable[[Input], bool] = lambda _: False
        self.leave_keys: Sequence[str] = ()
        self._note = ""
        self._first = 0
        self._dirty: set[int] | None = set()
        self._strips: LRUCache[tuple[Row, int, int], Strip] = LRUCache(STRIPS_KEPT)
        self._pacer = Pacer(self._repaint, interval)
        self._interval = interval
        self._patience = PATIENCE * interval
        self._blank = Alarm(self._repaint_all)

    # ---- what is shown

    def show_model(self, model: ScreenModel | None) -> None:
        """Show another session's screen from now on."""
        self.model = model
        self.viewport.forget()
        self.needle = ""
        self._dirty = None
        coming = model is not None and not model.generation and self._patience
        if coming and self.is_attached:
            self._blank.set(self._patience)
        else:
            self._repaint_all()

    @property
    def waiting(self) -> bool:
        """Whether the last session's picture still stands, as this one's is on its way."""
        return self._blank.pending

    def _repaint_all(self) -> None:
        self._blank.set(None)
        self.refresh()

    def show_note(self, note: str) -> None:
        """What to say while there is no picture."""
        if note != self._note:
            self._note = note
            if not self._blank.pending:
                self.refresh()

    def frame_changed(self, changed: frozenset[int] | None) -> None:
        """The model has changed on these lines; ``None``: everywhere."""
        if changed is None or self._dirty is None:
            self._dirty = None
        else:
            self._dirty |= changed
        self._pacer.mark()

    def _repaint(self) -> None:
        # What lies under a dialog is dimmed: every line of it costs the whole screen.
        self._pacer.ease(self._interval if self.screen.is_current else UNDER_A_DIALOG)
        model, dirty = self.model, self._dirty
        self._dirty = set()
        if model is None or self.viewport.scrolled:
            return
        first = self.viewport.first(model)
        if dirty is None or first != self._first or self._blank.pending:
            self._repaint_all()
        else:
            self._refresh_lines(model.history + y - first for y in sorted(dirty))
        self._place_cursor(model)

    def _refresh_lines(self, lines: Iterable[int]) -> None:
        width = self.size.width
        regions = [Region(0, y, width, 1) for y in lines if 0 <= y < self.size.height]
        if regions:
            self.refresh(*regions)

    def _place_cursor(self, model: ScreenModel) -> None:
        """Tell the terminal around us where its own cursor belongs: input methods open there."""
        if self.entered:
            y = model.history + model.cursor.y - self.viewport.first(model)
            self.app.cursor_position = self.content_region.offset + Offset(model.cursor.x, y)

    def on_resize(self) -> None:
        """The window is as high as the panel."""
        self.viewport.height = max(1, self.size.height)
        self.refresh()
        self.post_message(self.Resized())

    def on_unmount(self) -> None:
        """Leave no timer behind."""
        self._pacer.stop()
        self._blank.set(None)

    # ---- painting

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        width, model = self.size.width, self.model
        if model is None or not model.generation:
            return self._note_line(y, width)
        if y == 0 and not self.viewport.scrolled:
            self._first = self.viewport.first(model)
        line = self.viewport.first(model) + y
        row = self.viewport.row(model, line)
        if row is None:
            return Strip.blank(width, self.own_style)
        plain = not self.needle and self.text_selection is None
        if not plain or self._cursor_on(line, model):
            return self._strip(self._segments(row, line, model), line, width)
        strip = self._strips.get((row, line, width))
        if strip is None:
            strip = self._strip(screen_segments(row, self.own_style), line, width)
            self._strips[row, line, width] = strip
        return strip

    def _strip(self, segments: list[Segment], line: int, width: int) -> Strip:
        strip = Strip(segments).adjust_cell_length(width, self.own_style)
        return strip.apply_offsets(0, line)

    def notify_style_update(self) -> None:
        """The theme or a class changed: paint all anew."""
        self._strips.clear()
        super().notify_style_update()

    def _segments(self, row: Row, line: int, model: ScreenModel) -> list[Segment]:
        segments = screen_segments(row, self.own_style)
        if self.needle:
            style = self.get_component_rich_style("terminal--match")
            segments = _marked(segments, clean_cells(row_text(row)), self.needle, style)
        if self._cursor_on(line, model):
            segments = _with_cursor(segments, model.cursor, self.own_style)
        selection = self.text_selection
        span = selection.get_span(line) if selection is not None else None
        if span is not None:
            style = self.screen.get_component_rich_style("screen--selection")
            segments = restyle(segments, *span, style)
        return segments

    def _cursor_on(self, line: int, model: ScreenModel) -> bool:
        shown = self.entered and model.cursor.visible and not self.viewport.scrolled
        return shown and line == model.history + model.cursor.y

    def _note_line(self, y: int, width: int) -> Strip:
        lines = [part for line in self._note.split("\n") for part in wrapped(line, width)]
        first = max(0, (self.size.height - len(lines)) // 2)
        text = lines[y - first] if 0 <= y - first < len(lines) else ""
        style = self.get_component_rich_style("terminal--note")
        return Strip([Segment(text.center(width), style)]).adjust_cell_length(width, style)

    # ---- the past

    def scroll_lines(self, lines: int) -> None:
        """Move the window by ``lines``; negative ones lead into the past."""
        if self.model is not None and self.viewport.scroll(self.model, lines):
            self._moved()

    def show_line(self, line: int) -> None:
        """Bring ``line`` into sight: in the present if it is there, else to the middle."""
        if self.model is not None:
            present = self.viewport.present(self.model)
            middle = line - self.viewport.height // 2
            self.viewport.show(self.model, present if line >= present else middle)
            self._moved()

    def to_present(self) -> None:
        """Show the present again."""
        self.needle = ""
        self.viewport.forget()
        self._moved()

    def give(self, start: int, rows: Sequence[Row]) -> None:
        """Take in lines of the past."""
        self.viewport.keep(start, rows)
        self.refresh()

    def _moved(self) -> None:
        self._dirty = None
        self.refresh()
        self.post_message(self.Scrolled())
        wanted = self.viewport.missing(self.model) if self.model is not None else None
        if wanted is not None:
            self.post_message(self.Wanted(*wanted))

    # ---- typing

    def enter(self, sink: Callable[[Input], bool], leave_keys: Sequence[str]) -> None:
        """From now on every key goes to ``sink``, but for ``leave_keys``."""
        self.entered, self.sink, self.leave_keys = True, sink, leave_keys
        if self.viewport.scrolled:
            self.to_present()
        self.can_focus = True
        self.focus()
        self.refresh()

    def leave(self) -> None:
        """Keys are the dashboard's again."""
        self.entered = False
        self.can_focus = False
        self.refresh()

    def take(self, strokes: deque[Stroke]) -> None:
        """Pass strokes on as they were typed, up to the key that leaves; after it none is taken."""
        keys: list[str] = []
        while strokes and self.entered:
            stroke = strokes.popleft()
            if self._leaves(stroke.event):
                self._send_keys(keys)
                self.post_message(self.Left())
                return
            if isinstance(stroke.event, events.Key) and not stroke.as_it_came:
                keys.append(wire_name(stroke.event))
                continue
            self._send_keys(keys)
            if isinstance(stroke.event, events.Paste):
                self._paste(stroke.event.text)
            elif stroke.apart and self._leaves(stroke.apart[1]):
                self._send_keys(["escape"])
                strokes.appendleft(Stroke("", stroke.apart[1]))
            else:
                self._send_raw(stroke.data)
        self._send_keys(keys)

    def _leaves(self, event: events.Event | None) -> bool:
        return isinstance(event, events.Key) and name_of(event) in self.leave_keys

    def _send_keys(self, keys: list[str]) -> None:
        """Send what was gathered, and gather anew."""
        if keys and self.model is not None:
            self._send(KeyInput(session_id=self.model.session_id, keys=tuple(keys)))
        keys.clear()

    def _send_raw(self, data: bytes) -> None:
        if self.model is not None:
            self._send(RawInput(session_id=self.model.session_id, data=data))

    def _paste(self, text: str) -> None:
        if len(text) > PASTE_LIMIT:
            self.post_message(self.Refused("That is more text than can be pasted at once."))
        elif self.model is not None:
            self._send(PasteInput(session_id=self.model.session_id, text=text))

    def _send(self, message: Input) -> None:
        if not self.sink(message):
            self.post_message(self.Refused("The session takes no input now; nothing was sent."))

    # ---- mouse

    @property
    def _mouse_is_passed_on(self) -> bool:
        model = self.model
        return self.entered and model is not None and model.modes.mouse is not MouseMode.OFF

    @property
    def allow_select(self) -> bool:
        """Text can be selected unless the program has the mouse."""
        return not self._mouse_is_passed_on

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A button went down."""
        if self._pass("press", event):
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A button went up."""
        if self.app.mouse_captured is self:
            self.release_mouse()
        self._pass("release", event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The mouse moved."""
        mode = self.model.modes.mouse if self.model is not None else MouseMode.OFF
        if mode is MouseMode.MOTION or (mode is MouseMode.DRAG and event.button):
            self._pass("move", event)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel turned back."""
        event.stop()
        if not self._pass("scroll_up", event):
            self.scroll_lines(-WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel turned on."""
        event.stop()
        if not self._pass("scroll_down", event):
            self.scroll_lines(WHEEL_LINES)

    def _pass(self, action: MouseAction, event: events.MouseEvent) -> bool:
        """Pass a mouse event on to the program, if it has the mouse; shift keeps it here."""
        model = self.model
        if model is None or not self._mouse_is_passed_on or event.shift:
            return False
        first = self.viewport.first(model) - model.history
        self.sink(
            MouseInput(
                session_id=model.session_id,
                action=action,
                button=event.button,
                x=max(0, event.x - self.gutter.left),
                y=max(0, event.y - self.gutter.top + first),
                shift=event.shift,
                alt=event.meta,
                ctrl=event.ctrl,
            )
        )
        event.stop()
        return True

    # ---- selection

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text; rows end without the blanks that fill them."""
        if self.model is None:
            return None
        start = (
            selection.start.y if selection.start is not None else self.viewport.first(self.model)
        )
        end = self.model.history + self.model.lines
        stop = min(end, selection.end.y + 1 if selection.end is not None else end)
        parts = []
        for line in range(start, stop):
            text = clean_cells(row_text(self.viewport.row(self.model, line) or ()))
            low, high = selection.get_span(line) or (0, 0)
            parts.append(text[low : None if high < 0 else high].rstrip())
        return "\n".join(parts), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The selected part changed."""
        self.refresh()


def _with_cursor(segments: list[Segment], cursor: Cursor, base: Style) -> list[Segment]:
    """The cursor drawn on its cell; a bar is drawn as a block, since cells can't be halved."""
    text = "".join(segment.text for segment in segments)
    place = character_at(text, cursor.x)
    if place >= len(text):
        segments = [*segments, Segment(" " * (place + 1 - len(text)), base)]
    if cursor.shape is CursorShape.UNDERLINE:
        return restyle(segments, place, place + 1, Style(underline=True))
    turned = _style_at(segments, place).reverse
    return restyle(segments, place, place + 1, Style(reverse=not turned))


def _style_at(segments: Iterable[Segment], place: int) -> Style:
    for segment in segments:
        if place < len(segment.text):
            return segment.style or Style.null()
        place -= len(segment.text)
    return Style.null()


def _marked(segments: list[Segment], text: str, sought: str, style: Style) -> list[Segment]:
    folded, needle = text.casefold(), sought.casefold()
    found = folded.find(needle)
    while found >= 0:
        segments = restyle(segments, found, found + len(needle), style)
        found = folded.find(needle, found + len(needle))
    return segments
