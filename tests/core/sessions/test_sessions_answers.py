"""Answers: by meaning, by key, in words; never into another dialog, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, fault_of, until

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionKind, ItemState
from quarterdeck.core.protocol.events import AttentionClosed, AttentionRaised
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.rules import ScreenRule
from quarterdeck.core.sessions.faults import (
    AnswerStalled,
    ItemNotAnswerable,
    ItemUnknown,
    NotRunning,
    RequestGone,
)
from quarterdeck.core.sessions.status.answers import AnswerNotOffered
from quarterdeck.state.memory import MemoryStore

WAITING = "\x1b]0;Approver - waiting\x07"
WORKING = "\x1b]0;Approver - working\x07"


def dialog(command: str, marked: int = 1) -> str:
    """The practice approver's dialog as it stands on the screen."""
    options = ["Yes, once", "Yes, always", "No"]
    rows = [
        f"{'❯' if number == marked else ' '} {number}. {text}"
        for number, text in enumerate(options, 1)
    ]
    lines = ["─" * 40, " Run this command?", f"   $ {command}", *rows]
    screen = "\r\n".join([*lines, "Enter to select · Esc to reject"])
    return f"{WAITING}\x1b[2J\x1b[H{screen}"


GONE = f"{WORKING}\x1b[2J\x1b[H✻ Working…"


@pytest.fixture
async def asked(new_rig: Any, keepers: FakeKeepers) -> Rig:
    """A rig with an approver that asks whether it may run ``ls``."""
    rig: Rig = await new_rig(keepers=keepers, answer_timeout=0.3)
    await rig.create("practice-approver")
    keepers.latest().write(dialog("ls"))
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    return rig


def request_id(rig: Rig) -> str:
    request = rig.view("one").status.request
    assert request is not None
    return request.request_id


async def answered(rig: Rig, keepers: FakeKeepers, **how: Any) -> Mapping[str, Any]:
    """Answer, and let the dialog go once ``keys`` came."""
    keys = how.pop("keys")
    answering = asyncio.create_task(rig.answer(**how))
    await until(lambda: keepers.latest().input == keys)
    keepers.latest().write(GONE)
    return await answering


ANSWERS = [
    ("allow_once", b"\r"),
    ("allow_always", b"\x1b[B\r"),
    ("reject", b"\x1b"),
    ("1", b"\r"),
    ("3", b"\x1b[B\x1b[B\r"),
]


@pytest.mark.parametrize(("choice", "keys"), ANSWERS, ids=[choice for choice, _ in ANSWERS])
async def test_an_answer_is_typed_by_meaning_or_by_key(
    asked: Rig, keepers: FakeKeepers, store: MemoryStore, choice: str, keys: bytes
) -> None:
    wanted = request_id(asked)
    [item] = asked.items()
    assert (item.kind, item.text) == (AttentionKind.APPROVAL, "ls")
    told = await answered(asked, keepers, choice=choice, keys=keys)
    assert told == {"delivery": "verified", "request_id": wanted}
    closed = asked.told(AttentionClosed)[-1].item
    assert (closed.item_id, closed.state) == (item.item_id, ItemState.ANSWERED)
    assert (closed.answer, closed.answered_by) == (choice, CAUSE.client_id)
    assert await store.open_items() == [], "on disk when the answer is acknowledged"
    assert not asked.desk._answers


async def test_an_answer_starts_from_the_option_that_is_marked_now(
    asked: Rig, keepers: FakeKeepers
) -> None:
    keepers.latest().write(dialog("ls", marked=3))
    await answered(asked, keepers, choice="1", keys=b"\x1b[A\x1b[A\r")


async def test_an_answer_that_is_not_offered_types_nothing(
    asked: Rig, keepers: FakeKeepers
) -> None:
    for how in ({"choice": "7"}, {"text": "in words"}):
        fault = await fault_of(asked.answer(**how))
        assert isinstance(fault, AnswerNotOffered)
        assert fault.details["options"] == ["1", "2", "3"]
    assert keepers.latest().typed == []
    assert not asked.desk._answers


async def test_an_answer_to_a_dialog_that_was_answered_by_hand_is_refused(
    asked: Rig, keepers: FakeKeepers
) -> None:
    keepers.latest().write(GONE)
    fault = await fault_of(asked.answer("allow_once"))
    assert isinstance(fault, RequestGone)
    assert keepers.latest().typed == []


async def test_an_answer_to_a_dialog_that_changed_under_the_hand_is_refused(
    asked: Rig, keepers: FakeKeepers
) -> None:
    wanted = request_id(asked)
    keepers.latest().write(dialog("rm -rf /"))
    fault = await fault_of(asked.answer("allow_once"))
    assert isinstance(fault, RequestGone)
    assert keepers.latest().typed == []
    assert request_id(asked) != wanted
    assert fault.details["open_request"] == request_id(asked)
    [item] = asked.items()
    assert item.text == "rm -rf /"


async def test_the_same_dialog_asked_again_is_another_request(
    asked: Rig, keepers: FakeKeepers
) -> None:
    first = request_id(asked)
    keepers.latest().write(GONE)
    await asked.until_activity(Activity.WORKING)
    keepers.latest().write(dialog("ls"))
    await asked.until_activity(Activity.NEEDS_APPROVAL)
    wish = c.Answer(session_id=asked.view("one").id, request_id=first, choice="1")
    assert isinstance(await fault_of(asked.manager.answer(wish, CAUSE)), RequestGone)
    assert keepers.latest().typed == []


async def test_another_dialog_between_two_keys_of_an_answer_gets_none_of_them(
    asked: Rig, keepers: FakeKeepers
) -> None:
    keeper = keepers.latest()
    answering = asyncio.create_task(asked.answer("3"))
    await until(lambda: keeper.typed == [b"\x1b[B"])
    first = request_id(asked)
    keeper.write(dialog("rm -rf /"))
    fault = await fault_of(answering)
    assert isinstance(fault, RequestGone)
    assert "the rest of it was not typed" in fault.message
    assert b"\r" not in keeper.input
    assert request_id(asked) != first
    assert not asked.desk._answers


async def test_of_two_answers_at_once_one_is_typed(asked: Rig, keepers: FakeKeepers) -> None:
    both = asyncio.gather(
        asked.answer("allow_once"), asked.answer("reject"), return_exceptions=True
    )
    await until(lambda: keepers.latest().input == b"\r")
    keepers.latest().write(GONE)
    good, bad = await both
    assert isinstance(good, dict)
    assert good["delivery"] == "verified"
    assert isinstance(bad, RequestGone)
    assert keepers.latest().input == b"\r"
    assert asked.told(AttentionClosed)[-1].item.answer == "allow_once"


async def test_an_answer_that_changes_nothing_has_stalled_and_can_be_given_again(
    asked: Rig, keepers: FakeKeepers
) -> None:
    fault = await fault_of(asked.answer("allow_once"))
    assert isinstance(fault, AnswerStalled)
    [item] = asked.items()
    assert item.state is ItemState.OPEN
    session = asked.session("one")
    await until(lambda: session.reader.detector.open_request.answered is None)  # type: ignore[union-attr]
    keepers.latest().typed.clear()
    await answered(asked, keepers, choice="allow_once", keys=b"\r")


async def test_after_a_stalled_answer_the_end_of_the_request_is_nobodys_answer(
    asked: Rig, keepers: FakeKeepers
) -> None:
    await fault_of(asked.answer("allow_once"))
    keepers.latest().write(GONE)
    await asked.until_activity(Activity.WORKING)
    closed = asked.told(AttentionClosed)[-1].item
    assert (closed.state, closed.answer) == (ItemState.RESOLVED, None)


async def test_an_item_is_answered_as_its_request_is(asked: Rig, keepers: FakeKeepers) -> None:
    [item] = asked.items()
    wish = c.AnswerItem(item_id=item.item_id, choice="reject")
    assert await asked.manager.owner(wish) == item.session_id
    answering = asyncio.create_task(_answer_item(asked, wish))
    await until(lambda: keepers.latest().input == b"\x1b")
    keepers.latest().write(GONE)
    await answering
    assert isinstance(await fault_of(_answer_item(asked, wish)), ItemUnknown)


async def _answer_item(rig: Rig, wish: c.AnswerItem) -> Mapping[str, Any]:
    return await rig.manager.answer_item(wish, CAUSE)


async def test_an_item_that_asks_nothing_is_not_answered(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    keepers.latest().end_child(1)
    await faked.until_lifecycle(Lifecycle.CRASHED)
    [item] = faked.items()
    fault = await fault_of(_answer_item(faked, c.AnswerItem(item_id=item.item_id, choice="1")))
    assert isinstance(fault, ItemNotAnswerable)


async def test_a_session_that_ended_is_not_answered(asked: Rig, keepers: FakeKeepers) -> None:
    wanted = request_id(asked)
    keepers.latest().end_child(0)
    await asked.until_lifecycle(Lifecycle.EXITED)
    assert asked.items() == []
    wish = c.Answer(session_id=asked.view("one").id, request_id=wanted, choice="1")
    assert isinstance(await fault_of(asked.manager.answer(wish, CAUSE)), NotRunning)


async def test_an_answer_that_cannot_be_typed_is_none(
    asked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = keepers.latest().link
    assert link is not None

    async def refused(data: bytes) -> int:
        raise QuarterdeckError("the child has ended")

    monkeypatch.setattr(link, "write", refused)
    assert isinstance(await fault_of(asked.answer("allow_once")), NotRunning)
    assert not asked.desk._answers


# With the crew itself


async def test_a_real_approval_is_given_and_the_turn_goes_on(rig: Rig) -> None:
    await rig.create("practice-approver", prompt="Clean up")
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    while rig.view("one").status.activity is Activity.NEEDS_APPROVAL:
        await rig.answer("allow_always")
        await rig.until_activity(Activity.NEEDS_APPROVAL, Activity.TURN_DONE)
    assert "Ran:" in rig.text("one")
    kinds = [event.item.kind for event in rig.told(AttentionRaised)]
    assert kinds[0] is AttentionKind.APPROVAL
    assert kinds[-1] is AttentionKind.TURN_DONE


async def test_a_real_question_is_answered_by_option_and_in_words(rig: Rig) -> None:
    await rig.create("practice-asker", prompt="What is best?")
    await rig.until_activity(Activity.NEEDS_ANSWER)
    request = rig.view("one").status.request
    assert request is not None
    assert request.free_text
    await rig.answer(text="my own words")
    await rig.until_text("my own words")
    await rig.until_activity(Activity.NEEDS_ANSWER, Activity.TURN_DONE)
    if rig.view("one").status.activity is Activity.NEEDS_ANSWER:
        await rig.answer(choice="1")
        await rig.until_activity(Activity.TURN_DONE)


async def test_what_is_typed_into_a_question_by_hand_leaves_it_the_same_request(rig: Rig) -> None:
    await rig.create("practice-asker", prompt="What is best?")
    await rig.until_activity(Activity.NEEDS_ANSWER)
    wanted, [item] = request_id(rig), rig.items()
    await rig.keys("down", "down", "down", "enter")
    for typed in ("a", "ab", "abc"):
        await rig.keys(text=typed[-1])
        await rig.until_text(typed)
        await until(lambda: rig.session("one").reader.detector.open_request)
    assert request_id(rig) == wanted
    assert [one.item_id for one in rig.items()] == [item.item_id]
    raised = rig.told(AttentionRaised)
    assert [one for one in raised if one.type == "attention.raised"] == raised[:1]


async def test_answers_in_a_row_each_find_their_own_dialog(rig: Rig) -> None:
    """A race between an agent that draws and a hand that types: nothing is typed astray."""
    await rig.create("practice-approver", args=("--turns", "3", "--pace", "0"))
    seen: list[str] = []
    for _ in range(6):  # three turns ask six times at least
        await until(lambda: rig.view("one").status.request)
        seen.append(request_id(rig))
        await rig.answer("allow_once")
    assert len(set(seen)) == 6
    assert "Skipped" not in rig.text("one")


async def test_a_key_that_was_given_in_words_is_not_kept(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rules = [
        {"id": "key", "activity": "needs_answer", "kind": "auth", "any": ["^Enter a key"]},
        {"id": "idle", "activity": "idle", "any": ["ready>"]},
    ]
    agent = AgentDefinition(
        name="locked",
        command=("/bin/sh",),
        screen_rules=tuple(ScreenRule.model_validate(rule) for rule in rules),
    )
    rig = await new_rig(agents={"locked": agent}, keepers=keepers, answer_timeout=0.5)
    await rig.create("locked")
    keepers.latest().echoes = False  # as a field for a key does
    keepers.latest().write("\x1b[2J\x1b[HEnter a key")
    await rig.until_activity(Activity.NEEDS_ANSWER)
    answering = asyncio.create_task(rig.answer(text="sk-secret"))
    await until(lambda: keepers.latest().input == b"sk-secret\r")
    keepers.latest().write("\x1b[2J\x1b[Hready>")
    await answering
    closed = rig.told(AttentionClosed)[-1].item
    assert (closed.state, closed.answer) == (ItemState.ANSWERED, "(not kept)")
    assert "sk-secret" not in repr(rig.events)
