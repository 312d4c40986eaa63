"""Filters as a person types them: ``is:needs agent:codex -repo:shop some text``."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...core.protocol.events import Event
from ...core.protocol.status import Lifecycle
from ...core.protocol.topics import covers, pattern_fault
from ...core.protocol.views import SessionView
from .words import clean, needs_person

T = TypeVar("T")
Test = Callable[[T], bool]


@dataclass(frozen=True)
class Vocabulary(Generic[T]):
    """What can be asked of one kind of thing.

    ``fields`` gives a test for each token's value, ``values`` the allowed values of tokens that
    have few, ``faults`` what is wrong with a value of tokens that have a form, and ``text`` what a
    bare word is looked for in.
    """

    fields: Mapping[str, Callable[[T, str], bool]]
    text: Callable[[T], str]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: Mapping[str, Callable[[str], str | None]] = field(default_factory=dict)

    def tokens(self) -> str:
        """The tokens as help shows them."""
        fixed = [f"{name}:{value}" for name, known in self.values.items() for value in known]
        return " ".join(fixed + [f"{name}:…" for name in self.fields if name not in self.values])


@dataclass(frozen=True)
class Query(Generic[T]):
    """A parsed filter; ``faults`` tells what in it could not be understood and is left out."""

    text: str = ""
    tests: tuple[Test[T], ...] = ()
    faults: tuple[str, ...] = ()

    def admits(self, thing: T) -> bool:
        """Whether ``thing`` passes every part of the filter."""
        return all(test(thing) for test in self.tests)

    def __bool__(self) -> bool:
        return bool(self.tests)


def parse(text: str, vocabulary: Vocabulary[T]) -> Query[T]:
    """The filter in ``text``; quotes hold blanks together, a leading ``-`` turns a part round."""
    tests: list[Test[T]] = []
    faults: list[str] = []
    for part in _split(text):
        negated, bare = (True, part[1:]) if part.startswith("-") and part != "-" else (False, part)
        found = _test(bare, vocabulary)
        if isinstance(found, str):
            faults.append(found)
        else:
            tests.append(_not(found) if negated else found)
    return Query(text.strip(), tuple(tests), tuple(faults))


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.quotes = '"'
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is still open while the person types
        return text.replace('"', "").split()


def _not(test: Test[T]) -> Test[T]:
    return lambda thing: not test(thing)


def _test(part: str, vocabulary: Vocabulary[T]) -> Test[T] | str:
    name, colon, value = part.partition(":")
    if not colon or not name:
        wanted = part.casefold()
        return lambda thing: wanted in vocabulary.text(thing).casefold()
    if name not in vocabulary.fields:
        return f"There is no token {name}: here. {vocabulary.tokens()}"
    known = vocabulary.values.get(name)
    if known is not None and value not in known:
        return _unknown_value(name, value, known)
    fault = vocabulary.faults[name](value) if name in vocabulary.faults else None
    if fault is not None:
        return fault
    check = vocabulary.fields[name]
    return lambda thing: check(thing, value.casefold())


def _unknown_value(name: str, value: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(value, known, n=1)
    if not near:
        return f"{name}: is one of {' '.join(known)}"
    others = " ".join(one for one in known if one != near[0])
    return f"{name}:{near[0]}? Or {others}"


def _shown(*words: str) -> Callable[[SessionView], bool]:
    return lambda session: session.shown in words


_STATES: dict[str, Callable[[SessionView], bool]] = {
    "needs": needs_person,
    "working": _shown("working", "starting"),
    "idle": _shown("idle"),
    "done": _shown("done"),
    "failed": _shown("error", "crashed", "lost"),
    "ended": lambda s: not s.living and s.lifecycle is not Lifecycle.CREATED,
}

SESSIONS: Vocabulary[SessionView] = Vocabulary(
    fields={
        "is": lambda s, value: _STATES[value](s),
        "agent": lambda s, value: value in s.agent.casefold(),
        "repo": lambda s, value: value in s.repo.casefold(),
        "name": lambda s, value: value in s.name.casefold(),
    },
    text=lambda s: f"{s.name} {s.agent} {s.cwd} {clean(s.title)}",
    values={"is": tuple(_STATES)},
)


def event_text(event: Event) -> str:
    """Everything an event says, as a line to search in."""
    return f"{event.type} {event.topic} {event.metadata.source} {event.payload.model_dump_json()}"


def _about(event: Event, value: str, names: Mapping[str, str]) -> bool:
    session_id = event.metadata.session_id or ""
    return value in session_id.casefold() or value in names.get(session_id, "").casefold()


def events_vocabulary(names: Mapping[str, str]) -> Vocabulary[Event]:
    """What can be asked of events; ``names`` gives the sessions' names by id."""
    return Vocabulary(
        fields={
            "type": lambda event, value: value in event.type.casefold(),
            "topic": lambda event, value: covers(value, event.topic.casefold(), event.type),
            "session": lambda event, value: _about(event, value, names),
            "source": lambda event, value: value in event.metadata.source.casefold(),
        },
        text=event_text,
        faults={"topic": pattern_fault},
    )
