"""Exit codes."""

from __future__ import annotations

DONE, FAILED, USAGE, NO_ENGINE = 0, 1, 2, 3
INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports for SIGINT, and for a reader that has gone."""

MEANINGS = (
    (DONE, "done"),
    (FAILED, "failed; stderr says CODE and why"),
    (USAGE, "the command line can't be read, or there is no terminal to draw on"),
    (NO_ENGINE, "no engine runs for the state directory"),
    (INTERRUPTED, "interrupted"),
)
"""The codes that a person meets."""
