"""Help: every key, every sign, every token of the filters, with search; made from the keymap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..bridge import Bridge
from ..keys.actions import ACTIONS, Context
from ..keys.keymap import Keymap
from ..model.query import SESSIONS, events_vocabulary
from ..model.words import KIND_SIGNS, KIND_WORDS, SIGNS
from .base import Offer
from .finder import Entry, FinderDialog

HEADINGS = {
    Context.APP: "EVERYWHERE",
    Context.DECK: "DECK",
    Context.LOG: "LOG",
    Context.HISTORY: "WHILE SCROLLED BACK",
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
    for word, (mark, _) in SIGNS.items():
        yield Entry(f"{mark}  the session is: {word}", "", "SIGNS OF SESSIONS", "sign glyph")
    for kind, (mark, _) in KIND_SIGNS.items():
        yield Entry(f"{mark}  {KIND_WORDS[kind]}", "", "SIGNS OF ITEMS", "sign glyph")
    for where, vocabulary in (("DECK", SESSIONS.tokens()), ("LOG", events_vocabulary({}).tokens())):
        for token in vocabulary.split():
            yield Entry(token, "", f"FILTER OF THE {where}", "filter token")
    for problem in keymap.problems:
        yield Entry(problem, "", "PROBLEMS OF THE KEYMAP")


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
