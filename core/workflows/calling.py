"""Calling what users register; its home is the base room."""

from __future__ import annotations

from ..base.calling import Threads, is_async

__all__ = ["Threads", "is_async"]
