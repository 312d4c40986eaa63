"""The terminal's driver: tells every key as it came, an escape without delay, and rests at rest."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from codecs import getincrementaldecoder

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message

from .strokes import StrokeReader, Typed

READ = 65536
ENDING = 0.01
SWITCH_SECONDS = 0.0005
FRAME, FRAME_ENDS = "\x1b[?2026h", "\x1b[?2026l"
"""What Textual writes around a frame, where the terminal can show it as one."""


class StrokeDriver(LinuxDriver):
    """Textual's driver for terminals, with a reading of its own for what is typed.

    Textual's would take an escape and the key after it for one key, drop the bytes that were sent,
    hold a lone escape for up to 0.2 s, and wake ten times a second.
    """

    def __init__(
        self,
        app: App[None],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._wake: tuple[int, int] | None = None
        self._frame: list[str] = []

    def write(self, data: str) -> None:
        """Write to the terminal; a frame goes in one piece: each would wake the writing thread."""
        if data != FRAME and not self._frame:
            super().write(data)
            return
        self._frame.append(data)
        if data == FRAME_ENDS:
            whole = "".join(self._frame)
            self._frame.clear()
            super().write(whole)

    def send_message(self, message: Message) -> None:
        """Hand on what was read, in its order; Textual's way makes a task for each, and a turn more."""
        self._loop.call_soon_threadsafe(self._app.post_message, message)

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self._wake = os.pipe()
        # Who reads keys and who writes frames are threads: each would wait up to 5 ms for a loop at work.
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's own
        self._loop.add_signal_handler(signal.SIGWINCH, self._tell_size)

    def _tell_size(self) -> None:
        """Tell the terminal's size."""
        # In the loop: the next signal may interrupt Textual's handler, and then the newer size is told first.
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(Resize(size, size))

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again if it was given up: a hang-up sends this signal, too, at the end."""
        if self._must_signal_resume:
            super()._sigcont_application()

    def disable_input(self) -> None:
        """Read no more; the reading thread has ended afterwards."""
        self._loop.remove_signal_handler(signal.SIGWINCH)
        wake, self._wake = self._wake, None
        if wake is not None:
            os.write(wake[1], b"\0")
        super().disable_input()
        for end in wake or ():
            os.close(end)

    def run_input_thread(self) -> None:
        """Read until told to end; runs in a thread."""
        if self._wake is None:
            return
        wake, ending = self._wake[0], False
        reader, decode = StrokeReader(), getincrementaldecoder("utf-8")("surrogateescape").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                ready = {key.fd for key, _ in selector.select(ENDING if ending else reader.wait)}
                if wake in ready:
                    selector.unregister(wake)
                    ending = True
                if self.fileno in ready:
                    data = self._read()
                    if not data:
                        selector.unregister(self.fileno)
                        self._loop.call_soon_threadsafe(self._hang_up)
                    self._pass_on(reader.feed(decode(data)))
                elif not ready:
                    self._pass_on(reader.flush())

    def _hang_up(self) -> None:
        """The terminal is gone: nobody can look at the dashboard or end it any more."""
        self._app.exit(return_code=128 + signal.SIGHUP)

    def _read(self) -> bytes:
        """What was typed; nothing if the terminal is gone."""
        try:
            return os.read(self.fileno, READ)
        except OSError:
            return b""

    def _pass_on(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, Typed):
                for event in message.events():
                    event.set_sender(self._app)
            self.process_message(message)
