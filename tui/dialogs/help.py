"""Help: every key, every sign, every token of the filters, with search; made from the keymap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..bridge import Bridge
from ..keys.actions import ACTIONS, Context
from ..keys.keymap import Keymap
from ..model.flow.rows import FLOWS
from ..model.flow.tasks import tasks_vocabulary
from ..model.flow.words import FLOW_SIGNS, TASK_SIGNS
from ..model.query import SESSIONS, events_vocabulary
from ..model.words import KIND_SIGNS, KIND_WORDS, SIGNS
from .base import Offer
from .finder import Entry, FinderDialog

HEADINGS = {
    Context.APP: "EVERYWHERE",
    Context.BOARD: "EVERYWHERE BUT THE LOG",
    Context.DECK: "DECK",
    Context.FLOWS: "WORKFLOWS",
    Context.PIPELINES: "PIPELINES",
    Context.CREW: "CREW",
    Context.GRAPH: "IN A GRAPH",
    Context.VERSIONS: "IN A HISTORY",
    Context.ITEM: "AT AN ITEM OF NO SESSION, ON THE DECK",
    Context.VOTE: "AT A PROPOSAL, ON THE CREW'S SCREEN",
    Context.LOG: "LOG",
    Context.HISTORY: "WHILE SCROLLED BACK, OR SEARCHING",
    Context.SELECTION: "WHILE TEXT IS SELECTED",
    Context.ENTERED: "WHILE TYPING INTO A SESSION",
    Context.SHUT_DOWN: "WHILE THE ENGINE IS SHUT DOWN",
}


def entries(keymap: Keymap) -> Iterator[Entry]:
    """Help's lines, in the order of the contexts."""
    for context, heading in HEADINGS.items():
        for name, action in ACTIONS.items():
            if action.context is context:
                keys = "  ".join(keymap.keys[name]) or "no key"
                yield Entry(action.title, keys, heading, name)
    yield from _signs()
    for where, tokens in _filters().items():
        for token in tokens.split():
            yield Entry(token, "", f"FILTER OF THE {where}", "filter token")
    for problem in keymap.problems:
        yield Entry(problem, "", "PROBLEMS OF THE KEYMAP")


def _signs() -> Iterator[Entry]:
    for word, (mark, _) in SIGNS.items():
        yield Entry(f"{mark}  the session is: {word}", "", "SIGNS OF SESSIONS", "sign glyph")
    for kind, (mark, _) in KIND_SIGNS.items():
        yield Entry(f"{mark}  {KIND_WORDS[kind]}", "", "SIGNS OF ITEMS", "sign glyph")
    for word, (mark, _) in FLOW_SIGNS.items():
        yield Entry(f"{mark}  the workflow is: {word}", "", "SIGNS OF WORKFLOWS", "sign glyph")
    for word, (mark, _) in TASK_SIGNS.items():
        yield Entry(f"{mark}  the task is: {word}", "", "SIGNS OF TASKS", "sign glyph")


def _filters() -> dict[str, str]:
    """The tokens of every filter."""
    return {
        "DECK": SESSIONS.tokens(),
        "WORKFLOWS": FLOWS.tokens(),
        "TASKS": tasks_vocabulary(tuple).tokens(),
        "LOG": events_vocabulary({}).tokens(),
    }


class HelpDialog(FinderDialog):
    """Every key, as it stands now."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge, "Help", kind="help")

    def all_entries(self) -> Sequence[Entry]:
        """From the keymap in force."""
        return list(entries(self.bridge.keymap))

    def offers(self) -> Sequence[Offer]:
        """It is only read."""
        return [offer for offer in super().offers() if offer.keys != ("enter",)]

    def choose(self) -> None:
        """Nothing is chosen here."""
