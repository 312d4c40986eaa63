"""What goes in comes out: every kind of record, through a reopening too."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import SavePreference
from quarterdeck.core.protocol.attention import AttentionKind, ItemState
from quarterdeck.core.protocol.status import (
    Activity,
    Choice,
    DialogKind,
    Lifecycle,
    Request,
    Source,
    Status,
)
from quarterdeck.core.sessions.records import RemoveSession, SaveItem, SaveSession

if TYPE_CHECKING:
    from tests.store_conformance.conftest import Commit, Home, Make

LATER = datetime(2026, 3, 1, 18, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
CHOICES = (
    Choice(key="1", label="Yes", meaning="allow_once"),
    Choice(key="2", label="Nein, nie ✗"),
)
REQUEST = Request(
    request_id="r-7",
    kind=DialogKind.PERMISSION,
    text="rm -rf ~/Träume 🐙?",
    choices=CHOICES,
    free_text=True,
)
TEXTS = [
    "",
    "plain",
    "Zeilen\nund\tTabs\r\n",
    "nul \0 inside",
    "'; DROP TABLE sessions; --",
    "漢字 e\u0301 👍🏽 \u202eright to left",
    "\ufeff\u2028\U0010ffff",
]


async def test_a_fresh_store_is_empty(store: Store) -> None:
    assert await store.sessions() == []
    assert await store.open_items() == []
    assert await store.snapshot("S1") is None
    assert await store.history("S1", 10) == []
    assert await store.preferences() == {}
    assert await store.reply("C1") is None
    assert await store.events() == []
    assert await store.last_sequence() == 0
    assert store.notices == []


async def test_a_session_comes_back_with_every_field(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    record = make.session(
        "S1",
        version=42,
        name="fix-login",
        repo="/home/me/shop",
        args=("--model", "größer", ""),
        env={"KEY": "wert", "LEER": ""},
        prompt="Mach es heil.\n" * 100,
        priority=Priority.CRITICAL,
        lifecycle=Lifecycle.CRASHED,
        pid=4711,
        keeper_pid=4710,
        epoch=9,
        generation=3,
        exit_code=-1,
        exit_signal=9,
        reason="killed",
        title="claude ✳ shop",
        session_ref="0b5e",
        cols=212,
        lines=57,
        started_at=LATER,
        ended_at=LATER + timedelta(microseconds=1),
        status=Status(
            activity=Activity.NEEDS_APPROVAL,
            source=Source.OSC7501,
            evidence="rule 3: “Do you want”",
            since=LATER,
            request=REQUEST,
        ),
    )
    await commit(SaveSession(record))
    assert await store.sessions() == [record]
    assert await (await home.reopen(store)).sessions() == [record]


async def test_a_session_with_only_what_is_needed_comes_back(
    store: Store, make: Make, commit: Commit
) -> None:
    record = make.session("S1")
    await commit(SaveSession(record))
    (found,) = await store.sessions()
    assert found == record
    assert (found.args, found.env, found.prompt, found.exit_code) == (None, {}, None, None)


async def test_no_arguments_and_an_empty_list_of_them_stay_apart(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.save("S1", args=None), make.save("S2", args=()))
    assert [record.args for record in await store.sessions()] == [None, ()]


async def test_a_session_is_replaced_as_a_whole(store: Store, make: Make, commit: Commit) -> None:
    await commit(make.save("S1", 1, prompt="first", pid=1, started_at=LATER))
    second = make.session("S1", 2, name="second")
    await commit(SaveSession(second))
    assert await store.sessions() == [second]


async def test_sessions_come_oldest_first(store: Store, make: Make, commit: Commit) -> None:
    for name, hours in (("S3", 3), ("S1", 1), ("S2", 2)):
        created = make.session().created_at + timedelta(hours=hours)
        await commit(make.save(name, created_at=created))
    await commit(make.save("S3", 2, created_at=make.session().created_at + timedelta(hours=3)))
    assert [record.id for record in await store.sessions()] == ["S1", "S2", "S3"]


async def test_what_a_caller_does_to_its_mappings_later_changes_nothing(
    store: Store, make: Make, commit: Commit
) -> None:
    env, value = {"A": "1"}, {"list": [1]}
    await commit(make.save("S1", env=env), SavePreference("theme", value))
    env["A"] = "2"
    value["list"].append(2)
    (await store.sessions())[0].env["A"] = "3"
    assert (await store.sessions())[0].env == {"A": "1"}
    assert await store.preferences() == {"theme": {"list": [1]}}


@pytest.mark.parametrize("text", TEXTS)
async def test_any_text_comes_back_as_it_went_in(
    home: Home, store: Store, make: Make, commit: Commit, text: str
) -> None:
    record = make.session("S1", title=text, prompt=text, env={"K": text})
    item = make.item(title=text, text=text, answer=text)
    event = make.event(body=text)
    await commit(
        SaveSession(record),
        SaveItem(item),
        event,
        make.reply("C1", text),
        SavePreference("t", text),
    )
    again = await home.reopen(store)
    assert await again.sessions() == [record]
    assert await again.open_items() == [item]
    assert await again.events() == [event.event]
    assert await again.reply("C1") == text
    assert await again.preferences() == {"t": text}


async def test_a_directory_whose_name_is_no_unicode_comes_back(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    cwd = b"/home/me/\xff\xe9t\xe9".decode("utf-8", "surrogateescape")
    record = make.session("S1", cwd=cwd, repo=cwd, env={"PWD": cwd}, reason="\ud83d")
    await commit(SaveSession(record), make.line("S1"))
    await commit(make.save("S2"))
    again = await home.reopen(store)
    assert (await again.sessions())[0] == record
    assert len(await again.history("S1", 5)) == 1


async def test_large_values_come_back(home: Home, store: Store, make: Make, commit: Commit) -> None:
    cells = bytes(range(256)) * 16_384
    prompt = "ä" * 1_000_000
    await commit(make.save("S1", prompt=prompt), make.snapshot("S1", cells), make.event())
    again = await home.reopen(store)
    kept = await again.snapshot("S1")
    assert kept is not None
    assert kept.data == cells
    assert (await again.sessions())[0].prompt == prompt


async def test_a_snapshot_is_replaced(store: Store, make: Make, commit: Commit) -> None:
    first = make.snapshot("S1", b"\x00\xff first")
    second = make.snapshot("S1", b"", generation=2, offset=2**40, at=LATER)
    await commit(first, make.snapshot("S2"))
    assert await store.snapshot("S1") == first.snapshot
    await commit(second)
    assert await store.snapshot("S1") == second.snapshot


async def test_history_comes_newest_first_and_at_most_so_many(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    lines = [make.line("S1", number) for number in range(20)]
    for line in lines:
        await commit(line, make.line("S2"))
    newest_first = [line.entry for line in lines[::-1]]
    assert await store.history("S1", 100) == newest_first
    assert await store.history("S1", 3) == newest_first[:3]
    assert await store.history("S1", 0) == []
    assert await store.history("S1", -1) == []
    assert await (await home.reopen(store)).history("S1", 20) == newest_first


async def test_history_keeps_its_order_when_the_clock_jumps_back(
    store: Store, make: Make, commit: Commit
) -> None:
    for number in (5, 1, 3):
        await commit(make.line("S1", number))
    texts = [entry.evidence for entry in await store.history("S1", 9)]
    assert texts == ["evidence 3", "evidence 1", "evidence 5"]


async def test_an_item_comes_back_with_every_field(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    item = make.item(
        kind=AttentionKind.QUESTION,
        text="Which one?\n▸ a\n  b",
        choices=CHOICES,
        free_text=True,
        priority=Priority.BACKGROUND,
        deadline=LATER,
        snoozed_until=LATER,
        answer="1",
        answered_by="client 3",
        closed_at=LATER,
        workflow_id="W1",
        task_id="build",
        about="budget/daily/2026-11-21",
    )
    await commit(SaveItem(item))
    assert await (await home.reopen(store)).open_items() == [item]


async def test_only_open_items_are_listed_oldest_first(
    store: Store, make: Make, commit: Commit
) -> None:
    start = make.item().created_at
    young = make.item(created_at=start + timedelta(minutes=2), item_id="A")
    old = make.item(created_at=start + timedelta(minutes=1), item_id="B")
    await commit(SaveItem(young), SaveItem(old))
    assert await store.open_items() == [old, young]
    for state in (ItemState.ANSWERED, ItemState.RESOLVED, ItemState.EXPIRED):
        await commit(SaveItem(old.model_copy(update={"state": state})))
        assert await store.open_items() == [young]
    await commit(SaveItem(old))
    assert await store.open_items() == [old, young]


async def test_removing_a_session_takes_its_history_items_and_snapshot_along(
    store: Store, make: Make, commit: Commit
) -> None:
    for name in ("S1", "S2"):
        item = SaveItem(make.item(name))
        await commit(
            make.save(name), make.line(name), item, make.snapshot(name), make.event(session_id=name)
        )
    await commit(RemoveSession("S1"))
    assert [record.id for record in await store.sessions()] == ["S2"]
    assert [item.session_id for item in await store.open_items()] == ["S2"]
    assert await store.history("S1", 9) == []
    assert await store.snapshot("S1") is None
    assert len(await store.history("S2", 9)) == 1
    assert await store.snapshot("S2") is not None
    assert len(await store.events()) == 2, "what happened has happened"


async def test_removing_what_is_not_there_changes_nothing(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.save("S1"), RemoveSession("S2"))
    assert len(await store.sessions()) == 1


@pytest.mark.parametrize("value", [True, 0, -1.5, "", "text", [], [1, None], {"a": {"b": []}}])
async def test_a_preference_comes_back_with_its_type(
    home: Home, store: Store, commit: Commit, value: object
) -> None:
    await commit(SavePreference("p", "other"))
    await commit(SavePreference("p", value))
    found = (await (await home.reopen(store)).preferences())["p"]
    assert found == value
    assert type(found) is type(value)


async def test_a_preference_is_forgotten(store: Store, commit: Commit) -> None:
    await commit(SavePreference("a", 1), SavePreference("b", 2))
    await commit(SavePreference("a", None), SavePreference("unknown", None))
    assert await store.preferences() == {"b": 2}


async def test_the_first_reply_to_a_command_stays(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.reply("C1", "first"))
    await commit(make.reply("C1", "second"), make.reply("C2", "other"))
    again = await home.reopen(store)
    assert await again.reply("C1") == "first"
    assert await again.reply("C2") == "other"
