"""``quarterdeck session wait``."""

from __future__ import annotations

import time

from ..durations import seconds
from ..failing import fault
from ..following import RETURNED, Events
from ..invocation import Invocation
from ..link import Message
from ..naming import find_session
from ..presenting import ENDED, ending, session_record

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
TOPICS = ("status.changed", "session.updated", "session.deleted")


def wait(invocation: Invocation, *, name: str, until: str | None, timeout: str | None) -> None:
    """``session wait``."""
    wanted = wanted_states(until)
    end = None if timeout is None else time.monotonic() + seconds(timeout, "--timeout")
    events = Events(invocation, TOPICS)
    view = find_session(invocation, name)
    while not reached(view, wanted):
        _check_alive(view, wanted)
        event = events.next(end)
        again = event is RETURNED
        view = find_session(invocation, view["id"]) if again else _after(event, view)
    record = session_record(view)
    told = f"{record['name']} is {record['shown']}."
    invocation.printer.show({"session": record}, lambda: invocation.printer.line(told))


def wanted_states(text: str | None) -> frozenset[str]:
    """The lifecycles and activities that ``text`` names.

    :raises CliFault: ``usage`` for an unknown one.
    """
    found: set[str] = set()
    for word in filter(None, (part.strip() for part in (text or "").split(","))):
        state = word.lower().replace("-", "_").replace(" ", "_")
        if state not in (*LIFECYCLES, *ACTIVITIES, *SHORT):
            known = ", ".join((*LIFECYCLES, *ACTIVITIES, *SHORT))
            raise fault("usage", f"There is no state {word}. States are: {known}.")
        found.update(SHORT.get(state, (state,)))
    if not found:
        raise fault("usage", "Say what to wait for: --until STATE[,STATE]")
    return frozenset(found)


def reached(view: Message, wanted: frozenset[str]) -> bool:
    """Whether a session is in one of the ``wanted`` states; activities count while it runs."""
    if view["lifecycle"] in wanted:
        return True
    return view["lifecycle"] == "running" and view["status"]["activity"] in wanted


def _check_alive(view: Message, wanted: frozenset[str]) -> None:
    """See that the session can still come into another state by itself.

    :raises CliFault: ``session_ended``.
    """
    if view["lifecycle"] in ENDED:
        how = ending(view)
        why = f"{view['name']} is {view['lifecycle']}" + (f" ({how})" if how else "")
        raise fault("session_ended", f"{why}, so it will not be {' or '.join(sorted(wanted))}.")


def _after(event: Message | None, view: Message) -> Message:
    """The session after ``event``.

    :raises CliFault: ``timed_out`` without one, ``session_ended`` if it tells of its deletion.
    """
    if event is None:
        raise fault("timed_out", f"{view['name']} is {session_record(view)['shown']} still.")
    payload = event["payload"]
    if event["type"] == "session.deleted" and payload["session_id"] == view["id"]:
        raise fault("session_ended", f"{view['name']} was deleted.")
    found: Message | None = payload.get("session")
    return found if found is not None and found["id"] == view["id"] else view
