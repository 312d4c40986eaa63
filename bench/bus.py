"""The message bus: what one publish costs, beside direct calls and beside other libraries.

    python -m bench bus

1 000 subscriptions, half of them with wildcards, 4.5 matches on average, no-op async handlers. Hot:
500 topics again and again, beside a dict of known matches and direct awaits. Cold: a fresh id in each
topic, beside a plain trie and direct awaits. Then from 100 to 10 000 subscriptions at equal matches,
and what else is installed (aiopubsub, pymitter, of paho-mqtt the matching alone; not needed). All of it only
computes, so it is measured in CPU time: what other programs take away meanwhile does not count.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from quarterdeck.core.messaging import Message, MessageBus

from ._rows import row

PUBLISHED = 40_000
ROUNDS = 7


async def noop(_: Any) -> None:
    return None


def patterns(agents: int = 125) -> list[str]:
    """Eight for each agent; four of them cover its status, some of its other topics."""
    found = []
    for at in range(agents):
        found += [
            f"agent.a{at}.status", f"agent.a{at}.*", f"agent.a{at}.#", f"agent.a{at}.status",
            f"agent.a{at}.#", f"agent.a{at}.task.*", f"agent.a{at}.title", f"agent.a{at}.exit",
        ]  # fmt: skip
    return found


class PlainTrie:
    """The reference: a trie without anything around it."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}

    def add(self, pattern: str, handler: Callable[[Any], Awaitable[None]]) -> None:
        node = self.root
        for level in pattern.split("."):
            node = node.setdefault(level, {})
        node.setdefault("", []).append(handler)

    def match(self, topic: str) -> list[Callable[[Any], Awaitable[None]]]:
        found: list[Callable[[Any], Awaitable[None]]] = []
        nodes = [self.root]
        for level in topic.split("."):
            following = []
            for node in nodes:
                if "#" in node:
                    found += node["#"][""]
                if level in node:
                    following.append(node[level])
                if "*" in node:
                    following.append(node["*"])
            nodes = following
        for node in nodes:
            found += node.get("", ())
            if "#" in node:
                found += node["#"][""]
        return found


async def publish_all(bus: MessageBus, messages: list[Message]) -> float:
    gc.collect()
    started = time.process_time()
    publish = bus.publish
    for message in messages:
        await publish(message)
    await bus.drained()
    return time.process_time() - started


async def call_known(known: dict[str, list[Any]], messages: list[Message]) -> float:
    gc.collect()
    started = time.process_time()
    for message in messages:
        for handler in known[message.topic]:
            await handler(message)
    return time.process_time() - started


async def call_matches(trie: PlainTrie, messages: list[Message]) -> float:
    gc.collect()
    started = time.process_time()
    for message in messages:
        for handler in trie.match(message.topic):
            await handler(message)
    return time.process_time() - started


def _bus(subscribed: list[str]) -> tuple[MessageBus, PlainTrie]:
    bus, trie = MessageBus(), PlainTrie()
    for pattern in subscribed:
        bus.add_subscription(pattern, noop)
        trie.add(pattern, noop)
    return bus, trie


def hot() -> list[Message]:
    topics = [f"agent.a{at % 125}.{'status' if at % 8 else 'title'}" for at in range(500)]
    return [Message(topic=topics[at % 500]) for at in range(PUBLISHED)]


def cold(round_: int, agents: int = 125) -> list[Message]:
    return [Message(topic=f"agent.a{at % agents}.task.t{round_}-{at}") for at in range(PUBLISHED)]


async def _hot_and_cold() -> list[dict[str, Any]]:
    bus, trie = _bus(patterns())
    warm = hot()
    known = {message.topic: trie.match(message.topic) for message in warm}
    found: dict[str, list[tuple[float, float]]] = {"hot": [], "cold": []}
    for number in range(ROUNDS):
        found["hot"].append((await publish_all(bus, warm), await call_known(known, warm)))
        fresh = cold(number)
        found["cold"].append((await publish_all(bus, fresh), await call_matches(trie, fresh)))
    await bus.close()
    names = {"hot": ("bus, hot topics", 2.5, 1.4), "cold": ("bus, cold topics", 1.5, 1.15)}
    return [_row(*names[kind], pairs) for kind, pairs in found.items()]


def _row(name: str, must: float, goal: float, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    each = 1e6 / PUBLISHED
    return row(
        name, median(one for one, _ in pairs) * each, "us per publish",
        reference=median(other for _, other in pairs) * each,
        ratio=median(one / other for one, other in pairs), must=must, goal=goal,
    )  # fmt: skip


async def _growing() -> list[dict[str, Any]]:
    small, _ = _bus(patterns(12))
    large, _ = _bus(patterns(1_250))
    pairs = []
    for number in range(ROUNDS):
        one = await publish_all(large, cold(number, 12))
        pairs.append((one, await publish_all(small, cold(number, 12))))
    await small.close()
    await large.close()
    return [_row("bus, 10 000 subscriptions to 100, equal matches, cold", 1.5, 1.1, pairs)]


# ---- others, where they are installed -----------------------------------------------------------


def _paho(subscribed: list[str], messages: list[Message]) -> Callable[[], None]:
    matcher = importlib.import_module("paho.mqtt.matcher").MQTTMatcher()
    for at, pattern in enumerate(subscribed):
        matcher[pattern.replace(".", "/").replace("*", "+") + f"/{at}" * 0] = at
    topics = [message.topic.replace(".", "/") for message in messages]

    def run() -> None:
        for topic in topics:
            for _ in matcher.iter_match(topic):
                pass

    return run


def _pymitter(subscribed: list[str], messages: list[Message]) -> Callable[[], None]:
    emitter = importlib.import_module("pymitter").EventEmitter(wildcard=True)
    for pattern in subscribed:
        emitter.on(pattern.replace("#", "**"), lambda _: None)

    def run() -> None:
        for message in messages:
            emitter.emit(message.topic, message)

    return run


def _aiopubsub(subscribed: list[str], messages: list[Message]) -> Callable[[], None]:
    module = importlib.import_module("aiopubsub")
    hub = module.Hub()
    subscriber = module.Subscriber(hub, "s")
    for pattern in subscribed:
        subscriber.add_sync_listener(
            module.Key(*pattern.replace("#", "*").split(".")), lambda _key, _message: None
        )
    publisher = module.Publisher(hub, prefix=module.Key())
    keys = [module.Key(*message.topic.split(".")) for message in messages]

    def run() -> None:
        for key in keys:
            publisher.publish(key, None)

    return run


PEERS = {"paho's matcher, matching alone": _paho, "pymitter": _pymitter, "aiopubsub": _aiopubsub}


async def _peers() -> list[dict[str, Any]]:
    found = []
    messages = cold(99)[:4_000]
    for name, make in PEERS.items():
        try:
            run = make(patterns(), messages)
        except ImportError:
            continue
        bus, _ = _bus(patterns())
        started = time.process_time()
        run()
        other = time.process_time() - started
        mine = await publish_all(bus, messages)
        await bus.close()
        found.append(
            row(
                f"bus, cold topics, to {name}",
                mine * 1e6 / len(messages),
                "us per publish",
                reference=other * 1e6 / len(messages),
            )
        )
    return found


async def _main() -> list[dict[str, Any]]:
    return [*await _hot_and_cold(), *await _growing(), *await _peers()]


def rows() -> list[dict[str, Any]]:
    """All rows of this suite."""
    return asyncio.run(_main())
