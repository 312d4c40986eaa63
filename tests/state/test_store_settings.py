"""URLs, durabilities and stamps: what a store is opened with, and how it writes time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.state import memory
from quarterdeck.state.faults import BadStoreSetting
from quarterdeck.state.sqlite import store as sqlite
from quarterdeck.state.stamps import for_file_name, from_text, to_text


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///home/me/state.db", "/home/me/state.db"),
        ("sqlite:////home/me/state.db", "/home/me/state.db"),
        ("sqlite://state.db", "state.db"),
        ("sqlite:///a b/50%20?x#y.db", "/a b/50%20?x#y.db"),
    ],
)
def test_a_sqlite_url_is_a_path_taken_literally(url: str, path: str) -> None:
    assert sqlite.open_store(url, clock=SYSTEM_CLOCK).path == Path(path)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "", "state.db", "/x/state.db", "postgresql://x/y", "sqlite:x"],
)
def test_what_is_no_sqlite_url_is_refused(url: str) -> None:
    with pytest.raises(BadStoreSetting) as caught:
        sqlite.open_store(url, clock=SYSTEM_CLOCK)
    assert caught.value.code == "store_setting"


@pytest.mark.parametrize("url", ["memory:", "sqlite:///x"])
def test_what_is_no_memory_url_is_refused(url: str) -> None:
    with pytest.raises(BadStoreSetting):
        memory.open_store(url, clock=SYSTEM_CLOCK)


async def test_every_memory_store_is_its_own() -> None:
    one, other = (memory.open_store("memory://", clock=SYSTEM_CLOCK) for _ in range(2))
    await one.open()
    await other.open()
    await one.begin("E1")
    assert await other.begin("E1") == 1
    await one.close()
    await other.close()


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_the_durability_in_force_is_told(durability: str) -> None:
    for store in (
        sqlite.open_store("sqlite:///x", clock=SYSTEM_CLOCK, durability=durability),
        memory.open_store("memory://", clock=SYSTEM_CLOCK, durability=durability),
    ):
        assert store.durability == durability


@pytest.mark.parametrize("durability", ["", "FULL", "off"])
def test_an_unknown_durability_is_refused(durability: str) -> None:
    with pytest.raises(BadStoreSetting, match="normal, full"):
        sqlite.open_store("sqlite:///x", clock=SYSTEM_CLOCK, durability=durability)
    with pytest.raises(BadStoreSetting):
        memory.open_store("memory://", clock=SYSTEM_CLOCK, durability=durability)


aware = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1),  # noqa: DTZ001  # made aware below
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)  # fmt: skip


@settings(deadline=None)
@given(aware, aware)
def test_stamps_come_back_and_sort_as_text(one: datetime, other: datetime) -> None:
    texts = to_text(one), to_text(other)
    assert (from_text(texts[0]), from_text(texts[1])) == (one, other)
    assert from_text(texts[0]).tzinfo is UTC
    assert (texts[0] < texts[1]) == (one < other)


def test_a_stamp_in_a_file_name_has_no_separators() -> None:
    assert for_file_name(datetime(2026, 1, 31, 23, 59, 59, 5, tzinfo=UTC)) == "20260131T235959Z"
