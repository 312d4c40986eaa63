"""Provenance and the audit chain: what was done, in records of which none can be changed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

GENESIS = "0" * 64
"""What the first record's chain begins with."""


def canonical(value: Any) -> str:
    """``value`` as JSON that is the same for the same content: sorted keys, no spaces.

    Dataclasses, models, dates, sets and enumerations count as their content; of anything else only
    its type is taken.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(value: Any) -> str:
    """The SHA-256 over the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record: ``chain_hash`` is the SHA-256 over the one before it and this one's content."""

    sequence: int
    at: str
    body: Mapping[str, Any]
    chain_hash: str


class AuditChain:
    """Appends records, each bound to the one before; go on from the last one of a former chain."""

    def __init__(self, last: AuditRecord | None = None) -> None:
        self._sequence = last.sequence if last else 0
        self._hash = last.chain_hash if last else GENESIS

    @property
    def head(self) -> str:
        """The chain hash of the last record."""
        return self._hash

    def append(self, body: Mapping[str, Any], at: datetime) -> AuditRecord:
        """The next record."""
        self._sequence += 1
        stamp = at.isoformat()
        self._hash = _link(self._hash, self._sequence, stamp, body)
        return AuditRecord(self._sequence, stamp, body, self._hash)


def first_broken(records: Iterable[AuditRecord], before: str = GENESIS) -> AuditRecord | None:
    """The first record that does not follow from the one before; ``None`` if all do.

    ``before`` is the chain hash of the record before the first one given.
    """
    expected = None
    for record in records:
        link = _link(before, record.sequence, record.at, record.body)
        if link != record.chain_hash or expected not in {None, record.sequence}:
            return record
        before, expected = record.chain_hash, record.sequence + 1
    return None


def _link(before: str, sequence: int, at: str, body: Mapping[str, Any]) -> str:
    return content_hash([before, sequence, at, body])


def _plain(value: Any) -> Any:  # noqa: PLR0911  # one return per kind of value
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=canonical)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
