"""What the engine found and mended at its start: stays until a person has read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from ..bridge import Bridge
from ..model.words import clean
from .base import Dialog, Offer


class NoticeDialog(Dialog[None]):
    """One paragraph for each notice; the log keeps them."""

    def __init__(self, bridge: Bridge, texts: Sequence[str]) -> None:
        super().__init__(bridge, "Something was mended", kind="notice")
        self._texts = texts

    def body(self) -> Iterable[Widget]:
        """What happened, and where it can be read again."""
        told = "\n\n".join(clean(text, 2000) for text in self._texts)
        return (Static(f"{told}\n\nThe log has it, too.", classes="dialog-text", markup=False),)

    def offers(self) -> Sequence[Offer]:
        """It is only read."""
        return (Offer(("escape", "enter"), "dismiss", self.give_up, guarded=True),)
