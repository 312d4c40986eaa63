"""What goes into the audit log of commands: each that was carried out, with what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..protocol.payload import Payload
from ..protocol.wire import Reply
from ..telemetry.redaction import Redactor
from .auditing import body_text
from .context import Call
from .records import AddAudit

TEXT_LIMIT = 500


def command_entry(
    call: Call, wish: Payload, reply: Reply, redactor: Redactor, at: datetime
) -> AddAudit:
    """The record of a command: who wished for what, without secrets, and what came of it."""
    command, client = call.command, call.client
    body = {
        "kind": "command",
        "id": command.id,
        "type": command.type,
        "client": {"id": client.client_id, "name": client.name, "pid": client.pid},
        "wish": _short(redactor.value(wish.model_dump(mode="json", exclude_unset=True))),
        "ok": reply.ok,
        "code": None if reply.error is None else reply.error.code,
    }
    return AddAudit(at, body_text(body))


def _short(value: Any) -> Any:
    """``value`` with long texts cut: a record tells what was wished, and is no copy of it."""
    if isinstance(value, str):
        return (
            value
            if len(value) <= TEXT_LIMIT
            else f"{value[:TEXT_LIMIT]}… ({len(value)} characters)"
        )
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    return value
