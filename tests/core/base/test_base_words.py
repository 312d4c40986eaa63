"""Clocks, ids, errors, the retry policy, state tables, priorities."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import SYSTEM_CLOCK, ManualClock, require_aware
from quarterdeck.core.base.errors import (
    BusinessFault,
    Category,
    ErrorInfo,
    QuarterdeckError,
    ResourceFault,
    SystemFault,
    ValidationFault,
    known_errors,
)
from quarterdeck.core.base.ids import is_id, new_id
from quarterdeck.core.base.machine import IllegalTransition, StateTable
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy

# Clocks


def test_the_system_clock_is_aware_and_monotonic() -> None:
    assert SYSTEM_CLOCK.now().tzinfo is UTC
    assert SYSTEM_CLOCK.monotonic() <= SYSTEM_CLOCK.monotonic()


def test_a_manual_clock_moves_both_clocks_when_it_advances() -> None:
    clock = ManualClock(datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC))
    clock.advance(0.000_001)
    clock.advance(10)
    assert clock.monotonic() == pytest.approx(10.000_001)
    assert clock.now() == datetime(2026, 1, 1, 0, 0, 10, 2, tzinfo=UTC)


def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = ManualClock()
    start = clock.now()
    clock.jump(-3600)
    assert clock.monotonic() == 0
    assert clock.now() == start - timedelta(hours=1)


def test_time_does_not_advance_backwards() -> None:
    with pytest.raises(ValueError, match="jump"):
        ManualClock().advance(-1)


def test_a_naive_stamp_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"deadline has no time zone"):
        require_aware(datetime(2026, 1, 1), "deadline")  # noqa: DTZ001  # the fault under test


def test_an_aware_stamp_comes_back_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert require_aware(datetime(2026, 1, 1, 2, tzinfo=east), "it") == datetime(
        2026, 1, 1, tzinfo=UTC
    )


# Ids


def test_ids_are_distinct_well_formed_and_sortable_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(is_id(one) for one in ids)
    assert [one[:10] for one in ids] == sorted(one[:10] for one in ids)


@pytest.mark.parametrize(
    "text", ["", "x", "8" + "0" * 25, "0" * 27, "0" * 25 + "I", "0" * 25 + "a", "0" * 26 + "\n"]
)
def test_what_is_no_ulid_is_told_apart(text: str) -> None:
    assert not is_id(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert is_id(text) in {True, False}


# Errors


def test_an_error_becomes_a_value_with_all_it_knows() -> None:
    class Sample(ResourceFault):
        """A sample."""

        code = "sample"

    error = Sample("No room.", path="/x")
    assert error.info() == ErrorInfo(
        code="sample",
        category=Category.RESOURCE,
        message="No room.",
        details={"path": "/x"},
        recoverable=True,
    )
    assert str(error) == "No room."


@pytest.mark.parametrize(
    ("kind", "category", "recoverable"),
    [
        (ValidationFault, Category.VALIDATION, True),
        (BusinessFault, Category.BUSINESS, True),
        (ResourceFault, Category.RESOURCE, True),
        (SystemFault, Category.SYSTEM, False),
    ],
)
def test_each_branch_has_its_category(
    kind: type[QuarterdeckError], category: Category, *, recoverable: bool
) -> None:
    info = kind("x").info()
    assert (info.category, info.recoverable) == (category, recoverable)
    assert kind.transient is False


def test_known_errors_lists_each_class_once_by_code() -> None:
    found = known_errors()
    assert len(found) == len(set(found))
    assert [kind.code for kind in found] == sorted(kind.code for kind in found)
    assert {QuarterdeckError, ValidationFault, IllegalTransition} <= set(found)


def test_every_known_error_says_its_cause() -> None:
    assert [kind for kind in known_errors() if not (kind.__doc__ or "").strip()] == []


# The retry policy


def test_delays_double_up_to_the_most() -> None:
    policy = RetryPolicy(initial_delay=1, max_delay=5)
    assert [policy.delay(attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]


def test_max_attempts_counts_the_first() -> None:
    policy = RetryPolicy(max_attempts=3)
    assert [policy.allows(attempt) for attempt in (1, 2, 3)] == [True, True, False]


def test_no_delay_stays_none_however_often_it_grows() -> None:
    assert RetryPolicy(initial_delay=0).delay(5000) == 0


@settings(deadline=None)
@given(
    st.integers(1, 100_000),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.floats(0.1, 10),
    st.floats(0, 3),
)
def test_a_delay_lies_between_nothing_and_the_most_with_its_jitter(
    attempt: int, initial: float, most: float, base: float, jitter: float
) -> None:
    policy = RetryPolicy(
        initial_delay=initial, max_delay=most, exponential_base=base, jitter=jitter
    )
    assert 0 <= policy.delay(attempt) <= most
    chance = random.Random(1)  # noqa: S311  # no secret hangs on it
    assert 0 <= policy.delay(attempt, chance) <= most * (1 + jitter)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"initial_delay": -1},
        {"max_delay": -1},
        {"jitter": -0.1},
        {"exponential_base": 0},
    ],
)
def test_an_impossible_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|negative"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]  # one field at a time


# State tables

TABLE = StateTable("door", {"open": frozenset({"shut"}), "shut": frozenset({"open", "locked"})})


def test_a_legal_move_gives_its_target() -> None:
    assert TABLE.check("open", "shut") == "shut"
    assert TABLE.allows("shut", "locked")


def test_an_illegal_move_names_both_states_and_the_legal_ones() -> None:
    with pytest.raises(IllegalTransition) as caught:
        TABLE.check("open", "locked")
    assert caught.value.message == (
        "A door that is open can't become locked; from open it can become: shut."
    )
    assert caught.value.details == {"old": "open", "new": "locked"}


def test_from_a_terminal_state_nothing_follows() -> None:
    assert TABLE.targets("locked") == frozenset()
    with pytest.raises(IllegalTransition, match="it can become: nothing"):
        TABLE.check("locked", "open")


def test_priorities_sort_by_urgency() -> None:
    assert min(Priority) is Priority.CRITICAL
    assert [p.value for p in Priority] == [0, 1, 2, 3, 4]
