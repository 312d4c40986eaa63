"""The program, on a disk that takes its time: each commit is held up for as long as it says.

``slow_engine.py SECONDS WORDS...``; all else is as in the real one.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import Any

from quarterdeck.cli.main import run

SECONDS = float(sys.argv.pop(1))
_connect = sqlite3.connect


class SlowConnection(sqlite3.Connection):
    """Commits like a disk on the other side of the world."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """As ever, but for commits."""
        if sql.strip().upper().startswith("COMMIT"):
            time.sleep(SECONDS)
        return super().execute(sql, *values)


def slow(*words: Any, **options: Any) -> sqlite3.Connection:
    """A connection of the slow kind."""
    opened: sqlite3.Connection = _connect(*words, **{**options, "factory": SlowConnection})
    return opened


setattr(sqlite3, "connect", slow)  # noqa: B010  # its type has many forms, of which this is one
sys.exit(run(sys.argv[1:]))
