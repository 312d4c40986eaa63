"""Events in a person's words, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC

from .link import Message
from .presenting import ending, shown
from .printing import clean, stamp


def event_line(event: Message, names: Mapping[str, str]) -> str:
    """An event's number, local time, type, and what happened; ``names`` are sessions' by id."""
    metadata, payload = event["metadata"], event["payload"]
    at = stamp(metadata["timestamp"])
    clock = "" if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone()
    session = clean(session_name(event, names))
    text = clean(_TELLERS.get(event["type"], _other)(payload))
    number = metadata["sequence"] or ""
    return f"{number:>6} {clock:%H:%M:%S} {event['type']:<22} {session:<16} {text}".rstrip()


def session_name(event: Message, names: Mapping[str, str]) -> str:
    """The name of the session an event is about, its id if the name isn't known."""
    payload = event["payload"]
    view = payload.get("session")
    if view is not None:
        return str(view["name"])
    about = payload.get("item") or payload
    found = about.get("session_id") or event["metadata"].get("session_id") or ""
    return str(payload.get("name") or names.get(found, found))


def learn_name(event: Message, names: dict[str, str]) -> None:
    """Note the name of the session an event is about, if it tells it."""
    view = event["payload"].get("session")
    if view is not None:
        names[view["id"]] = view["name"]


def _status(payload: Message) -> str:
    old = shown(payload["old_lifecycle"], payload["old_activity"])
    new = shown(payload["lifecycle"], payload["status"]["activity"])
    how = ending(payload["session"])
    evidence = payload["status"]["evidence"]
    return f"{old} -> {new}" + (f" ({how or evidence})" if how or evidence else "")


def _closed(item: Message) -> str:
    answer = f" with {item['answer']}" if item.get("answer") else ""
    return f"{item['kind']}: {item['title']}: {item['state']}{answer}"


def _other(payload: Message) -> str:
    error = payload.get("error") or payload
    if "message" in error:
        return f"{error.get('code', '')}: {error['message']}"
    return str(payload.get("cwd", ""))


def _raised(payload: Message) -> str:
    return f"{payload['item']['kind']}: {payload['item']['title']}"


def _progress(payload: Message) -> str:
    done = payload["progress"]
    return str(payload["title"]) if done is None else f"{done}% {payload['message']}"


def _payload(payload: Message) -> str:
    view = payload["payload"]
    why = view["error"] or view["reason"] or view["summary"]
    return f"{view['pipeline']}.{view['event']} {view['status']}: {why}".rstrip(": ")


def _pipeline(payload: Message) -> str:
    view = payload["pipeline"]
    waiting = sum(sum(lane["depths"].values()) for lane in view["lanes"])
    running = sum(lane["running"] for lane in view["lanes"])
    paused = ", paused" if view["paused"] else ""
    return f"{view['name']}: {waiting} wait, {running} run{paused}"


_TELLERS: dict[str, Callable[[Message], str]] = {
    "status.changed": _status,
    "status.progress": _progress,
    "attention.raised": _raised,
    "attention.updated": _raised,
    "attention.closed": lambda payload: _closed(payload["item"]),
    "pipeline.payload": _payload,
    "pipeline.dead": _payload,
    "pipeline.loaded": _pipeline,
    "pipeline.changed": _pipeline,
    "session.updated": lambda payload: ", ".join(payload["changed"]),
    "system.health_status": lambda payload: str(payload["health"]["status"]),
    "system.preference_change": lambda payload: f"{payload['name']} = {payload['value']}",
}
"""What happened, by the event's type."""
