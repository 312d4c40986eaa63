"""Leases, as jobs for the writer: each is one transaction. Blocking; runs on the writer's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from ...core.workflows.records import Lease
from ...core.workflows.statuses import WorkflowStatus
from ..stamps import to_text
from ..workflow_rows import lease_of
from .statements import load_statements

_SQL = load_statements("leases")

TAKEN = 4
"""What taking one instance counts for, in changes."""

Job = Callable[[sqlite3.Connection], Any]


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
        "now": to_text(now),
        "statuses": json.dumps(list(statuses)),
        "former": json.dumps(list(former)),
        "limit": max(limit, 0),
    }
    terms = {"engine": engine_id, "until": to_text(until)}

    def job(connection: sqlite3.Connection) -> list[str]:
        found = [row[0] for row in connection.execute(_SQL["free"], values)]
        connection.executemany(_SQL["take"], [{**terms, "workflow": one} for one in found])
        return found

    return job


def take(workflow_id: str, engine_id: str, until: datetime, now: datetime) -> Job:
    """Take one instance; the job gives its lease, or ``None``."""
    values = {"workflow": workflow_id, "engine": engine_id, "until": to_text(until)}

    def job(connection: sqlite3.Connection) -> Lease | None:
        row = connection.execute(_SQL["holder"], values).fetchone()
        if row is None:
            return None
        held = lease_of(row)
        if held is not None and held.expires_at > now:
            if held.engine_id != engine_id:
                return None
            connection.execute(_SQL["renew"], {**values, "epoch": held.epoch})
        else:
            connection.execute(_SQL["take"], values)
        return lease_of(connection.execute(_SQL["holder"], values).fetchone())

    return job


def renew(leases: Collection[tuple[str, Lease]], until: datetime) -> Job:
    """Prolong leases; the job gives the ids of the instances whose lease was held."""
    terms = {"until": to_text(until)}

    def job(connection: sqlite3.Connection) -> set[str]:
        return {
            workflow_id
            for workflow_id, one in leases
            if connection.execute(_SQL["renew"], {**terms, **_keys(workflow_id, one)}).rowcount
        }

    return job


def release(leases: Collection[tuple[str, Lease]]) -> Job:
    """Give leases back."""

    def job(connection: sqlite3.Connection) -> None:
        connection.executemany(_SQL["release"], [_keys(*one) for one in leases])

    return job


def _keys(workflow_id: str, held: Lease) -> dict[str, Any]:
    return {"workflow": workflow_id, "engine": held.engine_id, "epoch": held.epoch}
