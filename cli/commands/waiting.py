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
from ..states import reached, wanted_states

TOPICS = ("status.changed", "session.updated", "session.deleted")


def wait(invocation: Invocation, *, name: str, until: str | None, timeout: str | None) -> None:
    """``session wait``."""
    wanted = wanted_states(until)
    if not wanted:
        raise fault("usage", "Say what to wait for: --until STATE[,STATE]")
    end = None if timeout is None else time.monotonic() + seconds(timeout, "--timeout")
    events = Events(invocation, TOPICS)
    view = find_session(invocation, name)
    while not reached(view, wanted):
        _check_alive(view, wanted)
        event = events.next(end)
        again = event is RETURNED
        view = find_session(invocation, view["id"]) if again else _after(event, view)
    record = session_record(view)
    told = f"{record['name']}: {record['shown']}."
    invocation.printer.show({"session": record}, lambda: invocation.printer.line(told))


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
