"""What an agent's one-shot says: its answer, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import isfinite
from typing import Any

from ...safety.budgets import Usage
from ...sessions.agents.definition import AgentDefinition, OneShot, Sought
from .faults import AgentCrashed, AgentFailed, AgentLimited, AgentRefused
from .process import Finished, last_words
from .results import Collected

SHOWN = 2000
Event = dict[str, Any]


def answer_of(definition: AgentDefinition, oneshot: OneShot, finished: Finished) -> Any:
    """What the agent answered, if it says that it did its task.

    :raises AgentLimited: if a limit kept it from it.
    :raises AgentRefused: if it was refused what it needed.
    :raises AgentFailed: if it says so, or nothing says that it succeeded.
    """
    events = list(events_of(finished.stdout.whole(), oneshot.output))
    name = definition.shown
    for failure in _read(events, oneshot.failures):
        raise _failed(definition, f"{name} failed: {_text(failure)}")
    for refusal in _read(events, oneshot.refusals):
        raise AgentRefused(
            f"{name} was refused what it wanted to do: {_text(refusal)}. Allow it in the agent's "
            "arguments (oneshot.args), or let the task run as a session."
        )
    said = last_words(finished.stderr.tail(SHOWN))
    if not finished.succeeded:
        raise _failed(
            definition, f"{name} {finished.how}" + (f":\n{said}" if said else "."), AgentCrashed
        )
    if not any(_counts(event, one) for event in events for one in oneshot.success):
        raise _failed(
            definition,
            f"{name} ended with code 0 and did not say that it succeeded"
            + (f":\n{said}" if said else "."),
        )
    answers = list(_read(events, (oneshot.answer,)))
    if not answers:
        raise AgentFailed(f"{name} gave no answer.")
    return "\n".join(map(_text, answers)) if oneshot.join else answers[-1]


def _failed(
    definition: AgentDefinition, message: str, kind: type[AgentFailed] = AgentFailed
) -> AgentFailed | AgentLimited:
    limited = any(pattern.search(message) for pattern in definition.limits)
    return AgentLimited(message) if limited else kind(message)


def usage_of(oneshot: OneShot, stdout: Collected) -> Usage | None:
    """What the agent says that it spent; ``None`` if it says nothing."""
    sought = oneshot.usage
    if sought is None:
        return None
    cost = tokens = 0.0
    told = False
    for event in events_of(stdout.whole(), oneshot.output):
        if _counts(event, sought):
            told = True
            cost += _number(event, sought.cost)
            tokens += sum(_number(event, path) for path in sought.tokens)
    return Usage(cost, tokens) if told else None


def _number(event: Event, path: str) -> float:
    """The number at a path, where a ``*`` stands for every key; 0 where there is none."""
    found: list[Any] = [event]
    for part in path.split(".") if path else ():
        below = (one for one in found if isinstance(one, dict))
        found = [
            value
            for one in below
            for key, value in one.items()
            if part in {key, "*"}
        ]  # fmt: skip
    return float(sum(one for one in found if _is_amount(one)))


def _is_amount(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and isfinite(value) and value >= 0


def events_of(text: str, output: str) -> Iterator[Event]:
    """The JSON objects in what was printed; what is none, such as a warning, is passed over."""
    if output == "json":
        yield from _objects(_last_value(text))
        return
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            yield from _objects(json.loads(line))


def _last_value(text: str) -> Any:
    """The JSON value that the output is, or that it ends with after lines of something else."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    at = 0
    while (at := text.find("{", at)) >= 0:
        if at == 0 or text[at - 1] == "\n":
            with suppress(ValueError, RecursionError):
                return json.loads(text[at:])
        at += 1
    return None


def _objects(value: Any) -> Iterator[Event]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _at(event: Event, path: str) -> Any:
    """What stands at a dotted path; ``None`` if nothing does."""
    value: Any = event
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _counts(event: Event, sought: Sought) -> bool:
    fits = all(_same(_at(event, path), wanted) for path, wanted in sought.where.items())
    return fits and (not sought.read or _is_something(_at(event, sought.read)))


def _same(found: Any, wanted: Any) -> bool:
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _is_something(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _read(events: Iterable[Event], sought: Iterable[Sought]) -> Iterator[Any]:
    wanted = list(sought)
    for event in events:
        for one in wanted:
            if _counts(event, one):
                yield _at(event, one.read) if one.read else event


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.strip().rstrip(".")[:SHOWN]
