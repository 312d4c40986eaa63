"""Sessions, items and an engine as the real views have them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.status import (
    Activity,
    Choice,
    DialogKind,
    Lifecycle,
    Request,
    Source,
    Status,
)
from quarterdeck.core.protocol.views import (
    EngineView,
    SessionView,
)

SINCE = datetime.now(UTC) - timedelta(hours=3, minutes=5)
CHOICES = (
    Choice(key="1", label="Yes", meaning="allow_once"),
    Choice(key="2", label="Yes, always", meaning="allow_always"),
    Choice(key="3", label="No", meaning="reject"),
)


def session_view(name: str, **changes: Any) -> SessionView:
    """A running session."""
    activity = changes.pop("activity", Activity.WORKING)
    request = changes.pop("request", None)
    status = Status(
        activity=activity,
        source=Source.SCREEN,
        evidence="spinner",
        since=SINCE,
        request=request,
    )
    fields: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "agent": "claude",
        "cwd": "/home/ada/shop",
        "lifecycle": Lifecycle.RUNNING,
        "status": status,
        "pid": 4242,
        "keeper_pid": 4241,
        "cols": 120,
        "lines": 40,
        "created_at": SINCE,
        "started_at": SINCE,
        "title": "shop",
        "version": 3,
    }
    return SessionView(**(fields | changes))


def asking() -> Request:
    """An open permission dialog."""
    return Request(
        request_id="r-1", kind=DialogKind.PERMISSION, text="Run npm install?", choices=CHOICES
    )


def attention_item(session: SessionView, **changes: Any) -> AttentionItem:
    """An open approval of ``session``."""
    fields: dict[str, Any] = {
        "item_id": new_id(),
        "kind": AttentionKind.APPROVAL,
        "session_id": session.id,
        "request_id": "r-1",
        "title": f"{session.name}: run npm install",
        "text": "Run npm install?",
        "choices": CHOICES,
        "created_at": SINCE,
    }
    return AttentionItem(**(fields | changes))


def engine_view(state_dir: Path) -> EngineView:
    """What the fake engine says of itself."""
    return EngineView(
        engine_id=new_id(),
        pid=os.getpid(),
        version="0.1.0",
        protocol=1,
        state_dir=str(state_dir),
        store="memory://",
        headless=True,
        started_at=SINCE,
    )
