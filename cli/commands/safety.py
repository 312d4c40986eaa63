"""``quarterdeck safety`` and ``quarterdeck budget``."""

from __future__ import annotations

from math import nan

from ..failing import fault, near
from ..invocation import Invocation
from ..link import Message
from ..printing import clean, local_time

ACTIONS = ("show", "halt", "reset", "reset-breaker")
BREAKER_HEADS = ("breaker", "state", "failures", "probe at", "last error")
LIMIT_HEADS = ("limit", "of", "rate", "left", "refused")
MOST = 1e15
"""What the engine grants at once."""
BUDGET_HEADS = ("budget", "of", "spent", "limit", "unit", "reserved", "left", "state")
VIOLATION_HEADS = ("at", "rule", "level", "operation", "what")
RULE_HEADS = ("rule", "says")


def safety(invocation: Invocation, *, action: str | None, what: tuple[str, ...]) -> None:
    """``safety``."""
    wanted, said = action or "show", " ".join(what)
    if wanted not in ACTIONS:
        raise fault("usage", f"{wanted} is none of {', '.join(ACTIONS)}.{near(wanted, ACTIONS)}")
    if wanted == "show":
        _show(invocation)
    elif wanted == "reset":
        result = invocation.call("crew.reset_halt")
        _say(invocation, result, "Nothing is halted any more.")
    elif not said:
        missing = "why" if wanted == "halt" else "which breaker"
        raise fault("usage", f"Say {missing}: quarterdeck safety {wanted} takes a text.")
    elif wanted == "halt":
        result = invocation.call("crew.halt", reason=said)
        reason = result["halt"]["reason"]
        _say(invocation, result, f"Halted: {reason}. Go on with: quarterdeck safety reset")
    else:
        result = invocation.call("crew.reset_breaker", name=said)
        _say(invocation, result, f"The breaker {said} is closed.")


def _say(invocation: Invocation, result: Message, text: str) -> None:
    invocation.printer.show(result, lambda: invocation.printer.line(clean(text)))


def _show(invocation: Invocation) -> None:
    result = invocation.call("safety.show")
    invocation.printer.show(result, lambda: _describe(invocation, result["safety"]))


def _describe(invocation: Invocation, found: Message) -> None:
    printer, halt = invocation.printer, found["halt"]
    if halt is None:
        printer.line("Nothing is halted.")
    else:
        since = local_time(halt["since"])
        printer.line(clean(f"Halted since {since}: {halt['reason']} ({halt['rule']})"))
    sections = (
        (RULE_HEADS, [(name, text) for name, text in found["constraints"].items()]),
        (VIOLATION_HEADS, [_violation_row(one) for one in found["violations"]]),
        (BREAKER_HEADS, [_breaker_row(one) for one in found["breakers"]]),
        (LIMIT_HEADS, [_limit_row(one) for one in found["limits"]]),
    )
    for heads, rows in sections:
        if rows:
            printer.line()
            printer.table(heads, rows, "")


def _violation_row(one: Message) -> tuple[object, ...]:
    return (local_time(one["at"]), one["rule"], one["level"], one["operation"], one["message"])


def _breaker_row(one: Message) -> tuple[object, ...]:
    failures = f"{one['failures']} of {one['threshold']}"
    probe = local_time(one["retry_at"])
    state = one["state"].replace("_", "-")
    return (one["name"], state, failures, probe, (one["last_error"] or "").split("\n")[0])


def _limit_row(one: Message) -> tuple[object, ...]:
    rate = f"{one['rate']:g}/s, {one['burst']:g} at once"
    return (one["name"], one["key"], rate, f"{one['left']:.1f}", one["refused"])


def budgets(invocation: Invocation, *, asked: bool) -> None:
    """``budget list``."""
    found = [one for one in _accounts(invocation) if one["asked"] or not asked]
    rows = map(_budget_row, found)
    printer = invocation.printer
    empty = "Nobody is asked for more." if asked else "No budget was used yet."
    printer.show({"budgets": found}, lambda: printer.table(BUDGET_HEADS, rows, empty))


def _accounts(invocation: Invocation) -> list[Message]:
    found: list[Message] = invocation.call("safety.show")["safety"]["budgets"]
    return found


def _budget_row(one: Message) -> tuple[object, ...]:
    guessed = f" ({one['estimated']:g} estimated)" if one["estimated"] else ""
    state = "asked" if one["asked"] else "used up" if one["left"] <= 0 else ""
    return (
        one["name"],
        f"{one['scope']} {one['key']}",
        f"{one['spent']:.6g}{guessed}",
        f"{one['limit']:.6g}",
        one["unit"],
        f"{one['reserved']:.6g}",
        f"{one['left']:.6g}",
        state,
    )


def grant(invocation: Invocation, *, name: str, key: str, more: str) -> None:
    """``budget grant``."""
    try:
        amount = float(more)
    except ValueError:
        amount = nan
    if not 0 < amount <= MOST:
        raise fault("usage", f"MORE is a number above 0, at most {MOST:g}, not {more}.")
    whole = _whole_key(_accounts(invocation), name, key)
    result = invocation.call("crew.grant", name=name, key=whole, more=amount)
    view = result["budget"]
    told = f"{name} of {view['scope']} {whole} allows {view['limit']:.6g} {view['unit']} now."
    _say(invocation, result, told)


def _whole_key(accounts: list[Message], name: str, key: str) -> str:
    """The key that is meant by its beginning, where only one begins so."""
    keys = [one["key"] for one in accounts if one["name"] == name]
    like = [one for one in keys if one.startswith(key)]
    return like[0] if key not in keys and len(like) == 1 else key
