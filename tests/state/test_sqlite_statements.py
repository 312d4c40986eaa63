"""The loader of named statements and of numbered migrations."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from quarterdeck.core.telemetry.audit import kept_link
from quarterdeck.state.sqlite.statements import HERE, load_migrations, load_statements
from quarterdeck.state.statements import parse_statements


def test_statements_are_found_by_their_names() -> None:
    text = "-- about the file\n\n-- name: one\nSELECT 1;\n\n-- name: two_b\n-- why\nSELECT\n  2;\n"
    assert parse_statements(text, "x.sql") == {"one": "SELECT 1", "two_b": "SELECT\n  2"}


@pytest.mark.parametrize(
    "text",
    [
        "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;",
        "-- name: a\nSELECT 1; SELECT 2;",
        "-- name: a\nSELECT 1",
        "-- name: a\n-- name: b\nSELECT 1;",
    ],
)
def test_a_file_with_a_fault_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.sql: a"):
        parse_statements(text, "x.sql")


@pytest.mark.parametrize("name", [path.stem for path in sorted((HERE / "sql").glob("*.sql"))])
def test_every_shipped_statement_fits_the_schema(name: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("audit_link", 4, kept_link)
    try:
        for _, sql in load_migrations():
            connection.executescript(sql)
        statements = load_statements(name)
        assert statements
        for sql in statements.values():
            named: dict[str, None] = dict.fromkeys(PLACEHOLDER.findall(sql))
            places = len(set(NUMBERED.findall(sql))) or sql.count("?")
            connection.execute(f"EXPLAIN {sql}", [None] * places if places else named)
    finally:
        connection.close()


PLACEHOLDER = re.compile(r":([a-z]+)")
NUMBERED = re.compile(r"\?(\d+)")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("reads", "snapshot history reply"),
        ("changes", "add_status remove_session remove_history remove_items"),
        ("workflow_reads", "instance workflow tasks task task_counts attempts changes version"),
        ("workflow_reads", "child_workflows handoffs artifacts signals"),
        ("workflow_changes", "update_workflow_guarded save_task_guarded check_lease add_history"),
        ("workflow_changes", "remove_task remove_tasks remove_workflow_history remove_attempts"),
        ("workflow_changes", "remove_handoffs remove_artifacts remove_signals remove_lease"),
        ("workflow_journal", "holds kept_version posted"),
        ("leases", "holder renew release"),
    ],
)
def test_nothing_about_one_session_or_workflow_goes_through_all_of_them(
    file: str, names: str
) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        for _, sql in load_migrations():
            connection.executescript(sql)
        for name in names.split():
            sql = load_statements(file)[name]
            values = (
                ["1"] * sql.count("?")
                if "?" in sql
                else dict.fromkeys(PLACEHOLDER.findall(sql), "1")
            )
            plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
            steps = [row[3] for row in plan if "json_each" not in row[3]]
            assert any("SEARCH" in step for step in steps), name
            assert not [step for step in steps if re.match(r"SCAN (?!CONSTANT)", step)], name
    finally:
        connection.close()


def test_migrations_come_in_order(tmp_path: Path) -> None:
    (tmp_path / "0002_b.sql").write_text("B")
    (tmp_path / "0001_a.sql").write_text("A")
    (tmp_path / "notes.txt").write_text("no migration")
    assert load_migrations(tmp_path) == [("0001_a.sql", "A"), ("0002_b.sql", "B")]


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["1_a.sql"]])
def test_migrations_with_a_gap_or_another_name_are_refused(
    tmp_path: Path, names: list[str]
) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match=names[-1]):
        load_migrations(tmp_path)
