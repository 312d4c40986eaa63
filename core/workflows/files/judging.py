"""Templates judged where they stand: syntax, quoting, and whether what they speak of is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .reading import Document, KeyPath
from .references import Reference, Seen
from .shapes import nearest

Known = Mapping[str, Collection[str] | None]
"""The names that a template may speak of, each with its keys; ``None`` where any may follow."""


class Judged:
    """A document with what was taken out of it because it was wrong."""

    def __init__(self, document: Document, removed: set[KeyPath]) -> None:
        self.document = document
        self.removed = removed

    def is_removed(self, path: KeyPath) -> bool:
        """Whether something there was wrong already."""
        return any(one[: len(path)] == path for one in self.removed)

    def input_names(self, inputs: Collection[str]) -> list[str]:
        """The names of all inputs, those with faults included."""
        known = list(inputs)
        if self.is_removed(("inputs",)):
            value = self.document.value.get("inputs")
            known += list(value) if isinstance(value, dict) else []
        return known


@dataclass(frozen=True, slots=True)
class Use:
    """One text that may be a template.

    ``early``: it is rendered when the file is loaded, or the fan-out made. ``item``: it may
    speak of an item.
    """

    path: KeyPath
    text: str
    early: bool = False
    item: bool = True
    shell: bool = False


class Judge:
    """Judges one template by what it may see."""

    def __init__(self, judged: Judged, use: Use, known: Known) -> None:
        self._document = judged.document
        self._use = use
        self._known = known

    def judge(self, seen: Seen) -> None:
        """Note every fault of what was seen."""
        for problem in seen.problems:
            self.fault(problem.message, nearest(problem.word, problem.words), problem.line)
        for line in seen.unquoted if self._use.shell else ():
            self.fault(
                "In a line for the shell every value goes through quote.",
                "Write {{ ... | quote }}.",
                line,
            )
        for reference in seen.references:
            if reference.name not in {"range", "dict"}:
                self.check(reference)

    def fault(self, message: str, hint: str, line: int) -> None:
        """Note a fault in that line of the text."""
        self._document.fault(self._use.path, message, hint, row=line)

    def check(self, reference: Reference) -> None:
        """Note it if what is spoken of is not there."""
        name, line = reference.name, reference.line
        if name not in self._known:
            hint = nearest(name, self._known) or f"Known: {', '.join(self._known)}."
            self.fault(f"There is nothing called {name}.", hint, line)
            return
        keys = self._known[name]
        key = reference.keys[0] if reference.keys else None
        if keys is not None and key is not None and key not in keys:
            told = f"There is no {name}.{key}."
            if name == "env" and "env" in self._use.path:
                told = f"{told} Variables don't see each other."
            self.fault(told, nearest(str(key), keys), line)


def values_at(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Every text in ``value``, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from values_at(one, (*path, str(key)))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from values_at(one, (*path, at))
