"""A practice agent that dies the first times, and counts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quarterdeck.core.sessions.practice.command import main


def test_it_dies_the_first_times_and_works_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = tmp_path / "tally"
    words = ["--role", "worker", "--once", "--prompt", "x", "--crashes", "2", "--tally", str(tally)]
    assert [main(words) for _ in range(2)] == [3, 3]
    assert "PracticeCrash" in capsys.readouterr().err
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["total_cost_usd"] > 0
    assert told["usage"]["input_tokens"] > told["usage"]["output_tokens"] > 0
    assert tally.read_text() == "2"


def test_what_counts_the_crashes_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--role", "worker", "--once", "--crashes", "2"]) == 2
    assert "--tally" in capsys.readouterr().err
