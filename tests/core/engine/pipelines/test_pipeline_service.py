"""Pipelines in the engine, over a store in memory, with a crew that starts no process."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.core.engine.pipelines.pipe_rig import rigged
from tests.core.engine.pipelines.test_functions_in_place_guarded import told

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.pipelines import faults as f
from quarterdeck.core.pipelines.files.faults import PayloadDataInvalid
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.pipeline_events import PayloadDied
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.state.memory import MemoryStore

CHAIN = """
name: p
events:
  first:
    handlers:
      double:
        run: [echo, "{{ data.n }}-{{ data.n }}"]
        emits:
          - event: second
            data: {got: "{{ result }}", n: "{{ data.n }}"}
  second:
    handlers:
      finish:
        run: [echo, "{{ data.got }} after {{ causes[0].data.n }}"]
"""
ONE = """
name: p
{more}
events:
  e:
    handlers:
      h:
        run: [echo, "{{{{ data }}}}"]
        {how}
"""


def one(how: str = "", more: str = "") -> str:
    return ONE.format(how=how, more=more)


async def test_a_chain_runs_and_knows_its_causes(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.load(CHAIN)
        assert [lane.event for lane in view.lanes] == ["first", "second"]
        first = await rig.propel("first", {"n": 7})
        await rig.quiet()
        found = rig.all(root=first.id)
        assert [(one.event, one.status, one.hops) for one in found] == [
            ("first", S.COMPLETED, 0),
            ("second", S.COMPLETED, 1),
        ]
        assert found[1].cause == f"payload/{first.id}"
        assert rig.crew.began == [("double", "7-7"), ("finish", "7-7 after 7")]
        detail = await rig.service.payload(first.id)
        assert detail.runs[0].result == "7-7"
        assert detail.runs[0].emitted == (found[1].id,)
        assert [one.id for one in detail.effects] == [found[1].id]
        later = await rig.service.payload(found[1].id)
        assert [one.id for one in later.causes] == [first.id]
        assert rig.workflows.views() == ()
        assert await rig.workflows.reading.lines(w.ListWorkflows()) == []
        run = later.runs[0].workflow_id
        assert run is not None
        assert (await rig.workflows.reading.line(run)).status == "completed"


async def test_what_data_say_is_never_rendered(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(CHAIN)
        await rig.propel("first", {"n": "{{ 6 * 7 }}{% raise %}"})
        await rig.quiet()
        assert rig.crew.began[0][1] == "{{ 6 * 7 }}{% raise %}-{{ 6 * 7 }}{% raise %}"
        assert rig.crew.began[1][1].endswith("after {{ 6 * 7 }}{% raise %}")


async def test_a_payload_of_a_known_id_is_the_same(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        payload_id = new_id()
        await rig.propel("e", "a", payload_id=payload_id)
        await rig.propel("e", "b", payload_id=payload_id)
        await rig.quiet()
        assert rig.crew.began == [("h", "a")]
        settled, on_disk = rig.service.running.settled, asyncio.Event()

        async def slowly() -> None:
            await on_disk.wait()
            await settled()

        rig.service.running.settled = slowly  # type: ignore[method-assign]  # a slow disk
        again = new_id()
        told = [asyncio.create_task(rig.propel("e", "c", payload_id=again)) for _ in range(2)]
        await rig.until(lambda: rig.service.running.book.get(again))
        await asyncio.sleep(0)
        assert not any(one.done() for one in told), "neither is kept yet"
        on_disk.set()
        assert {one.id for one in await asyncio.gather(*told)} == {again}


async def test_what_waits_says_why_and_is_taken_by_priority(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("limit: 1"))
        held = rig.crew.held["h"] = asyncio.Event()
        await rig.propel("e", "running")
        await rig.until(lambda: rig.crew.began)
        for level in (Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.BACKGROUND):
            view = await rig.propel("e", level.name, priority=level)
            assert (view.status, view.reason) == (S.QUEUED, "1 of h are at work")
        (lane,) = rig.service.view("p").lanes
        assert lane.running == 1
        assert lane.depths == dict.fromkeys(
            (Priority.CRITICAL, Priority.NORMAL, Priority.LOW, Priority.BACKGROUND), 1
        )
        assert lane.oldest_at is not None
        held.set()
        await rig.quiet()
        assert [told for _, told in rig.crew.began] == [
            "running", "CRITICAL", "NORMAL", "LOW", "BACKGROUND",
        ]  # fmt: skip
        assert rig.crew.most == 1
        (lane,) = rig.service.view("p").lanes
        assert (lane.waiting, lane.completed, lane.per_minute[-2:] != (0, 0)) == (0, 5, True)


@pytest.mark.parametrize("bound", ["limit", "group", "pipeline", "engine"])
async def test_never_more_at_once_than_a_bound_lets(tmp_path: Path, bound: str) -> None:
    how = {"limit": "limit: 2", "group": "group: g"}.get(bound, "")
    more = {"group": "groups: {g: 2}", "pipeline": "limit: 2"}.get(bound, "")
    capacity = 2 if bound == "engine" else 10
    async with rigged(tmp_path, capacity=capacity) as rig:
        await rig.load(one(how, more))
        held = rig.crew.held["h"] = asyncio.Event()
        for number in range(12):
            await rig.propel("e", number)
        await rig.until(lambda: rig.crew.at_once == 2)
        held.set()
        await rig.quiet()
        assert rig.crew.most == 2
        assert sorted(int(told) for _, told in rig.crew.began) == list(range(12))


async def test_a_rate_spreads_what_begins(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("rate: 50/s"))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(6):
            await rig.propel("e", number)
        await rig.quiet()
        assert loop.time() - begun >= 0.09
        assert sorted(int(told) for _, told in rig.crew.began) == list(range(6))


async def test_what_failed_is_tried_again_sooner_if_wanted(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("retry: {attempts: 3, initial: 600, max: 600}"))
        rig.crew.failing["h"] = 1
        payload = await rig.propel("e", "x")
        await rig.until(lambda: rig.payload(payload.id).status is S.RETRYING)
        view = rig.payload(payload.id)
        assert view.next_attempt_at is not None
        assert view.next_attempt_at - view.created_at > timedelta(seconds=500)
        assert (view.attempt, view.max_attempts) == (1, 3)
        assert "was to fail" in (view.error or "")
        await rig.service.retry(payload.id)
        await rig.quiet()
        assert rig.payload(payload.id).status is S.COMPLETED
        detail = await rig.service.payload(payload.id)
        assert [(run.attempt, run.status) for run in detail.runs] == [
            (1, S.RETRYING),
            (2, S.COMPLETED),
        ]
        assert len({run.workflow_id for run in detail.runs}) == 2
        with pytest.raises(f.PayloadNotRetrying):
            await rig.service.retry(payload.id)


async def test_a_retry_whose_pipeline_is_gone_says_so(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one("retry: {attempts: 3, initial: 600, max: 600}"))
        rig.crew.failing["h"] = 1
        payload = await rig.propel("e", "x")
        await rig.until(lambda: rig.payload(payload.id).status is S.RETRYING)
    (tmp_path / "pipeline.yaml").unlink()
    async with rigged(tmp_path, store) as rig:
        with pytest.raises(f.PipelineUnknown, match="load FILE"):
            await rig.service.retry(payload.id)
        assert rig.payload(payload.id).status is S.RETRYING
    await store.close()


@pytest.mark.parametrize("hurried", [False, True])
async def test_a_retry_whose_time_has_come_says_what_it_waits_for_then(
    tmp_path: Path, hurried: bool
) -> None:
    async with rigged(tmp_path) as rig:
        seconds = 600 if hurried else 0.2
        await rig.load(one(f"retry: {{attempts: 3, initial: {seconds}, max: 600, jitter: 0}}"))
        rig.crew.failing["h"] = 1
        payload = await rig.propel("e", "x")
        await rig.until(lambda: rig.payload(payload.id).status is S.RETRYING)
        assert rig.payload(payload.id).reason.startswith("next attempt at ")
        await rig.service.pause("p", on=True)
        if hurried:
            view = await rig.service.retry(payload.id)
            assert view.next_attempt_at is not None
            assert view.next_attempt_at <= SYSTEM_CLOCK.now()
        await rig.until(lambda: rig.payload(payload.id).reason == "the pipeline is paused")
        await rig.until(lambda: told(rig, payload.id)[-1:] == ["the pipeline is paused"])
        assert rig.payload(payload.id).status is S.RETRYING
        await rig.service.pause("p", on=False)
        await rig.ended(payload.id)


async def test_a_dead_payload_is_asked_about_and_replayed(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("retry: {attempts: 2, initial: 0}"))
        rig.crew.failing["h"] = 6
        ids = [(await rig.propel("e", number)).id for number in range(3)]
        await rig.quiet()
        assert [rig.payload(one).status for one in ids] == [S.DEAD] * 3
        item = await rig.asked()
        assert len(rig.desk.items()) == 1, "one for each lane"
        assert item.kind is AttentionKind.FAILURE
        assert [choice.key for choice in item.choices] == ["replay", "discard"]
        await rig.until(lambda: rig.types().count(PayloadDied.type) == 3)
        await rig.answer(item, "replay")
        asked = item.about.removeprefix("payload/")
        await rig.ended(asked)
        assert rig.payload(asked).status is S.COMPLETED
        await rig.until(lambda: rig.desk.items() and rig.desk.items()[0].about != item.about)
        await rig.answer(rig.desk.items()[0], "discard")
        (left,) = rig.all(statuses=(S.DEAD,))
        await rig.until(lambda: [one.about for one in rig.desk.items()] == [f"payload/{left.id}"])
        await rig.service.discard(left.id)
        assert rig.desk.items() == []
        (lane,) = rig.service.view("p").lanes
        assert (lane.dead, lane.completed, lane.failed) == (0, 1, 6)
        with pytest.raises(f.PayloadUnknown):
            await rig.service.payload(left.id)
        with pytest.raises(f.PayloadNotDead):
            await rig.service.replay(asked)


async def test_cancelling_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("limit: 1"))
        rig.crew.held["h"] = asyncio.Event()
        first, second = [await rig.propel("e", number) for number in range(2)]
        await rig.until(lambda: rig.crew.began)
        assert (await rig.service.cancel(second.id)).status is S.CANCELLED
        await rig.service.cancel(first.id)
        await rig.ended(first.id)
        assert rig.payload(first.id).status is S.CANCELLED
        run = (await rig.service.payload(first.id)).runs[0].workflow_id
        assert run is not None
        state = await rig.workflows.orchestrator.get_workflow_status(run)
        assert state.status == "cancelled"
        assert rig.crew.ended == []
        with pytest.raises(f.PayloadEnded):
            await rig.service.cancel(first.id)
        rig.crew.held["h"].set()
        third = await rig.propel("e", 3)
        await rig.ended(third.id)
        assert rig.payload(third.id).status is S.COMPLETED


async def test_a_chain_without_end_ends(tmp_path: Path) -> None:
    loop = one("emits: {event: e}", "max_hops: 4")
    async with rigged(tmp_path) as rig:
        await rig.load(loop)
        await rig.propel("e", "round")
        await rig.quiet()
        found = rig.all()
        assert [(one.hops, one.status) for one in found] == [
            *((hops, S.COMPLETED) for hops in range(5)),
            (5, S.DEAD),
        ]
        assert "chain_too_long" in (found[-1].error or "")
        await rig.service.replay(found[-1].id)
        await rig.quiet()
        assert [one.status for one in rig.all()][-2:] == [S.COMPLETED, S.DEAD]


async def test_a_payload_past_its_deadline_is_not_begun(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        late = await rig.propel("e", 1, deadline=SYSTEM_CLOCK.now() - timedelta(seconds=1))
        await rig.quiet()
        assert rig.payload(late.id).status is S.EXPIRED
        assert rig.crew.began == []
        (lane,) = rig.service.view("p").lanes
        assert lane.expired == 1


async def test_conditions_choose_handlers_and_what_follows(tmp_path: Path) -> None:
    text = """
name: p
events:
  e:
    handlers:
      small: {when: "data.n < 10", run: [echo, small]}
      large:
        when: data.n >= 10
        run: [echo, large]
        emits:
          - {event: e, when: data.n > 15, data: {n: 3}}
          - {event: e, each: true, data: "{{ [{'n': 1}, {'n': 2}] }}", priority: high}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text)
        await rig.propel("e", {"n": 12})
        await rig.quiet()
        assert [name for name, _ in rig.crew.began] == ["large", "small", "small"]
        assert [one.priority for one in rig.all()] == [
            Priority.NORMAL,
            Priority.HIGH,
            Priority.HIGH,
        ]
        nobody = await rig.propel("e", {"n": None})
        await rig.quiet()
        assert rig.payload(nobody.id).status is S.DEAD, "what can't be told is a fault"


async def test_a_payload_that_no_handler_wants_is_done(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one("when: data == 1"))
        payload = await rig.propel("e", 2)
        assert payload.status is S.COMPLETED
        assert payload.ended_at is not None


async def test_data_that_do_not_fit_are_refused_or_fail_what_emits_them(tmp_path: Path) -> None:
    text = """
name: p
events:
  a:
    handlers:
      h: {run: [echo, "x"], emits: {event: b, data: {n: "{{ result }}"}}}
  b:
    schema: {type: object, properties: {n: {type: integer}}}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text)
        with pytest.raises(PayloadDataInvalid):
            await rig.propel("b", {"n": "text"})
        payload = await rig.propel("a")
        await rig.quiet()
        assert rig.payload(payload.id).status is S.DEAD
        assert len(rig.all()) == 1
        with pytest.raises(f.EventUnknown, match="it has a, b"):
            await rig.propel("c")
        with pytest.raises(f.PipelineUnknown, match="those that are: p"):
            await rig.propel("a", name="q")
