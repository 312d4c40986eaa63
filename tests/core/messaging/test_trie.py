"""The trie says what the one matcher says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.topics import topic_matches
from quarterdeck.core.messaging import TopicInvalid
from quarterdeck.core.messaging.trie import PatternTrie, Recent, check_pattern, check_topic

levels = st.sampled_from(["a", "b", "c"])
topics = st.lists(levels, min_size=1, max_size=5).map(".".join)
patterns = st.lists(levels | st.sampled_from(["*", "#"]), min_size=1, max_size=5).map(".".join)


@given(st.lists(patterns, max_size=12), st.lists(topics, min_size=1, max_size=6), st.data())
@settings(max_examples=300)
def test_it_agrees_with_the_matcher(
    subscribed: list[str], wanted: list[str], data: st.DataObject
) -> None:
    trie: PatternTrie[int] = PatternTrie()
    for number, pattern in enumerate(subscribed):
        trie.add(pattern, number)
    gone = data.draw(st.sets(st.sampled_from(range(len(subscribed))))) if subscribed else set()
    for number in gone:
        trie.remove(subscribed[number], number)
    for topic in wanted:
        expected = [
            number
            for number, pattern in enumerate(subscribed)
            if number not in gone and topic_matches(pattern, topic)
        ]
        assert sorted(trie.match(topic)) == expected
    for number, pattern in enumerate(subscribed):
        trie.remove(pattern, number)
    assert trie._root.bare()
    assert trie._inner == 0


@pytest.mark.parametrize(
    ("pattern", "topic", "covered"),
    [
        ("a.#.b", "a.b", True),
        ("a.#.b", "a.x.y.b", True),
        ("a.#.b", "a.x.y", False),
        ("#", "a", True),
        ("a.#", "a", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("task*", "task.started", False),
    ],
)
def test_wildcards(pattern: str, topic: str, covered: bool) -> None:
    trie: PatternTrie[str] = PatternTrie()
    trie.add(pattern, "x")
    assert (trie.match(topic) == ["x"]) is covered


def test_the_work_goes_with_matches_not_with_subscriptions() -> None:
    trie: PatternTrie[int] = PatternTrie()
    for number in range(10_000):
        trie.add(f"agent.a{number}.*", number)
    trie.add("agent.#", -1)
    visited = 0

    class Counted(dict):  # type: ignore[type-arg]  # a node's children, whatever they are
        def get(self, *given: object) -> object:
            nonlocal visited
            visited += 1
            return super().get(*given)

    def count(node: object) -> None:
        node.children = Counted(node.children)  # type: ignore[attr-defined]  # a node
        for child in node.children.values():  # type: ignore[attr-defined]  # a node
            count(child)

    count(trie._root)
    assert sorted(trie.match("agent.a77.status")) == [-1, 77]
    assert visited <= 6


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b", "a.*", "#"])
def test_a_topic_is_levels_without_wildcards(topic: str) -> None:
    with pytest.raises(TopicInvalid):
        check_topic(topic)


@pytest.mark.parametrize("topic", ["a", "a.b*", "a#.b", "1.2"])
def test_other_topics_are_topics(topic: str) -> None:
    assert check_topic(topic) == check_pattern(topic) == topic


def test_recent_answers_are_bounded_and_what_is_asked_for_stays() -> None:
    asked: list[str] = []

    def ask(topic: str) -> int:
        asked.append(topic)
        return len(asked)

    recent: Recent[int] = Recent(ask, 10)
    for number in range(100):
        assert recent.find(str(number)) == len(asked)
        assert recent.find("kept") == 2
        assert len(recent) <= 20
    assert asked.count("kept") == 1
    assert recent.find("1") == len(asked) == 102
    recent.clear()
    recent.find("kept")
    assert asked[-1] == "kept"
