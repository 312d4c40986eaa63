"""Budgets, circuit breakers and rate limits; values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ....core.protocol.crew_views import BreakerView, BudgetView, CrewView, LimitView
from ..ages import age_of, age_text
from ..cells import Cell
from ..lanes.rows import figure
from ..table import AnyRow, Col, Line, TableRow, head, heading, one
from ..words import clean
from .words import BREAKER_SIGNS, UNKNOWN, Gauge, amount, until_text, words

BUDGETS = (
    Col("budget"),
    Col("of", 15, wide=26),
    Col("spent", 12, wide=22),
    Col("", 22, right=True),
    Col("left", 9, right=True),
)
BREAKERS = (
    Col("breaker"),
    Col("state", 12),
    Col("failures", 12, wide=22),
    Col("", 22, right=True),
    Col("", 9, right=True),
)
LIMITS = (
    Col("rate limit"),
    Col("of", 14, wide=26),
    Col("left", 8, wide=22),
    Col("", 20, wide=22, right=True),
    Col("refused", 9, right=True),
)


def limit_rows(crew: CrewView, now: datetime, names: Mapping[str, str]) -> list[AnyRow]:
    """What may be spent, what is shut off, how often what may be done; ``names`` are by id."""
    rows: list[AnyRow] = [heading(BUDGETS)]
    for budget in crew.budgets:
        rows += _budget(budget, names)
    if not crew.budgets:
        rows.append(Line(one("no budget is set, or none was drawn on", "muted")))
    rows += [Line(()), heading(BREAKERS)]
    for breaker in crew.breakers:
        rows += _breaker(breaker, now)
    if not crew.breakers:
        rows.append(Line(one("no breaker has tripped", "muted")))
    rows += [Line(()), heading(LIMITS), *(_limit(limit) for limit in crew.limits)]
    if not crew.limits:
        rows.append(Line(one("no rate was used", "muted")))
    return rows


def budget_key(budget: BudgetView) -> str:
    """What names an account."""
    return f"budget/{budget.name}/{budget.key}"


def _budget(budget: BudgetView, names: Mapping[str, str]) -> list[AnyRow]:
    used = budget.spent + budget.reserved
    sure = max(0.0, budget.spent - budget.estimated)
    told = f"{amount(budget.spent, budget.unit)} of {amount(budget.limit, budget.unit)}"
    unit = {"wall_seconds": "", "cost": " cost"}.get(budget.unit, f" {budget.unit}")
    row = TableRow(
        BUDGETS,
        (
            one(clean(budget.name, 80), "head"),
            one(clean(f"{budget.scope} {names.get(budget.key, budget.key)}", 80), "muted"),
            Gauge(used, budget.limit, sure),
            one(f"{told}{unit}"),
            one(amount(budget.left, budget.unit), "error" if budget.left <= 0 else ""),
        ),
        budget_key(budget),
    )
    parts = []
    if budget.asked:
        parts.append("used up: it waits for your word")
    if budget.estimated:
        parts.append(f"{amount(budget.estimated, budget.unit)} of it is estimated")
    if budget.reserved:
        parts.append(f"{amount(budget.reserved, budget.unit)} reserved")
    tone = "needs" if budget.asked else "muted"
    return [row, *([Line(one(f"  {' · '.join(parts)}", tone))] if parts else [])]


def _breaker(breaker: BreakerView, now: datetime) -> list[AnyRow]:
    sign, tone = BREAKER_SIGNS.get(breaker.state, UNKNOWN)
    retry = f"tried in {until_text(breaker.retry_at, now)}" if breaker.retry_at else ""
    since = age_text(age_of(breaker.opened_at, now)) if breaker.opened_at else ""
    row = TableRow(
        BREAKERS,
        (
            one(clean(breaker.about or breaker.name, 80), "head"),
            one(f"{sign} {words(breaker.state)}", tone),
            one(f"{breaker.failures} of {breaker.threshold}" if breaker.threshold else "", "muted"),
            one(retry, "muted"),
            one(since, "muted"),
        ),
        f"breaker/{breaker.name}",
    )
    error = (Cell("  ✗ ", "error"), Cell(clean(breaker.last_error or "", 300), "error"))
    return [row, *([Line(error)] if breaker.last_error else [])]


def _limit(limit: LimitView) -> TableRow:
    tone = "done" if limit.left >= 1 else "needs"
    used = max(0.0, limit.burst - limit.left)
    return TableRow(
        LIMITS,
        (
            one(clean(limit.name, 80), "head"),
            one(clean(limit.key, 80), "muted"),
            Gauge(used, limit.burst),
            one(f"{limit.left:.0f} of {limit.burst:g}, {limit.rate:g}/s", tone),
            figure(limit.refused, "error"),
        ),
        f"limit/{limit.name}/{limit.key}",
    )


def rules_rows(crew: CrewView, now: datetime) -> list[AnyRow]:
    """The halt, what broke a rule lately, and the rules there are."""
    rows: list[AnyRow] = []
    if crew.halt is not None:
        since = age_text(age_of(crew.halt.since, now))
        rule = f" · rule {clean(crew.halt.rule, 60)}" if crew.halt.rule else ""
        rows.append(
            Line(
                (
                    Cell("! HALTED ", "error"),
                    Cell(clean(crew.halt.reason, 300), "error"),
                    Cell(f"{rule} · {since}", "muted"),
                ),
                "halt/",
            )
        )
        rows.append(Line(one("  nothing is dispatched until it is reset", "muted")))
    else:
        rows.append(Line(one("✓ not halted", "done")))
    rows += head("BROKEN RULES")
    for broken in crew.violations:
        tone = {"critical": "error", "high": "error", "medium": "needs"}.get(broken.level, "")
        at = broken.at.astimezone().strftime("%H:%M:%S")
        who = f" · {clean(broken.agent, 40)}" if broken.agent else ""
        rows.append(
            Line(
                (
                    Cell(f"{at} ", "muted"),
                    Cell(f"{clean(broken.level, 20)} ", tone),
                    Cell(clean(broken.rule, 60), "head"),
                    Cell(f" {clean(broken.operation, 60)}{who}", "muted"),
                ),
                f"violation/{broken.at.isoformat()}/{broken.rule}",
            )
        )
        rows.append(Line(one(f"         {clean(broken.message, 300)}")))
    if not crew.violations:
        rows.append(Line(one("none", "muted")))
    rows += head("RULES")
    for name, text in crew.constraints.items():
        told = (Cell(clean(name, 60), "head"), Cell(f"  {clean(text, 300)}", "muted"))
        rows.append(Line(told, f"constraint/{name}"))
    if not crew.constraints:
        rows.append(Line(one("no rule of yours; [safety] in the configuration sets some", "muted")))
    return rows
