"""Times as text: ISO 8601 in UTC with six digits of a second, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime

from ..core.base.clock import require_aware


def to_text(stamp: datetime) -> str:
    """``stamp`` as text.

    :raises ValueError: if it has no time zone.
    """
    if stamp.tzinfo is not UTC:
        stamp = require_aware(stamp, "a stamp to keep")
    return stamp.isoformat("T", "microseconds")


def to_text_or_none(stamp: datetime | None) -> str | None:
    """``stamp`` as text, if there is one."""
    return None if stamp is None else to_text(stamp)


def from_text(text: str) -> datetime:
    """The aware time that ``text`` says."""
    return datetime.fromisoformat(text)


def from_text_or_none(text: str | None) -> datetime | None:
    """The aware time that ``text`` says, if any."""
    return None if text is None else datetime.fromisoformat(text)


def for_file_name(stamp: datetime) -> str:
    """``stamp`` in a form for file names: ``20260131T235959Z``."""
    return stamp.strftime("%Y%m%dT%H%M%SZ")
