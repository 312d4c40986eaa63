"""The practice crew: scripted agents that run as real terminal programs and touch no file."""

from __future__ import annotations

from pathlib import Path

ROLES = ("worker", "approver", "asker", "crasher", "flooder", "idler")
"""The roles in the order in which a person meets them; each is the agent ``practice-ROLE``."""


def crew_path() -> Path:
    """The script to run by path: ``python -I -S PATH --role ROLE``."""
    return Path(__file__).with_name("crew.py")
