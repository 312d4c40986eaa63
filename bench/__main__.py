"""Measure everything: each figure beside its reference in the same run, medians of several rounds.

    python -m bench                 every suite, a table on standard output
    python -m bench store paint     only these suites
    python -m bench --write         also write the table into bench/RESULTS.md
    python -m bench --json          rows as JSON lines
    python -m bench --peers         other engines too, and what survives kill -9 (some minutes)

A suite is a module of this folder with a function ``rows() -> list[dict]``; each row has ``name``,
``value``, ``unit``, ``reference``, ``ratio``, ``must`` and ``goal``. A ratio or a figure is better
when it is lower, unless the row says ``higher``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import _peers

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
MARK = "<!-- measured -->"
SURVIVAL = "<!-- what survives kill -9 -->"
"""Before and after the table of that, which is only made with ``--peers``."""
LIBRARIES = ("textual", "pydantic", "aiosqlite", "par-term-emu-core-rust", "pyte")


def suites() -> list[str]:
    """The names of all suites."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def measure(suite: str) -> list[dict[str, Any]]:
    """The rows of one suite, measured in a process of its own."""
    code = f"import json; from bench.{suite} import rows; print(chr(30) + json.dumps(rows()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    if done.returncode or "\x1e" not in done.stdout:
        return [{"name": f"{suite}: failed", "value": None, "unit": "see above"}]
    found: list[dict[str, Any]] = json.loads(done.stdout.rsplit("\x1e", 1)[1])
    return found


def verdict(row: dict[str, Any]) -> str:
    """Whether a row reaches its goal, its must, or neither."""
    figure = row.get("ratio") if row.get("ratio") is not None else row.get("value")
    if figure is None or row.get("must") is None:
        return ""
    worse = (lambda limit: figure < limit) if row.get("higher") else (lambda limit: figure > limit)
    if row.get("goal") is not None and not worse(row["goal"]):
        return "goal"
    return "missed" if worse(row["must"]) else "must"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    columns = ("name", "value", "unit", "reference", "ratio", "must", "goal")
    lines = [
        "| what | value | unit | reference | ratio | must | goal | reached |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_cell(row.get(column)) for column in columns]
        lines.append("| " + " | ".join([*cells, verdict(row)]) + " |")
    return "\n".join(lines)


def machine() -> str:
    """What was measured on, in one paragraph."""
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `make bench` on {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; {versions}. "
        "The machine is shared: read the ratios, not the digits."
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def write(rows: list[dict[str, Any]], survival: str) -> None:
    """Put the tables into RESULTS.md; what else stands below its mark there is kept."""
    kept = RESULTS.read_text().split(MARK)[-1] if RESULTS.exists() else "\n"
    head = f"# Results\n\n{machine()}\n\n{table(rows)}\n\n{MARK}"
    if survival:
        before, _, after = kept.partition(SURVIVAL)
        kept = f"{before}{SURVIVAL}\n\n{survival}\n\n{SURVIVAL}{after.partition(SURVIVAL)[2]}"
    RESULTS.write_text(head + kept)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", choices=[[], *suites()], metavar="SUITE")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    rows = [row for suite in args.suites or suites() for row in measure(suite)]
    survival = ""
    if args.peers:
        rows += _peers.rows()
        survival = _peers.crash_table(_peers.crash_rows())
    print("\n".join(map(json.dumps, rows)) if args.json else f"{table(rows)}\n\n{survival}")
    if args.write:
        write(rows, survival)
    return int(any("failed" in row["name"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
