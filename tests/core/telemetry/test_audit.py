"""Provenance hashes and the audit chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.telemetry.audit import (
    AuditChain,
    AuditRecord,
    canonical,
    content_hash,
    first_broken,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Point:
    x: int


class Model(BaseModel):
    at: datetime


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": (1, 2)}, '{"a":[1,2],"b":1}'),
        ({3, 1, 2}, "[1,2,3]"),
        (Priority.HIGH, "1"),
        (Point(1), '{"x":1}'),
        (Model(at=NOW), '{"at":"2026-01-01T00:00:00Z"}'),
        (NOW, '"2026-01-01T00:00:00+00:00"'),
        (object(), '"<builtins.object>"'),
        ("é", '"é"'),
    ],
)
def test_canonical_json_is_the_same_for_the_same_content(value: Any, text: str) -> None:
    assert canonical(value) == text


def test_the_hash_is_sha_256_whatever_the_order() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert len(content_hash("\ud800")) == 64


@given(
    st.integers(1, 8), st.integers(0, 7), st.sampled_from(["body", "at", "hash", "drop", "swap"])
)
def test_any_change_is_seen_at_the_record_that_was_changed(count: int, at: int, how: str) -> None:
    chain = AuditChain()
    records = [chain.append({"n": number}, NOW) for number in range(count)]
    assert first_broken(records) is None
    at %= count
    one = records[at]
    if how == "drop":
        if at == count - 1:
            return  # a missing end shows only beside the head's hash
        del records[at]
    elif how == "swap":
        if at == count - 1:
            return
        records[at], records[at + 1] = records[at + 1], records[at]
    else:
        records[at] = AuditRecord(
            one.sequence,
            "2027-01-01T00:00:00+00:00" if how == "at" else one.at,
            {"n": -1} if how == "body" else one.body,
            "f" * 64 if how == "hash" else one.chain_hash,
        )
    assert first_broken(records) is records[at]


def test_a_chain_goes_on_from_its_last_record() -> None:
    first = AuditChain()
    records = [first.append({"n": 1}, NOW)]
    second = AuditChain(records[-1])
    records.append(second.append({"n": 2}, NOW))
    assert first_broken(records) is None
    assert first_broken(records[1:], records[0].chain_hash) is None
    assert second.head == records[1].chain_hash
