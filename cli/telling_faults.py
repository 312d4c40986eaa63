"""The faults of a file, told as lines or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from .printing import Printer

if TYPE_CHECKING:
    from ..core.workflows.files.faults import Fault


def tell_faults(
    printer: Printer, file: str, faults: Sequence[Fault], notes: Sequence[Fault] = ()
) -> None:
    """Say all that is wrong with ``file``, or that nothing is; ``notes`` are no faults."""
    told = {
        "file": file,
        "ok": not faults,
        "faults": [{**asdict(one), "text": str(one)} for one in faults],
        "notes": [{**asdict(one), "text": str(one)} for one in notes],
    }
    lines = [*map(str, faults), *(f"note: {one}" for one in notes)]
    if not faults:
        lines.append(f"No fault in {file}.")
    printer.show(told, lambda: printer.line("\n".join(lines)))
