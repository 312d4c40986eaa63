"""The steps in which an answer or a prompt is typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to write at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to wait before the next step."""

    seconds: float


KeyStep = Send | Pause
"""One step of typing."""
