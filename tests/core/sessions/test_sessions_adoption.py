"""What keepers tell of sessions that the store has lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.core.sessions.fakes import FakeKeeper

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.status import Lifecycle, Status
from quarterdeck.core.sessions.adoption import FIRST, MOST_ABOUT, about, epoch_above, strays
from quarterdeck.core.sessions.keeper.places import FoundKeeper, places_for
from quarterdeck.core.sessions.keeper.spec import ChildSpec
from quarterdeck.core.sessions.records import SessionRecord

CLOCK = ManualClock()
STATE = Path("/tmp")


def record(name: str = "one", **fields: object) -> SessionRecord:
    base = SessionRecord(
        id=f"id-{name}", name=name, agent="shell", cwd="/w", created_at=CLOCK.now(),
        status=Status(since=CLOCK.now(), evidence="e"), generation=3,
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]  # fields by name


def found(of: SessionRecord, *, epoch: int = 5, lives: bool = True, key: str = "") -> FoundKeeper:
    places = places_for(STATE, key or f"{of.id}.{of.generation}")
    spec = ChildSpec(("x",), "/w", {}, of.id, about=about(of))
    keeper = FakeKeeper(100, spec, places)
    keeper.epoch = epoch
    return FoundKeeper(places, keeper.facts(), lives)


def test_a_session_is_made_anew_from_its_keeper() -> None:
    (again,) = strays([found(record("fix-login"))], CLOCK)
    assert (again.id, again.name, again.agent, again.cwd) == (
        "id-fix-login", "fix-login", "shell", "/w",
    )  # fmt: skip
    assert (again.generation, again.epoch, again.lifecycle) == (3, 5, Lifecycle.RUNNING)


def test_the_dead_and_the_unreadable_are_left() -> None:
    unreadable = FoundKeeper(places_for(STATE, "x.1"), None, lives=True)
    assert list(strays([found(record(), lives=False), unreadable], CLOCK)) == []
    assert list(strays([found(record(), key="no-number")], CLOCK)) == []


@given(st.lists(st.sampled_from(["a", "b", "", "x" * 50]), max_size=12))
def test_no_two_have_one_name_and_none_has_too_long_a_one(names: list[str]) -> None:
    keepers = [found(record(name, id=f"id-{number}")) for number, name in enumerate(names)]
    again = [one.name for one in strays(keepers, CLOCK)]
    assert len(set(again)) == len(again) == len(names)
    assert all(0 < len(name) <= 50 for name in again)


def test_a_fresh_store_counts_on_above_every_keeper() -> None:
    keepers = [found(record("a"), epoch=7), found(record("b"), epoch=9, lives=False)]
    assert epoch_above(FIRST, keepers, []) == 8


def test_a_store_that_knows_its_keepers_goes_on_above_them() -> None:
    known = record("a", epoch=7)
    assert epoch_above(2, [found(known, epoch=7)], [known]) == 8
    assert epoch_above(9, [found(known, epoch=7)], [known]) == 9


def test_a_keeper_of_a_later_engine_is_not_outbid() -> None:
    known = record("a", epoch=7)
    assert epoch_above(8, [found(known, epoch=99), found(record("b"), epoch=50)], [known]) == 8


def test_a_keepers_record_has_room_for_what_it_is_told() -> None:
    told = about(record(cwd="/" + "é" * MOST_ABOUT))
    assert told == {"name": "one", "agent": "shell"}
