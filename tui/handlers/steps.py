"""The keys that move through rows, the same on every screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .base import Handler, Handlers

EVERYTHING = 1_000_000


def row_steps(
    step: Callable[[int], None], page: Callable[[int], None], why_not: Callable[[], str | None]
) -> Handlers:
    """Rows, pages and both ends; ``step`` takes rows, ``page`` takes -1 or 1."""
    return {
        "nav.down": Handler(partial(step, 1), why_not, repeatable=True),
        "nav.up": Handler(partial(step, -1), why_not, repeatable=True),
        "nav.page_down": Handler(partial(page, 1), why_not, repeatable=True),
        "nav.page_up": Handler(partial(page, -1), why_not, repeatable=True),
        "nav.first": Handler(partial(step, -EVERYTHING), why_not),
        "nav.last": Handler(partial(step, EVERYTHING), why_not),
    }
