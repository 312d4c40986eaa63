"""From what a person types to the thing that is meant."""

from __future__ import annotations

from collections.abc import Sequence

from .failing import fault, near
from .invocation import Invocation
from .link import Message

LEAST_PREFIX = 4
"""Characters of an id that count as its beginning or its end."""

SOME, MOST_LISTED = 10, 10_000
"""Workflows that are named in a fault, and asked for, at most."""

SHORT = 6
"""Characters from the end of an id that are shown at least; they differ more than the first."""


def find_session(invocation: Invocation, name: str) -> Message:
    """The session of that name, id or beginning of an id, as the engine's view of it.

    :raises CliFault: ``session_unknown`` with near names, or ``ambiguous_session``.
    """
    sessions: list[Message] = invocation.call("session.list")["sessions"]
    named = [one for one in sessions if one["name"] == name]
    found = named or _by_id(sessions, "id", name)
    if len(found) > 1:
        listed = ", ".join(f"{one['name']} ({one['id']})" for one in found)
        raise fault("ambiguous_session", f"{name} may be any of: {listed}. Give the id.")
    if not found:
        raise fault("session_unknown", f"No session is called {name}.{_hint(name, sessions)}")
    return found[0]


def find_item(invocation: Invocation, name: str) -> Message:
    """The open attention item of that id, or beginning or end of an id.

    :raises CliFault: ``item_unknown`` or ``ambiguous_item``.
    """
    items = invocation.call("attention.list")["items"]
    found = _by_id(items, "item_id", name) or _by_end(items, name)
    if len(found) > 1:
        listed = ", ".join(one["item_id"] for one in found)
        raise fault("ambiguous_item", f"{name} may be any of: {listed}. Give the whole id.")
    if not found:
        raise fault(
            "item_unknown", f"No open item is {name}. See them with: quarterdeck attention list"
        )
    return found[0]


def _by_id(things: Sequence[Message], key: str, text: str) -> list[Message]:
    wanted = text.upper()
    if len(wanted) < LEAST_PREFIX:
        return []
    exact = [one for one in things if one[key] == wanted]
    return exact or [one for one in things if one[key].startswith(wanted)]


def _by_end(items: Sequence[Message], text: str, key: str = "item_id") -> list[Message]:
    wanted = text.upper()
    if len(wanted) < LEAST_PREFIX:
        return []
    return [one for one in items if one[key].endswith(wanted)]


def find_workflow(invocation: Invocation, text: str) -> Message:
    """The workflow with this id, or the one whose id begins or ends with it.

    :raises CliFault: ``workflow_unknown``, ``ambiguous_workflow``.
    """
    return by_prefix(invocation.call("workflow.list", limit=MOST_LISTED)["workflows"], text)


def by_prefix(workflows: Sequence[Message], text: str) -> Message:
    """The workflow with this id, or the one whose id begins or ends with it.

    :raises CliFault: ``workflow_unknown``, ``ambiguous_workflow``.
    """
    found = _by_id(workflows, "id", text) or _by_end(workflows, text, "id")
    if len(found) > 1:
        some = ", ".join(f"{one['id']} ({one['name']})" for one in found[:SOME])
        raise fault("ambiguous_workflow", f"{text} may be any of: {some}. Give more of the id.")
    if not found:
        raise fault("workflow_unknown", _none_of(text))
    return found[0]


def _none_of(text: str) -> str:
    if text.endswith((".yaml", ".yml")):
        return f"{text} is a file, and no workflow's id. Run it with: quarterdeck run {text}"
    known = "See them with: quarterdeck workflow list"
    if len(text) < LEAST_PREFIX:
        return f"{text} is too short: give {LEAST_PREFIX} characters of an id at least. {known}"
    return f"No workflow's id begins or ends with {text}. {known}"


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """For each id the end by which ``find_item`` tells it from the others."""
    for length in range(SHORT, max(map(len, ids), default=0)):
        if len({one[-length:] for one in ids}) == len(set(ids)):
            return {one: one[-length:] for one in ids}
    return {one: one for one in ids}


def session_names(invocation: Invocation) -> dict[str, str]:
    """The names of the sessions by their ids."""
    sessions = invocation.call("session.list")["sessions"]
    return {one["id"]: one["name"] for one in sessions}


def owner_names(invocation: Invocation, items: Sequence[Message]) -> dict[str, str]:
    """The names of the sessions and workflows that items are of, by their ids."""
    names = session_names(invocation) if any(one["session_id"] for one in items) else {}
    if any(one.get("workflow_id") for one in items):
        found = invocation.call("workflow.list", limit=MOST_LISTED)["workflows"]
        names |= {one["id"]: one["name"] for one in found}
    return names


def _hint(name: str, sessions: Sequence[Message]) -> str:
    """What may have been meant, or where to look."""
    if not sessions:
        return " There are no sessions yet."
    found = near(name, dict.fromkeys(one["name"] for one in sessions))
    return found or " See them with: quarterdeck session list"
