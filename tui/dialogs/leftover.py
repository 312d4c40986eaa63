"""What becomes of a worktree with work in it when its session is deleted; another key for each way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from ..bridge import Bridge
from .base import Dialog, Offer

KEEP, DISCARD = "keep", "discard"


class LeftoverDialog(Dialog[str]):
    """Ends with ``KEEP`` or ``DISCARD``; nothing else drops what is not committed."""

    def __init__(self, bridge: Bridge, *, name: str, why: str) -> None:
        super().__init__(bridge, f"{name} has work in its worktree", kind="confirm")
        self._why = why

    def body(self) -> Iterable[Widget]:
        """Why it was not deleted."""
        yield Static(self._why, classes="dialog-text", markup=False)

    def offers(self) -> Sequence[Offer]:
        """Keep it, drop it, or leave all as it is."""
        return (
            Offer(("k",), "delete it, keep the worktree", lambda: self._end(KEEP), guarded=True),
            Offer(("X",), "drop what is in it", lambda: self._end(DISCARD), guarded=True),
            Offer(("escape", "n"), "leave it", self.give_up),
        )

    def _end(self, way: str) -> None:
        self.dismiss(way)
