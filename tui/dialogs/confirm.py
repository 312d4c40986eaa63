"""Is the person sure? A second, different key says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from ..bridge import Bridge
from .base import Dialog, Offer

SURE_KEYS = ("y", "o", "enter")


class ConfirmDialog(Dialog[bool]):
    """Ends with ``True`` once the person pressed a key that is not one of the action's own."""

    def __init__(self, bridge: Bridge, *, action: str, title: str, text: str, verb: str) -> None:
        super().__init__(bridge, title, kind="confirm")
        asked_with = bridge.keymap.keys[action]
        self.sure_key = next(key for key in SURE_KEYS if key not in asked_with)
        self._text = bridge.keymap.told(text)
        self._verb = verb

    def body(self) -> Iterable[Widget]:
        """What will happen."""
        return (Static(self._text, classes="dialog-text", markup=False),)

    def offers(self) -> Sequence[Offer]:
        """Do it, or don't."""
        return (
            Offer(
                (self.sure_key,),
                f"yes, {self._verb}",
                lambda: self._end(sure=True),
                guarded=True,
            ),
            Offer(("escape", "n"), "no, leave it", lambda: self._end(sure=False)),
        )

    def _end(self, *, sure: bool) -> None:
        self.dismiss(sure)
