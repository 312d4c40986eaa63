"""A commented configuration file with every setting and its default, made from the model."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel

from ..core.settings import Settings

_HEAD = """\
# Quarterdeck's settings. Every line is a comment and shows a default: take the # away to change it.
# Read in this order, later wins: this file in the user's configuration directory, then the one in
# the project, then --config FILE, then the environment (QUARTERDECK_ENGINE__WORKER_COUNT=3), then
# flags. [profiles.dev.engine] and the like hold what --profile dev puts over it.
# Check it with: quarterdeck config check
"""

_AGENTS = """
# An agent of your own, or changes to one that is known: see `quarterdeck agent list`.
# [agents.helper]
# command = ["my-agent", "--interactive"]
# title = "Helper"
# capabilities = ["tests"]
# capacity = 2
"""


def config_template() -> str:
    """The file's text."""
    settings = Settings()
    # Where nothing is set, the file shows what that comes to.
    state = settings.state.model_copy(update={"dir": settings.state_dir, "url": settings.store_url})
    shown = settings.model_copy(update={"state": state})
    sections = ((name, value) for name, value in shown if isinstance(value, BaseModel))
    return _HEAD + "".join(_section(name, value) for name, value in sections) + _AGENTS


def _section(name: str, section: BaseModel) -> str:
    about = inspect.cleandoc(type(section).__doc__ or "").replace("``", "")
    lines = [*_comments(about), f"# [{name}]", *_entries(section)]
    return "\n" + "\n".join(lines) + "\n"


def _comments(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        for line in textwrap.wrap(" ".join(paragraph.split()), 96):
            yield f"## {line}"


def _entries(section: BaseModel) -> Iterator[str]:
    for key, value in section:
        yield f"# {key} = {_example(value)}"


def _example(value: Any) -> str:
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    shown = str(value) if isinstance(value, Path) else value
    return tomlkit.item(shown).as_string()
