"""What goes into the audit log of events: those that safety depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ..telemetry.audit import canonical
from .records import AddAudit, EventRecord

AUDITED = frozenset(
    {
        "session.created",
        "session.deleted",
        "attention.closed",
        "env.error",
        "system.error",
        "system.warning",
        "system.info",
        "workflow.created",
        "workflow.deleted",
    }
)
"""Durable events that are bound into the log, beside all of the families below."""

FAMILIES = ("safety.", "budget.")


def is_audited(kind: str) -> bool:
    """Whether events of this type are bound into the log."""
    return kind in AUDITED or kind.startswith(FAMILIES)


def event_entry(event: EventRecord) -> AddAudit:
    """The record of an event: what it was, and the hash of all that is kept of it."""
    body = {
        "kind": "event",
        "sequence": event.sequence,
        "type": event.type,
        "session": event.session_id,
        "hash": hash_of(event.body),
    }
    return AddAudit(event.at, body_text(body))


def body_text(body: Mapping[str, Any]) -> str:
    """A record's content as it is kept."""
    # Half surrogate pairs, as in file names that are no UTF-8, become JSON escapes.
    return canonical(body).encode(errors="backslashreplace").decode()


def hash_of(text: str) -> str:
    """The SHA-256 of a kept text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
