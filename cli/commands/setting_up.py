"""``quarterdeck agent setup``: how an agent's status is known, and what its settings must say for that."""

from __future__ import annotations

import json
from typing import Any

from ..agent_settings import FILES, SettingsFile, put_in_order, read, take_back
from ..failing import fault, near
from ..invocation import Invocation
from ..link import Message
from .agents import known_agents


def setup(invocation: Invocation, *, name: str, write: bool, undo: bool) -> None:
    """``agent setup``."""
    if write and undo:
        raise fault("usage", "Either --write or --undo.")
    agents = {agent["name"]: agent for agent in known_agents(invocation)}
    if name not in agents:
        raise fault("agent_unknown", f"There is no agent {name}.{near(name, agents)}")
    file = FILES.get(name)
    changed = file is not None and ((write and put_in_order(file)) or (undo and take_back(file)))
    found = {
        "agent": name,
        "channels": _channels(agents[name]),
        "changed": bool(changed),
        "settings": _settings(file),
    }
    invocation.printer.show(found, lambda: _describe(invocation, found, write, undo))


def _channels(agent: Message) -> list[str]:
    """What its status is read from, the most telling first."""
    parts = (
        ("osc7501" in agent["capabilities"], "its own reports (OSC 7501)"),
        (agent["has_rules"], "rules on its title and its screen"),
        (True, "its process and its output"),
    )
    return [text for there, text in parts if there]


def _settings(file: SettingsFile | None) -> Message | None:
    if file is None:
        return None
    settings = read(file)
    entries = [
        {
            "key": entry.name,
            "wanted": entry.wanted,
            "present": entry.present(settings),
            "in_order": entry.is_in_order(settings),
            "why": entry.why,
        }
        for entry in file.entries
    ]
    backup = str(file.backup) if file.backup.exists() else None
    return {"file": str(file.path), "backup": backup, "entries": entries}


def _describe(invocation: Invocation, found: Message, write: bool, undo: bool) -> None:
    printer, settings = invocation.printer, found["settings"]
    printer.fields((("agent", found["agent"]), ("status by", "; then ".join(found["channels"]))))
    printer.line()
    if settings is None:
        printer.line("It needs no settings of its own: there is nothing to write.")
        return
    rows = [_row(entry) for entry in settings["entries"]]
    printer.table(("setting", "wanted", "is", "", "since"), rows, "")
    printer.line()
    printer.line(_told(found, write, undo))


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    sign = "ok" if entry["in_order"] else "differs"
    wanted, present = (json.dumps(entry[key]) for key in ("wanted", "present"))
    return (entry["key"], wanted, present, sign, entry["why"])


def _told(found: Message, write: bool, undo: bool) -> str:
    settings = found["settings"]
    file, backup = settings["file"], settings["backup"]
    if write:
        return f"Wrote {file}; it was kept as {backup}." if found["changed"] else "All is in order."
    if undo:
        return f"{file} is as it was." if found["changed"] else "There is nothing to take back."
    if all(entry["in_order"] for entry in settings["entries"]):
        return f"All is in order in {file}."
    return f"--write puts this into {file}, and nothing else; --undo takes it back."
