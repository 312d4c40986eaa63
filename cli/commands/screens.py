"""``quarterdeck session screen``, ``logs`` and ``search``: what a terminal shows and showed."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable

from ...core.sessions.terminal.scanner import Scanner
from ..failing import has_code
from ..invocation import Invocation
from ..link import Message
from ..naming import find_session
from ..passing import Passage
from ..printing import clean_lines
from ..styling import styled_line

MOST_LINES = 10_000
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def screen(invocation: Invocation, *, name: str, history: int | None, styled: bool) -> None:
    """``session screen``."""
    session = find_session(invocation, name)
    wish: Message = {"session_id": session["id"], "styled": styled or None}
    found = invocation.call("session.screen", **wish)
    if history:
        start = max(found["history"] - history, 0)
        count = min(found["history"] - start + found["lines"], MOST_LINES)
        found = invocation.call("session.screen", **wish, start=start, count=count)
    invocation.printer.show(found, lambda: _print_rows(invocation, found))


def _print_rows(invocation: Invocation, found: Message) -> None:
    text, rows = found.get("text"), found.get("rows") or []
    lines = list(map(styled_line, rows)) if text is None else list(map(clean_lines, text))
    while lines and not lines[-1]:
        lines.pop()
    invocation.printer.raw("".join(f"{line}\n" for line in lines))


def search(invocation: Invocation, *, name: str, text: str, case: bool) -> None:
    """``session search``."""
    session = find_session(invocation, name)
    found = invocation.call(
        "session.search", session_id=session["id"], text=text, ignore_case=not case
    )
    rows = ((match["line"], match["column"], match["text"]) for match in found["matches"])
    printer = invocation.printer
    printer.show(found, lambda: printer.table(("line", "column", "text"), rows, "It is not there."))


def logs(invocation: Invocation, *, name: str, raw: bool, follow: bool, tail: int) -> None:
    """``session logs``."""
    session = find_session(invocation, name)
    if follow:
        # Watched first and read then, so that nothing falls between the two.
        invocation.link.send({"kind": "watch", "session_id": session["id"], "mode": "bytes"})
    wish = {"session_id": session["id"], "limit": tail, "raw": raw}
    found = invocation.link.call("session.logs", wish, forget=True)  # that is in the log
    printer = invocation.printer
    if not follow:
        printer.show(found, lambda: printer.raw(_showable(invocation, found["text"], raw)))
        return
    tell = _teller(invocation)
    tell(_showable(invocation, found["text"], raw))
    _go_on(invocation, session["id"], PlainText().feed if not raw else _passing(invocation), tell)


def _teller(invocation: Invocation) -> Callable[[str], None]:
    if invocation.printer.as_json:
        return lambda text: invocation.printer.record({"text": text})
    return invocation.printer.raw


def _passing(invocation: Invocation) -> Callable[[bytes], bytes]:
    """What raw output passes through: nothing, but for a terminal what keeps that in order."""
    return Passage().feed if invocation.printer.out.isatty() else bytes


def _showable(invocation: Invocation, text: str, raw: bool) -> str:
    if invocation.printer.as_json:
        return text
    if not raw:
        return clean_lines(text)
    return _passing(invocation)(text.encode()).decode("utf-8", "replace")


def _go_on(
    invocation: Invocation,
    session_id: str,
    convert: Callable[[bytes], bytes],
    tell: Callable[[str], None],
) -> None:
    """Tell what comes until the session ends; what came before the log was read is in it."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    link = invocation.link
    try:
        while (message := link.receive(None)) is not None:
            if message["kind"] != "output" or message["session_id"] != session_id:
                continue
            if text := decode(convert(base64.b64decode(message["data"]))):
                tell(text)
            if message["ended"]:
                return
    except Exception as error:
        if not has_code(error, "link_closed"):
            raise


class PlainText:
    """Takes a session's bytes and gives its text: no escape sequences, no controls."""

    def __init__(self) -> None:
        self._scanner = Scanner()
        self._text = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The text of ``data``; what is cut at its end comes with the next."""
        self._scanner.feed(data, self)
        text = _ESCAPE.sub(b"", bytes(self._text)).replace(b"\r\n", b"\n")
        self._text.clear()
        return text

    def text(self, piece: bytes) -> None:
        """Text, and drawing that is taken out later."""
        self._text += piece

    def synchronize(self, begin: bool) -> None:
        """No text."""

    def osc(self, payload: bytes, end: bytes) -> None:
        """No text."""

    def string(self, kind: bytes, payload: bytes) -> None:
        """No text."""

    def csi(self, body: bytes, final: bytes) -> None:
        """No text."""

    def escape(self, sequence: bytes) -> None:
        """No text."""

    def control(self, byte: bytes) -> None:
        """No text."""
