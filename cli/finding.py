"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from .place import Place


class Grade(StrEnum):
    """How bad it is: fine, worth a look, must be mended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One check's result, and what to do about it."""

    check: str
    grade: Grade
    message: str
    todo: str = ""


Check = Callable[[Place], Finding]


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, Grade.OK, message)


def warn(check: str, message: str, todo: str) -> Finding:
    """Something works less well than it could."""
    return Finding(check, Grade.WARN, message, todo)


def fail(check: str, message: str, todo: str) -> Finding:
    """Something does not work."""
    return Finding(check, Grade.FAIL, message, todo)
