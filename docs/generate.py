"""Write the parts of the documentation that are made from the code.

    python docs/generate.py            write them
    python docs/generate.py --check    say which pages are not up to date, and fail

Between ``<!-- made: NAME -->`` and ``<!-- end -->`` a page holds what the function NAME here gives.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import pkgutil
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import quarterdeck.cli
import quarterdeck.core
import quarterdeck.state
from quarterdeck.cli.catalogue import ENTRIES
from quarterdeck.cli.exits import MEANINGS
from quarterdeck.cli.faults import CODES as CLI_CODES
from quarterdeck.cli.grammar import Command, Group
from quarterdeck.cli.template import config_template
from quarterdeck.core.base.errors import QuarterdeckError, known_errors
from quarterdeck.core.pipelines.files import pipeline_schema
from quarterdeck.core.protocol.commands import PAYLOADS
from quarterdeck.core.protocol.events import EVENTS
from quarterdeck.core.protocol.preferences import PREFERENCES
from quarterdeck.core.protocol.validation import CODES as PROTOCOL_CODES
from quarterdeck.core.workflows.files import workflow_schema
from quarterdeck.core.workflows.handoff.lifecycle import HANDOFF_MOVES, HandoffStatus
from quarterdeck.core.workflows.handoff.validation import SCHEMA_FILE
from quarterdeck.state.postgres.statements import load_migrations as postgres_migrations
from quarterdeck.state.sqlite.statements import load_migrations as sqlite_migrations
from quarterdeck.tui.keys.actions import ACTIONS, PRESETS

DOCS = Path(__file__).parent
BLOCK = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
GROUPS = ("quarterdeck.core", "quarterdeck.state", "quarterdeck.cli")


def load_everything() -> None:
    """Import every module, so that every error class is known.

    Those in Rust's company are left out where it is not installed: they have no error of their own.
    """
    has_rust = importlib.util.find_spec("par_term_emu_core_rust") is not None
    for package in (quarterdeck.core, quarterdeck.state, quarterdeck.cli):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            needs_rust = found.name.rpartition(".")[2].startswith("rust")
            if ".practice." not in found.name and (has_rust or not needs_rust):
                importlib.import_module(found.name)


def causes() -> dict[str, str]:
    """The cause of every error code: the first line of its class, or its entry in a list of codes."""
    load_everything()
    found = {**PROTOCOL_CODES, **CLI_CODES}
    general = {
        kind for kind in known_errors() if kind is QuarterdeckError or "code" not in vars(kind)
    }
    for kind in known_errors():
        if kind not in general and kind.__module__.startswith(GROUPS):
            found[kind.code] = first_line(kind)
    return found


def first_line(thing: object) -> str:
    """The first line of a docstring, as Markdown."""
    return (inspect.getdoc(thing) or "").split("\n")[0].replace("``", "`")


def ways_out() -> dict[str, str]:
    """The way out for every error code."""
    return tomllib.loads((DOCS / "ways_out.toml").read_text())


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows
    ]
    return "\n".join(lines) + "\n"


def errors() -> str:
    """Every error code with its cause and the way out."""
    known, out = causes(), ways_out()
    return table(
        ("code", "cause", "way out"),
        ((f"`{code}`", known[code], out[code]) for code in sorted(known)),
    )


def keys() -> str:
    """Every action with its keys, by context."""
    parts = []
    for context in dict.fromkeys(action.context for action in ACTIONS.values()):
        chosen = (action for action in ACTIONS.values() if action.context is context)
        rows = ((_keys(action.keys), action.title, f"`{action.name}`") for action in chosen)
        parts.append(
            f"### {str(context).capitalize()}\n\n" + table(("keys", "what", "action"), rows)
        )
    return "\n".join(parts)


def presets() -> str:
    """What each preset changes."""
    rows = (
        (preset, _keys(given), f"`{name}`")
        for preset, changes in PRESETS.items()
        for name, given in changes.items()
    )
    return table(("preset", "keys", "action"), rows)


def _keys(text: str) -> str:
    return " ".join(f"`{key}`" for key in text.split(","))


def commands() -> str:
    """Every command of the protocol with its fields."""
    rows = (
        (f"`{name}`", _fields(payload.model_fields), first_line(payload))
        for name, payload in PAYLOADS.items()
    )
    return table(("type", "payload", "what"), rows)


def _fields(fields: dict[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in fields) or "—"


def events() -> str:
    """Every event of the protocol."""
    rows = (
        (f"`{name}`", _fields(kind.model_fields), "yes" if kind.durable else "no", first_line(kind))
        for name, kind in EVENTS.items()
    )
    return table(("type", "payload", "kept", "what"), rows)


def preferences() -> str:
    """Every preference."""
    rows = ((f"`{one.name}`", f"`{one.default}`", one.meaning) for one in PREFERENCES.values())
    return table(("name", "default", "what"), rows)


def settings() -> str:
    """The commented configuration file, without what depends on the machine."""
    text = "\n".join(
        line for line in config_template().splitlines() if not re.match(r"# (dir|url) = ", line)
    )
    return f"```toml\n{text.strip()}\n```\n"


def exit_codes() -> str:
    """The exit codes."""
    return table(("code", "means"), ((f"`{code}`", meaning) for code, meaning in MEANINGS))


def command_line() -> str:
    """Every command of the command line."""
    rows = []
    for entry in ENTRIES.values():
        if isinstance(entry, Group):
            rows += [(_call(command, entry.name), command.help) for command in entry.commands]
        else:
            rows.append((_call(entry), entry.help))
    return table(("command", "what"), iter(rows))


def _call(command: Command, group: str = "") -> str:
    words = ["quarterdeck", group, command.name, *(argument.name for argument in command.arguments)]
    return f"`{' '.join(filter(None, words))}`"


def schema_sqlite() -> str:
    """SQLite's schema."""
    return _schema(sqlite_migrations())


def schema_postgres() -> str:
    """PostgreSQL's schema."""
    return _schema(postgres_migrations())


def _schema(migrations: list[tuple[str, str]]) -> str:
    return "\n".join(f"`{name}`\n\n```sql\n{sql.strip()}\n```\n" for name, sql in migrations)


def handoff_moves() -> str:
    """Where a handoff may go from each of its states."""
    rows = (
        (
            f"`{status}`",
            ", ".join(f"`{one}`" for one in sorted(HANDOFF_MOVES.targets(status))) or "—",
        )
        for status in HandoffStatus
    )
    return table(("state", "may become"), rows)


MAKERS: dict[str, Callable[[], str]] = {
    maker.__name__: maker
    for maker in (
        errors,
        keys,
        presets,
        commands,
        events,
        preferences,
        settings,
        command_line,
        exit_codes,
        schema_sqlite,
        schema_postgres,
        handoff_moves,
    )
}


def made(page: str) -> str:
    """A page with its made parts as they should be."""
    return BLOCK.sub(lambda found: f"{found[1]}{MAKERS[found[2]]()}{found[3]}", page)


SHIPPED: dict[Path, Callable[[], dict[str, object]]] = {
    DOCS.parent / "core" / "workflows" / "files" / "workflow.schema.json": workflow_schema,
    DOCS.parent / "core" / "pipelines" / "files" / "pipeline.schema.json": pipeline_schema,
}
"""The schemas of files, which are made from their models; docs/ has each of them too."""


def schemas() -> dict[Path, str]:
    """The text of every schema by where it lies."""
    found = {}
    for shipped, made_from in SHIPPED.items():
        text = json.dumps(made_from(), indent=2, ensure_ascii=False) + "\n"
        found |= dict.fromkeys((DOCS / shipped.name, shipped), text)
    return found


PUBLISHED = (SCHEMA_FILE,)
"""Shipped files that are published in the documentation as they are."""


def wanted() -> dict[Path, str]:
    """Every page and published file as it should be."""
    pages = {path: made(path.read_text()) for path in sorted(DOCS.glob("*.md"))}
    published = {DOCS / path.name: path.read_text() for path in PUBLISHED}
    return pages | published | schemas()


def stale() -> list[Path]:
    """Pages that are not up to date."""
    return [
        path for path, text in wanted().items() if not path.exists() or path.read_text() != text
    ]


def main() -> int:
    """Write or check."""
    old, texts = stale(), wanted()
    if "--check" in sys.argv:
        for path in old:
            print(f"{path.name} is not up to date: run python docs/generate.py")
        return int(bool(old))
    for path in old:
        path.write_text(texts[path])
        print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
