"""``quarterdeck agent``."""

from __future__ import annotations

from ..failing import has_code
from ..invocation import Invocation
from ..link import Message


def list_(invocation: Invocation) -> None:
    """``agent list``; without an engine it looks for itself."""
    agents = known_agents(invocation)
    rows = (
        (
            agent["name"],
            agent["title"],
            "found" if agent["found"] else "missing",
            "rules" if agent["has_rules"] else "",
            agent["path"] or " ".join(agent["command"]),
        )
        for agent in agents
    )
    heads = ("agent", "title", "state", "status by", "program")
    printer = invocation.printer
    printer.show({"agents": agents}, lambda: printer.table(heads, rows, "No agent is known."))


def known_agents(invocation: Invocation) -> list[Message]:
    """Every agent there is: the engine's, or where none runs those of the files here."""
    try:
        found: list[Message] = invocation.call("agent.list")["agents"]
    except Exception as error:
        if not has_code(error, "no_engine"):
            raise
        return _own_look(invocation)
    return found


def _own_look(invocation: Invocation) -> list[Message]:
    # Start-up time: with an engine there, it has looked already.
    import os  # noqa: PLC0415

    from ...core.sessions.roster import Roster  # noqa: PLC0415
    from ..agency import load_catalog  # noqa: PLC0415
    from ..place import load  # noqa: PLC0415

    catalog = load_catalog(load(invocation.place).settings)
    roster = Roster(catalog.definitions, os.environ.get("PATH", ""))
    return [view.model_dump(mode="json") for view in roster.views()]
