"""The documentation says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from quarterdeck.cli.catalogue import ENTRIES
from quarterdeck.cli.grammar import Group

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.glob("*.md"),
        *DOCS.glob("decisions/*.md"),
        *ROOT.glob("*.md"),
        *ROOT.glob("examples/*.md"),
    ]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
CALL = re.compile(r"^\s*(?:quarterdeck|qd) ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)
COMMAND = re.compile(r"`([^`]+)`")
WITHOUT_OBJECT = {"session attach"}
FENCE = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_made_parts_are_up_to_date(generate: ModuleType) -> None:
    assert [path.name for path in generate.stale()] == []


def test_every_error_code_has_a_cause_and_a_way_out(generate: ModuleType) -> None:
    causes, ways_out = generate.causes(), generate.ways_out()
    assert sorted(set(causes) - set(ways_out)) == []
    assert [code for code, cause in causes.items() if not cause] == []
    assert [code for code, text in ways_out.items() if not text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_examples_exist(page: Path) -> None:
    unknown = []
    for block in FENCE.findall(page.read_text()):
        for word, second in CALL.findall(block):
            entry = ENTRIES.get(word)
            if entry is None or (
                isinstance(entry, Group) and entry.find(second or entry.alone) is None
            ):
                unknown.append(f"{word} {second}".strip())
    assert unknown == []


def test_the_object_of_every_command_is_described() -> None:
    page = (DOCS / "command-line.md").read_text()
    table = page.partition("| command | object |\n")[2].partition("\n\n")[0]
    told = {name for line in table.splitlines()[1:] for name in COMMAND.findall(line.split("|")[1])}
    words = {
        " ".join(filter(None, (name, command.name if isinstance(entry, Group) else "")))
        for name, entry in ENTRIES.items()
        for command in (entry.commands if isinstance(entry, Group) else (entry,))
    }
    assert words - told == WITHOUT_OBJECT
    assert told - words == {"events --verify", "--version"}
