"""What an agent tells its terminal beside the screen: its title and its status."""

from __future__ import annotations

from binascii import b2a_base64

from .spending import Spending
from .turns import Focus, Limit, Permission, Question

TITLED = ("approver", "flooder")
"""Roles whose state is in their title; the others report it as OSC 7501."""


def set_title(text: str) -> str:
    """Set the window's title (OSC 0)."""
    return f"\x1b]0;{text}\x1b\\"


def report(state: str, **fields: str | int) -> str:
    """Report a status (OSC 7501); ``msg`` goes as base64."""
    if "msg" in fields:
        fields["msg"] = b2a_base64(str(fields["msg"]).encode(), newline=False).decode()
    pairs = [f"state={state}", *(f"{key}={value}" for key, value in fields.items())]
    return f"\x1b]7501;{':'.join(pairs)}\x1b\\"


class Announcer:
    """The bytes by which a role says how it stands."""

    def __init__(self, role: str) -> None:
        self._name = role.capitalize()
        self._titled = role in TITLED

    def start(self) -> str:
        """Said once, before anything else."""
        return self.idle() if self._titled else set_title(self._name) + self.idle()

    def idle(self) -> str:
        """Nothing to do, or interrupted."""
        return self._state("ready") if self._titled else report("idle")

    def working(self, focus: Focus) -> str:
        """Busy with ``focus``."""
        if self._titled:
            return self._state("working")
        return report("working", progress=focus.progress, msg=focus.message)

    def blocked(self, asked: Permission | Question) -> str:
        """Waiting for the answer to ``asked``."""
        if self._titled:
            return self._state("waiting")
        permission = isinstance(asked, Permission)
        kind = "permission" if permission else "question"
        return report("blocked", kind=kind, msg=asked.text)

    def done(self, spending: Spending) -> str:
        """The turn is over; those who report say what they have spent since they began."""
        if self._titled:
            return self._state("ready")
        return report("done", cost=f"{spending.cost:f}", tokens=spending.tokens)

    def limited(self, reached: Limit) -> str:
        """The turn is over, for a limit is reached."""
        return self._state("limited") if self._titled else report("error", msg=reached.text)

    def _state(self, state: str) -> str:
        return set_title(f"{self._name} - {state}")
