"""Selected text to the clipboard."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from .bridge import Bridge
from .model.words import plural


def copy_selection(screen: Screen[Any], bridge: Bridge) -> None:
    """Copy what is selected on ``screen`` (through OSC 52), and say how much it was."""
    text = screen.get_selected_text() or ""
    screen.app.copy_to_clipboard(text)
    screen.clear_selection()
    bridge.host.tell(f"Copied {plural(len(text), 'character')}.")
