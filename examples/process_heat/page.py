"""The page of figures: one HTML file, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = (
    "body{font:16px system-ui;margin:2rem;max-width:60rem}table{border-collapse:collapse}"
    "td,th{padding:.3rem .8rem;text-align:right;border-bottom:1px solid #ccc}"
    ".bar{background:#c33;height:.8rem}code{font-size:.8rem}"
)


def write_page(path: Path, results: Sequence[Any], figures: Any, audit: Sequence[Any]) -> None:
    """Write what three hours brought: plan by plan, boiler by boiler, and the audit chain."""
    parts = [_hour(factor, result) for factor, result in results]
    chain = "".join(f"<li><code>{escape(record.chain_hash)}</code></li>" for record in audit)
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>Process heat</title><style>{STYLE}</style>"
        f"<h1>Process heat</h1><p>{figures.successful} of {figures.executions} plans carried out.</p>"
        f"{''.join(parts)}<h2>Audit chain</h2><ol>{chain}</ol>",
        encoding="utf-8",
    )


def _hour(factor: float, result: Any) -> str:
    title = f"<h2>Demand x{factor}</h2>"
    plan = result.output
    if plan is None:
        return f"{title}<p>Failed: {escape(result.error)}</p>"
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{value:.0f} kW</td>"
        f"<td style='width:20rem'><div class=bar style='width:{value / 25:.0f}%'></div></td></tr>"
        for name, value in plan.setpoints.items()
    )
    return (
        f"{title}<p>Efficiency {plan.efficiency:.1%}, NOx {plan.nox:.0f} mg/kWh, fuel "
        f"{plan.fuel_cost:.0f} EUR, not delivered {plan.penalty:.0f} EUR, vote: {escape(plan.vote)}."
        f"</p><table>{rows}</table><p>Provenance <code>{result.provenance_hash}</code></p>"
    )
