"""Starting, restarting, resuming and ending of sessions' processes."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, alive, definitions, fault_of, until

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import AttentionClosed
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions.agents.definition import AgentDefinition, Resume
from quarterdeck.core.sessions.faults import AgentUnknown, NotResumable
from quarterdeck.core.sessions.keeper.faults import CommandNotFound, KeeperEpoch
from quarterdeck.core.sessions.keeper.items import Gone, Superseded
from quarterdeck.state.memory import MemoryStore

ENDS = [
    ("exit 0", Lifecycle.EXITED, 0, None),
    ("exit 7", Lifecycle.CRASHED, 7, None),
    ("kill -9 $$", Lifecycle.CRASHED, None, 9),
    ("kill -15 $$", Lifecycle.CRASHED, None, 15),
]


@pytest.mark.parametrize(("script", "lifecycle", "code", "number"), ENDS, ids=[e[0] for e in ENDS])
async def test_how_a_process_ended_is_told(
    rig: Rig, script: str, lifecycle: Lifecycle, code: int | None, number: int | None
) -> None:
    await rig.script(f"echo last words; {script}")
    view = await rig.until_lifecycle(Lifecycle.EXITED, Lifecycle.CRASHED)
    assert (view.lifecycle, view.exit_code, view.exit_signal) == (lifecycle, code, number)
    assert view.pid is None
    assert view.ended_at is not None
    assert "last words" in rig.text("one")
    assert [item.kind for item in rig.items()] == (
        [AttentionKind.FAILURE] if lifecycle is Lifecycle.CRASHED else []
    )
    await until(lambda: not rig.keepers())
    await rig.start()
    assert [item for item in rig.items() if item.session_id != view.id] == []


async def test_a_child_that_ends_at_once_is_no_failed_start(rig: Rig) -> None:
    for _ in range(5):
        view = await rig.script("exit 0")
        assert view.lifecycle in {Lifecycle.RUNNING, Lifecycle.EXITED}
        await rig.until_lifecycle(Lifecycle.EXITED)
        await rig.delete()


async def test_starting_a_running_one_changes_nothing(faked: Rig, keepers: FakeKeepers) -> None:
    first = await faked.create()
    again = await faked.start()
    assert (again.pid, again.version) == (first.pid, first.version)
    assert len(keepers.by_key) == 1


async def test_a_restart_keeps_name_and_id_and_shows_a_fresh_screen(rig: Rig) -> None:
    before = await rig.script("echo run $$; exec sleep 99", name="keeps")
    await rig.until_text("run", "keeps")
    after = await rig.restart("keeps")
    assert (after.id, after.name, after.lifecycle) == (before.id, "keeps", Lifecycle.RUNNING)
    assert after.pid != before.pid
    assert not alive(before.pid)
    assert rig.session("keeps").record.generation == 2
    await rig.until_text(f"run {after.pid}", "keeps")
    assert f"run {before.pid}" not in rig.text("keeps")
    await rig.manager.tidy()
    folders = [path.name for path in (rig.state_dir / "keepers").iterdir()]
    assert folders == [f"{after.id}.2"]


async def test_the_last_screen_of_a_run_is_kept_under_its_own_number(
    faked: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    """A restart begins in the moment in which the former run ends."""
    view = await faked.create()
    keepers.latest().write("first run")
    await faked.until_text("first run")
    with store.held():
        restart = asyncio.create_task(faked.restart())
        await until(lambda: faked.session("one").record.lifecycle is Lifecycle.STOPPING)
    await restart
    await faked.journal.settled()
    snapshot = await store.snapshot(view.id)
    assert snapshot is not None
    assert (snapshot.generation, snapshot.offset) == (1, len("first run"))
    assert faked.session("one").record.generation == 2
    assert faked.session("one").offset == 0
    assert keepers.latest().lives


async def test_a_restart_of_an_ended_one_is_a_start(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create(start=False)
    assert (await faked.restart()).lifecycle is Lifecycle.RUNNING
    keepers.latest().end_child(3)
    await faked.until_lifecycle(Lifecycle.CRASHED)
    [item] = faked.items()
    assert (await faked.restart()).lifecycle is Lifecycle.RUNNING
    assert faked.items() == []
    assert faked.told(AttentionClosed)[-1].item.item_id == item.item_id


async def test_a_failed_restart_leaves_a_crashed_session(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    keepers.refusal = CommandNotFound("There is no command x.")
    assert isinstance(await fault_of(faked.restart()), CommandNotFound)
    view = faked.view("one")
    assert (view.lifecycle, view.reason) == (Lifecycle.CRASHED, "There is no command x.")
    assert not faked.session("one").claimed


async def test_a_child_that_ends_while_its_start_is_journalled_is_seen(
    faked: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    keepers.gate.clear()
    creating = asyncio.create_task(faked.create())
    await keepers.starting.wait()
    await faked.journal.settled()
    with store.held():
        keepers.gate.set()
        await until(lambda: faked.session("one").run is not None)
        keepers.latest().end_child(0)
        await until(lambda: faked.session("one").record.lifecycle is Lifecycle.EXITED)
    view = await creating
    assert view.lifecycle is Lifecycle.EXITED
    assert [record.lifecycle for record in await store.sessions()] == [Lifecycle.EXITED]


async def test_a_keeper_that_was_killed_is_found_out(rig: Rig) -> None:
    view = await rig.script("exec sleep 99")
    assert view.keeper_pid is not None
    os.kill(view.keeper_pid, signal.SIGKILL)
    lost = await rig.until_lifecycle(Lifecycle.LOST)
    assert "keeper is gone" in lost.reason
    assert not alive(view.pid), "its tree is ended before it counts as lost"
    [item] = rig.items()
    assert (item.kind, item.text) == (AttentionKind.FAILURE, lost.reason)
    assert (await rig.stop()).lifecycle is Lifecycle.LOST
    again = await rig.start()
    assert again.lifecycle is Lifecycle.RUNNING
    assert rig.items() == []


async def test_an_agent_that_was_killed_has_crashed(rig: Rig) -> None:
    view = await rig.create("practice-idler")
    assert view.pid is not None
    os.kill(view.pid, signal.SIGKILL)
    crashed = await rig.until_lifecycle(Lifecycle.CRASHED)
    assert (crashed.exit_signal, crashed.reason) == (9, "ended by signal 9")


async def test_a_link_that_breaks_is_made_anew(faked: Rig, keepers: FakeKeepers) -> None:
    before = await faked.create()
    keeper = keepers.latest()
    keeper.write("kept")
    await faked.until_text("kept")
    assert keeper.link is not None
    first = keeper.link
    first.cut(_gone())
    keeper.write(" and more")
    await faked.until_text("kept and more")
    assert keeper.link is not first
    view = faked.view("one")
    assert (view.pid, view.lifecycle) == (before.pid, Lifecycle.RUNNING)
    keeper.link.cut(_gone())  # at once again: that would go on for ever
    lost = await faked.until_lifecycle(Lifecycle.LOST)
    assert "keeper lives, but can't be used" in lost.reason
    await faked.manager.tidy()  # it is used again when it can be
    assert faked.view("one").lifecycle is Lifecycle.RUNNING
    keeper.write(", and more")
    await faked.until_text("kept and more, and more")
    assert faked.items() == []


def _gone() -> Gone:
    return Gone("the link broke")


async def test_an_end_recorded_before_the_link_broke_counts(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    keeper = keepers.latest()
    assert keeper.link is not None
    link, keeper.link = keeper.link, None
    keeper.write("the last line")
    keeper.end_child(5)
    keeper.lives = False
    link.cut(_gone())
    view = await faked.until_lifecycle(Lifecycle.CRASHED)
    assert view.exit_code == 5
    assert faked.text("one") == "the last line"


async def test_a_session_that_another_engine_took_over_is_let_go_of(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    keeper = keepers.latest()
    assert keeper.link is not None
    keeper.link.cut(Superseded(9))
    session = faked.session("one")
    await until(lambda: session.superseded)
    assert (await fault_of(faked.keys("enter"))).code == "not_running"
    assert isinstance(await fault_of(faked.stop()), KeeperEpoch)
    assert session.record.lifecycle is Lifecycle.RUNNING
    assert keeper.exit is None
    assert (await faked.manager.checks())[0].status == "degraded"


# Resuming


def _resumable(**resume: Any) -> dict[str, AgentDefinition]:
    return definitions() | {
        "talker": AgentDefinition(name="talker", command=("/bin/sh",), resume=Resume(**resume))
    }


async def test_a_conversation_is_resumed_with_its_own_arguments(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    resume = {"args": ["--resume", "{session_ref}"], "found_by": r"Session: (?P<ref>[\w-]+)"}
    rig = await new_rig(agents=_resumable(**resume), keepers=keepers)
    await rig.create("talker", args=("--more",))
    assert keepers.latest().spec.argv[-1] == "--more"
    keepers.latest().write("Session: abc-123")
    await rig.until_text("abc-123")
    assert not rig.view("one").resumable
    await rig.stop()
    assert rig.view("one").resumable
    await rig.start(resume=True)
    assert keepers.latest().spec.argv[-3:] == ("--resume", "abc-123", "--more")


async def test_an_id_of_our_own_is_assigned_anew_with_each_conversation(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    resume = {"args": ["-r", "{session_ref}"], "assign": ["--id", "{session_ref}"]}
    rig = await new_rig(agents=_resumable(**resume), keepers=keepers)
    await rig.create("talker")
    first = keepers.latest().spec.argv[-1]
    await rig.restart()
    second = keepers.latest().spec.argv[-1]
    assert len({first, second}) == 2
    await rig.stop()
    await rig.start(resume=True)
    assert keepers.latest().spec.argv[-2:] == ("-r", second)


async def test_what_cannot_be_resumed_says_why_and_stays_as_it_is(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    resume = {"args": ["-r", "{session_ref}"], "found_by": r"Session: (?P<ref>\w+)"}
    rig = await new_rig(agents=_resumable(**resume), keepers=keepers, max_sessions=2)
    await rig.create("talker", start=False)
    await rig.create("shell", name="two", start=False)
    for name, why in (("one", "never told"), ("two", "has no way to")):
        before = rig.session(name).record
        fault = await fault_of(rig.start(name, resume=True))
        assert isinstance(fault, NotResumable)
        assert why in fault.message
        assert rig.session(name).record == before
        assert not rig.session(name).claimed


async def test_a_session_of_an_agent_that_is_gone_is_kept_but_not_started(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(agents=_resumable(), keepers=keepers)
    await first.create("talker", start=False)
    await first.close(stop_sessions=False)
    second = await new_rig(keepers=keepers)
    assert second.view("one").agent == "talker"
    assert isinstance(await fault_of(second.start()), AgentUnknown)
    await second.delete()


async def test_the_child_knows_its_session_and_its_terminal(rig: Rig) -> None:
    view = await rig.script(
        'echo "$TERM|$QUARTERDECK_NAME|$QUARTERDECK_SESSION|$X"; sleep 9', env={"X": "y"}
    )
    await rig.until_text(f"xterm-256color|one|{view.id}|y")


async def test_a_last_finished_turn_stays_to_be_seen_after_the_end(rig: Rig) -> None:
    await rig.create("practice-worker")
    await rig.until_activity(Activity.IDLE)
    await rig.prompt("Do something")
    await rig.until_activity(Activity.TURN_DONE)
    os.kill(rig.view("one").pid or 0, signal.SIGHUP)  # typing would show that someone has looked
    await rig.until_lifecycle(Lifecycle.EXITED)
    assert rig.view("one").status.activity is Activity.TURN_DONE
    assert [item.kind for item in rig.items()] == [AttentionKind.TURN_DONE]
    rig.manager.focus("me", rig.view("one").id)
    await until(lambda: not rig.items())


async def test_a_lost_session_is_not_taken_back_once_it_was_started_again(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    first = keepers.latest()
    session = faked.session("one")
    session.linked_at = faked.services.clock.monotonic()
    assert first.link is not None
    first.link.cut(_gone())
    await faked.until_lifecycle(Lifecycle.LOST)
    await faked.start()
    assert session.record.generation == 2
    await faked.manager.tidy()
    assert not first.lives, "the keeper of a former start is ended"
    assert faked.view("one").lifecycle is Lifecycle.RUNNING


async def test_resuming_by_command_needs_no_second_place(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig(keepers=keepers, max_sessions=1)
    view = await rig.create()
    wish = c.StartAgent(session_id=view.id)
    assert (await rig.manager.start(wish, CAUSE)).pid == view.pid
