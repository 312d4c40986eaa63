"""Creating, changing and deleting sessions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, alive, definitions, fault_of, until

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import (
    EnvError,
    EnvReady,
    SessionCreated,
    SessionDeleted,
    SessionUpdated,
    StatusChanged,
)
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.faults import (
    AgentUnknown,
    DirectoryMissing,
    NameTaken,
    SessionLimit,
    SessionLiving,
    SessionUnknown,
)
from quarterdeck.core.sessions.keeper.faults import KeeperTimeout
from quarterdeck.core.sessions.surroundings import Bare, repository_of
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore


async def test_a_session_is_created_told_and_kept(rig: Rig, store: MemoryStore) -> None:
    view = await rig.create(name="fix login", priority=Priority.HIGH, cols=90, lines=30)
    assert view.lifecycle is Lifecycle.RUNNING
    assert alive(view.pid)
    assert alive(view.keeper_pid)
    assert (view.cols, view.lines, view.priority) == (90, 30, Priority.HIGH)
    kept = {record.id: record for record in await store.sessions()}[view.id]
    assert (kept.name, kept.pid, kept.generation) == ("fix login", view.pid, 1)
    assert kept.repo == "state"
    [created] = rig.told(SessionCreated)
    assert created.session.lifecycle is Lifecycle.CREATED
    assert created.session.repo == "state"
    moves = [(e.old_lifecycle, e.lifecycle) for e in rig.told(StatusChanged)]
    assert moves[:2] == [
        (Lifecycle.CREATED, Lifecycle.STARTING),
        (Lifecycle.STARTING, Lifecycle.RUNNING),
    ]
    [ready] = rig.told(EnvReady)
    assert ready.isolation == "none"


async def test_events_carry_the_commands_cause_and_growing_numbers(faked: Rig) -> None:
    await faked.create()
    caused = [event for event in faked.events if event.type != "status.progress"]
    assert {event.metadata.command_id for event in caused} == {CAUSE.command_id}
    numbers = [event.metadata.sequence for event in faked.events if event.metadata.sequence]
    assert numbers == sorted(set(numbers))


async def test_an_unstarted_session_takes_no_place_and_no_process(faked: Rig) -> None:
    view = await faked.create(start=False)
    assert view.lifecycle is Lifecycle.CREATED
    assert view.pid is None
    assert not faked.services.keepers.by_key  # type: ignore[attr-defined]
    assert (await faked.stop()).lifecycle is Lifecycle.CREATED


async def test_a_taken_name_is_refused_at_once(faked: Rig) -> None:
    await faked.create(name="a")
    assert isinstance(await fault_of(faked.create(name="a")), NameTaken)
    both = await asyncio.gather(
        faked.create(name="b"), faked.create(name="b"), return_exceptions=True
    )
    assert [type(one) for one in both].count(NameTaken) == 1
    assert len(faked.sessions) == 2


async def test_an_unknown_agent_is_refused_with_the_nearest_name(faked: Rig) -> None:
    fault = await fault_of(faked.create(agent="shel"))
    assert isinstance(fault, AgentUnknown)
    assert "Did you mean shell" in fault.message
    assert not faked.sessions


async def test_twenty_at_once_take_five_places(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(keepers=keepers, max_sessions=5)
    found = await asyncio.gather(
        *(rig.create(name=f"s{number}") for number in range(20)), return_exceptions=True
    )
    assert sum(isinstance(one, SessionLimit) for one in found) == 15
    assert len(rig.sessions) == len(keepers.living()) == 5
    assert isinstance(await fault_of(rig.create(name="more")), SessionLimit)
    await rig.stop("s0")
    await rig.create(name="more")


async def test_a_place_is_kept_through_a_restart(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(keepers=keepers, max_sessions=1)
    await rig.create()
    keepers.gate.clear()
    keepers.starting.clear()
    restart = asyncio.create_task(rig.restart())
    faults = []
    while not keepers.starting.is_set():
        faults.append(await fault_of(rig.create(name="thief")))
        await asyncio.sleep(0)
    keepers.gate.set()
    assert (await restart).lifecycle is Lifecycle.RUNNING
    assert {type(fault) for fault in faults} == {SessionLimit}


async def test_a_failed_start_gives_its_place_back(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(keepers=keepers, max_sessions=1)
    keepers.refusal = KeeperTimeout("too slow")
    await fault_of(rig.create(name="a"))
    await rig.create(name="b")
    assert isinstance(await fault_of(rig.start("a")), SessionLimit)
    assert rig.view("a").lifecycle is Lifecycle.CRASHED


FAILURES = [
    ({"agent": "nowhere"}, "command_not_found"),
    ({"agent": "blunt"}, "command_not_executable"),
    ({"agent": "shell", "cwd": "/no/such/directory"}, "directory_missing"),
    ({"agent": "odd"}, "child_spec_invalid"),
]


@pytest.mark.parametrize(("how", "code"), FAILURES, ids=[code for _, code in FAILURES])
async def test_a_failed_start_leaves_a_crashed_session_and_an_item(
    new_rig: Any, state_dir: Path, how: dict[str, Any], code: str
) -> None:
    blunt = state_dir / "blunt"
    blunt.write_text("no program")
    agents = definitions() | {
        "nowhere": AgentDefinition(name="nowhere", command=("/no/such/program",)),
        "blunt": AgentDefinition(name="blunt", command=(str(blunt),)),
        "odd": AgentDefinition(name="odd", command=("/bin/sh",), env={"A": "a\0b"}),
    }
    rig = await new_rig(agents=agents)
    fault = await fault_of(rig.create(**how))
    assert fault.code == code
    view = rig.view("one")
    assert view.lifecycle is Lifecycle.CRASHED
    assert view.reason == fault.message
    assert view.pid is None
    [item] = rig.items()
    assert (item.kind, item.text) == (AttentionKind.FAILURE, fault.message)
    last = rig.told(StatusChanged)[-1]
    assert (last.old_lifecycle, last.lifecycle) == (Lifecycle.STARTING, Lifecycle.CRASHED)
    assert rig.session("one").screen.ended
    assert not rig.keepers()
    assert bool(rig.told(EnvError)) == (code == "directory_missing")
    await rig.delete()
    assert not rig.items()


async def test_surroundings_that_fail_crash_the_session(new_rig: Any, keepers: FakeKeepers) -> None:
    class Broken:
        isolation = "broken"
        destroyed: list[str]

        def __init__(self) -> None:
            self.destroyed = []

        async def prepare(self, session_id: str, cwd: str, env: Any) -> Bare:
            raise DirectoryMissing("The container has no such directory.")

        async def health(self, session_id: str) -> bool:
            return False

        async def destroy(self, session_id: str) -> None:
            self.destroyed.append(session_id)
            raise QuarterdeckError("it can't be taken down")

        async def orphans(self, living: frozenset[str]) -> int:
            return 0

    containers = Broken()
    rig = await new_rig(keepers=keepers, containers=containers)
    assert isinstance(await fault_of(rig.create()), DirectoryMissing)
    assert rig.view("one").reason == "The container has no such directory."
    session_id = rig.view("one").id
    await rig.delete()  # that taking it down fails is logged, and the session is gone all the same
    assert containers.destroyed == [session_id]
    assert not rig.sessions


async def test_a_keeper_that_cannot_be_reached_is_not_left_behind(
    faked: Rig, keepers: FakeKeepers
) -> None:
    keepers.unreachable = KeeperTimeout("it doesn't answer")
    assert isinstance(await fault_of(faked.create()), KeeperTimeout)
    assert faked.view("one").lifecycle is Lifecycle.CRASHED
    assert not keepers.living()
    assert (await faked.start()).lifecycle is Lifecycle.RUNNING


async def test_an_unexpected_error_of_a_start_crashes_the_session_too(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spawn(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keepers, "spawn", spawn)
    with pytest.raises(OSError, match="No space"):
        await faked.create()
    assert faked.view("one").lifecycle is Lifecycle.CRASHED
    assert "No space left" in faked.view("one").reason


async def test_a_cancelled_start_crashes_the_session(faked: Rig, keepers: FakeKeepers) -> None:
    keepers.gate.clear()
    creating = asyncio.create_task(faked.create())
    await keepers.starting.wait()
    creating.cancel()
    await asyncio.wait([creating])
    assert faked.view("one").lifecycle is Lifecycle.CRASHED
    assert faked.view("one").reason == "its start was interrupted"
    keepers.gate.set()
    await faked.start()


async def test_a_session_that_could_not_be_journalled_never_was(
    faked: Rig, store: MemoryStore
) -> None:
    store.fail_next(StoreFull("no room"))
    assert isinstance(await fault_of(faked.create()), StoreFull)
    assert not faked.sessions
    assert not faked.ledger.owed
    await faked.create()
    assert [record.name for record in await store.sessions()] == ["one"]


async def test_a_creation_that_was_cancelled_leaves_nothing_behind(
    faked: Rig, store: MemoryStore
) -> None:
    with store.held():
        creating = asyncio.create_task(faked.create())
        await until(lambda: store.statistics().pending)
        creating.cancel()
        await asyncio.wait([creating])
        assert not faked.sessions
    await faked.journal.settled()
    assert await store.sessions() == []


async def test_changes_are_told_by_name_and_hold_from_the_next_start_on(
    rig: Rig, store: MemoryStore
) -> None:
    view = await rig.script('echo "say $WORD"; exec sleep 60', env={"WORD": "one"})
    await rig.until_text("say one")
    updates = c.SessionUpdates(name="two", env={"WORD": "two"}, priority=Priority.LOW)
    changed = await rig.manager.update(c.UpdateSession(session_id=view.id, updates=updates), CAUSE)
    assert (changed.name, changed.priority, changed.pid) == ("two", Priority.LOW, view.pid)
    told = rig.told(SessionUpdated)[-1]
    assert set(told.changed) == {"name", "env", "priority"}
    assert told.session.name == "two"
    await rig.restart("two")
    await rig.until_text("say two", "two")
    assert [record.name for record in await store.sessions()] == ["two"]


async def test_a_name_can_be_kept_but_not_taken_over(faked: Rig) -> None:
    await faked.create(name="a", start=False)
    b = await faked.create(name="b", start=False)
    same = c.UpdateSession(session_id=b.id, updates=c.SessionUpdates(name="b"))
    assert (await faked.manager.update(same, CAUSE)).name == "b"
    other = c.UpdateSession(session_id=b.id, updates=c.SessionUpdates(name="a"))
    assert isinstance(await fault_of(faked.manager.update(other, CAUSE)), NameTaken)


async def test_a_living_session_is_deleted_only_with_force(rig: Rig, store: MemoryStore) -> None:
    view = await rig.create()
    fault = await fault_of(rig.delete())
    assert isinstance(fault, SessionLiving)
    assert fault.details["lifecycle"] == "running"
    assert fault.message.endswith("; stop it first, or delete it with --force.")
    assert alive(view.pid)
    await rig.delete(force=True)
    assert not alive(view.pid)
    assert await store.sessions() == []
    assert rig.told(SessionDeleted)[-1].name == "one"
    assert isinstance(await fault_of(_explain(rig, view.id)), SessionUnknown)
    assert not rig.keepers()
    folder = rig.state_dir / "keepers"
    assert not list(folder.iterdir())


async def _explain(rig: Rig, session_id: str) -> None:
    rig.manager.explain(c.ExplainSession(session_id=session_id))


async def test_what_an_ended_session_left_running_ends_with_its_deletion(rig: Rig) -> None:
    left = rig.state_dir / "left"
    await rig.script(f"setsid sh -c 'trap \"\" HUP; echo $$ > {left}; exec sleep 99' & wait $!; ")
    pid = int(await until(lambda: left.exists() and left.read_text().strip()))
    await rig.keys("ctrl+c")  # ends the shell, not what has a session of its own
    await rig.until_lifecycle(Lifecycle.CRASHED, Lifecycle.EXITED)
    assert alive(pid)
    await rig.delete()
    assert not alive(pid)


async def test_a_deletion_the_store_refuses_did_not_happen(
    faked: Rig, store: MemoryStore, keepers: FakeKeepers
) -> None:
    await faked.create(name="a")
    keepers.latest().end_child(7)
    await faked.until_lifecycle(Lifecycle.CRASHED, name="a")
    await faked.journal.settled()
    store.fail_next(StoreFull("no room"))
    assert isinstance(await fault_of(faked.delete("a")), StoreFull)
    assert faked.view("a").lifecycle is Lifecycle.CRASHED
    await faked.start("a")
    assert (await faked.stop("a")).lifecycle is Lifecycle.EXITED
    await faked.delete("a")
    await faked.journal.settled()
    assert await store.sessions() == []
    assert await store.open_items() == []


async def test_a_deleted_session_is_not_brought_back_by_what_comes_late(
    faked: Rig, store: MemoryStore, keepers: FakeKeepers
) -> None:
    await faked.create()
    session = faked.session("one")
    await faked.delete(force=True)
    session.reader.focused(True)
    session.change(reason="late")
    await faked.manager.checkpoint()
    await faked.journal.settled()
    assert await store.sessions() == []
    assert await store.snapshot(session.id) is None


async def test_two_deletions_at_once_are_one(faked: Rig) -> None:
    await faked.create()
    both = await asyncio.gather(
        faked.delete(force=True), faked.delete(force=True), return_exceptions=True
    )
    assert [type(one) for one in both if one is not None] == [SessionUnknown]
    assert len(faked.told(SessionDeleted)) == 1


def test_the_repository_is_the_directory_that_holds_git(tmp_path: Path) -> None:
    inner = tmp_path / "shop" / "src" / "deep"
    inner.mkdir(parents=True)
    assert repository_of(str(inner)) == "deep"
    (tmp_path / "shop" / ".git").mkdir()
    assert repository_of(str(inner)) == "shop"
