"""An engine with kept payloads, to be killed: ``payload_runner.py FILE COUNT``.

It submits ``COUNT`` payloads if the file holds none, says so, and prints a line for every hundred
handlers' calls; it ends when nothing is left.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import PropulsionEngine, PropulsionPayload
from quarterdeck.state.sqlite.store import SqliteStore

calls = 0
failed_once: set[int] = set()


async def called() -> None:
    global calls  # noqa: PLW0603  # one process, one count
    calls += 1
    if calls % 100 == 0:
        print(calls, flush=True)  # noqa: T201  # what the test waits for
        await asyncio.sleep(0)


async def first(payload: PropulsionPayload) -> int:
    await called()
    return int(payload.data["number"])


async def second(payload: PropulsionPayload) -> None:
    await called()
    number = payload.data["number"]
    if number % 97 == 0 or (number % 50 == 1 and number not in failed_once):
        failed_once.add(number)
        raise ValueError(number)


async def never(payload: PropulsionPayload) -> None:
    await asyncio.Event().wait()


async def main(path: Path, count: int) -> None:
    logging.disable(logging.CRITICAL)
    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    engine = PropulsionEngine(store=store, submit_policy=RetryPolicy(1_000_000, 0.0))
    known = await store.batches("propulsion")
    if not known:
        engine.register_handler("e", never, name="first")
        every = [PropulsionPayload({"number": number}, max_attempts=2) for number in range(count)]
        await asyncio.gather(*(engine.submit("e", one) for one in every))
        await engine.close(drain=False)
        engine = PropulsionEngine(store=store)
    print("submitted", flush=True)  # noqa: T201  # what the test waits for
    engine.register_handler("e", first, name="first")
    engine.register_handler("e", second, name="second")
    await engine.recover()
    await engine.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
