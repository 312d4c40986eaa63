"""The examples of this room do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=EXAMPLES, capture_output=True, text=True, check=False
    )


def test_process_heat_plans_votes_sets_and_writes_a_page(tmp_path: Path) -> None:
    page = tmp_path / "kpi.html"
    done = run("process_heat/process_heat.py", "--page", str(page))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("vote: achieved") == 2
    assert "3 of 3 plans carried out" in page.read_text()


def test_a_broken_boiler_undoes_the_plan_and_opens_the_breaker() -> None:
    done = run("process_heat/process_heat.py", "--break", "north")
    assert done.returncode == 1
    assert "the controller of north does not answer" in done.stdout
    assert "scada failed 3 times in a row" in done.stdout


def test_each_pattern_has_its_example() -> None:
    done = run("patterns.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "leader and workers: 6 words",
        "peers: {'ann': 6, 'bob': 6} after 3 rounds",
        "consensus: achieved -> merged 80 lines",
        "choreography: pushed -> built -> published shop.whl",
        "orchestration: {'fetch': 'FETCH', 'build': 'BUILD AFTER FETCH'}",
    ]
