"""``quarterdeck events``."""

from __future__ import annotations

from ..failing import fault
from ..following import RETURNED, Events
from ..invocation import Invocation
from ..link import Message
from ..naming import find_session
from ..telling import event_line, learn_name

PAST, PAST_BEFORE_FOLLOWING = 200, 10


class _Teller:
    """Prints events: one line each, for people or as JSON."""

    def __init__(self, invocation: Invocation, session_id: str | None) -> None:
        self._invocation = invocation
        self._session_id = session_id
        sessions = () if invocation.printer.as_json else invocation.call("session.list")["sessions"]
        self._names: dict[str, str] = {one["id"]: one["name"] for one in sessions}

    def tell(self, event: Message) -> None:
        """Print ``event``, unless it is about another session than the one asked for."""
        if self._session_id not in {None, event["metadata"]["session_id"]}:
            return
        if self._invocation.printer.as_json:
            self._invocation.printer.record(event)
            return
        learn_name(event, self._names)
        self._invocation.printer.line(event_line(event, self._names))


def events(
    invocation: Invocation,
    *,
    follow: bool,
    topic: str | None,
    after: int | None,
    session: str | None,
    limit: int | None,
    verify: bool,
    head: str | None,
) -> int | None:
    """``events``; exit code 1 if the audit log does not hold."""
    if verify or head:
        # Start-up time: without an engine it loads the store.
        from .auditing import verify_audit  # noqa: PLC0415

        return verify_audit(invocation, head)
    _check_topic(topic)
    session_id = find_session(invocation, session)["id"] if session else None
    teller = _Teller(invocation, session_id)
    last = after or 0
    if after is None or not follow:
        past = limit or (PAST_BEFORE_FOLLOWING if follow else PAST)
        found = invocation.call(
            "events.list", after=after, topic=topic, session_id=session_id, limit=past
        )
        for event in found["events"]:
            teller.tell(event)
            last = event["metadata"]["sequence"]
        last = max(last, found.get("sequence", 0))
    if follow:
        _go_on(Events(invocation, (topic,) if topic else (), since=last), teller)
    return None


def _check_topic(topic: str | None) -> None:
    if topic is None:
        return
    # Start-up time: most calls name no topic.
    from ...core.base.topics import pattern_fault  # noqa: PLC0415

    wrong = pattern_fault(topic)
    if wrong is not None:
        raise fault("usage", wrong)


def _go_on(coming: Events, teller: _Teller) -> None:
    while (event := coming.next()) is not None:
        if event is not RETURNED:
            teller.tell(event)
