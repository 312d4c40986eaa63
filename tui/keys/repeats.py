"""Which key presses are repeats of a key that is held down."""

from __future__ import annotations

from ...core.base.clock import Clock

HELD_SECONDS = 0.3
REMEMBERED = 64


class Repeats:
    """Remembers when each key was pressed last.

    Terminals don't tell a repeat from a press, so the same key again within 0.3 s counts as held;
    a held key repeats every 20 to 100 ms.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pressed: dict[str, float] = {}

    def press(self, key: str) -> bool:
        """Note that ``key`` was pressed; whether it is held down."""
        now = self._clock.monotonic()
        before = self._pressed.get(key)
        if len(self._pressed) >= REMEMBERED:
            self._pressed.clear()
        self._pressed[key] = now
        return before is not None and now - before < HELD_SECONDS
