"""Tasks of workflow files on agents: chosen, waiting with a reason, released on every way out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from tests.cli.fake_views import session_view
from tests.core.engine.crew.crew_rig import NOBODY, Hands, agent, crewed

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.engine.crew.placing import repository
from quarterdeck.core.engine.crew.ports import NothingWatched
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.crew_views import BreakerView
from quarterdeck.core.protocol.events import SessionUpdated
from quarterdeck.core.workflows.executors.children import ChildKind
from quarterdeck.state.memory import MemoryStore

TWO = """
name: two
tasks:
  one: {agent: ada, prompt: Do it.}
  two: {agent: ada, prompt: Do it., timeout: 1h}
"""
CHOSEN = """
name: chosen
tasks:
  any: {agent: any, prompt: Do it.}
  able: {agent: {capabilities: [code, tests]}, prompt: Do it.}
  among: {agent: {any_of: [ben, cleo], affinity: cleo}, prompt: Do it.}
"""


async def test_a_task_waits_until_its_agent_has_room_and_says_why(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada")) as crew:
        flow = await crew.begin(TWO)
        await crew.working(one="ada")
        waiting = await crew.task(flow, "two")
        assert (waiting.status, waiting.reason) == ("ready", "ada has 1 of 1 running")
        assert waiting.started_at is None
        view = await crew.service.view()
        assert [(one.what, one.title, one.reason) for one in view.waiting] == [
            (f"workflow/{flow.id}/two", "two · two", "ada has 1 of 1 running")
        ]
        assert [(one.what, one.agent) for one in view.placed] == [
            (f"workflow/{flow.id}/one", "ada")
        ]
        (ada,) = view.agents
        assert (ada.running, ada.waiting, ada.state, ada.reason) == (1, 1, "full", "1 of 1 running")
        crew.hands.end("one")
        await crew.working(two="ada")
        assert (await crew.task(flow, "two")).agent == "ada"
        crew.hands.end("two")
        await crew.until(lambda: crew.workflows.views()[0].status == "completed")
        (ada,) = (await crew.service.view()).agents
        assert (ada.running, ada.completed, ada.state) == (0, 2, "available")


async def test_a_reason_that_changes_is_told_again(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada", slots=2)) as crew:
        await crew.begin(TWO)
        await crew.working(one="ada", two="ada")
        third = await crew.begin("name: third\ntasks: {three: {agent: ada, prompt: Do it.}}")
        await crew.until(
            lambda: [t.reason for t in crew.told("three")] == ["ada has 2 of 2 running"]
        )
        before = crew.changes()
        crew.sessions.found = [session_view("mine", agent="ada")]
        crew.journal.announce(SessionUpdated(session=crew.sessions.found[0], changed=("name",)))
        wanted = "ada has 3 of 2 running, 1 of them by hand"
        await crew.until(lambda: crew.told("three")[-1].reason == wanted)
        assert (await crew.task(third, "three")).reason == wanted
        assert crew.changes() > before


async def test_who_is_chosen(tmp_path: Path) -> None:
    crew_of = (
        agent("ada", "code"),
        agent("ben", "code", "tests"),
        agent("cleo"),
        agent("zoe", practice=True),
        agent("sh", shell=True),  # noqa: S604  # an agent, no call
        agent("gone", "code", "tests"),
        agent("mute", "code", "tests", reports=False, oneshot=None),
    )
    async with crewed(tmp_path, *crew_of, there=lambda one: one.name != "gone") as crew:
        flow = await crew.begin(CHOSEN)
        await crew.until(lambda: len(crew.hands.at_work) == 3)
        assert crew.hands.at_work["able"] == "ben"
        assert crew.hands.at_work["among"] == "cleo"
        assert crew.hands.at_work["any"] == "ada"
        assert (await crew.task(flow, "any")).agent == "ada"
        states = {one.name: one.state for one in (await crew.service.view()).agents}
        assert (states["gone"], states["ada"], states["zoe"]) == ("missing", "full", "available")
        plain = await crew.begin("name: plain\ntasks: {more: {agent: any, prompt: Do it.}}")
        await crew.until(lambda: crew.told("more"))
        reason = (await crew.task(plain, "more")).reason
        assert reason == "all are taken: ada 1 of 1, ben 1 of 1, cleo 1 of 1"


async def test_a_capability_that_nobody_has(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada", "code")) as crew:
        flow = await crew.begin("name: x\ntasks: {t: {agent: {capabilities: gpu}, prompt: Do it.}}")
        await crew.until(lambda: crew.told("t"))
        assert (await crew.task(flow, "t")).reason == "no agent with capability gpu"


async def test_a_repository_and_a_provider_have_limits_of_their_own(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / ".git").mkdir(parents=True)
    (shop / "src").mkdir()
    crew_of = (agent("ada", slots=9, groups=("provider",)), agent("ben", slots=9))
    async with crewed(tmp_path, *crew_of, per_repository=1, groups={"provider": 1}) as crew:
        flow = await crew.begin(f"""
name: shop
tasks:
  first: {{agent: ben, prompt: Do it., cwd: {shop}/src, priority: high}}
  again: {{agent: ben, prompt: Do it., cwd: {shop}}}
  other: {{agent: ada, prompt: Do it., cwd: /}}
  third: {{agent: ada, prompt: Do it., cwd: {tmp_path}}}
""")
        await crew.working(first="ben", other="ada")
        assert (await crew.task(flow, "again")).reason == f"repo:{shop} is full (1 of 1)"
        assert (await crew.task(flow, "third")).reason == "provider is full (1 of 1)"
        view = await crew.service.view()
        shown = {one.name: (one.limit, one.running, one.waiting) for one in view.groups}
        assert shown["provider"] == (1, 1, 1)
        assert shown[f"repo:{shop}"] == (1, 1, 1)
        ada = next(one for one in view.agents if one.name == "ada")
        assert (ada.state, ada.reason) == ("full", "provider is full (1 of 1)")


@pytest.mark.parametrize("way", ["end", "fail", "cancel", "interrupt", "timeout"])
async def test_a_place_is_given_back_on_every_way_out(tmp_path: Path, way: str) -> None:
    async with crewed(tmp_path, agent("ada")) as crew:
        timeout = "timeout: 50ms" if way == "timeout" else "timeout: 1h"
        flow = await crew.begin(f"name: w\ntasks: {{a: {{agent: ada, prompt: Do it., {timeout}}}}}")
        await crew.working(a="ada")
        if way == "fail":
            crew.hands.failing.add("a")
        if way in {"end", "fail"}:
            crew.hands.end("a")
        elif way == "cancel":
            await crew.workflows.cancel(flow.id, NOBODY)
        elif way == "interrupt":
            await crew.workflows.pause(w.PauseWorkflow(workflow_id=flow.id, interrupt=True), NOBODY)
        await crew.until(lambda: not crew.placing.places.placed())
        (ada,) = (await crew.service.view()).agents
        assert (ada.running, ada.waiting) == (0, 0)
        assert (ada.completed, ada.failed) == {"end": (1, 0), "fail": (0, 1)}.get(way, (0, 0))
        await crew.begin("name: v\ntasks: {b: {agent: ada, prompt: Do it.}}")
        await crew.until(lambda: crew.hands.at_work.get("b") == "ada")


async def test_what_waits_is_cancelled_and_never_begins(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada")) as crew:
        first = await crew.begin("name: v\ntasks: {a: {agent: ada, prompt: Do it.}}")
        await crew.working(a="ada")
        flow = await crew.begin("name: w\ntasks: {b: {agent: ada, prompt: Do it.}}")
        await crew.until(lambda: len(crew.placing.places) == 1)
        await crew.workflows.cancel(flow.id, NOBODY)
        assert (await crew.task(flow, "b")).status == "cancelled"
        crew.hands.end("a")
        await crew.until(lambda: not crew.hands.at_work)
        assert crew.hands.placed == [("a", "ada")]
        assert (await crew.task(first, "a")).status == "completed"


async def test_adopted_attempts_count_again_on_the_agent_that_was_chosen(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    crew_of = (agent("ada"), agent("ben"))
    text = """
name: w
tasks:
  t: {agent: {any_of: [ada, ben]}, prompt: Do it., foreach: [1, 2, 3]}
"""
    async with crewed(
        tmp_path, *crew_of, store=store, hands=Hands(child=ChildKind.PROCESS)
    ) as crew:
        flow = await crew.begin(text)
        await crew.until(lambda: len(crew.hands.at_work) == 2)
        before = dict(crew.hands.at_work)
    async with crewed(tmp_path, *crew_of, store=store) as crew:
        await crew.until(lambda: crew.hands.at_work == before)
        assert sorted(crew.hands.adopted) == sorted(before)
        assert [one.agent for one in crew.placing.places.placed()] == list(before.values())
        last = ({"t[0]", "t[1]", "t[2]"} - set(before)).pop()
        waiting = await crew.task(flow, last)
        assert waiting.reason == "all are taken: ada 1 of 1, ben 1 of 1"
        assert waiting.attempt == 0
        free = next(name for name, one in before.items() if one == "ben")
        crew.hands.end(free)
        await crew.until(lambda: crew.hands.at_work.get(last) == "ben")
        crew.hands.end()
        await crew.until(lambda: crew.workflows.views()[0].status == "completed")
    await store.close()


async def test_sessions_by_hand_count_those_of_tasks_do_not(tmp_path: Path) -> None:
    hands = Hands(child=ChildKind.SESSION)
    async with crewed(tmp_path, agent("ada", slots=2), hands=hands) as crew:
        await crew.begin(TWO)
        await crew.working(one="ada", two="ada")
        own = session_view("w-one", id="session of one", agent="ada")
        crew.sessions.found = [own, session_view("mine", agent="ada"), session_view("x", agent="y")]
        (ada,) = (await crew.service.view()).agents
        assert (ada.running, ada.sessions) == (2, 1)
        crew.sessions.found = []
        (ada,) = (await crew.service.view()).agents
        assert (ada.running, ada.sessions) == (2, 0)


async def test_one_session_by_hand_leaves_room_for_one_task(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada", slots=2)) as crew:
        crew.sessions.found = [session_view("mine", agent="ada")]
        await crew.service.view()
        await crew.begin(TWO)
        await crew.working(one="ada")
        crew.sessions.found = []
        crew.journal.announce(SessionUpdated(session=session_view("mine"), changed=("name",)))
        await crew.working(one="ada", two="ada")


async def test_changes_are_told_now_and_then_and_not_each(tmp_path: Path) -> None:
    async with crewed(tmp_path, agent("ada", slots=50), parallel=60) as crew:
        tasks = "\n".join(f"  t{number}: {{agent: ada, prompt: Do it.}}" for number in range(40))
        await crew.begin(f"name: many\ntasks:\n{tasks}")
        await crew.until(lambda: len(crew.hands.at_work) == 40)
        crew.hands.end()
        await crew.until(lambda: crew.workflows.views()[0].status == "completed")
        await crew.until(crew.changes)
        assert crew.changes() < 40
        times = [one.metadata.timestamp for one in crew.events if one.type == "crew.changed"]
        gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
        assert all(gap > 0.09 for gap in gaps)


def test_a_worktree_belongs_to_its_repository(tmp_path: Path) -> None:
    shop, tree, odd = tmp_path / "shop", tmp_path / "tree", tmp_path / "odd"
    (shop / ".git" / "worktrees" / "tree").mkdir(parents=True)
    for place in (tree, odd):
        place.mkdir()
    (tree / ".git").write_text(f"gitdir: {shop}/.git/worktrees/tree\n")
    (odd / ".git").write_bytes(b"\xff\xfe")
    assert repository(str(tree)) == str(shop)
    assert repository(str(shop / ".git" / "worktrees")) == str(shop)
    assert repository(str(odd)) == str(odd)
    assert repository("/") == "/"


async def test_an_agent_whose_breaker_is_open_says_so(tmp_path: Path) -> None:
    class Watched(NothingWatched):
        def breakers(self) -> tuple[BreakerView, ...]:
            return (
                BreakerView(name="a", about="agent/ada", state="open"),
                BreakerView(name="b", about="operation/ben", state="open"),
                BreakerView(name="c", about="agent/cleo", state="half_open"),
            )

    async with crewed(tmp_path, agent("ada"), agent("ben"), agent("cleo")) as crew:
        crew.service.safety = Watched()
        view = await crew.service.view()
        assert [one.state for one in view.agents] == ["open", "available", "available"]
        assert len(view.breakers) == 3
        crew.placing.places.close("cleo", "is left alone")
        cleo = (await crew.service.view()).agents[2]
        assert (cleo.state, cleo.reason) == ("open", "is left alone")
