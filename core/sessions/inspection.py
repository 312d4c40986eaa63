"""Reading a session without touching it: screen, history, search, log, status."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from ..protocol import commands as c
from ..protocol.screen import row_text
from .keeper.items import Output
from .keeper.places import KeeperPlaces
from .keeper.recording import read_ring
from .session import Session

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[P_^X][^\x1b]*(?:\x1b\\)?"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


def screen_of(session: Session, wish: c.ReadScreen) -> Mapping[str, Any]:
    """The screen, or ``count`` lines from ``start`` of history and screen together."""
    emulator = session.screen.emulator
    total = emulator.history_length + emulator.rows
    start = emulator.history_length if wish.start is None else min(wish.start, total)
    count = emulator.rows if wish.count is None else wish.count
    stop = min(start + count, total)
    kept = emulator.history_length
    rows = emulator.history(start, max(min(stop, kept) - start, 0)) if start < kept else []
    rows = [*rows, *(emulator.row(y - kept) for y in range(max(start, kept), stop))]
    return {
        "session_id": session.id,
        "cols": emulator.cols,
        "lines": emulator.rows,
        "history": kept,
        "start": start,
        "rows": [list(map(list, row)) for row in rows] if wish.styled else None,
        "text": None if wish.styled else [row_text(row).rstrip() for row in rows],
        "cursor": {"x": emulator.cursor.x, "y": emulator.cursor.y},
        "title": emulator.title,
    }


def search_in(session: Session, wish: c.SearchScreen) -> Mapping[str, Any]:
    """Where the text stands in history and screen, newest first."""
    found = session.screen.emulator.search(wish.text, ignore_case=wish.ignore_case)
    matches = [
        {"line": match.line, "column": match.column, "cells": match.cells, "text": match.text}
        for match in reversed(found)
    ]
    return {"session_id": session.id, "matches": matches}


async def log_of(session: Session, wish: c.ReadLog) -> Mapping[str, Any]:
    """The last bytes of the output, as text; with escape sequences only if ``raw``."""
    text = await asyncio.to_thread(_tail, session.places, wish.limit, raw=wish.raw)
    return {"session_id": session.id, "text": text}


def _tail(places: KeeperPlaces, limit: int, *, raw: bool) -> str:
    try:
        items = read_ring(places.ring)
    except OSError:  # never started, or its log is gone
        return ""
    data = b"".join(item.data for item in items if isinstance(item, Output))[-limit:]
    text = data.decode("utf-8", "replace")
    return text if raw else _ESCAPES.sub("", text.replace("\r\n", "\n"))


def explain(session: Session) -> Mapping[str, Any]:
    """Which rule or signal gave the status, on what text, and what was passed over."""
    return {
        "session_id": session.id,
        "name": session.record.name,
        "lifecycle": session.record.lifecycle,
        "status": session.status.model_dump(mode="json"),
        "explanation": session.reader.explain().model_dump(mode="json"),
    }


async def history_of(session: Session, limit: int) -> Mapping[str, Any]:
    """Former statuses, newest first."""
    entries = await session.services.store.history(session.id, limit)
    return {
        "session_id": session.id,
        "entries": [
            {
                "at": entry.at.isoformat(),
                "lifecycle": entry.lifecycle,
                "activity": entry.activity,
                "source": entry.source,
                "evidence": entry.evidence,
            }
            for entry in entries
        ],
    }
