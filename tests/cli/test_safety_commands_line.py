"""``quarterdeck safety`` and ``quarterdeck budget`` against an engine on a real socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.protocol import crew_commands as crew
from quarterdeck.core.protocol.crew_views import (
    BreakerView,
    BudgetView,
    HaltView,
    LimitView,
    SafetyView,
    ViolationView,
)

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
BUDGET = BudgetView(
    name="purse", scope="workflow", key="01M7ZAWK", unit="cost", limit=1.0, spent=0.75, left=0.25,
    estimated=0.5, asked=True,
)  # fmt: skip
STANDS = SafetyView(
    halt=HaltView(reason="the key leaked", rule="asked", since=AT),
    constraints={"no_force": "high compliance of text"},
    violations=(
        ViolationView(at=AT, rule="no_force", level="high", operation="session.prompt", message="no"),
    ),
    breakers=(
        BreakerView(
            name="agent/claude", about="agent/claude", state="half_open", failures=3, threshold=3,
            last_error="claude exited\nwith code 3",
        ),
    ),
    limits=(LimitView(name="session.prompt", key="s1", rate=0.5, burst=5, left=2.0, refused=7),),
    budgets=(BUDGET, BUDGET.changed(name="day", asked=False, left=-1.0)),
)  # fmt: skip


@pytest.fixture
def told(engine: FakeEngine) -> list[Any]:
    """What the engine was asked, which it answers as if all stood as in ``STANDS``."""

    def answer(result: dict[str, Any]) -> Any:
        return lambda _wish: result

    engine.handlers |= {
        "safety.show": answer({"safety": STANDS.model_dump(mode="json")}),
        "crew.halt": answer({"halt": STANDS.model_dump(mode="json")["halt"]}),
        "crew.reset_halt": answer({"halt": None}),
        "crew.reset_breaker": answer({"breaker": STANDS.breakers[0].model_dump(mode="json")}),
        "crew.grant": answer({"budget": BUDGET.model_dump(mode="json")}),
    }
    return engine.asked


def test_everything_that_holds_work_back_is_shown(told: list[Any], qd: CommandLine) -> None:
    out = qd("safety").out
    for text in (
        "the key leaked", "no_force", "agent/claude", "half-open", "3 of 3", "claude exited",
        "0.5/s, 5 at once", "2.0",
    ):  # fmt: skip
        assert text in out
    assert "with code 3" not in out, "one line for each"
    assert qd("safety", "--json").json["safety"]["halt"]["rule"] == "asked"
    assert [type(one) for one in told] == [crew.ShowSafety] * 2


def test_a_person_halts_goes_on_and_closes_a_breaker(told: list[Any], qd: CommandLine) -> None:
    assert "quarterdeck safety reset" in qd("safety", "halt", "the", "key", "leaked").out
    assert "Nothing is halted" in qd("safety", "reset").out
    assert "agent/claude is closed" in qd("safety", "reset-breaker", "agent/claude").out
    assert told == [
        crew.Halt(reason="the key leaked"), crew.ResetHalt(), crew.ResetBreaker(name="agent/claude"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("safety", "hlt"), "Did you mean halt"),
        (("safety", "halt"), "Say why"),
        (("safety", "reset-breaker"), "which breaker"),
        (("budget", "grant", "purse", "01", "much"), "MORE is a number above 0"),
        (("budget", "grant", "purse", "01", "0"), "MORE is a number above 0, at most 1e+15, not 0"),
        (("budget", "grant", "purse", "01", "--", "-1"), "MORE is a number above 0"),
        (("budget", "grant", "purse", "01", "-1"), "no number that is given here is below 0"),
    ],
)
def test_what_can_not_be_understood_is_said(
    told: list[Any], qd: CommandLine, words: tuple[str, ...], said: str
) -> None:
    done = qd(*words)
    assert done.code == 2
    assert said in done.err
    assert not told


def test_accounts_are_listed_and_granted_by_the_beginning_of_their_key(
    told: list[Any], qd: CommandLine
) -> None:
    heads, one, two = qd("budget", "list").out.splitlines()
    assert heads.split()[:3] == ["BUDGET", "OF", "SPENT"]
    assert "asked" in one
    assert "0.5 estimated" in one
    assert "used up" in two
    assert [b["name"] for b in qd("budget", "list", "--asked", "--json").json["budgets"]] == [
        "purse"
    ]
    assert "allows 1 cost now" in qd("budget", "grant", "purse", "01M7", "0.5").out
    assert told[-1] == crew.GrantBudget(name="purse", key="01M7ZAWK", more=0.5)
