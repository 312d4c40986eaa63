"""What the shell offers for a word: names from the engine, if it answers at once."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from typing import Any

import typer

from ..core.base.homes import expanded
from .invocation import Invocation
from .link import Link, Message
from .printing import clean

PATIENCE = 0.5
"""Seconds that a person waits for the tab key."""

REPORTS = ("idle", "working", "blocked", "done", "error", "clear")

_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")

Offers = list[tuple[str, str]]


@contextmanager
def as_typed(program: str) -> Iterator[None]:
    """Let what is offered meanwhile stand on bash's line as one has to type it; the other shells see to that."""
    if os.environ.get(f"_{program}_COMPLETE".replace("-", "_").upper()) != "complete_bash":
        yield
        return
    out = io.StringIO()
    try:
        with redirect_stdout(out):
            yield
    finally:
        sys.stdout.write("".join(map(_as_typed, out.getvalue().splitlines(keepends=True))))


def _as_typed(line: str) -> str:
    word, end = line.rstrip("\n"), "\n" * line.endswith("\n")
    at = os.environ.get("COMP_CWORD", "")
    begun = os.environ.get("COMP_WORDS", "").split("\n")[int(at) :] if at.isdecimal() else []
    quoted = bool(begun) and begun[0].startswith(("'", '"'))
    return line if quoted else _SPECIAL.sub(r"\\\g<0>", word) + end


def directories(incomplete: str) -> Iterator[str]:
    """The directories whose path begins with ``incomplete``."""
    folder, slash, name = incomplete.rpartition("/")
    place = expanded(folder + slash or ".")
    try:
        entries = sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return
    for entry in entries:
        hidden = entry.name.startswith(".") and not name.startswith(".")
        if entry.name.startswith(name) and not hidden:
            yield f"{folder}{slash}{entry.name}/"


def sessions(ctx: typer.Context, incomplete: str) -> Offers:
    """Names of sessions, with how they stand."""
    rows = _ask(ctx, "session.list", "sessions")
    offers = [(row["name"], f"{row['agent']}, {row['lifecycle']}") for row in rows]
    return _beginning(offers, incomplete)


def items(ctx: typer.Context, incomplete: str) -> Offers:
    """Ids of attention items, with their titles."""
    rows = _ask(ctx, "attention.list", "items")
    return _beginning([(row["item_id"], row["title"]) for row in rows], incomplete)


def agents(ctx: typer.Context, incomplete: str) -> Offers:
    """Names of agents."""
    rows = _ask(ctx, "agent.list", "agents")
    return _beginning([(row["name"], row["title"]) for row in rows], incomplete)


def preferences(ctx: typer.Context, incomplete: str) -> Offers:
    """Names of preferences, with their values."""
    values = _answer(ctx, "ui.preferences").get("preferences", {})
    return _beginning([(name, str(value)) for name, value in values.items()], incomplete)


def workflows(ctx: typer.Context, incomplete: str) -> Offers:
    """Ids of workflows, with their names and how they stand."""
    rows = _ask(ctx, "workflow.list", "workflows")
    return _beginning([(row["id"], f"{row['name']}, {row['status']}") for row in rows], incomplete)


def pipelines(ctx: typer.Context, incomplete: str) -> Offers:
    """Names of loaded pipelines, with what they are for."""
    rows = _ask(ctx, "pipeline.list", "pipelines")
    return _beginning([(row["name"], row["description"]) for row in rows], incomplete)


def reports(incomplete: str) -> Offers:
    """The states of the Program Status Protocol."""
    return _beginning([(state, "") for state in REPORTS], incomplete)


COMPLETERS: dict[str, Callable[..., Offers]] = {
    "session": sessions,
    "item": items,
    "agent": agents,
    "preference": preferences,
    "workflow": workflows,
    "pipeline": pipelines,
    "report": reports,
}


def _beginning(offers: Offers, incomplete: str) -> Offers:
    return [(word, clean(told)) for word, told in offers if word.startswith(incomplete)]


def _ask(ctx: typer.Context, kind: str, key: str) -> list[Message]:
    rows: list[Message] = _answer(ctx, kind).get(key, [])
    return rows


def _answer(ctx: typer.Context, kind: str) -> Message:
    """The engine's answer; nothing if it can't be had at once: a tab never shows a fault."""
    try:
        with closing(Link.open(Invocation(_given(ctx)).place.socket, PATIENCE)) as link:
            return link.call(kind, patience=PATIENCE)
    except Exception:  # noqa: BLE001  # whatever it is, the shell must not see it
        return {}


def _given(ctx: Any) -> dict[str, Any]:
    """The options given so far, the innermost counting."""
    outer = _given(ctx.parent) if ctx.parent is not None else {}
    return outer | {key: value for key, value in ctx.params.items() if value is not None}
