"""Leases, as jobs for the writer: each is one statement."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from ...core.workflows.records import Lease
from ...core.workflows.statuses import WorkflowStatus
from ..stamps import to_text
from ..workflow_rows import lease_of
from .connecting import Connection
from .statements import load_named
from .writer import Job

_SQL = load_named("leases")


def lease(
    engine_id: str,
    until: datetime,
    now: datetime,
    *,
    statuses: Collection[WorkflowStatus],
    limit: int,
    former: Collection[str],
) -> Job:
    """Take what is free; the job gives the ids of the instances taken."""
    values = {
        "engine": engine_id,
        "until": to_text(until),
        "now": to_text(now),
        "statuses": json.dumps(list(statuses)),
        "former": json.dumps(list(former)),
        "limit": max(limit, 0),
    }

    async def job(connection: Connection) -> list[str]:
        return [row[0] for row in await _run(connection, "lease", values)]

    return job


def take(workflow_id: str, engine_id: str, until: datetime, now: datetime) -> Job:
    """Take one instance; the job gives its lease, or ``None``."""
    values = {
        "workflow": workflow_id,
        "engine": engine_id,
        "until": to_text(until),
        "now": to_text(now),
    }

    async def job(connection: Connection) -> Lease | None:
        rows = await _run(connection, "take", values)
        return lease_of(rows[0]) if rows else None

    return job


def renew(leases: Collection[tuple[str, Lease]], until: datetime) -> Job:
    """Prolong leases; the job gives the ids of the instances whose lease was held."""

    async def job(connection: Connection) -> set[str]:
        held = set()
        # Always in the same order, so that two engines can't wait for each other.
        for workflow_id, one in sorted(leases, key=lambda pair: pair[0]):
            values = {**_keys(workflow_id, one), "until": to_text(until)}
            held |= {row[0] for row in await _run(connection, "renew", values)}
        return held

    return job


def release(leases: Collection[tuple[str, Lease]]) -> Job:
    """Give leases back."""

    async def job(connection: Connection) -> None:
        for workflow_id, one in sorted(leases, key=lambda pair: pair[0]):
            await _run(connection, "release", _keys(workflow_id, one))

    return job


async def _run(connection: Connection, name: str, values: dict[str, Any]) -> list[Any]:
    rows: list[Any] = await connection.fetch(_SQL[name].sql, *_SQL[name].values(values))
    return rows


def _keys(workflow_id: str, held: Lease) -> dict[str, Any]:
    return {"workflow": workflow_id, "engine": held.engine_id, "epoch": held.epoch}
