"""The audit log: a chain without a gap, whatever becomes of other transactions."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.store_conformance.conftest import START

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import AddAudit
from quarterdeck.core.protocol.workspace import WorkspaceState, WorkspaceView
from quarterdeck.core.sessions.records import SaveSession
from quarterdeck.core.telemetry.audit import AuditChain, ChainCheck, ChainHead, canonical

if TYPE_CHECKING:
    from tests.store_conformance.conftest import Commit, Home, Make


def entry(**body: Any) -> AddAudit:
    return AddAudit(START, canonical(body))


async def checked(store: Store) -> int:
    """How many records the chain has, all of which hold."""
    check = ChainCheck()
    while page := await store.audit(after=check.head.sequence, limit=3):
        assert check.follow(page) is None
    assert check.end(await store.audit_head()) is None
    return check.head.sequence


async def test_a_fresh_log_is_empty(store: Store) -> None:
    assert await store.audit() == []
    assert await store.audit_head() == ChainHead()
    assert await checked(store) == 0


async def test_records_are_numbered_and_bound_and_go_on_in_a_new_engine(
    home: Home, store: Store, commit: Commit
) -> None:
    bodies: list[dict[str, Any]] = [{"n": 1}, {"text": "größer ✗ \0"}, {"z": None, "a": [1, "x"]}]
    await commit(entry(**bodies[0]), entry(**bodies[1]))
    store = await home.reopen(store)
    await store.commit([entry(**bodies[2])])
    found = await store.audit()
    assert [record.sequence for record in found] == [1, 2, 3]
    assert [json.loads(record.body) for record in found] == bodies
    assert [datetime.fromisoformat(record.at) for record in found] == [START] * 3
    chain = AuditChain()
    links = [chain.append(body, START).chain_hash for body in bodies]
    assert [record.chain_hash for record in found] == links
    assert await checked(store) == 3


async def test_what_is_refused_leaves_no_gap_and_no_false_link(
    store: Store, make: Make, commit: Commit
) -> None:
    await commit(make.save("S1", 5), entry(n=1))
    futures = [
        store.commit([entry(n=2)]),
        store.commit([entry(n="refused"), make.save("S1", 4)]),  # an older version
        store.commit([entry(n=3), make.save("S1", 6)]),
        store.commit([make.save("S1", 6), entry(n="refused")]),
        store.commit([entry(n=4), entry(n=5)]),
    ]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(one, QuarterdeckError) for one in results] == [
        False, True, False, True, False,
    ]  # fmt: skip
    assert [json.loads(record.body)["n"] for record in await store.audit()] == [1, 2, 3, 4, 5]
    assert await checked(store) == 5


async def test_many_at_once_stand_in_the_order_of_the_calls(store: Store, make: Make) -> None:
    futures = [store.commit([make.reply(f"C{n}"), entry(n=n)]) for n in range(50)]
    await asyncio.gather(*futures)
    found = await store.audit(after=10, limit=5)
    assert [(one.sequence, json.loads(one.body)["n"]) for one in found] == [
        (n + 1, n) for n in range(10, 15)
    ]
    assert await checked(store) == 50


async def test_a_stamp_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(QuarterdeckError):
        await store.commit([AddAudit(START.replace(tzinfo=None), "{}")])
    assert await checked(store) == 0


async def test_a_session_s_workspace_comes_back(
    home: Home, store: Store, make: Make, commit: Commit
) -> None:
    workspace = WorkspaceView(
        repository="/home/me/shop", branch="qd/fix", base="main", commit="f" * 40, path="/w/größer",
        state=WorkspaceState.READY, made_branch=False, setup=("npm", "ci"), merged_into="main",
        branch_gone=True,
    )  # fmt: skip
    record = make.session("S1", workspace=workspace)
    await commit(SaveSession(record))
    (found,) = await (await home.reopen(store)).sessions()
    assert found == record
