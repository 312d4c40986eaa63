"""The durable audit log: what is in it, and that whatever is done to it is seen and named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.ship import sailing

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.audit_check import PAGE, AuditFinding, HeadInvalid, parse_head, verify
from quarterdeck.core.engine.audit_commands import TEXT_LIMIT, command_entry
from quarterdeck.core.engine.auditing import is_audited
from quarterdeck.core.engine.context import Call, ClientState
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.records import AddAudit
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.commands import command
from quarterdeck.core.protocol.events import EVENTS, Cause, SystemInfo, SystemWarning
from quarterdeck.core.protocol.wire import Reply
from quarterdeck.core.telemetry.audit import Broken, ChainHead, canonical
from quarterdeck.core.telemetry.redaction import Redactor
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import SqliteStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = 12


def test_what_safety_depends_on_is_durable() -> None:
    audited = {kind for kind in EVENTS if is_audited(kind)}
    assert {"attention.closed", "session.deleted", "system.warning"} <= audited
    assert all(EVENTS[kind].durable for kind in audited)
    assert is_audited("safety.violation")
    assert not is_audited("status.changed")


def body_of(wish: c.Payload, reply: Reply | None = None) -> dict[str, Any]:
    sent = command(wish)
    client = ClientState("CLIENT", "command line", 7)
    call = Call(sent, client, Cause())
    redactor = Redactor(["hunter22"])
    given = reply or Reply(command_id=sent.id, ok=True)
    found: dict[str, Any] = json.loads(command_entry(call, wish, given, redactor, NOW).body)
    return found


def test_a_command_is_recorded_without_secrets_and_without_whole_texts() -> None:
    wish = c.CreateSession(
        name="one", agent="shell", env={"HOME": "/x", "TOKEN": "abc"},
        args=("--password=hunter22",), prompt="x" * (TEXT_LIMIT + 1),
    )  # fmt: skip
    body = body_of(wish)
    assert (body["kind"], body["type"], body["ok"], body["code"]) == (
        "command", "session.create", True, None,
    )  # fmt: skip
    assert body["client"] == {"id": "CLIENT", "name": "command line", "pid": 7}
    assert "hunter22" not in json.dumps(body)
    assert "abc" not in json.dumps(body)
    assert set(body["wish"]["env"]) == {"HOME", "TOKEN"}
    assert len(body["wish"]["prompt"]) < TEXT_LIMIT + 40


async def test_every_command_that_changes_something_is_in_it_done_or_refused(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        await client.call(c.SetPreference(key="theme", value="nord"))
        with pytest.raises(QuarterdeckError):
            await client.call(c.DeleteSession(session_id="0" * 26))
        await client.call(c.ListSessions())
        bodies = [json.loads(one.body) for one in await ship.store.audit()]
        commands = [one for one in bodies if one["kind"] == "command"]
        assert [(one["type"], one["ok"], one["code"]) for one in commands] == [
            ("ui.set_preference", True, None),
            ("session.delete", False, "session_unknown"),
        ]
        assert {one["client"]["name"] for one in commands} == {"test"}
        found = await client.call(c.VerifyEvents())
        head = f"{len(bodies)}:{(await ship.store.audit())[-1].chain_hash}"
        assert found["audit"] == {"records": len(bodies), "broken": None, "head": head}
        assert (await client.call(c.VerifyEvents(head=head)))["audit"]["broken"] is None
        await client.close()


# ---- what is done to it --------------------------------------------------------------------


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database whose log has records of commands and of events."""
    place = tmp_path / "state.db"
    store = SqliteStore(place, clock=SYSTEM_CLOCK)
    await store.open()
    journal = Journal(store)
    await journal.open()
    for number in range(NUMBER // 2):
        await journal.record([AddAudit(NOW, canonical({"kind": "command", "n": number}))], [])
        await journal.record([], [SystemInfo(code="x", message=f"event {number}")])
    await store.close()
    return place


async def found_in(path: Path, known: ChainHead | None = None) -> AuditFinding:
    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    try:
        return await verify(store, known)
    finally:
        await store.close()


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


async def test_an_untouched_log_holds(path: Path) -> None:
    found = await found_in(path)
    assert (found.records, found.broken, found.head.sequence) == (NUMBER, None, NUMBER)


async def test_an_end_that_was_cut_with_its_head_set_back_shows_against_a_known_head(
    path: Path,
) -> None:
    before = await found_in(path)
    assert (await found_in(path, before.head)).broken is None
    change(
        path,
        "DELETE FROM audit WHERE sequence > 9",
        "UPDATE audit_head SET sequence = 9, chain_hash = (SELECT chain_hash FROM audit WHERE sequence = 9)",
    )
    assert (await found_in(path)).broken is None
    broken = (await found_in(path, before.head)).broken
    assert broken == Broken(10, "it is missing; record 12 was there when the given head was noted")
    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    for _ in range(4):  # the log goes on beyond what was cut
        await store.commit([AddAudit(NOW, canonical({"kind": "command"}))])
    await store.close()
    broken = (await found_in(path, before.head)).broken
    assert broken is not None
    assert (broken.sequence, "is another one" in broken.what) == (12, True)


@pytest.mark.parametrize("text", ["", "12", "12:ab", "x:" + "0" * 64, "12:" + "G" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(HeadInvalid):
        parse_head(text)


@pytest.mark.parametrize(
    ("statement", "broken", "what"),
    [
        ("UPDATE audit SET body = replace(body, '2', '3') WHERE sequence = 5", 5, "do not fit"),
        ("UPDATE audit SET at = replace(at, '2026', '2025') WHERE sequence = 4", 4, "do not fit"),
        ("UPDATE audit SET chain_hash = upper(chain_hash) WHERE sequence = 7", 7, "do not fit"),
        ("UPDATE audit SET body = x'ff00' WHERE sequence = 8", 8, "do not fit"),
        ("INSERT INTO audit VALUES (13, 'x', '{}', 'y')", 13, "ended at record 12"),
        ("DELETE FROM audit WHERE sequence = 1", 1, "record 2 comes next"),
        ("DELETE FROM audit WHERE sequence = 6", 6, "record 7 comes next"),
        ("DELETE FROM audit WHERE sequence = 12", 12, "went on to record 12"),
        ("DELETE FROM audit WHERE sequence > 9", 10, "went on to record 12"),
        ("DELETE FROM audit", 1, "went on to record 12"),
        ("DELETE FROM audit_head", NUMBER, "is gone"),
        ("UPDATE audit_head SET sequence = 0", NUMBER, "does not fit the chain's head"),
        ("UPDATE audit_head SET chain_hash = 'x'", NUMBER, "does not fit the chain's head"),
        ("UPDATE events SET body = replace(body, 'event 2', 'event X') WHERE sequence = 3", 6,
         "its event 3 was changed"),
        ("DELETE FROM events WHERE sequence = 4", 8, "its event 4 is missing"),
    ],
)  # fmt: skip
async def test_whatever_is_changed_is_named(
    path: Path, statement: str, broken: int, what: str
) -> None:
    change(path, statement)
    finding = await found_in(path)
    assert finding.broken is not None
    assert finding.broken.sequence == broken
    assert what in finding.broken.what
    assert finding.records in {broken - 1, NUMBER}


async def test_a_byte_anywhere_in_the_log_is_named(path: Path) -> None:
    """Each byte of one record's text, in the file itself."""
    whole = read(path)
    text = b'{"kind":"command","n":4}'
    at = whole.index(text)
    for offset in range(0, len(text), 5):
        write(path, whole[: at + offset] + b"~" + whole[at + offset + 1 :])
        finding = await found_in(path)
        assert finding.broken is not None
        assert finding.broken.sequence == 9


async def test_a_cut_end_is_named_also_after_the_log_went_on(path: Path) -> None:
    change(path, "DELETE FROM audit WHERE sequence > 10")
    store = SqliteStore(path, clock=SYSTEM_CLOCK)
    await store.open()
    await store.commit([AddAudit(NOW, canonical({"kind": "command"}))])
    finding = await verify(store)
    await store.close()
    assert finding.broken is not None
    assert (finding.broken.sequence, finding.broken.what) == (
        11, "it is missing; record 13 comes next",
    )  # fmt: skip


async def test_events_that_were_pruned_are_not_missed(path: Path) -> None:
    change(path, "DELETE FROM events WHERE sequence < 4")
    assert (await found_in(path)).broken is None


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    yield store
    await store.close()


async def test_a_long_log_is_checked_in_pieces(store: MemoryStore) -> None:
    journal = Journal(store)
    await journal.open()
    text = canonical({"kind": "command"})
    for _ in range(PAGE):
        store.commit([AddAudit(NOW, text)])
    await journal.record([], [SystemWarning(code="x", message="y")])
    found = await verify(store)
    assert (found.records, found.broken, found.head.sequence) == (PAGE + 1, None, PAGE + 1)
    assert (await verify(store, found.head)) == found


async def test_a_change_that_could_not_be_kept_leaves_the_chain_whole(store: MemoryStore) -> None:

    journal = Journal(store)
    await journal.open()
    store.fail_next(StoreFull("full"))
    journal.record([], [SystemInfo(code="lost", message="lost")])
    await journal.record([], [SystemInfo(code="kept", message="kept")])
    await journal.settled()
    assert (await verify(store)).broken is None
