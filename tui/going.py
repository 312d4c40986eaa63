"""Going to what a line or an item is about, on whichever screen it is."""

from __future__ import annotations

from ..core.protocol.attention import AttentionItem
from .bridge import Bridge
from .model.about import about


def show_item(bridge: Bridge, item: AttentionItem) -> None:
    """Go to what ``item`` is about."""
    if item.workflow_id:
        bridge.host.show_flow(item.workflow_id, item.task_id or None)
    elif item.about:
        show_about(bridge, item.about)


def show_about(bridge: Bridge, text: str) -> None:
    """Go to what ``text`` names: a session, a workflow's task, a payload, a line of the crew."""
    kind, name, part = about(text)
    if kind == "session":
        bridge.deck.select_session(name, jump=True)
        bridge.host.perform("screen.deck")
        bridge.moved()
    elif kind == "workflow":
        bridge.host.show_flow(name, part or None)
    elif kind in {"payload", "pipeline"}:
        bridge.host.show_pipelines(text)
    else:
        bridge.host.show_crew(text)


def nowhere(bridge: Bridge, text: str) -> str | None:
    """Why nobody can go to what ``text`` names."""
    kind, name, _ = about(text)
    if kind == "session" and name not in bridge.view.sessions:
        return "The session is gone."
    return None
