"""Exit codes."""

from __future__ import annotations

DONE, FAILED, USAGE, NO_ENGINE = 0, 1, 2, 3
INTERRUPTED = 130
PIPE_CLOSED = 141
TOLD_TO_END = 143
"""What a shell reports for SIGINT, for a reader that has gone, and for SIGTERM."""

MEANINGS = (
    (DONE, "done"),
    (FAILED, "failed; stderr says CODE and why"),
    (USAGE, "the command line can't be read, or there is no terminal to draw on"),
    (NO_ENGINE, "no engine runs for the state directory"),
    (INTERRUPTED, "interrupted"),
    (PIPE_CLOSED, "whoever read what it prints has gone"),
    (TOLD_TO_END, "told to end by SIGTERM; by another signal: 128 and its number"),
)
"""The codes that a person meets."""
