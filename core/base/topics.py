"""The one topic matcher: topics and patterns are levels between dots."""

from __future__ import annotations

ONE = "*"
ANY = "#"


def topic_matches(pattern: str, topic: str) -> bool:
    """Whether ``pattern`` covers ``topic``.

    ``*`` stands for one level, ``#`` for any number of levels, none included: ``a.#.b`` covers
    ``a.b`` and ``a.x.y.b``. Costs time in proportion to the product of their lengths at most.
    """
    levels = topic.split(".")
    end = len(levels)
    reached = {0}
    for part in pattern.split("."):
        if part == ANY:
            reached = set(range(min(reached), end + 1))
        else:
            reached = {at + 1 for at in reached if at < end and part in {ONE, levels[at]}}
        if not reached:
            return False
    return end in reached


PATTERN_LIMIT = 1000
"""Characters of a pattern that comes from outside."""


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern that a person wrote, and what to write; ``None`` if nothing is.

    Stricter than the bus: a wildcard within a level covers nothing that is ever told, and is refused.
    """
    if len(pattern) > PATTERN_LIMIT:
        return (
            f"A topic pattern has at most {PATTERN_LIMIT} characters; this one has {len(pattern)}."
        )
    levels = pattern.split(".")
    if "" in levels:
        return (
            f"{pattern!r} is no topic pattern: it has an empty level. Write levels with one dot "
            "between them, such as session.*.status."
        )
    mixed = next((one for one in levels if len(one) > 1 and (ONE in one or ANY in one)), None)
    if mixed is not None:
        return (
            f"{pattern!r} is no topic pattern: in {mixed!r} a wildcard is part of a level. * stands "
            "for one whole level and # for any number of them, such as session.*.status or workflow.#."
        )
    return None
