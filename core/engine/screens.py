"""The screens that a client watches: frames on demand, or bytes for a real terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..base.clock import SYSTEM_CLOCK, Clock
from ..protocol.wire import Frame, Output
from .ports import ScreenSource

FRAMES_PER_SECOND = 30
TAP_LIMIT = 256 * 1024
"""Unsent bytes after which a watcher gets a repaint in their place."""

Mode = Literal["frames", "bytes"]


@dataclass(slots=True)
class _Watched:
    """A screen watched by frames, and the generation that the client holds."""

    source: ScreenSource
    generation: int = 0
    dirty: bool = True


@dataclass(slots=True)
class _Tapped:
    """A screen watched by bytes: those unsent, or the need of a repaint in their place."""

    source: ScreenSource
    repaint: bool = True
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class ScreensStatistics:
    """Figures of the watched screens."""

    watched: int
    frames: int
    outputs: int
    repaints: int


class Screens:
    """What one client watches; gives frames by pull, at most 30 rounds a second.

    ``wake`` is called when something has come to be sent. A round holds the changed screens only.
    Bytes are passed on as they come, bounded: a client that takes them too slowly gets a repaint.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        *,
        per_second: float = FRAMES_PER_SECOND,
        tap_limit: int = TAP_LIMIT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._wake = wake
        self._interval = 1 / per_second
        self._tap_limit = tap_limit
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._tapped: dict[str, _Tapped] = {}
        self._releases: dict[str, Callable[[], None]] = {}
        self._next_round = clock.monotonic()
        self._frames = 0
        self._outputs = 0
        self._repaints = 0

    def watch(self, session_id: str, source: ScreenSource, mode: Mode) -> None:
        """Watch a session's screen from now on, in this mode alone."""
        self.unwatch(session_id)
        if mode == "frames":
            watched = _Watched(source)
            self._watched[session_id] = watched
            self._releases[session_id] = source.watch(lambda: self._changed(watched))
        else:
            tapped = _Tapped(source)
            self._tapped[session_id] = tapped
            self._releases[session_id] = source.tap(
                lambda data, ended: self._came(tapped, data, ended)
            )
        self._wake()

    def unwatch(self, session_id: str) -> None:
        """Watch it no more."""
        self._watched.pop(session_id, None)
        self._tapped.pop(session_id, None)
        release = self._releases.pop(session_id, None)
        if release is not None:
            release()

    def close(self) -> None:
        """Watch nothing more."""
        for session_id in list(self._releases):
            self.unwatch(session_id)

    def due(self) -> float | None:
        """Seconds until ``take`` gives something; ``None``: not before something changes."""
        if any(_unsent(tapped) for tapped in self._tapped.values()):
            return 0.0
        if any(watched.dirty for watched in self._watched.values()):
            return max(0.0, self._next_round - self._clock.monotonic())
        return None

    def take(self) -> list[Frame | Output]:
        """What is to be sent now: one message at most for each screen."""
        messages: list[Frame | Output] = [
            self._output(session_id, tapped)
            for session_id, tapped in self._tapped.items()
            if _unsent(tapped)
        ]
        now = self._clock.monotonic()
        if now >= self._next_round:
            frames = self._round()
            if frames:
                self._next_round = now + self._interval
            messages += frames
        self._outputs += len(messages)
        return messages

    def statistics(self) -> ScreensStatistics:
        """The figures so far."""
        return ScreensStatistics(
            len(self._releases), self._frames, self._outputs - self._frames, self._repaints
        )

    def _changed(self, watched: _Watched) -> None:
        if not watched.dirty:
            watched.dirty = True
            self._wake()

    def _round(self) -> list[Frame | Output]:
        frames: list[Frame | Output] = []
        for watched in self._watched.values():
            if not watched.dirty:
                continue
            watched.dirty = False
            frame = watched.source.frame(watched.generation)
            if frame is not None:
                watched.generation = frame.generation
                frames.append(Frame(frame=frame))
        self._frames += len(frames)
        return frames

    def _came(self, tapped: _Tapped, data: bytes, ended: bool) -> None:
        tapped.ended = tapped.ended or ended
        if not tapped.repaint:
            tapped.chunks.append(data)
            tapped.size += len(data)
            if tapped.size > self._tap_limit:
                tapped.chunks.clear()
                tapped.size = 0
                tapped.repaint = True
        self._wake()

    def _output(self, session_id: str, tapped: _Tapped) -> Output:
        if tapped.repaint:
            data = tapped.source.repaint()
            self._repaints += 1
        else:
            data = b"".join(tapped.chunks)
        message = Output(session_id=session_id, data=data, ended=tapped.ended)
        tapped.chunks.clear()
        tapped.size = 0
        tapped.repaint = tapped.ended = False
        return message


def _unsent(tapped: _Tapped) -> bool:
    return bool(tapped.repaint or tapped.size or tapped.ended)
