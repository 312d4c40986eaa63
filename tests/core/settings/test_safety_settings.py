"""``[safety]`` and ``[[budgets]]``: read into rules, and every fault named with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.safety.budgets import BudgetScope, BudgetUnit
from quarterdeck.core.safety.model import ConstraintType, SafetyLevel
from quarterdeck.core.settings import check_files, load_settings

GOOD = """
[safety]
blocking_level = "high"

[[safety.constraints]]
name = "max_cols"
type = "threshold"
max_value = 200.0
level = "critical"

[[safety.constraints]]
name = "office hours"
type = "timing"
operation = "session.create"
window = ["08:00", "18:00"]

[safety.breakers."agent/claude"]
failures = 2

[safety.limits."session.prompt"]
rate = 0.5
burst = 5

[[budgets]]
name = "purse"
scope = "day"
unit = "cost"
limit = 5
estimate = 0.1
"""


def test_rules_are_read_as_the_monitor_takes_them(tmp_path: Path) -> None:
    file = tmp_path / "quarterdeck.toml"
    file.write_text(GOOD)
    found = load_settings(config=file, environment={}, user_dir=tmp_path / "none").settings
    first, second = (one.made() for one in found.safety.constraints)
    assert (first.constraint_type, first.level) == (ConstraintType.THRESHOLD, SafetyLevel.CRITICAL)
    assert (first.parameter, first.max_value) == ("cols", 200.0)
    assert dict(second.metadata) == {"operation": "session.create", "window": ("08:00", "18:00")}
    assert found.safety.config.blocking_level is SafetyLevel.HIGH
    assert found.safety.breakers["agent/claude"].timeout == 30
    budget = found.budgets[0].made()
    assert (budget.scope, budget.unit, budget.limit) == (BudgetScope.DAY, BudgetUnit.COST, 5)


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        ('[[safety.constraints]]\nname = "x"\ntype = "treshold"', 3, "safety.constraints.0.type",
         "Did you mean threshold?"),
        ('[[safety.constraints]]\nname = "x"\ntype = "threshold"', 1, "safety.constraints.0",
         "needs max_value or min_value"),
        ('[[safety.constraints]]\nname = "x"\ntype = "dependency"\n', 1, "safety.constraints.0", "requires"),
        ('[[safety.constraints]]\nname = "x"\ntype = "threshold"\nmin_value = 5\nmax_value = 1', 1,
         "safety.constraints.0", "min_value is above max_value"),
        ("[safety]\nconstraints = 3", 2, "safety.constraints", "This is a list"),
        (('[[safety.constraints]]\nname="a"\ntype="resource"\nmax_value=1\n[[safety.constraints]]\n'
          'name="a"\ntype="resource"\nmax_value=1'), 1, "safety", "Two of them are called a"),
        ('[[safety.constraints]]\nname="a"\ntype="timing"\nwindow=["08:00", "25:00"]', 4,
         "safety.constraints.0.window.1", "such as 08:30"),
        ('[safety.breakers."claude"]\nfailures = 1', 1, "safety", "agent/NAME"),
        ('[safety.breakers."agent/x"]\nfailures = 0', 2, "safety.breakers.agent/x.failures", "greater"),
        ('[safety.limits."session.prompt"]\nrate = 1\nby = "sesion"', 3,
         "safety.limits.session.prompt.by", "Did you mean session?"),
        ('[[budgets]]\nname = "a b"\nscope="day"\nunit="cost"\nlimit=1', 2, "budgets.0.name", "pattern"),
        ('[[budgets]]\nname = "a"\nscope="day"\nunit="cost"\nlimit=-1', 5, "budgets.0.limit", "greater"),
        (('[[budgets]]\nname="a"\nscope="day"\nunit="cost"\nlimit=1\n[[budgets]]\nname="b"\nscope="dy"\n'
          'unit="cost"\nlimit=1'), 8, "budgets.1.scope", "Did you mean day?"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, said: str
) -> None:
    file = tmp_path / "quarterdeck.toml"
    file.write_text(text)
    (fault,) = check_files([file])
    assert (fault.line, fault.key) == (line, key)
    assert said in str(fault)


def test_a_project_adds_rules_to_the_user_s_and_replaces_them_only_by_name(tmp_path: Path) -> None:
    user, project = tmp_path / "user", tmp_path / "project"
    for place in (user, project):
        place.mkdir()
    rule = '[[safety.constraints]]\nname = "{}"\ntype = "resource"\nmax_value = {}\n'
    (user / "quarterdeck.toml").write_text(rule.format("a", 1) + rule.format("b", 1))
    (project / "quarterdeck.toml").write_text(rule.format("b", 2) + rule.format("c", 2))
    found = load_settings(project=project, user_dir=user, environment={}).settings
    names = {one.name: one.max_value for one in found.safety.constraints}
    assert names == {"a": 1, "b": 2, "c": 2}
