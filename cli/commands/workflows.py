"""``quarterdeck workflow check`` and ``workflow graph``: a workflow's file, without an engine."""

from __future__ import annotations

import shutil
from dataclasses import asdict

from ...core.workflows.files.faults import Fault
from ...core.workflows.files.loading import check as check_file
from ..agency import load_catalog
from ..exits import FAILED
from ..failing import fault, near
from ..invocation import Invocation
from ..place import load


def check(invocation: Invocation, *, file: str) -> int | None:
    """``workflow check``; exit code 1 if there is a fault."""
    agents = load_catalog(load(invocation.place).settings).definitions
    faults = check_file(file, agents=agents)
    told = {
        "file": file,
        "ok": not faults,
        "faults": [{**asdict(one), "text": str(one)} for one in faults],
    }
    invocation.printer.show(told, lambda: _say(invocation, file, faults))
    return FAILED if faults else None


def _say(invocation: Invocation, file: str, faults: list[Fault]) -> None:
    for one in faults:
        invocation.printer.line(str(one))
    if not faults:
        invocation.printer.line(f"No fault in {file}.")


def graph(
    invocation: Invocation,
    *,
    file: str,
    format: str,  # noqa: A002  # the option is called so
    width: int | None,
    unfold: bool,
) -> None:
    """``workflow graph``."""
    # Start-up time: the layout loads networkx and rich, which checking does without.
    from ...core.workflows.drawing import FORMATS, text  # noqa: PLC0415
    from ...core.workflows.files.picturing import file_graph  # noqa: PLC0415

    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise fault("usage", f"--format is one of {known}, not {format}.{near(format, FORMATS)}")
    shown = file_graph(file)
    if format == "text":
        columns = width or shutil.get_terminal_size().columns
        drawn = text(shown, width=columns, folding=not unfold)
    else:
        drawn = FORMATS[format](shown)
    told = {"file": file, "format": format, "graph": drawn}
    invocation.printer.show(told, lambda: invocation.printer.line(drawn))
