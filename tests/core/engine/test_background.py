"""The periodic tasks: idle when nothing changed, going on when one fails; and the stop's budget."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.engine.background import Background, Periodic
from quarterdeck.core.engine.budget import Budget
from quarterdeck.core.engine.context import Intervals
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.records import Retention, SavePreference
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import Event, HealthReport, SystemInfo, SystemWarning
from quarterdeck.state.memory import MemoryStore

from .doubles import CountingMetrics
from .ship import ToldSleep, memory_store, sailing, settle, until


class Post:
    """One periodic task under a told sleep."""

    def __init__(self, store: MemoryStore) -> None:
        self.sleep = ToldSleep()
        self.metrics = CountingMetrics()
        self.journal = Journal(store)
        self.told: list[Event] = []
        self.journal.listen(self.told.append)
        self.errors: list[Exception] = []
        self.worked = True
        self.ran = 0
        self.task = Periodic(
            "checkpoint", 30, self.action, self.journal, self.metrics, sleep=self.sleep
        )

    async def action(self) -> bool:
        self.ran += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.worked


@pytest.fixture
async def post() -> Post:
    return Post(await memory_store())


async def test_it_runs_every_so_often_and_first_after_one_interval(post: Post) -> None:
    background = Background()
    background.add(post.task)
    background.start()
    await settle()
    assert (post.ran, post.sleep.asked) == (0, [30])
    for _ in range(3):
        await post.sleep.wake()
    assert post.ran == 3
    await background.stop()
    assert background.statistics()[0].rounds == 3


async def test_a_round_without_work_is_counted_as_idle(post: Post) -> None:
    post.worked = False
    await post.task.round()
    assert post.task.statistics().idle == 1
    assert post.told == []


async def test_a_failure_is_told_once_and_the_recovery_too(post: Post) -> None:
    post.errors = [ResourceFault("no room"), ResourceFault("no room"), ValueError("x")]
    for _ in range(4):
        await post.task.round()
    codes = [e.payload.code for e in post.told if isinstance(e.payload, SystemWarning | SystemInfo)]
    assert codes == ["background_failed", "background_failed", "background_recovered"]
    warning = post.told[0].payload
    assert isinstance(warning, SystemWarning)
    assert "no room" in warning.message
    assert warning.details == {"task": "checkpoint", "code": "unavailable"}
    figures = post.task.statistics()
    assert (figures.rounds, figures.failures, figures.failing) == (4, 3, "")
    assert post.metrics.counters["background_failures"] == 3


async def test_a_failing_task_goes_on(post: Post) -> None:
    post.errors = [ValueError("x")]
    running = asyncio.create_task(post.task.run())
    await settle()
    for _ in range(2):
        await post.sleep.wake()
    assert post.ran == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_round_can_be_cut_short(post: Post) -> None:
    never = asyncio.Event()

    async def stuck() -> bool:
        await never.wait()
        return True

    background = Background()
    background.add(Periodic("x", 1, stuck, post.journal, post.metrics, sleep=post.sleep))
    background.start()
    await settle()
    await post.sleep.wake()
    await background.stop()


# What the tasks do, in an engine


EVERY = Intervals(checkpoint=30, health=60, cleanup=61)


async def test_an_engine_has_three_timers_and_no_more(place: Path) -> None:
    sleep = ToldSleep()
    async with sailing(place, sleep=sleep):
        await until(lambda: len(sleep.asked) >= 3)
        await settle()
        assert sorted(sleep.asked) == [30, 60, 60]


async def test_a_checkpoint_folds_and_prunes_only_what_changed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = ToldSleep()
    async with sailing(place, sleep=sleep, intervals=EVERY) as ship:
        folded: list[str] = []

        async def checkpoint() -> None:
            folded.append("checkpoint")

        async def prune(_: Retention) -> int:
            folded.append("prune")
            return 0

        monkeypatch.setattr(ship.store, "checkpoint", checkpoint)
        monkeypatch.setattr(ship.store, "prune", prune)
        await until(lambda: len(sleep.asked) >= 3)
        await sleep.wake(30)
        assert folded == ["checkpoint", "prune"]
        await sleep.wake(30)
        assert folded == ["checkpoint", "prune"]
        assert ship.sessions.checkpoints == 2
        await ship.journal.record([SavePreference("theme", "x")], [])
        await sleep.wake(30)
        assert folded == ["checkpoint", "prune"] * 2


async def test_health_is_told_only_when_the_finding_changes(place: Path) -> None:
    sleep = ToldSleep()
    async with sailing(place, sleep=sleep, intervals=EVERY) as ship:
        reports: list[Event] = []
        ship.journal.listen(
            lambda event: reports.append(event) if isinstance(event.payload, HealthReport) else None
        )
        await settle()
        for _ in range(3):
            await sleep.wake(60)
            await until(lambda: sleep.asked.count(60) >= 2)
        await asyncio.sleep(0.05)
        assert reports == []
        ship.sessions.add()
        await sleep.wake(60)
        await until(lambda: len(reports) == 1)


async def test_cleanup_evicts_idle_buckets_and_tidies_after_changes(place: Path) -> None:
    sleep, clock = ToldSleep(), ManualClock()
    async with sailing(place, sleep=sleep, intervals=EVERY, clock=clock) as ship:
        client = await ship.client()
        await client.call(c.ListSessions())
        await settle()
        await sleep.wake(61)
        assert ship.sessions.tidied == 1
        clock.advance(10)
        await sleep.wake(61)
        assert ship.sessions.tidied == 1
        assert (await ship.engine.health()).rate_limiters == 0
        await client.close()


# The budget of a stop


async def ends() -> None:
    await asyncio.sleep(0)


async def never() -> None:
    await asyncio.Event().wait()


async def test_work_that_ends_is_done() -> None:
    assert await Budget(10, ManualClock()).spend("x", ends, save=False)


async def test_work_that_fails_is_done_too() -> None:
    async def fails() -> None:
        raise ValueError("no")

    assert await Budget(10, ManualClock()).spend("x", fails, save=False)


async def test_work_that_takes_too_long_is_given_up() -> None:
    budget = Budget(0.01, ManualClock())
    assert not await budget.spend("x", never, save=False)


async def test_time_that_passed_is_gone() -> None:
    clock = ManualClock()
    budget = Budget(30, clock)
    clock.advance(12)
    assert budget.left == 18
    clock.advance(100)
    assert budget.left == 0


async def test_forcing_ends_the_wait_at_once() -> None:
    budget = Budget(1000, ManualClock())
    spending = asyncio.create_task(budget.spend("x", never, save=False))
    await settle()
    budget.force()
    assert await spending is False
    assert budget.left == 0


async def test_what_must_be_saved_is_saved_even_when_forced() -> None:
    budget = Budget(100, ManualClock())
    budget.force()
    saved = asyncio.Event()

    async def save() -> None:
        await asyncio.sleep(0.01)
        saved.set()

    assert await budget.spend("x", save, save=True)
    assert saved.is_set()


async def test_cancelling_the_waiter_does_not_cancel_the_work() -> None:
    budget, gate, done = Budget(1000, ManualClock()), asyncio.Event(), asyncio.Event()

    async def save() -> None:
        await gate.wait()
        done.set()

    waiting = asyncio.create_task(budget.spend("x", save, save=True))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.set()
    await settle()
    assert done.is_set()
