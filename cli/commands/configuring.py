"""``quarterdeck config``."""

from __future__ import annotations

import json
from pathlib import Path

from ...core.settings import FILE_NAME, Fault, Kind, examine
from ...core.settings import config_files as files_of
from ..agency import agents_faults
from ..exits import FAILED
from ..failing import fault
from ..invocation import Invocation
from ..link import Message
from ..place import Place, load
from ..template import config_template


def show(invocation: Invocation) -> None:
    """``config show``."""
    loaded = load(invocation.bare_place)
    rows = [
        {"key": key, "value": value, "origin": str(origin)} for key, value, origin in loaded.rows()
    ]
    found = {"files": list(map(str, loaded.files)), "settings": rows}
    printer = invocation.printer
    cells = ((row["key"], json.dumps(row["value"]), row["origin"]) for row in rows)
    printer.show(found, lambda: printer.table(("key", "value", "from"), cells, ""))


def path(invocation: Invocation) -> None:
    """``config path``."""
    files = [
        {"kind": str(kind), "path": str(file), "exists": file.is_file()}
        for kind, file in _files(invocation.bare_place)
    ]
    printer = invocation.printer
    rows = ((one["path"], one["kind"], "read" if one["exists"] else "not there") for one in files)
    printer.show({"files": files}, lambda: printer.table(("file", "is", "state"), rows, ""))


def _files(place: Place) -> list[tuple[Kind, Path]]:
    """The files that are read, weakest first; one that is meant twice, as the strongest."""
    every = files_of(project=place.project, config=place.config)
    strongest = {file.resolve(): kind for kind, file in every}
    return [(kind, file) for kind, file in every if strongest[file.resolve()] is kind]


def check(invocation: Invocation) -> int | None:
    """``config check``; exit code 1 if there is a fault."""
    place = invocation.bare_place
    every = _files(place)
    files = [file for kind, file in every if kind is Kind.FILE or file.is_file()]
    found = examine(every, profile=place.profile, flags={"state.dir": place.given_dir})
    faults = [_as_json(one) for one in (*found.faults, *agents_faults(found))]
    invocation.printer.show(
        {"files": list(map(str, files)), "faults": faults},
        lambda: _say_faults(invocation, files, faults),
    )
    return FAILED if faults else None


def _as_json(found: Fault) -> Message:
    return {
        "file": found.file,
        "line": found.line,
        "key": found.key,
        "message": found.message,
        "hint": found.hint,
        "text": str(found),
    }


def _say_faults(invocation: Invocation, files: list[Path], faults: list[Message]) -> None:
    for one in faults:
        invocation.printer.line(one["text"])
    if not faults:
        read = ", ".join(map(str, files)) or "no file; the defaults are in force"
        invocation.printer.line(f"No fault. Read: {read}.")


def init(invocation: Invocation, *, user: bool, force: bool) -> None:
    """``config init``."""
    (_, users), *_ = _files(invocation.bare_place)
    target = users if user else Path.cwd() / FILE_NAME
    if target.exists() and not force:
        raise fault("exists", f"{target} is there already; --force overwrites it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(config_template(), encoding="utf-8")
    except OSError as error:
        raise fault("unwritable", f"{target} can't be written: {error.strerror}.") from error
    printer = invocation.printer
    told = f"Wrote {target}; every line in it is a comment until you take the # away."
    printer.show({"path": str(target)}, lambda: printer.line(told))
