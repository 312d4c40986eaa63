"""The faults of a file, told as lines or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from .printing import Printer

if TYPE_CHECKING:
    from ..core.workflows.files.faults import Fault


def tell_faults(printer: Printer, file: str, faults: Sequence[Fault]) -> None:
    """Say all that is wrong with ``file``, or that nothing is."""
    told = {
        "file": file,
        "ok": not faults,
        "faults": [{**asdict(one), "text": str(one)} for one in faults],
    }
    lines = [str(one) for one in faults] or [f"No fault in {file}."]
    printer.show(told, lambda: printer.line("\n".join(lines)))
