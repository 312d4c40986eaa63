"""Log lines that can't hurt; their home is the base room."""

from __future__ import annotations

from ..base.logs import warn

__all__ = ["warn"]
