"""``quarterdeck session explain`` and ``history``: where a status comes from, and former ones."""

from __future__ import annotations

from ..invocation import Invocation
from ..link import Message
from ..naming import find_session
from ..presenting import choices_text, shown
from ..printing import age, local_time

READING_HEADS = ("", "source", "says", "since", "rule", "evidence")
HISTORY_HEADS = ("at", "state", "source", "evidence")


def explain(invocation: Invocation, *, name: str) -> None:
    """``session explain``."""
    session = find_session(invocation, name)
    result = invocation.call("session.explain", session_id=session["id"])
    invocation.printer.show(result, lambda: _describe(invocation, result))


def _describe(invocation: Invocation, result: Message) -> None:
    status, explanation = result["status"], result["explanation"]
    request = status.get("request")
    printer = invocation.printer
    state = shown(result["lifecycle"], status["activity"])
    if result["lifecycle"] == "running":  # elsewhere the activity's time is not the state's
        state += f" for {age(status['since'])}"
    printer.fields(
        (
            ("name", result["name"]),
            ("state", state),
            ("source", status["source"]),
            ("evidence", status["evidence"]),
            ("note", explanation["note"]),
            ("asks", request["text"] if request else ""),
            ("choices", choices_text(request["choices"]) if request else ""),
        )
    )
    printer.line()
    rows = map(_reading_row, explanation["readings"])
    printer.table(READING_HEADS, rows, "No source says anything.", ("since", "rule"))


def _reading_row(reading: Message) -> tuple[object, ...]:
    """What one source says; ``READING_HEADS``."""
    rule = " ".join(filter(None, (reading["rule"], reading["origin"])))
    why = f" ({reading['why']})" if reading["why"] else ""
    says = reading["activity"].replace("_", " ")
    told = reading["evidence"] + why
    return (reading["verdict"], reading["source"], says, age(reading["since"]), rule, told)


def history(invocation: Invocation, *, name: str, limit: int) -> None:
    """``session history``."""
    session = find_session(invocation, name)
    result = invocation.call("session.history", session_id=session["id"], limit=limit)
    rows = (
        (
            local_time(entry["at"]),
            shown(entry["lifecycle"], entry["activity"]),
            entry["source"],
            entry["evidence"],
        )
        for entry in result["entries"]
    )
    printer = invocation.printer
    empty = "Nothing is kept yet."
    printer.show(result, lambda: printer.table(HISTORY_HEADS, rows, empty, ("source",)))
