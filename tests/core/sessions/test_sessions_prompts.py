"""Prompts: guarded, verified, and the first one that waits until its agent is ready."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeeper, FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, definitions, fault_of, until

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SessionUpdated, StatusChanged, SystemWarning
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions import first_prompt, prompting
from quarterdeck.core.sessions.agents.definition import AgentDefinition, PromptDelivery, Timing
from quarterdeck.core.sessions.agents.rules import ScreenRule, TitleRule
from quarterdeck.core.sessions.faults import (
    InputStalled,
    NotRunning,
    PromptStalled,
    ScreenBehind,
)
from quarterdeck.core.sessions.status.guard import (
    MenuOpen,
    NeedsAnswer,
    NeedsApproval,
    StatusUnknown,
)
from quarterdeck.core.sessions.status.input_box import DraftPresent
from quarterdeck.state.memory import MemoryStore

IDLE = "\x1b[2J\x1b[Hready>"
BUSY = "\x1b[2J\x1b[Hesc to stop"
ASKS = "\x1b[2J\x1b[HMay I? y/n"


def reader(**changes: Any) -> AgentDefinition:
    """An agent that is read off its screen."""
    rules = [
        {"id": "asks", "activity": "needs_approval", "kind": "permission", "any": ["May I"]},
        {"id": "busy", "activity": "working", "any": ["esc to stop"]},
        {"id": "idle", "activity": "idle", "any": ["ready>"]},
    ]
    given = {
        "name": "reader",
        "command": ("/bin/sh",),
        "prompt": PromptDelivery(pause=0.02),
        "screen_rules": tuple(ScreenRule.model_validate(rule) for rule in rules),
    }
    return AgentDefinition(**{**given, **changes})


@pytest.fixture
async def read(new_rig: Any, keepers: FakeKeepers) -> Rig:
    """A rig with one running ``reader``."""
    agents = definitions() | {"reader": reader()}
    rig: Rig = await new_rig(agents=agents, keepers=keepers, prompt_timeout=0.4)
    await rig.create("reader")
    return rig


async def show(rig: Rig, keeper: FakeKeeper, screen: str, activity: Activity) -> None:
    keeper.write(screen)
    await rig.until_activity(activity)


async def test_a_shell_takes_a_prompt_unverified(rig: Rig) -> None:
    await rig.create()
    assert await rig.prompt("echo $((20+3))") == {"delivery": "unverified"}
    await rig.until_text("\n23")


async def test_a_prompt_is_not_added_to_somebody_s_words(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    marked = reader(prompt=PromptDelivery(pause=0.02, verify=False, mark=re.compile("^ready> ")))
    rig: Rig = await new_rig(agents=definitions() | {"reader": marked}, keepers=keepers)
    await rig.create("reader")
    keeper = keepers.latest()
    await show(rig, keeper, "\x1b[2J\x1b[Hready> half a tho", Activity.IDLE)
    fault = await fault_of(rig.prompt("go on"))
    assert isinstance(fault, DraftPresent)
    assert fault.details["draft"] == "half a tho"
    assert keeper.input == b""
    wish = c.Prompt(session_id=rig.view("one").id, text="go on", over_draft=True)
    assert await rig.manager.prompt(wish, CAUSE) == {"delivery": "unverified"}
    keeper.write("\x1b[2J\x1b[Hready> say something\x1b[1;8H")
    await until(lambda: "say something" in rig.text("one"))
    assert await rig.prompt("go on") == {"delivery": "unverified"}, "a hint is no draft"


async def test_a_first_prompt_waits_for_somebody_s_words(
    new_rig: Any, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_prompt, "RETRY", 0.05)
    marked = reader(prompt=PromptDelivery(pause=0.02, verify=False, mark=re.compile("^ready> ")))
    rig: Rig = await new_rig(agents=definitions() | {"reader": marked}, keepers=keepers)
    await rig.create("reader", prompt="first")
    keeper = keepers.latest()
    await show(rig, keeper, "\x1b[2J\x1b[Hready> I was he", Activity.IDLE)
    await until(lambda: any(one.changed == ("prompt",) for one in rig.told(SessionUpdated)))
    assert keeper.input == b""
    keeper.write("\x1b[2J\x1b[Hready> ")
    await until(lambda: keeper.input.endswith(b"\r"))
    assert b"first" in keeper.input


async def test_a_prompt_is_pasted_then_submitted_alone_and_verified(
    read: Rig, keepers: FakeKeepers
) -> None:
    keeper = keepers.latest()
    keeper.write("\x1b[?2004h")
    await show(read, keeper, IDLE, Activity.IDLE)
    prompting = asyncio.create_task(read.prompt("two\nlines"))
    await until(lambda: keeper.input.endswith(b"\r"))
    assert keeper.typed == [b"\x1b[200~two\nlines\x1b[201~", b"\r"]
    keeper.write(BUSY)
    assert await prompting == {"delivery": "verified", "outcome": "taken"}


async def test_a_prompt_that_changes_nothing_has_stalled(read: Rig, keepers: FakeKeepers) -> None:
    await show(read, keepers.latest(), IDLE, Activity.IDLE)
    fault = await fault_of(read.prompt("hello"))
    assert isinstance(fault, PromptStalled)
    assert keepers.latest().input == b"hello\r"


async def test_a_prompt_to_one_at_work_is_queued(read: Rig, keepers: FakeKeepers) -> None:
    await show(read, keepers.latest(), BUSY, Activity.WORKING)
    assert (await read.prompt("and then this"))["outcome"] == "queued"


async def test_a_prompt_that_ends_the_agent_was_taken(read: Rig, keepers: FakeKeepers) -> None:
    await show(read, keepers.latest(), IDLE, Activity.IDLE)
    prompting = asyncio.create_task(read.prompt("/exit"))
    await until(lambda: keepers.latest().input.endswith(b"\r"))
    keepers.latest().end_child(0)
    assert (await prompting)["outcome"] == "ended"


async def test_a_prompt_is_refused_where_it_might_answer_something(
    read: Rig, keepers: FakeKeepers
) -> None:
    await show(read, keepers.latest(), IDLE, Activity.IDLE)
    keepers.latest().write(ASKS)  # not read yet: the prompt itself has to look
    assert isinstance(await fault_of(read.prompt("yes")), NeedsApproval)
    assert keepers.latest().typed == []


async def test_a_prompt_is_refused_where_nobody_can_tell_what_it_does(
    read: Rig, keepers: FakeKeepers
) -> None:
    assert read.view("one").status.activity is Activity.UNKNOWN
    assert isinstance(await fault_of(read.prompt("yes")), StatusUnknown)
    assert keepers.latest().typed == []


async def test_a_dialog_that_comes_under_the_hand_is_not_confirmed(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    agents = {"reader": reader(prompt=PromptDelivery(pause=0.2))}
    rig = await new_rig(agents=agents, keepers=keepers)
    await rig.create("reader")
    keeper = keepers.latest()
    await show(rig, keeper, IDLE, Activity.IDLE)
    prompting = asyncio.create_task(rig.prompt("do it"))
    await until(lambda: keeper.input == b"do it")
    keeper.write(ASKS)
    fault = await fault_of(prompting)
    assert isinstance(fault, NeedsApproval)
    assert "typed, and not submitted" in fault.message
    assert keeper.input == b"do it", "no Enter"


async def test_a_dialog_that_nothing_reports_yet_refuses_a_prompt(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    """Seen: an Enter chose the Yes of a dialog on trust while a title still said "Ready"."""
    rules = [{"id": "ready", "activity": "idle", "any": ["^Ready$"]}]
    titled = reader(title_rules=tuple(TitleRule.model_validate(rule) for rule in rules))
    rig = await new_rig(agents={"reader": titled}, keepers=keepers)
    await rig.create("reader")
    keeper = keepers.latest()
    await show(rig, keeper, IDLE + "\x1b]0;Ready\x07", Activity.IDLE)
    keeper.write(ASKS + "\x1b]0;Ready\x07")
    fault = await fault_of(rig.prompt("yes"))
    assert isinstance(fault, NeedsApproval)
    assert keeper.typed == []


async def test_a_menu_refuses_a_prompt_and_delays_the_first_one(
    new_rig: Any, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_prompt, "RETRY", 0.05)
    menu = {"id": "menu", "modal": True, "any": ["choose one"]}
    agent = reader()
    rules = (*agent.screen_rules, ScreenRule.model_validate(menu))
    rig = await new_rig(agents={"reader": reader(screen_rules=rules)}, keepers=keepers)
    await rig.create("reader", prompt="begin")
    keeper = keepers.latest()
    await show(rig, keeper, IDLE + "\r\nchoose one", Activity.IDLE)
    fault = await fault_of(rig.prompt("hello"))
    assert isinstance(fault, MenuOpen)
    assert keeper.typed == []
    keeper.write(IDLE)
    await until(lambda: keeper.input == b"begin\r")


async def test_a_prompt_that_does_not_show_is_not_submitted(
    read: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: text and Enter left unread for a second, and both taken by the dialog drawn by then."""
    monkeypatch.setattr(prompting, "ECHO_PATIENCE", 0.2)
    keeper = keepers.latest()
    keeper.echoes = False
    await show(read, keeper, IDLE, Activity.IDLE)
    fault = await fault_of(read.prompt("hello"))
    assert isinstance(fault, PromptStalled)
    assert fault.details["typed"] is True
    assert keeper.input == b"hello", "no Enter"


async def test_a_dialog_that_is_drawn_instead_of_the_prompt_is_not_confirmed(
    read: Rig, keepers: FakeKeepers
) -> None:
    keeper = keepers.latest()
    keeper.echoes = False
    await show(read, keeper, IDLE, Activity.IDLE)
    prompting = asyncio.create_task(read.prompt("do it"))
    await until(lambda: keeper.input == b"do it")
    keeper.write(ASKS)
    assert isinstance(await fault_of(prompting), NeedsApproval)
    assert keeper.input == b"do it", "no Enter"


async def test_an_agent_that_ends_instead_of_showing_a_prompt_is_not_waited_for(
    read: Rig, keepers: FakeKeepers
) -> None:
    keeper = keepers.latest()
    keeper.echoes = False
    await show(read, keeper, IDLE, Activity.IDLE)
    prompting = asyncio.create_task(read.prompt("do it"))
    await until(lambda: keeper.input == b"do it")
    keeper.end_child(1)
    assert isinstance(await fault_of(prompting), NotRunning)


async def test_an_open_frame_is_waited_for_before_anything_is_typed(
    read: Rig, keepers: FakeKeepers
) -> None:
    await show(read, keepers.latest(), IDLE, Activity.IDLE)
    keepers.latest().write("\x1b[?2026h" + ASKS)  # begun, and not shown yet
    assert isinstance(await fault_of(read.prompt("yes")), NeedsApproval)


async def test_a_question_refuses_a_prompt(rig: Rig) -> None:
    await rig.create("practice-asker", prompt="What now?")
    await rig.until_activity(Activity.NEEDS_ANSWER)
    fault = await fault_of(rig.prompt("whatever"))
    assert isinstance(fault, NeedsAnswer)
    assert fault.details["request_id"]


async def test_only_a_running_session_takes_prompts_and_keys(faked: Rig) -> None:
    await faked.create(start=False)
    for wish in (faked.prompt("x"), faked.keys("enter")):
        fault = await fault_of(wish)
        assert isinstance(fault, NotRunning)
        assert "created" in fault.message


async def test_a_program_that_does_not_read_holds_up_nobody(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.core.sessions.typist.WRITE_PATIENCE", 0.05)
    await faked.create()
    keepers.latest().reads.clear()
    assert isinstance(await fault_of(faked.prompt("hello")), InputStalled)
    assert isinstance(await fault_of(faked.keys("enter")), InputStalled)
    assert (await faked.stop()).lifecycle is Lifecycle.EXITED


async def test_nothing_is_typed_while_an_agent_cannot_be_read_in_time(
    read: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keepers.latest()
    await show(read, keeper, IDLE, Activity.IDLE)
    run = read.session("one").run
    assert run is not None

    async def never(seconds: float = 2.0) -> None:
        raise TimeoutError

    monkeypatch.setattr(run, "drain", never)
    assert isinstance(await fault_of(read.prompt("x")), ScreenBehind)
    assert keeper.typed == []


async def test_a_real_prompt_is_verified_and_the_turn_done_is_told(rig: Rig) -> None:
    await rig.create("practice-worker")
    await rig.until_activity(Activity.IDLE)
    told = await rig.prompt("Add a test")
    assert told["delivery"] == "verified"
    await rig.until_activity(Activity.TURN_DONE)
    activities = [event.status.activity for event in rig.told(StatusChanged)]
    assert Activity.WORKING in activities
    assert "Add a test" in rig.text("one")


# First prompts


async def test_a_first_prompt_waits_for_the_start_up_dialog(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader", prompt="begin")
    keeper = keepers.latest()
    await show(rig, keeper, ASKS, Activity.NEEDS_APPROVAL)
    assert keeper.typed == []
    assert (await store.sessions())[0].prompt == "begin"
    keeper.write(IDLE)
    await until(lambda: keeper.input == b"begin\r")
    keeper.write(BUSY)
    await rig.until_activity(Activity.WORKING)
    await rig.journal.settled()
    assert (await store.sessions())[0].prompt is None
    await rig.restart()
    await show(rig, keepers.latest(), IDLE, Activity.IDLE)
    assert keepers.latest().typed == [], "it is delivered once"


async def test_a_first_prompt_outlives_a_failed_start_and_a_restart(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    keepers.refusal = NotRunning("nothing works")
    await fault_of(rig.create("reader", prompt="begin"))
    await rig.start()
    await rig.restart()
    keeper = keepers.latest()
    await show(rig, keeper, IDLE, Activity.IDLE)
    await until(lambda: keeper.input == b"begin\r")
    keeper.write(BUSY)
    await rig.until_activity(Activity.WORKING)
    assert keeper.input == b"begin\r"


async def test_a_first_prompt_outlives_the_engine(new_rig: Any, keepers: FakeKeepers) -> None:
    first = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await first.create("reader", prompt="begin")
    await show(first, keepers.latest(), ASKS, Activity.NEEDS_APPROVAL)
    await first.die()
    await new_rig(agents={"reader": reader()}, keepers=keepers)
    keepers.latest().write(IDLE)
    await until(lambda: keepers.latest().input == b"begin\r")


async def test_a_first_prompt_that_fails_is_told_and_not_repeated(
    read: Rig, keepers: FakeKeepers
) -> None:
    await read.create("reader", name="two", prompt="begin")
    keepers.latest().write(IDLE)
    warned = await until(lambda: read.told(SystemWarning))
    assert warned[0].code == "first_prompt_failed"
    assert warned[0].details["cause"] == "prompt_stalled"
    assert read.session("two").record.prompt is None


async def test_a_shells_first_prompt_waits_for_the_shell(rig: Rig) -> None:
    await rig.create(prompt="echo $((11+11))")
    await rig.until_text("\n22")


async def test_a_strangers_first_prompt_comes_when_it_is_silent(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    stranger = AgentDefinition(
        name="stranger",
        command=("/bin/cat",),
        timing=Timing(output_window=0.1),
        prompt=PromptDelivery(pause=0.01),
    )
    rig = await new_rig(agents={"stranger": stranger}, keepers=keepers)
    await rig.create("stranger", prompt="hello")
    keeper = keepers.latest()
    keeper.write("welcome")
    await until(lambda: keeper.input == b"hello\r")


async def test_deleting_a_session_gives_its_first_prompt_up(
    new_rig: Any, keepers: FakeKeepers, state_dir: Path
) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader", prompt="begin")
    await rig.delete(force=True)
    assert not rig.manager._first_prompts._waiting
    assert not rig.told(SystemWarning)


async def test_a_prompt_while_the_session_is_deleted_ends(read: Rig, keepers: FakeKeepers) -> None:
    await show(read, keepers.latest(), IDLE, Activity.IDLE)
    prompting = asyncio.create_task(read.prompt("hello"))
    await until(lambda: keepers.latest().input.endswith(b"\r"))
    await read.delete(force=True)
    assert (await prompting)["outcome"] == "ended"
