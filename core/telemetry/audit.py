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


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as a store keeps it: ``body`` is its canonical JSON."""

    sequence: int
    at: str
    body: str
    chain_hash: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where a chain stands: the last record's number and hash."""

    sequence: int = 0
    chain_hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Broken:
    """The first record that does not fit, and in what."""

    sequence: int
    what: str


def kept_link(before: str, sequence: int, at: str, body: str) -> str:
    """The chain hash of a kept record: what ``AuditChain`` gives for the same content."""
    text = f'["{before}",{sequence},"{at}",{body}]'
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ChainCheck:
    """Goes through kept records, oldest first, in as many pieces as one likes."""

    def __init__(self) -> None:
        self.head = ChainHead()

    def follow(self, records: Iterable[KeptRecord]) -> Broken | None:
        """The first of ``records`` that does not follow from the one before."""
        for record in records:
            number = self.head.sequence + 1
            if record.sequence != number:
                return Broken(number, f"it is missing; record {record.sequence} comes next")
            link = kept_link(self.head.chain_hash, number, record.at, record.body)
            if link != record.chain_hash:
                return Broken(number, "its content and its hash do not fit each other")
            self.head = ChainHead(number, record.chain_hash)
        return None

    def end(self, kept: ChainHead | None) -> Broken | None:
        """What the head kept beside the chain says against where the records end."""
        if kept is None:
            return Broken(self.head.sequence, "the chain's head, kept beside it, is gone")
        if kept == self.head:
            return None
        if kept.sequence > self.head.sequence:
            what = f"it is missing; the chain went on to record {kept.sequence}"
            return Broken(self.head.sequence + 1, what)
        return Broken(self.head.sequence, "it does not fit the chain's head, kept beside it")


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
