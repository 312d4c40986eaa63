"""Who is believed, claim by claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.status import Activity, DialogKind, Source
from quarterdeck.core.sessions.agents.definition import Timing
from quarterdeck.core.sessions.agents.rules import WAITING
from quarterdeck.core.sessions.status.claims import (
    CONTRADICTION_PATIENCE,
    UNREPORTED_PATIENCE,
    Claim,
    Judgement,
    Pulse,
    Verdict,
    judge,
)
from quarterdeck.core.sessions.status.inputs import Moment

BORN = datetime(2026, 1, 1, tzinfo=UTC)
S, A = Source, Activity


def claim(source: Source, activity: Activity, at: float = 0.0, **more: Any) -> Claim:
    since = Moment(at, BORN + timedelta(seconds=at))
    return Claim(source, activity, "seen", since, **{"said": at, **more})


NOTHING = claim(S.PROCESS, A.UNKNOWN)


def rule(
    *claims: Claim, now: float = 0.0, pulse: Pulse | None = None, **timing: float
) -> Judgement:
    return judge([*claims, NOTHING], now, Timing(**timing), pulse or Pulse())


def verdict(judgement: Judgement, source: Source) -> Verdict:
    return next(each.verdict for each in judgement.claims if each.claim.source is source)


def test_sources_rank_as_designed() -> None:
    order = [S.ACP, S.OSC7501, S.SIDE_CHANNEL, S.TITLE, S.SCREEN]
    claims = [claim(source, A.WORKING) for source in order]
    for position, source in enumerate(order):
        assert rule(*claims[position:]).winner.source is source


def test_order_in_which_claims_come_does_not_matter() -> None:
    claims = [
        claim(S.OSC7501, A.IDLE),
        claim(S.TITLE, A.WORKING),
        claim(S.SCREEN, A.NEEDS_APPROVAL, kind=DialogKind.TRUST),
        NOTHING,
    ]
    outcomes = {judge(order, 3, Timing(), Pulse()) for order in permutations(claims)}
    assert len(outcomes) == 1


def test_there_is_always_a_claim() -> None:
    assert rule().winner is NOTHING
    with pytest.raises(ValueError, match="always a claim"):
        judge([], 0, Timing(), Pulse())


def test_everyone_is_told_once_the_most_trusted_first() -> None:
    judgement = rule(claim(S.SCREEN, A.IDLE), claim(S.ACP, A.WORKING), claim(S.TITLE, A.IDLE))
    assert [each.claim.source for each in judgement.claims] == [S.ACP, S.TITLE, S.SCREEN, S.PROCESS]
    assert [each.verdict for each in judgement.claims] == [
        Verdict.WINS, Verdict.OUTRANKED, Verdict.OUTRANKED, Verdict.OUTRANKED,
    ]  # fmt: skip


def test_claim_past_its_time_is_out() -> None:
    claims = (claim(S.SIDE_CHANNEL, A.WORKING, until=5.0), claim(S.SCREEN, A.IDLE))
    early, late = rule(*claims, now=4), rule(*claims, now=5)
    assert (early.winner.source, early.wake_at) == (S.SIDE_CHANNEL, 5.0)
    assert (late.winner.source, verdict(late, S.SIDE_CHANNEL)) == (S.SCREEN, Verdict.EXPIRED)


def test_start_means_nothing_for_a_moment_but_a_request_does() -> None:
    pulse = Pulse(started=10.0)
    for activity in (A.WORKING, A.IDLE, A.TURN_DONE):
        early = rule(claim(S.OSC7501, activity), now=10.5, pulse=pulse, start_grace=1)
        assert early.winner is NOTHING
        assert (verdict(early, S.OSC7501), early.wake_at) == (Verdict.START_UP, 11.0)
        late = rule(claim(S.OSC7501, activity), now=11, pulse=pulse, start_grace=1)
        assert late.winner.activity is activity
    asked = rule(claim(S.SCREEN, A.NEEDS_APPROVAL, kind=DialogKind.TRUST), now=10.1, pulse=pulse,
                 start_grace=1)  # fmt: skip
    assert asked.winner.source is S.SCREEN


@pytest.mark.parametrize("source", [S.OSC7501, S.SIDE_CHANNEL, S.TITLE, S.SCREEN])
def test_silent_work_is_doubted(source: Source) -> None:
    working = claim(source, A.WORKING, 0)
    pulse = Pulse(output=30.0)
    early = rule(working, now=89, pulse=pulse, silence_limit=60)
    late = rule(working, now=90, pulse=pulse, silence_limit=60)
    assert (early.winner.source, early.wake_at) == (source, 90)
    assert (late.winner.source, verdict(late, source)) == (S.PROCESS, Verdict.SILENT)
    assert rule(working, now=1e6, pulse=pulse).winner.source is source


def test_protocol_may_be_silent() -> None:
    working = claim(S.ACP, A.WORKING)
    assert rule(working, now=1e6, silence_limit=60).winner.source is S.ACP


@pytest.mark.parametrize("source", [S.OSC7501, S.SIDE_CHANNEL, S.TITLE])
@pytest.mark.parametrize(
    ("said", "seen"),
    [(A.WORKING, A.NEEDS_APPROVAL), (A.NEEDS_APPROVAL, A.WORKING), (A.TURN_DONE, A.WORKING),
     (A.ERRORED, A.NEEDS_ANSWER)],
)  # fmt: skip
def test_no_stale_word_wins_for_ever(source: Source, said: Activity, seen: Activity) -> None:
    kind = DialogKind.PERMISSION if seen in WAITING else None
    claims = (claim(source, said, 0), claim(S.SCREEN, seen, 1, kind=kind))
    at = 1 + CONTRADICTION_PATIENCE
    early, late = rule(*claims, now=at - 0.1), rule(*claims, now=at)
    assert (early.winner.source, early.wake_at) == (source, at)
    assert (late.winner.source, verdict(late, source)) == (S.SCREEN, Verdict.CONTRADICTED)


def test_word_that_is_repeated_is_not_stale() -> None:
    claims = (claim(S.OSC7501, A.WORKING, 0, said=50.0),
              claim(S.SCREEN, A.NEEDS_APPROVAL, 1, kind=DialogKind.PERMISSION))  # fmt: skip
    assert rule(*claims, now=54).winner.source is S.OSC7501
    assert rule(*claims, now=55).winner.source is S.SCREEN


def test_mere_idleness_never_contradicts() -> None:
    """Codex shows an idle prompt while its answer streams; a missed approval would be worse."""
    for said in (A.WORKING, A.NEEDS_APPROVAL, A.ERRORED):
        claims = (claim(S.OSC7501, said), claim(S.SCREEN, A.IDLE))
        assert rule(*claims, now=1e6).winner.source is S.OSC7501


def test_output_alone_never_contradicts() -> None:
    claims = (claim(S.OSC7501, A.IDLE), claim(S.SILENCE, A.WORKING))
    assert rule(*claims, now=1e6).winner.source is S.OSC7501


def test_approval_and_answer_do_not_contradict_each_other() -> None:
    claims = (
        claim(S.OSC7501, A.NEEDS_ANSWER),
        claim(S.SCREEN, A.NEEDS_APPROVAL, kind=DialogKind.PERMISSION),
    )
    assert rule(*claims, now=1e6).winner.source is S.OSC7501


@pytest.mark.parametrize("kind", [DialogKind.TRUST, DialogKind.AUTH])
def test_dialogs_that_are_never_reported_need_little_patience(kind: DialogKind) -> None:
    claims = (claim(S.OSC7501, A.IDLE), claim(S.SCREEN, A.NEEDS_APPROVAL, 1, kind=kind))
    assert rule(*claims, now=1 + UNREPORTED_PATIENCE).winner.source is S.SCREEN


@pytest.mark.parametrize("source", [S.TITLE, S.SIDE_CHANNEL])
@pytest.mark.parametrize(
    "seen", [A.NEEDS_APPROVAL, A.NEEDS_ANSWER, A.ERRORED, A.LIMITED, A.TURN_DONE]
)
def test_coarse_idle_lets_the_screen_say_more(source: Source, seen: Activity) -> None:
    judgement = rule(claim(source, A.IDLE), claim(S.SCREEN, seen))
    assert judgement.winner.source is S.SCREEN
    assert verdict(judgement, source) is Verdict.REFINED


def test_coarse_idle_beats_a_screen_that_looks_busy() -> None:
    assert rule(claim(S.TITLE, A.IDLE), claim(S.SCREEN, A.WORKING)).winner.source is S.TITLE


def test_frame_from_before_the_change_says_nothing_about_it() -> None:
    """A dialog that was just answered is on the last screen that was read, and gone for real."""
    title = claim(S.TITLE, A.IDLE, 10)
    old = claim(S.SCREEN, A.NEEDS_APPROVAL, 5, said=9.9, kind=DialogKind.PERMISSION)
    assert rule(title, old, now=10).winner is title
    assert rule(title, old, now=1000).winner is title
    same = claim(S.SCREEN, A.NEEDS_APPROVAL, 5, said=10.0, kind=DialogKind.PERMISSION)
    assert rule(title, same, now=10).winner is same
    report = claim(S.OSC7501, A.WORKING, 10)
    assert rule(report, old, now=1000).winner is report


def test_exact_idle_needs_no_refining() -> None:
    assert rule(claim(S.OSC7501, A.IDLE), claim(S.SCREEN, A.ERRORED)).winner.source is S.OSC7501


def test_notification_speaks_only_where_nothing_better_does() -> None:
    bell = claim(S.NOTIFICATION, A.TURN_DONE)
    assert rule(bell).winner is bell
    assert judge([bell, claim(S.SILENCE, A.WORKING)], 0, Timing(), Pulse()).winner is bell
    for other in (claim(S.SCREEN, A.WORKING), claim(S.SCREEN, A.IDLE)):
        judgement = rule(bell, other)
        assert judgement.winner is other
        assert verdict(judgement, S.NOTIFICATION) is Verdict.ATTENTION_ONLY
    shell = claim(S.PROCESS, A.IDLE)
    assert judge([bell, shell], 0, Timing(), Pulse()).winner is shell


claims = st.builds(
    claim,
    st.sampled_from([source for source in Source if source is not S.PROCESS]),
    st.sampled_from(list(Activity)),
    st.floats(0, 50),
    until=st.none() | st.floats(0, 100),
    kind=st.none() | st.sampled_from(list(DialogKind)),
)
timings = st.builds(
    Timing, start_grace=st.sampled_from([0.0, 1.0]), silence_limit=st.sampled_from([0.0, 60.0])
)
pulses = st.builds(Pulse, st.none() | st.floats(0, 50), st.none() | st.floats(0, 50))


@given(st.lists(claims, max_size=6), st.floats(50, 200), timings, pulses)
def test_judging_is_sound(found: list[Claim], now: float, timing: Timing, pulse: Pulse) -> None:
    judgement = judge([*found, NOTHING], now, timing, pulse)
    assert len(judgement.claims) == len(found) + 1
    winners = [each for each in judgement.claims if each.verdict is Verdict.WINS]
    assert [each.claim for each in winners] == [judgement.winner]
    assert judgement.wake_at is None or judgement.wake_at > now
    objected = [
        each for each in judgement.claims if each.verdict not in {Verdict.WINS, Verdict.OUTRANKED}
    ]
    assert all(each.why for each in objected)


@given(st.lists(claims, max_size=6), st.floats(50, 200), timings, pulses)
def test_nothing_changes_before_the_time_it_wants_to_be_woken(
    found: list[Claim], now: float, timing: Timing, pulse: Pulse
) -> None:
    judgement = judge([*found, NOTHING], now, timing, pulse)
    until = judgement.wake_at or now + 1e6
    later = judge([*found, NOTHING], now + (until - now) * 0.999, timing, pulse)
    assert later.winner == judgement.winner
