from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.core.protocol.status import Activity, Source, Status
from quarterdeck.core.sessions.status.delivery import PROMPT_PATIENCE, PromptOutcome, PromptWatch

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def status(activity: Activity, since: float = 0, source: Source = Source.OSC7501) -> Status:
    return Status(activity=activity, source=source, since=BORN + timedelta(seconds=since))


def watch(activity: Activity = Activity.IDLE) -> PromptWatch:
    return PromptWatch(10.0, status(activity))


@pytest.mark.parametrize(
    "activity",
    [Activity.WORKING, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER, Activity.TURN_DONE,
     Activity.ERRORED, Activity.LIMITED],
)  # fmt: skip
def test_reaction_shows_that_it_was_taken(activity: Activity) -> None:
    assert watch().observe(status(activity, 11), 11) is PromptOutcome.TAKEN


def test_nothing_happens_in_time() -> None:
    watched = watch()
    assert watched.deadline == 10 + PROMPT_PATIENCE
    assert watched.observe(status(Activity.IDLE), 14.9) is PromptOutcome.PENDING
    assert watched.observe(status(Activity.IDLE), 15.0) is PromptOutcome.STALLED


def test_outcome_is_final() -> None:
    watched = watch()
    watched.observe(status(Activity.IDLE), 15)
    assert watched.observe(status(Activity.WORKING, 16), 16) is PromptOutcome.STALLED


def test_finished_turn_that_becomes_seen_shows_nothing() -> None:
    watched = watch(Activity.TURN_DONE)
    assert watched.observe(status(Activity.IDLE, 10), 10) is PromptOutcome.PENDING
    assert watched.observe(status(Activity.TURN_DONE), 11) is PromptOutcome.PENDING
    assert watched.observe(status(Activity.TURN_DONE, 12), 12) is PromptOutcome.TAKEN


def test_prompt_to_a_working_agent_is_queued() -> None:
    watched = watch(Activity.WORKING)
    assert watched.outcome is PromptOutcome.QUEUED
    assert watched.observe(status(Activity.WORKING), 100) is PromptOutcome.QUEUED


@pytest.mark.parametrize("activity", [Activity.UNKNOWN, Activity.IDLE])
def test_states_that_say_nothing(activity: Activity) -> None:
    assert watch().observe(status(activity, 11), 11) is PromptOutcome.PENDING


def test_bell_shows_nothing() -> None:
    rung = status(Activity.TURN_DONE, 11, Source.NOTIFICATION)
    assert watch().observe(rung, 11) is PromptOutcome.PENDING
