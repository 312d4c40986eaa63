"""Turns the scanner's findings into drawing, replies and signals, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ...base.clock import Clock
from .queries import (
    CSI_ANSWERS,
    STATEFUL,
    CellSize,
    Colours,
    ReplyBuffer,
    answer_dcs,
    answer_osc,
)
from .scanner import Scanner
from .screens import EFFORT, Screens
from .signals import (
    MAX_TITLE,
    Bell,
    Osc99Reader,
    ProgramStatus,
    PromptMark,
    Signal,
    SignalQueue,
    TerminalReset,
    TitleChanged,
    read_osc7,
    read_osc9,
    read_osc133,
    read_osc777,
)
from .status_protocol import StatusRecords, parse_report
from .untrusted import one_line

HOLD_SECONDS = 0.25
"""How long an open frame (mode 2026) is held back before it is shown unfinished."""
HOLD_BYTES = 1024 * 1024
"""How much of an open frame is held back."""
SYNCHRONIZED = 2026
_TITLE_STACK = 10

_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_CSI = re.compile(rb"([<=>?]?)([0-9;:]*)([ -/]*)")
_DRAWN = frozenset(b"@ABCDEFGHIJKLMPSTXZ`adefgmr")
_DRAWN_AS = {b"a": b"C", b"e": b"B", b"r": b"r\x1b[H"}
"""HPR and VPR, which one back end does not know, move as CUF and CUD do; DECSTBM ends a pending
wrap, which one forgets."""
_OSC = re.compile(r"([0-9]{1,5})(?:;(.*))?\Z", re.DOTALL)

_TITLES = frozenset({"0", "2", "0;", "2;"})

Action = Callable[[Screens, Sequence[int]], None]


def _first(params: Sequence[int], default: int) -> int:
    return (params[0] if params else 0) or default


def _unless_numbered(action: Callable[[Screens], None]) -> Action:
    return lambda screens, params: None if any(params) else action(screens)


def _keyboard_change(screens: Screens, params: Sequence[int]) -> None:
    how = params[1] if len(params) > 1 else 1
    screens.keyboard.change(params[0] if params else 0, how or 1)


ACTIONS: Mapping[bytes, Action] = {
    b"?h": lambda screens, params: screens.set_private(params, on=True),
    b"?l": lambda screens, params: screens.set_private(params, on=False),
    b"h": lambda screens, params: screens.set_ansi(params, on=True),
    b"l": lambda screens, params: screens.set_ansi(params, on=False),
    b"b": lambda screens, params: screens.repeat(_first(params, 1)),
    b"J": lambda screens, _params: screens.clear_history(),  # only ED 3 comes here
    b"s": _unless_numbered(Screens.save_cursor),
    b"u": _unless_numbered(Screens.restore_cursor),
    b"!p": lambda screens, _params: screens.soft_reset(),
    b" q": lambda screens, params: screens.modes.set_shape(_first(params, 0)),
    b">u": lambda screens, params: screens.keyboard.push(_first(params, 0)),
    b"<u": lambda screens, params: screens.keyboard.pop(_first(params, 1)),
    b"=u": _keyboard_change,
}
"""By the sequence's prefix, intermediates and final byte."""


def _keypad(on: bool) -> Callable[[Screens], None]:
    return lambda screens: screens.set_private([66], on=on)


def _designate(slot: int, code: bytes) -> Callable[[Screens], None]:
    return lambda screens: screens.designate(slot, code)


def _shift(slot: int) -> Callable[[Screens], None]:
    return lambda screens: screens.shift(slot)


ESCAPES: Mapping[bytes, Callable[[Screens], None]] = {
    b"7": Screens.save_cursor,
    b"8": Screens.restore_cursor,
    b"#8": Screens.align,
    b"=": _keypad(on=True),
    b">": _keypad(on=False),
    b"n": _shift(2),
    b"o": _shift(3),
    **{
        opener + code: _designate(slot, code)
        for slot, opener in enumerate((b"(", b")", b"*", b"+"))
        for code in (b"0", b"A", b"B", b"1", b"2")
    },
}


class Interpreter:
    """The scanner's sink. What belongs to a held frame waits here, in order, until it ends."""

    def __init__(self, screens: Screens, colours: Colours, cell: CellSize, clock: Clock) -> None:
        self.screens = screens
        self.colours = colours
        self.cell = cell
        self.clock = clock
        self.scanner = Scanner()
        self.replies = ReplyBuffer()
        self.signals = SignalQueue()
        self.status = StatusRecords()
        self.title = ""
        self.titles: list[str] = []
        self.muted = 0
        self.deadline: float | None = None
        self._osc99 = Osc99Reader()
        self._pieces: list[bytes | tuple[bytes, Callable[[], None]]] = []
        self._actions_wait = False
        self._frame_at: int | None = None
        self._frame_bytes = 0

    # Frames

    def feed(self, data: bytes) -> None:
        """Interpret ``data``."""
        self.expire()
        self.screens.effort = EFFORT
        self.scanner.feed(data, self)
        if self._frame_at is None:
            self._draw_all()
        else:
            self._hold(len(data))

    def expire(self) -> None:
        """Show a frame that has been open for too long."""
        if self.deadline is not None and self.clock.monotonic() >= self.deadline:
            self.end_frame()

    def end_frame(self) -> None:
        """Show what is held back, as if the program had ended its frame."""
        self._frame_at = None
        self.deadline = None
        self._draw_all()

    def held(self) -> bytes | None:
        """The bytes of the open frame, to be fed again elsewhere; ``None`` if none is open."""
        if self._frame_at is None:
            return None
        return b"".join(p if isinstance(p, bytes) else p[0] for p in self._pieces)

    def resume_frame(self, held: bytes) -> None:
        """Go on with an open frame of which ``held`` came already."""
        self.synchronize(True)
        self.scanner.feed(held, self)
        self._hold(len(held))

    def _hold(self, added: int) -> None:
        """Draw what stands before the open frame, keep the rest."""
        rest = self._pieces[self._frame_at :]
        del self._pieces[self._frame_at :]
        self._draw_all()
        self._pieces = rest
        self._actions_wait = any(not isinstance(piece, bytes) for piece in rest)
        self._frame_at = 0
        if self.deadline is None:
            self.deadline = self.clock.monotonic() + HOLD_SECONDS
            self._frame_bytes = 0
        self._frame_bytes += added
        if self._frame_bytes > HOLD_BYTES:
            self.end_frame()

    def _draw_all(self) -> None:
        pieces = self._pieces
        if not pieces:
            return
        self._pieces = []
        if not self._actions_wait:
            self.screens.draw(b"".join(pieces))  # type: ignore[arg-type]  # no actions: all bytes
            return
        self._actions_wait = False
        drawn: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, bytes):
                drawn.append(piece)
                continue
            self.screens.draw(b"".join(drawn))
            drawn = []
            piece[1]()
        self.screens.draw(b"".join(drawn))

    def _act(self, raw: bytes, action: Callable[[], None]) -> None:
        """Do ``action`` after all that came before it; in an open frame, when that is drawn."""
        if self._frame_at is None:
            self._draw_all()
            action()
        else:
            self._pieces.append((raw, action))
            self._actions_wait = True

    def _catch_up(self) -> None:
        """Draw what is held back, in an open frame too: an answer depends on it."""
        self._draw_all()
        if self._frame_at is not None:
            self._frame_at = 0

    # The scanner's findings

    def text(self, piece: bytes) -> None:
        """Drawing."""
        self._pieces.append(piece)

    def synchronize(self, begin: bool) -> None:
        """Mode 2026."""
        if not begin:
            self._frame_at = None
            self.deadline = None
        elif self._frame_at is None:
            self._frame_at = len(self._pieces)

    def control(self, byte: bytes) -> None:
        """BEL, shifts, and the line feeds of other names."""
        if byte == b"\x07":
            self._signal(Bell())
        elif byte in b"\x0b\x0c":
            self.text(b"\n")
        elif byte in b"\x0e\x0f":
            slot = 1 if byte == b"\x0e" else 0
            self._act(byte, partial(self.screens.shift, slot))

    def escape(self, sequence: bytes) -> None:
        """Escape sequences; unknown ones do nothing."""
        if sequence == b"c":
            self.end_frame()
            self._reset()
        elif action := ESCAPES.get(sequence):
            self._act(b"\x1b" + sequence, partial(action, self.screens))

    def csi(self, body: bytes, final: bytes) -> None:
        """CSI sequences that are no plain drawing; controls within act first."""
        if controls := _CONTROLS.findall(body):
            body = _CONTROLS.sub(b"", body)
            for byte in controls:
                self.text(byte) if byte in b"\b\t\n\r" else self.control(byte)
        parts = _CSI.fullmatch(body)
        if parts is None:
            return
        params = _params(parts[2])
        key = parts[1] + parts[3] + final
        if key in {b"?h", b"?l"} and SYNCHRONIZED in params:
            self.synchronize(final == b"h")
        if key in CSI_ANSWERS and not (key == b"t" and self._title_stack(params)):
            self._answer(key, params)
        elif key == b"J" and params[:1] != [3]:
            self.text(b"\x1b[%dJ" % _first(params, 0))
        elif key in {b"I", b"Z"}:
            self.text(b"\x1b[%d%s" % (min(_first(params, 1), self.cols), final))
        elif action := ACTIONS.get(key):
            self._act(b"\x1b[" + body + final, partial(action, self.screens, params))
        elif len(key) == 1 and key[0] in _DRAWN:
            self.text(b"\x1b[" + body + _DRAWN_AS.get(final, final))

    def string(self, kind: bytes, payload: bytes) -> None:
        """DCS is answered where it asks; APC, PM and SOS are swallowed."""
        if kind == b"P":
            self._reply(answer_dcs(payload))

    def osc(self, payload: bytes, end: bytes) -> None:
        """OSC strings; clipboard, hyperlinks, colours and unknown ones do nothing."""
        string = payload.decode("utf-8", "replace")
        if string[:2] in _TITLES:
            self._set_title(one_line(string[2:], MAX_TITLE))
            return
        parts = _OSC.match(string)
        if parts is None:
            return
        number, text = int(parts[1]), parts[2] or ""
        if reply := answer_osc(number, text, self.colours, end):
            self._reply(reply)
        elif number == 7501:
            self._report(payload.partition(b";")[2])
        elif signal := self._read(number, text):
            self._signal(signal)

    def _read(self, number: int, text: str) -> Signal | None:
        match number:
            case 7:
                return read_osc7(text)
            case 9:
                return read_osc9(text)
            case 99:
                return self._osc99.feed(text)
            case 133:
                mark = read_osc133(text)
                if mark == PromptMark("A"):
                    self.status.prompt_began()
                return mark
            case 777:
                return read_osc777(text)
            case _:
                return None

    # Effects

    def _report(self, body: bytes) -> None:
        report = parse_report(body)
        if report is not None:
            self.status.apply(report)
            self._signal(ProgramStatus(report))

    def _set_title(self, title: str) -> None:
        if title != self.title:
            self.title = title
            self.screens.touched += 1
            self._signal(TitleChanged(title))

    def _title_stack(self, params: Sequence[int]) -> bool:
        """XTWINOPS 22 and 23 keep the title and bring it back; whether ``params`` are these."""
        if params[:1] == [22]:
            self.titles = [*self.titles[1 - _TITLE_STACK :], self.title]
        elif params[:1] == [23] and self.titles:
            self._set_title(self.titles.pop())
        return params[:1] in ([22], [23])

    def _reset(self) -> None:
        self.screens.reset()
        self.status.reset()
        self.titles = []
        self._set_title("")
        self._signal(TerminalReset())

    def _answer(self, key: bytes, params: Sequence[int]) -> None:
        if self.muted:
            return
        if key in STATEFUL:
            self._catch_up()
        self._reply(CSI_ANSWERS[key](self, params))

    def _reply(self, reply: bytes) -> None:
        if reply and not self.muted:
            self.replies.put(reply)

    def _signal(self, signal: Signal) -> None:
        if not self.muted:
            self.signals.put(signal)

    # What the answers are made of

    @property
    def cols(self) -> int:
        """Columns of the screen."""
        return self.screens.cols

    @property
    def rows(self) -> int:
        """Lines of the screen."""
        return self.screens.rows

    def reported_cursor(self) -> tuple[int, int]:
        """Line and column as the origin mode counts them."""
        return self.screens.reported_cursor()

    def mode_state(self, number: int, *, private: bool) -> int:
        """1 set, 2 reset, 0 unknown."""
        if private and number == SYNCHRONIZED:
            return 2 if self._frame_at is None else 1
        return self.screens.mode_state(number, private=private)

    def keyboard_flags(self) -> int:
        """The kitty keyboard flags in force."""
        return self.screens.keyboard.flags


def _params(text: bytes) -> list[int]:
    """Parameters as numbers, at most 32, each at most 65 535; sub-parameters are left out."""
    if not text:
        return []
    return [_number(part.partition(b":")[0]) for part in text.split(b";")[:32]]


def _number(digits: bytes) -> int:
    if not digits:
        return 0
    return min(int(digits), 65535) if len(digits) < 10 else 65535
