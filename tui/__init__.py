"""The dashboard.

Textual paints at most so often a second, and reads how often when it is first imported; a key that
follows a frame would wait up to 17 ms for the next one. The dashboard keeps its own measure of
frames (``pace``), so Textual is told to wait less. Programs in sessions must not inherit it.
"""

import os

NAME, REPAINTS = "TEXTUAL_FPS", "240"

_given = os.environ.setdefault(NAME, REPAINTS)
import textual.constants  # noqa: E402, F401  # reads it

if _given == REPAINTS:
    del os.environ[NAME]
