"""Writing a prompt and submitting it to a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.widget import Widget

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import Prompt
from ...core.protocol.views import SessionView
from ..bridge import Bridge
from ..model.words import clean
from ..widgets.fault_line import FaultLine
from ..widgets.prompt_area import PromptArea
from .base import Dialog, Offer


class PromptDialog(Dialog[None]):
    """Stays open, with its text, until the engine has taken the prompt.

    What was written and not sent is there again when the dialog is opened for the session anew.
    """

    def __init__(self, bridge: Bridge, session: SessionView) -> None:
        super().__init__(bridge, f"Prompt for {clean(session.name)}", kind="prompt")
        self._session_id = session.id
        self.area = PromptArea(
            bridge.drafts.get(session.id, ""), id="prompt-area", placeholder="What should it do?"
        )
        self.fault = FaultLine()
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """Field, fault."""
        return (self.area, self.fault)

    def begin(self) -> None:
        """Write at once, after what was left."""
        self.area.move_cursor(self.area.document.end)
        self.area.focus()

    def offers(self) -> Sequence[Offer]:
        """Send, or keep for later."""
        if self._sending:
            return (Offer(("escape",), "don't wait", self.give_up),)
        return (
            Offer(("enter",), "send", lambda: self.submit(self.area.text)),
            Offer(("alt+enter",), "new line", lambda: None),
            Offer(("escape",), "keep for later", self.give_up),
        )

    def give_up(self) -> None:
        """Close; what was written is kept."""
        if self.area.text.strip() and not self._sending:
            self.bridge.drafts[self._session_id] = self.area.text
        self.dismiss(None)

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        """Send it."""
        event.stop()
        self.submit(event.text)

    def submit(self, text: str) -> None:
        """Send ``text`` to the session."""
        if not text.strip() or self._sending:
            return
        self._sending = True
        self.bridge.drafts[self._session_id] = text
        self.fault.say("")
        self.bridge.send(
            Prompt(session_id=self._session_id, text=text), then=self._taken, failed=self._refused
        )
        self.show_state()

    def _taken(self, result: dict[str, Any]) -> None:
        self.bridge.drafts.pop(self._session_id, None)
        name = clean(self.bridge.session_name(self._session_id))
        sure = result.get("delivery") == "verified"
        doubt = "" if sure else " Whether it was taken can't be seen; have a look."
        self.bridge.host.tell(f"Prompted {name}.{doubt}", "information" if sure else "warning")
        if self.is_attached:
            self.dismiss(None)

    def _refused(self, error: QuarterdeckError) -> None:
        """Say why, and keep the text."""
        self._sending = False
        if self.is_attached:
            info = error.info()
            self.fault.say(f"{info.code}: {info.message}")
            self.show_state()
        else:
            self.bridge.complain(error)
