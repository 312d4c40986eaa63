"""The bus beside a simple model: delivery, order for each subscriber, retries, dead letters."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.base.topics import topic_matches
from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig, Reason

TOPICS = ["a", "a.b", "a.b.c", "b"]
PATTERNS = ["a", "a.*", "a.#", "#.b", "#", "b"]


@dataclass
class Agent:
    """A subscriber that fails a message as often as its number says, and may take its time."""

    pattern: str
    turns: int
    failures: int
    got: list[int] = field(default_factory=list)
    tried: Counter[int] = field(default_factory=Counter)
    at_work: bool = False

    async def __call__(self, message: Message) -> None:
        assert not self.at_work, "one at a time"
        self.at_work = True
        for _ in range(self.turns):
            await asyncio.sleep(0)
        self.at_work = False
        number = message.payload
        self.tried[number] += 1
        if self.tried[number] <= (number % 5 == 0) * self.failures:
            raise ValueError(number)
        self.got.append(number)


agents = st.lists(
    st.builds(Agent, st.sampled_from(PATTERNS), st.integers(0, 2), st.integers(0, 4)),
    min_size=1,
    max_size=5,
)
steps = st.lists(st.sampled_from([*TOPICS, "wait"]), max_size=40)


@given(agents, steps)
@settings(max_examples=120)
def test_every_message_ends_once_for_each_subscriber(given: list[Agent], todo: list[str]) -> None:
    asyncio.run(play(given, todo))


async def play(given: list[Agent], todo: list[str]) -> None:
    bus = MessageBus(MessageBusConfig(max_retries=2, back_off=RetryPolicy(1, 0.0)))
    for at, agent in enumerate(given):
        await bus.subscribe(agent.pattern, agent, f"agent-{at}")
    published: list[str] = []
    for step in todo:
        if step == "wait":
            await asyncio.sleep(0)
        else:
            await bus.publish(Message(topic=step, payload=len(published)))
            published.append(step)
    async with asyncio.timeout(60):
        await bus.close()
    for at, agent in enumerate(given):
        wanted = [n for n, topic in enumerate(published) if topic_matches(agent.pattern, topic)]
        letters = bus.dead_letters(subscriber_id=f"agent-{at}")
        dead = [one.message.payload for one in letters]
        fails = [n for n in wanted if n % 5 == 0 and agent.failures > 2]
        assert sorted(dead) == fails
        assert all(one.reason is Reason.FAILED and one.attempts == 3 for one in letters)
        assert sorted(agent.got) == [n for n in wanted if n not in fails]
        untroubled = [n for n in agent.got if agent.tried[n] == 1]
        assert untroubled == sorted(untroubled)
    figures = bus.statistics()
    assert figures.published >= len(published)
    assert figures.waiting == 0
