"""The bus beside a model, step by step: gates, failures, priorities, full queues, replay, leaving."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.topics import topic_matches
from quarterdeck.core.messaging import Message, MessageBus, MessageBusConfig

TOPICS = ["a", "a.b", "b.a"]
BOUND = 3


class Subscriber:
    """A handler behind a gate, and what the model expects of it."""

    def __init__(self, name: str, pattern: str) -> None:
        self.name, self.pattern = name, pattern
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False
        self.got: list[int] = []
        # the model
        self.wanted: list[int] = []
        self.at_work: int | None = None
        self.queue: list[tuple[int, int, int]] = []
        self.dead: Counter[tuple[int, str]] = Counter()

    async def __call__(self, message: Message) -> None:
        await self.gate.wait()
        if self.fails:
            raise ValueError(message.payload)
        self.got.append(message.payload)

    def offered(self, number: int, priority: int, order: int) -> None:
        """A message has come."""
        if self.at_work is None and not self.queue:
            self.at_work = number
            self.goes_on()
        elif len(self.queue) >= BOUND:
            self.dead[number, "queue_full"] += 1
        else:
            self.queue.append((priority, order, number))

    def goes_on(self) -> None:
        """What is at work ends, if the gate is open, and what waits follows."""
        while self.gate.is_set():
            if self.at_work is not None:
                self.ends(self.at_work)
            if not self.queue:
                self.at_work = None
                return
            self.queue.sort()
            self.at_work = self.queue.pop(0)[2]

    def ends(self, number: int) -> None:
        if self.fails:
            self.dead[number, "failed"] += 1
        else:
            self.wanted.append(number)


which = st.integers(0, 5)


class Bus(RuleBasedStateMachine):
    """One step at a time; after each the loop comes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        config = MessageBusConfig(max_retries=0, max_queue_size=BOUND, ageing_seconds=None)
        self.bus = MessageBus(config)
        self.here: dict[str, Subscriber] = {}
        self.gone: list[Subscriber] = []
        self.count = 0

    def run(self, work: Any = None) -> Any:
        async def main() -> Any:
            found = await work if work is not None else None
            for _ in range(30):
                await asyncio.sleep(0)
            return found

        return self.loop.run_until_complete(main())

    def pick(self, at: int) -> tuple[str, Subscriber]:
        return list(self.here.items())[at % len(self.here)]

    @precondition(lambda self: len(self.here) < 4)
    @rule(pattern=st.sampled_from(["a", "a.*", "a.#", "#.a"]))
    def subscribe(self, pattern: str) -> None:
        self.count += 1
        one = Subscriber(f"s{self.count}", pattern)
        self.here[self.run(self.bus.subscribe(pattern, one, one.name))] = one

    @rule(topic=st.sampled_from(TOPICS), priority=st.sampled_from(Priority))
    def publish(self, topic: str, priority: Priority) -> None:
        self.count += 1
        met = [one for one in self.here.values() if topic_matches(one.pattern, topic)]
        for one in met:
            one.offered(self.count, priority, self.count)
        message = Message(topic=topic, payload=self.count, priority=priority)
        assert self.run(self.bus.publish(message)) == len(met)

    @precondition(lambda self: self.here)
    @rule(at=which)
    def shut(self, at: int) -> None:
        self.pick(at)[1].gate.clear()

    @precondition(lambda self: self.here)
    @rule(at=which, fails=st.booleans())
    def open(self, at: int, *, fails: bool) -> None:
        one = self.pick(at)[1]
        one.fails = fails
        one.gate.set()
        one.goes_on()
        self.run()

    @precondition(lambda self: self.here)
    @rule(at=which)
    def leave(self, at: int) -> None:
        subscription_id, one = self.pick(at)
        assert self.run(self.bus.unsubscribe(subscription_id))
        del self.here[subscription_id]
        one.dead.update((number, "closed") for _, _, number in one.queue)
        one.queue = []
        self.gone.append(one)

    @rule(at=which)
    def replay(self, at: int) -> None:
        names = {one.name: one for one in self.here.values()}
        letters = [one for one in self.bus.dead_letters() if one.subscriber_id in names]
        if not letters:
            return
        letter = letters[at % len(letters)]
        one, number = names[letter.subscriber_id], letter.message.payload
        one.dead[number, letter.reason.value] -= 1
        self.count += 1
        one.queue.append((letter.message.priority, self.count, number))
        if one.at_work is None:
            one.queue.sort()
            one.at_work = one.queue.pop(0)[2]
        one.goes_on()
        self.run(self.bus.replay(letter.dead_letter_id))

    @invariant()
    def each_has_what_it_should(self) -> None:
        letters = self.bus.dead_letters()
        for one in [*self.here.values(), *self.gone]:
            mine = [each for each in letters if each.subscriber_id == one.name]
            assert Counter((each.message.payload, each.reason.value) for each in mine) == one.dead
            assert one.got == one.wanted
        figures = self.bus.statistics()
        assert figures.waiting == sum(len(one.queue) for one in self.here.values())

    def teardown(self) -> None:
        for one in [*self.here.values(), *self.gone]:
            one.gate.set()
        self.run(self.bus.close())
        assert asyncio.all_tasks(self.loop) == set()
        self.loop.close()


Bus.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestBus = Bus.TestCase
