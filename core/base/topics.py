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
