"""Faults of the command line, made without loading their classes before one is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import CliFault


def fault(code: str, message: str, **details: Any) -> CliFault:
    """The fault of that ``code``, ready to be raised; see ``faults.CODES``."""
    # Start-up time: the error tree loads pydantic, for which no successful command should wait.
    from .faults import CliFault  # noqa: PLC0415

    return CliFault(code, message, **details)


def no_engine(what: str) -> CliFault:
    """The fault that there is no engine, with what to do about it."""
    return fault(
        "no_engine",
        f"{what} Open the dashboard with: quarterdeck, or run an engine alone with: "
        "quarterdeck --headless",
    )


def refusal(error: dict[str, Any]) -> CliFault:
    """An engine's error, ready to be raised."""
    # Start-up time, as above.
    from .faults import Refused  # noqa: PLC0415

    return Refused(error)


def has_code(error: BaseException, *codes: str) -> bool:
    """Whether ``error`` is a fault with one of these codes; needs no fault class to be loaded."""
    return getattr(error, "code", None) in codes


def near(word: str, known: Iterable[str]) -> str:
    """A hint at what ``word`` may have meant, with a space before it; empty if nothing is near."""
    # Start-up time: only what is misspelt needs it.
    import difflib  # noqa: PLC0415

    found = difflib.get_close_matches(word, list(known), n=3)
    return f" Did you mean {' or '.join(found)}?" if found else ""
