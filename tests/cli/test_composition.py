"""The composition: what must be one and the same for all rooms."""

from __future__ import annotations

from pathlib import Path

from quarterdeck.cli.compose import Assembly
from quarterdeck.core.settings import Settings


def test_locks_sagas_and_votes_are_the_same_for_sessions_pipelines_and_the_crew(
    tmp_path: Path,
) -> None:
    settings = Settings.model_validate({"state": {"dir": tmp_path}})
    engine = Assembly(settings, headless=True, environment={}).engine
    given = engine._given  # whether they hear of each other shows late, and elsewhere
    layer = given.layer
    assert given.sessions._workspaces.layer is layer  # type: ignore[attr-defined]
    assert given.pipelines._voting._votes is layer.votes
    assert engine._parts.crew.layer is layer
    assert given.placing is not None
    assert given.workflows.orchestrator._machine.places is given.placing.places


def test_the_demos_debate_is_the_example() -> None:
    root = Path(__file__).parents[2]
    assert (root / "cli/debate.yaml").read_text() == (root / "examples/debate.yaml").read_text()
