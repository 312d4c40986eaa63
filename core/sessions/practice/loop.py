"""Keys, time and signals in, bytes out: the loop that an agent runs in."""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType

from .keys import Key, KeyDecoder
from .program import Program
from .terminal import Terminal

ESC_PAUSE = 0.025
"""Seconds after which a lone Esc is a key and no longer the start of a sequence."""


class Leave(BaseException):
    """A signal ends the agent: not an error, and nothing on the way may catch it as one."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def wake(number: int, frame: FrameType | None) -> None:
    """Let the wake-up descriptor speak for ``number``."""


def terminate(number: int, _frame: FrameType | None) -> None:
    """End with the code a shell gives for ``number``; a terminal that hung up ends the input.

    More of them, such as a hang-up behind a request to end, change nothing any more.
    """
    for one in LAST:
        signal.signal(one, wake)
    raise Leave(0 if number == signal.SIGHUP else 128 + number)


LAST = (signal.SIGHUP, signal.SIGTERM)
"""The signals that end an agent."""

HANDLERS = {
    signal.SIGHUP: terminate,
    signal.SIGINT: wake,
    signal.SIGTERM: terminate,
    signal.SIGWINCH: wake,
}


class Signals:
    """The process's signals while an agent runs; ``descriptor`` is readable when one came."""

    def __init__(self) -> None:
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writer, False)
        self._woken = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.getsignal(number) for number in HANDLERS}

    def take(self) -> None:
        """Have the signals handled here from now on."""
        for number, handler in HANDLERS.items():
            signal.signal(number, handler)

    def came(self) -> bytes:
        """The numbers of the signals that came, one byte each."""
        return os.read(self.descriptor, 1024)

    def restore(self, *, leaving: bool) -> None:
        """Give the signals back; those that end a process that is ``leaving`` change nothing."""
        signal.set_wakeup_fd(self._woken)
        for number, handler in self._before.items():
            if not (leaving and number in LAST):
                signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._writer)


class Loop:
    """Runs one agent in one terminal."""

    def __init__(self, program: Program, terminal: Terminal) -> None:
        self._program = program
        self._terminal = terminal
        self._decoder = KeyDecoder()
        self._read_at = 0.0
        self._signals = Signals()

    def run(self) -> int:
        """The agent's exit code; 0 when its terminal goes away."""
        leaving = False
        try:
            code = self._live()
        except Leave as leave:
            code, leaving = leave.code, True
        except OSError:
            code = 0
        finally:
            self._signals.restore(leaving=leaving)
        self._terminal.leave(self._program.farewell)
        return code

    def _live(self) -> int:
        # Not in ``run``: what a signal raises at a loop's jump back can miss the ``except`` of the
        # same function, but not the one around a call.
        self._signals.take()
        self._terminal.enter(full=self._program.full_screen)
        while self._program.exit_code is None:
            self._show()
            self._react()
        self._show()
        return self._program.exit_code

    def _show(self) -> None:
        output = self._program.output(self._terminal.size())
        if output:
            self._terminal.write(output)

    def _patience(self) -> float | None:
        """Seconds until something is due; None: until something comes."""
        ends = [self._read_at + ESC_PAUSE] if self._decoder.pending else []
        if self._program.due is not None:
            ends.append(self._program.due)
        return max(min(ends) - time.monotonic(), 0) if ends else None

    def _react(self) -> None:
        stdin, stdout = self._terminal.stdin, self._terminal.stdout
        listening = [stdin, self._signals.descriptor]
        writing = [stdout] if self._program.pouring else []
        readable, writable, _ = select.select(listening, writing, [], self._patience())
        if self._signals.descriptor in readable:
            self._take_signals()
        now = time.monotonic()
        if stdin in readable:
            self._read_at = now
            self._take_input()
        elif self._decoder.pending and now - self._read_at >= ESC_PAUSE:
            self._press(self._decoder.flush())
        self._go_on(now, free=bool(writable))

    def _go_on(self, now: float, *, free: bool) -> None:
        due = self._program.due
        if due is not None and due <= now:
            self._program.tick(now)
        if free and self._program.pouring:
            self._program.pour()

    def _take_signals(self) -> None:
        for number in self._signals.came():
            if number == signal.SIGINT:
                self._press([("ctrl-c", "")])
            elif number == signal.SIGWINCH:
                self._program.resized()

    def _take_input(self) -> None:
        data = self._terminal.read()
        if data:
            self._press(self._decoder.feed(data))
        else:
            self._program.exit_code = 0

    def _press(self, keys: list[Key]) -> None:
        for key in keys:
            if self._program.exit_code is None:
                self._program.key(key, time.monotonic())
