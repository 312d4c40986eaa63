"""``quarterdeck crew`` against an engine on a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from quarterdeck.cli.commands.crew import load_bar
from quarterdeck.core.protocol import crew_commands as c
from quarterdeck.core.protocol import crew_views as v

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

SINCE = datetime.now(UTC) - timedelta(hours=2)
PROPOSAL, OTHER, SAGA = "01M7YJZV2SFCDFMYKVH1111111", "01M7YJZV2SFCDFMYKVB2222222", "nightly-push"


def crew() -> v.CrewView:
    return v.CrewView(
        agents=(
            v.AgentLoadView(
                name="claude", capacity=2, running=1, sessions=1, waiting=3, completed=7, failed=1,
                capabilities=("code",), state="full", reason="2 of 2 running",
            ),
            v.AgentLoadView(name="codex", capacity=20, running=1),
            v.AgentLoadView(name="aider", state="missing"),
        ),
        groups=(v.GroupView(name="provider-x", limit=3, running=3, waiting=2),),
        waiting=(
            v.WaitingView(
                what="workflow/1/b", title="ship · b", reason="claude has 2 of 2 running",
                since=SINCE,
            ),
        ),
        placed=(v.PlacedView(what="workflow/1/a", title="ship · a", agent="claude", since=SINCE),),
        breakers=(
            v.BreakerView(name="git", about="operation/git", state="open", failures=5, threshold=5),
            v.BreakerView(name="fine", about="operation/fine", state="closed"),
        ),
        budgets=(
            v.BudgetView(
                name="day", scope="day", key="today", unit="usd", limit=5, spent=5.5,
                estimated=1.5, asked=True,
            ),
        ),
        locks=(v.LockView(resource="branch:main", holder="ada", token=4, waiters=("ben",)),),
        sagas=(
            v.SagaView(
                id=SAGA, name="push", status="compensation_failed",
                steps=(v.StepView(name="branch", status="undo_failed"),), error="no network",
            ),
        ),
        proposals=(
            v.ProposalView(
                id=PROPOSAL, question="Ship it?", status="open", missing=("you",),
                votes=(v.VoteView(voter="claude", choice="approve"),),
            ),
            v.ProposalView(id=OTHER, question="Wait?", status="achieved"),
        ),
        halt=v.HaltView(reason="too hot", since=SINCE),
    )  # fmt: skip


@pytest.fixture
def told(engine: FakeEngine) -> list[object]:
    """A crew to be shown, and what was asked of it."""
    wishes: list[object] = []

    def show(_: c.ShowCrew) -> dict[str, object]:
        return {"crew": crew().model_dump(mode="json")}

    def vote(wish: c.CastVote) -> dict[str, object]:
        wishes.append((wish.proposal_id, wish.choice.value, wish.reason))
        return {"proposal": {"status": "not_achieved"}}

    def release(wish: c.ReleaseLock) -> dict[str, object]:
        wishes.append(wish.resource)
        return {"lock": {"resource": wish.resource, "holder": "ada"}}

    def resume(wish: c.ResumeSaga) -> dict[str, object]:
        wishes.append(wish.saga_id)
        return {"saga": {"status": "compensation_failed"}}

    engine.handlers |= {
        "crew.show": show, "crew.vote": vote, "crew.release_lock": release,
        "crew.resume_saga": resume,
    }  # fmt: skip
    return wishes


@pytest.mark.usefixtures("told")
def test_all_of_the_crew_by_one_word(qd: CommandLine) -> None:
    shown = qd("crew").out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0].startswith("HALTED since ")
    assert lines[1] == "Strategy: least loaded"
    assert "claude ██ 2/2 (1 by hand) 3 7/1 full code 2 of 2 running" in lines
    assert "codex █░░░░░░░ 1/20 0/0 available" in lines
    assert "provider-x ███ 3/3 2" in lines
    assert "ship · b normal 2h claude has 2 of 2 running" in lines
    assert "ship · a claude 2h" in lines
    assert "git open 5/5" in lines
    assert "fine" not in shown
    assert "day today 5.5 of 5 usd, 1.5 estimated asks a person" in lines
    assert "branch:main ada 4 ben" in lines
    assert f"push compensation failed branch undo failed {SAGA[-6:]} no network" in lines
    assert "Ship it? open claude: approve you 111111" in lines
    assert lines[-1] == "1 more agents are known; their programs are not on this machine."
    assert qd("crew", "show").out == shown
    assert qd("crew", "--json").json == {"crew": crew().model_dump(mode="json")}
    assert qd("--json", "crew").json == {"crew": crew().model_dump(mode="json")}


def test_a_vote_with_a_reason(qd: CommandLine, told: list[object]) -> None:
    done = qd("crew", "vote", "111111", "reject", "--reason", "too early")
    assert done.out == "Voted reject: Ship it? is not achieved.\n"
    assert told == [(PROPOSAL, "reject", "too early")]
    assert qd("crew", "vote", PROPOSAL, "approve", "--json").json["proposal"]
    assert told[1] == (PROPOSAL, "approve", "")


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (("vote", PROPOSAL, "aprove"), 2, "Did you mean approve?"),
        (("vote", "99999999", "approve"), 1, "proposal_unknown: No proposal is 99999999."),
        (("vote", "01M7YJ", "approve"), 2, "Give the whole id."),
        (("vote", "011", "approve"), 1, "proposal_unknown"),
        (("resume-saga", "other"), 1, "saga_unknown"),
        (("vote",), 2, "usage"),
        (("votes",), 2, "usage"),
    ],
)
@pytest.mark.usefixtures("told")
def test_what_is_refused(qd: CommandLine, words: tuple[str, ...], code: int, fault: str) -> None:
    done = qd("crew", *words)
    assert (done.code, fault in done.err) == (code, True), done.err


def test_a_lock_and_a_saga(qd: CommandLine, told: list[object]) -> None:
    assert qd("crew", "release-lock", "branch:main").out == (
        "The lock on branch:main was taken from ada.\n"
    )
    assert qd("crew", "resume-saga", SAGA.upper()).out == "push is compensation failed.\n"
    assert told == ["branch:main", SAGA]


def test_help_shows_the_commands_of_the_group(qd: CommandLine) -> None:
    shown = qd("crew", "--help").out
    assert all(word in shown for word in ("show", "vote", "release-lock", "resume-saga", "--json"))


@pytest.mark.parametrize(
    ("taken", "by_hand", "capacity", "bar"),
    [
        (0, 0, 3, "░░░ 0/3"),
        (1, 0, 100, "█░░░░░░░ 1/100"),
        (99, 0, 100, "███████░ 99/100"),
        (100, 0, 100, "████████ 100/100"),
        (2, 2, 2, "██ 4/2 (2 by hand)"),
        (2, 0, 3, "██░ 2/3"),
    ],
)
def test_a_bar_is_empty_only_for_none_and_full_only_for_all(
    taken: int, by_hand: int, capacity: int, bar: str
) -> None:
    assert load_bar(taken, by_hand, capacity) == bar
