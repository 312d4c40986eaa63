"""``quarterdeck pipeline``: check."""

from __future__ import annotations

from ..agency import load_catalog
from ..exits import FAILED
from ..invocation import Invocation
from ..place import load
from ..telling_faults import tell_faults


def check(invocation: Invocation, *, file: str) -> int | None:
    """``pipeline check``; exit code 1 if there is a fault."""
    # Start-up time: the format loads YAML, templates and schemas.
    from ...core.pipelines.files.loading import check as check_file  # noqa: PLC0415

    agents = load_catalog(load(invocation.place).settings).definitions
    faults = check_file(file, agents=agents)
    tell_faults(invocation.printer, file, faults)
    return FAILED if faults else None
