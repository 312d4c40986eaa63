"""The dashboard's event loop: Textual lets it begin every task within ``create_task``."""

from __future__ import annotations

import asyncio

import pytest


def begin_tasks_at_once() -> None:
    """Let the running loop do so; skips the test where Python can't (before 3.12)."""
    eager = getattr(asyncio, "eager_task_factory", None)
    if eager is None:
        pytest.skip("this Python has no eager tasks")
    asyncio.get_running_loop().set_task_factory(eager)
