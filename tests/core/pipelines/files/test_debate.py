"""The debate that ships, walked with the practice crew's own answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.pipelines.files import PayloadDataInvalid, load_pipeline

from .walking import Walk

DEBATE = Path(__file__).parents[4] / "examples" / "debate.yaml"
ROUND = ["proposals_ready", "critiques_ready", "revisions_done"]


def test_the_crew_agrees_in_the_second_round() -> None:
    walk = Walk(load_pipeline(DEBATE))
    events = walk.go("proposals_ready", {"topic": "Tabs or spaces?"})
    assert events == ["proposals_ready", *ROUND, "round_complete", *ROUND, "consensus_reached"]
    assert walk.results["next_round"] == "Round 1 of 3: 1 approve, 2 reject."
    vote = walk.results["decide"]
    assert (vote["approve"], vote["reject"], vote["achieved"]) == (3, 0, True)
    assert vote["votes"][0]["reason"] == "all of them mind tests"
    assert "tests, simplicity, cost" in walk.results["sum_up"]
    assert "Tabs or spaces?" in walk.results["sum_up"]


def test_the_others_work_is_seen_through_the_payloads() -> None:
    walk = Walk(load_pipeline(DEBATE))
    walk.go("proposals_ready", {"topic": "x"})
    critiques = dict(walk.payloads)["critiques_ready"]["critiques"]
    assert [one["agent"] for one in critiques] == ["practice-ann", "practice-ben", "practice-cleo"]
    first = next(data for event, data in walk.payloads if event == "critiques_ready")
    assert first["critiques"][0]["result"] == (
        "practice-ben and practice-cleo: nothing is said of tests."
    )


def test_the_rounds_are_bounded() -> None:
    walk = Walk(load_pipeline(DEBATE, ["rounds=1"]))
    events = walk.go("proposals_ready", {"topic": "x"})
    assert events == ["proposals_ready", *ROUND, "round_complete", "no_consensus"]


def test_proposals_may_be_brought_along() -> None:
    crew = {"crew": ["practice-ann", "practice-ben"], "rounds": 2}
    walk = Walk(load_pipeline(DEBATE, crew))
    mine = [
        {"agent": "practice-ann", "result": "tests and simplicity"},
        {"agent": "practice-ben", "result": "simplicity, with tests"},
    ]
    events = walk.go("proposals_ready", {"topic": "x", "proposals": mine})
    assert events == [*ROUND, "consensus_reached"]
    assert "propose" not in walk.ran


@pytest.mark.parametrize("data", [{}, {"topic": ""}, {"topic": "x", "proposals": ["mine"]}, None])
def test_what_it_can_not_debate_is_refused(data: object) -> None:
    with pytest.raises(PayloadDataInvalid, match="proposals_ready"):
        Walk(load_pipeline(DEBATE)).go("proposals_ready", data)
