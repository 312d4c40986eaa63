"""Where a workflow that another one names is found."""

from __future__ import annotations

from pathlib import Path

from ...base.homes import expanded

ENDINGS = (".yaml", ".yml", ".json")


def find_nested(name: str, beside: Path) -> Path:
    """The file of ``name``: itself, from the directory of ``beside``, or with an ending added.

    Where nothing is found it is the path that was looked for first.
    """
    given = beside.parent / expanded(name)
    if given.suffix in ENDINGS:
        return given
    tried = [given.with_name(given.name + ending) for ending in ENDINGS]
    return next((path for path in tried if path.is_file()), tried[0])
