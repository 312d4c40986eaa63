"""``quarterdeck session prompt``, ``keys`` and ``answer``: what a person would type."""

from __future__ import annotations

import sys

from ..failing import fault
from ..invocation import Invocation
from ..naming import find_session


def given_text(text: str) -> str:
    """``text`` itself, or what standard input has for ``-``, without the line ends at its end."""
    return sys.stdin.read().rstrip("\r\n") if text == "-" else text


def prompt(
    invocation: Invocation, *, name: str, text: str, no_verify: bool, over_draft: bool
) -> None:
    """``session prompt``."""
    words = given_text(text)
    session = find_session(invocation, name)
    result = invocation.call(
        "session.prompt",
        session_id=session["id"],
        text=words,
        verify=not no_verify,
        over_draft=over_draft,
    )
    told = f"{session['name']} has the prompt ({result['delivery']})."
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def keys(invocation: Invocation, *, name: str, key: tuple[str, ...], text: str | None) -> None:
    """``session keys``."""
    if not key and not text:
        raise fault("usage", "Say which keys, or --text. Try: quarterdeck session keys --help")
    session = find_session(invocation, name)
    invocation.call("session.keys", session_id=session["id"], keys=list(key), text=text)
    told = f"{session['name']} has the keys."
    invocation.printer.show({"sent": list(key)}, lambda: invocation.printer.line(told))


def answer(invocation: Invocation, *, name: str, choice: str | None, text: str | None) -> None:
    """``session answer``."""
    require_answer(choice, text)
    session = find_session(invocation, name)
    request = session["status"].get("request")
    if request is None:
        raise fault("nothing_asked", f"{session['name']} asks nothing at the moment.")
    result = invocation.call(
        "session.answer",
        session_id=session["id"],
        request_id=request["request_id"],
        choice=choice,
        text=text,
    )
    told = f"{session['name']} has the answer."
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def require_answer(choice: str | None, text: str | None) -> None:
    """Refuse a call that answers nothing.

    :raises CliFault: ``usage``.
    """
    if choice is None and text is None:
        raise fault(
            "usage",
            "Say how: a choice's key, allow_once, allow_always, reject, or --text for words.",
        )
