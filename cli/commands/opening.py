"""``quarterdeck`` without a command: the dashboard, the engine alone, the version."""

from __future__ import annotations

import sys
from pathlib import Path

from ...core.base.homes import expanded
from ..catalogue import ENTRIES
from ..failing import fault, has_code, near
from ..invocation import Invocation


def root(
    invocation: Invocation,
    *,
    headless: bool,
    minimal: bool,
    version: bool,
    store: str | None,  # noqa: ARG001  # part of the invocation's place
    executor: str | None,  # noqa: ARG001  # as above
) -> int | None:
    """``quarterdeck [PATH]``."""
    if version:
        _tell_version(invocation)
        return None
    directory = existing_directory(invocation.values.get("path"))
    if headless:
        # Start-up time: the engine and its stores.
        from ..headless import serve  # noqa: PLC0415

        return serve(invocation)
    require_terminal()
    if invocation.flags:
        _require_no_engine(invocation)
    # Start-up time: Textual and the engine.
    from ..dashboard import open_dashboard  # noqa: PLC0415

    return open_dashboard(invocation, directory, minimal=minimal)


def _require_no_engine(invocation: Invocation) -> None:
    """See that the engine is to be started here, with the store and executor that were given.

    :raises CliFault: ``engine_differs``.
    """
    try:
        invocation.link.close()
    except Exception as error:
        if has_code(error, "no_engine", "link_closed"):
            return
        raise
    raise fault(
        "engine_differs",
        f"An engine runs for {invocation.place.state_dir} already, with a store and an executor "
        "of its own. Leave out --store and --executor, or give another --state-dir.",
    )


def _tell_version(invocation: Invocation) -> None:
    # Start-up time: not for any other command.
    from importlib.metadata import version  # noqa: PLC0415

    found = version("quarterdeck")
    invocation.printer.show(
        {"version": found}, lambda: invocation.printer.line(f"quarterdeck {found}")
    )


def existing_directory(path: str | None) -> Path:
    """The directory that a PATH names; here if there is none.

    :raises CliFault: ``usage`` if it is no directory, with the command that may be meant.
    """
    found = expanded(path or ".")
    if not found.is_dir():
        raise fault(
            "usage", f"{path} is neither a command nor a directory.{near(str(path), ENTRIES)}"
        )
    return found.absolute()


def require_terminal() -> None:
    """See that the dashboard has a terminal to draw on.

    :raises CliFault: ``not_a_terminal``.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise fault(
            "not_a_terminal",
            "The dashboard needs a terminal, and there is none here. Run the engine alone with: "
            "quarterdeck --headless. Ask one that runs with commands, see: quarterdeck --help",
        )
