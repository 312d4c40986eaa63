"""Workers that crash are replaced; mailboxes keep a session's order and hold up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.faults import SessionBusy, ShuttingDown
from quarterdeck.core.engine.mailboxes import Mailboxes
from quarterdeck.core.engine.queue import CommandQueue
from quarterdeck.core.engine.workers import WorkerPool

from .doubles import CountingMetrics
from .ship import settle


class Crew:
    """A pool whose jobs are names; what happens to each is noted."""

    def __init__(self, count: int = 3) -> None:
        self.queue: CommandQueue[str] = CommandQueue(10)
        self.metrics = CountingMetrics()
        self.served: list[str] = []
        self.lost: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.pool: WorkerPool[str] = WorkerPool(
            self.queue, self.serve, self.crashed, count, self.metrics
        )
        self.pool.start()

    async def serve(self, job: str) -> None:
        if job == "crash":
            raise ValueError("no")
        if job.startswith("slow"):
            await self.gate.wait()
        self.served.append(job)

    def crashed(self, job: str, error: BaseException) -> None:
        self.lost.append((job, type(error).__name__))


async def test_jobs_are_served_at_the_same_time() -> None:
    crew = Crew()
    for job in ("slow 1", "slow 2", "quick"):
        await crew.queue.put(job)
    await settle()
    assert crew.served == ["quick"]
    figures = crew.pool.statistics()
    assert (figures.wanted, figures.alive, figures.busy, figures.replaced) == (3, 3, 2, 0)
    crew.gate.set()
    crew.queue.close()
    await crew.pool.finish()
    assert crew.served == ["quick", "slow 1", "slow 2"]


async def test_a_worker_that_crashes_is_replaced_and_its_job_told() -> None:
    crew = Crew(count=1)
    for job in ("crash", "after"):
        await crew.queue.put(job)
    await settle()
    assert crew.lost == [("crash", "ValueError")]
    assert crew.served == ["after"]
    assert crew.pool.statistics().alive == 1
    assert crew.metrics.counters["workers_replaced"] == 1
    await crew.pool.finish(0)


async def test_a_worker_that_someone_cancels_is_replaced_too() -> None:
    crew = Crew(count=1)
    await crew.queue.put("slow")
    await settle()
    (worker,) = crew.pool._tasks
    worker.cancel()
    await settle()
    assert crew.lost == [("slow", "CancelledError")]
    await crew.queue.put("after")
    await settle()
    assert crew.served == ["after"]
    await crew.pool.finish(0)


async def test_stopping_finishes_what_is_queued() -> None:
    crew = Crew(count=1)
    for job in ("a", "b", "c"):
        await crew.queue.put(job)
    crew.queue.close()
    await crew.pool.finish()
    assert crew.served == ["a", "b", "c"]
    assert crew.pool.statistics().alive == 0


async def test_stopping_at_once_tells_the_jobs_under_way_and_replaces_nobody() -> None:
    crew = Crew(count=2)
    await crew.queue.put("slow 1")
    await settle()
    crew.queue.close()
    await crew.pool.finish(0)
    await settle()
    assert crew.lost == [("slow 1", "CancelledError")]
    assert crew.pool.statistics().alive == 0
    assert crew.pool.statistics().replaced == 0


def test_a_pool_of_nobody_is_refused() -> None:
    queue: CommandQueue[str] = CommandQueue(1)

    async def serve(_: str) -> None: ...

    with pytest.raises(ValueError, match="at least 1 worker"):
        WorkerPool(queue, serve, lambda *_: None, 0, CountingMetrics())


# Mailboxes


class Task:
    """A piece of work that notes what becomes of it."""

    def __init__(
        self,
        name: str,
        log: list[str],
        run: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.body = run

    async def run(self) -> None:
        self.log.append(f"begin {self.name}")
        if self.body is not None:
            await self.body()
        self.log.append(f"end {self.name}")

    def refuse(self, error: QuarterdeckError) -> None:
        self.log.append(f"refused {self.name}: {error.code}")


async def test_one_sessions_work_keeps_its_order() -> None:
    boxes, log, gate = Mailboxes(), list[str](), asyncio.Event()
    boxes.post("s", Task("a", log, gate.wait))
    boxes.post("s", Task("b", log))
    boxes.post("t", Task("c", log))
    await settle()
    assert log == ["begin a", "begin c", "end c"]
    gate.set()
    await settle()
    assert log[3:] == ["end a", "begin b", "end b"]


async def test_an_idle_mailbox_is_gone() -> None:
    boxes, log = Mailboxes(), list[str]()
    boxes.post("s", Task("a", log))
    await settle()
    assert boxes.statistics().open == 0
    boxes.post("s", Task("b", log))
    await settle()
    assert log == ["begin a", "end a", "begin b", "end b"]
    assert not boxes._tasks


async def test_work_posted_as_the_last_one_ends_is_not_forgotten() -> None:
    boxes, log = Mailboxes(), list[str]()

    async def post_more() -> None:
        boxes.post("s", Task("b", log))

    boxes.post("s", Task("a", log, post_more))
    await settle()
    assert log[-1] == "end b"


async def test_a_full_mailbox_refuses_and_the_others_take_work() -> None:
    boxes, log, gate = Mailboxes(limit=2), list[str](), asyncio.Event()
    boxes.post("s", Task("a", log, gate.wait))
    await settle()
    boxes.post("s", Task("b", log))
    boxes.post("s", Task("c", log))
    with pytest.raises(SessionBusy, match="2 commands wait") as caught:
        boxes.post("s", Task("d", log))
    assert caught.value.details["session_id"] == "s"
    boxes.post("t", Task("e", log))
    figures = boxes.statistics()
    assert (figures.open, figures.waiting, figures.fullest, figures.limit) == (2, 3, 2, 2)
    gate.set()
    await settle()
    assert "end c" in log


async def test_it_says_how_long_the_longest_has_run() -> None:
    clock = ManualClock()
    boxes, gate = Mailboxes(clock=clock), asyncio.Event()
    assert boxes.statistics().oldest == 0
    boxes.post("s", Task("a", [], gate.wait))
    await settle()
    clock.advance(7)
    assert boxes.statistics().oldest == 7
    gate.set()
    await settle()


async def test_a_mailbox_can_get_the_name_of_what_it_creates() -> None:
    boxes, log, gate = Mailboxes(), list[str](), asyncio.Event()
    boxes.post("new:1", Task("create", log, gate.wait))
    await settle()
    boxes.adopt("new:1", "s")
    boxes.adopt("unheard of", "t")
    boxes.post("s", Task("stop", log))
    await settle()
    assert log == ["begin create"]
    gate.set()
    await settle()
    assert log[1:] == ["end create", "begin stop", "end stop"]
    assert boxes.statistics().open == 0


async def test_a_name_that_has_a_mailbox_keeps_it() -> None:
    boxes, gate = Mailboxes(), asyncio.Event()
    boxes.post("a", Task("a", [], gate.wait))
    boxes.post("b", Task("b", [], gate.wait))
    boxes.adopt("a", "b")
    assert boxes.statistics().open == 2
    gate.set()
    await settle()
    assert boxes.statistics().open == 0


async def test_work_that_raises_all_the_same_does_not_stop_the_next() -> None:
    boxes, log = Mailboxes(), list[str]()

    async def fail() -> None:
        raise ValueError("no")

    boxes.post("s", Task("a", log, fail))
    boxes.post("s", Task("b", log))
    await settle()
    assert log == ["begin a", "refused a: internal", "begin b", "end b"]


async def test_stopping_lets_work_end_then_cancels_and_refuses() -> None:
    boxes, log, never = Mailboxes(), list[str](), asyncio.Event()
    boxes.post("s", Task("stuck", log, never.wait))
    boxes.post("s", Task("waiting", log))
    await settle()
    await boxes.finish(0)
    assert log == ["begin stuck", "refused waiting: shutting_down", "refused stuck: shutting_down"]
    with pytest.raises(ShuttingDown):
        boxes.post("s", Task("late", log))


async def test_stopping_waits_for_what_can_end() -> None:
    boxes, log, gate = Mailboxes(), list[str](), asyncio.Event()
    boxes.post("s", Task("a", log, gate.wait))
    boxes.post("s", Task("b", log))
    await settle()
    stopping = asyncio.create_task(boxes.finish())
    await settle()
    gate.set()
    await stopping
    assert log[-1] == "end b"


def test_a_mailbox_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 command"):
        Mailboxes(limit=0)
