"""Which subscriptions a topic meets: patterns in a trie, recent answers beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from ..base.topics import ANY, ONE
from .faults import TopicInvalid

T = TypeVar("T")

_NO_LEVELS = frozenset({"", ONE, ANY})
"""What no level of a topic is."""

RECENT = 1024
"""Answers that are remembered in each of two generations."""


class Node(Generic[T]):
    """What stands behind one level of a pattern."""

    __slots__ = ("any", "children", "found", "grows", "one")

    def __init__(self) -> None:
        self.children: dict[str, Node[T]] = {}
        self.one: Node[T] | None = None
        self.any: Node[T] | None = None
        self.found: tuple[T, ...] = ()
        self.grows = False  # something may hang behind it

    def bare(self) -> bool:
        """Whether nothing hangs on it."""
        return not (self.children or self.one or self.any or self.found)

    def child(self, level: str) -> Node[T] | None:
        """The node behind ``level``, if there is one."""
        if level == ONE:
            return self.one
        return self.any if level == ANY else self.children.get(level)

    def grow(self, level: str) -> Node[T]:
        """The node behind ``level``, made if it is missing."""
        node = self.child(level)
        if node is None:
            self.grows = True
            node = Node()
            self._put(level, node)
        return node

    def cut(self, level: str) -> None:
        """Take away the node behind ``level``."""
        if level in {ONE, ANY}:
            self._put(level, None)
        else:
            del self.children[level]

    def _put(self, level: str, node: Node[T] | None) -> None:
        if level == ONE:
            self.one = node
        elif level == ANY:
            self.any = node
        elif node is not None:
            self.children[level] = node


class PatternTrie(Generic[T]):
    """Things under patterns; says which of them a topic meets, each once.

    The cost goes with the levels and the branches that match, not with what is in it. ``topic_matches``
    of the base room says the same for one pattern.
    """

    __slots__ = ("_inner", "_root")

    def __init__(self) -> None:
        self._root: Node[T] = Node()
        self._inner = 0  # patterns with a "#" before their last level

    def add(self, pattern: str, thing: T) -> None:
        """Put ``thing`` under ``pattern``."""
        node = self._root
        levels = pattern.split(".")
        for level in levels:
            node = node.grow(level)
        node.found = (*node.found, thing)
        self._inner += ANY in levels[:-1]

    def remove(self, pattern: str, thing: T) -> None:
        """Take ``thing`` away from ``pattern``, and what of the trie nobody needs."""
        path = [self._root]
        levels = pattern.split(".")
        for level in levels:
            following = path[-1].child(level)
            if following is None:
                return
            path.append(following)
        left = tuple(one for one in path[-1].found if one is not thing)
        if len(left) == len(path[-1].found):
            return
        path[-1].found = left
        self._inner -= ANY in levels[:-1]
        for node, level in zip(path[-2::-1], levels[::-1], strict=True):
            below = node.child(level)
            if below is None or not below.bare():
                return
            node.cut(level)

    def under(self, pattern: str) -> tuple[T, ...]:
        """What lies under this very pattern."""
        node: Node[T] | None = self._root
        for level in pattern.split("."):
            node = None if node is None else node.child(level)
        return () if node is None else node.found

    def match(self, topic: str) -> list[T]:  # noqa: C901  # a call for each level would cost as much again
        """What lies under the patterns that cover ``topic``.

        :raises TopicInvalid: if nothing can be published there.
        """
        levels = topic.split(".")
        if not _NO_LEVELS.isdisjoint(levels):
            check_topic(topic)
        if self._inner:
            return self._match_any(levels)
        # Where "#" comes last only, a node is reached in one way at most, and mostly there is but one.
        found: list[T] = []
        others: list[tuple[Node[T], int]] | None = None
        node, at, end = self._root, 0, len(levels)
        while True:
            if node.any is not None:
                found += node.any.found
            following = None
            if at == end:
                found += node.found
            else:
                following, one = node.children.get(levels[at]), node.one
                at += 1
                if one is not None:
                    if following is None:
                        following = one
                    elif one.grows or at == end:
                        others = [*(others or ()), (one, at)]
            if following is not None:
                node = following
            elif others:
                node, at = others.pop()
            else:
                return found

    def _match_any(self, levels: list[str]) -> list[T]:
        """The nodes reached are a set: a "#" stays where it is, or lets go, at every level."""
        reached = _with_any([(self._root, False)])
        for level in levels:
            following: list[tuple[Node[T], bool]] = []
            for node, stays in reached.items():
                if stays:
                    following.append((node, True))
                child = node.children.get(level)
                if child is not None:
                    following.append((child, False))
                if node.one is not None:
                    following.append((node.one, False))
            reached = _with_any(following)
        return [thing for node in reached for thing in node.found]


def _with_any(nodes: Iterable[tuple[Node[T], bool]]) -> dict[Node[T], bool]:
    """The nodes, with those that a "#" reaches from them for no level at all."""
    reached: dict[Node[T], bool] = {}
    for node, stays in nodes:
        at: Node[T] | None = node
        while at is not None and at not in reached:
            reached[at] = stays
            at, stays = at.any, True  # noqa: PLW2901  # each further one is a "#"
    return reached


def check_pattern(pattern: str) -> str:
    """``pattern``, if it is one.

    :raises TopicInvalid: if it has an empty level.
    """
    if "" in pattern.split("."):
        raise TopicInvalid(
            f"{pattern!r} has an empty level; write levels with one dot between them, such as "
            "agent.*.status.",
            topic=pattern,
        )
    return pattern


def check_topic(topic: str) -> str:
    """``topic``, if something can be published there.

    :raises TopicInvalid: if it has an empty level, or a wildcard for one.
    """
    if ONE in topic or ANY in topic or ".." in topic or topic.strip(".") != topic or not topic:
        levels = check_pattern(topic).split(".")
        if ONE in levels or ANY in levels:
            raise TopicInvalid(
                f"{topic!r} has a wildcard; only subscriptions have those. Name the one topic.",
                topic=topic,
            )
    return topic


class Recent(Generic[T]):
    """Answers by topic, the latest ``size`` to twice as many; one that is asked for stays.

    ``ask`` gives an answer that is not remembered.
    """

    __slots__ = ("_ask", "_former", "_size", "latest")

    def __init__(self, ask: Callable[[str], T], size: int = RECENT) -> None:
        self._ask = ask
        self._size = size
        self.latest: dict[str, T] = {}
        self._former: dict[str, T] = {}

    def find(self, topic: str) -> T:
        """The answer."""
        found = self.latest.get(topic)
        return self.recall(topic) if found is None else found

    def recall(self, topic: str) -> T:
        """The answer, for who has looked into ``latest`` without finding it."""
        found = self._former.get(topic)
        if found is None:
            found = self._ask(topic)
        if len(self.latest) >= self._size:
            self._former, self.latest = self.latest, {}
        self.latest[topic] = found
        return found

    def clear(self) -> None:
        """Forget all: the patterns have changed."""
        self.latest.clear()
        self._former.clear()

    def __len__(self) -> int:
        return len(self.latest) + len(self._former)
