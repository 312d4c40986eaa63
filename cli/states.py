"""The states of a session as a person names them."""

from __future__ import annotations

from .failing import fault, near
from .link import Message
from .presenting import ENDED

LIFECYCLES = ("created", "starting", "running", "stopping", *ENDED)
ACTIVITIES = (
    "working",
    "needs_approval",
    "needs_answer",
    "turn_done",
    "idle",
    "limited",
    "errored",
    "unknown",
)
SHORT = {
    "done": ("turn_done",),
    "error": ("errored",),
    "needs": ("needs_approval", "needs_answer"),
    "ended": ENDED,
}


def wanted_states(text: str | None) -> frozenset[str]:
    """The lifecycles and activities that ``text`` names, separated by commas.

    :raises CliFault: ``usage`` for an unknown one.
    """
    found: set[str] = set()
    for word in filter(None, (part.strip() for part in (text or "").split(","))):
        state = word.lower().replace("-", "_").replace(" ", "_")
        known = (*LIFECYCLES, *ACTIVITIES, *SHORT)
        if state not in known:
            hint = near(state, known)
            raise fault("usage", f"There is no state {word}.{hint} States are: {', '.join(known)}.")
        found.update(SHORT.get(state, (state,)))
    return frozenset(found)


def reached(view: Message, wanted: frozenset[str]) -> bool:
    """Whether a session is in one of the ``wanted`` states; activities count while it runs."""
    if view["lifecycle"] in wanted:
        return True
    return view["lifecycle"] == "running" and view["status"]["activity"] in wanted
