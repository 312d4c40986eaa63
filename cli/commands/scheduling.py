"""``quarterdeck workflow schedule``: workflows that the clock starts."""

from __future__ import annotations

from pathlib import Path

from ..failing import fault, near
from ..invocation import Invocation
from ..link import Message
from ..place import absolute
from ..printing import local_time
from ..running.words import inputs_of

ACTIONS = ("list", "add", "remove", "enable", "disable")
HEADS = ("name", "cron", "zone", "state", "last", "next", "file")
SPARE = ("file", "zone", "last")


def schedule(
    invocation: Invocation,
    *,
    action: str | None,
    what: str | None,
    name: str | None,
    cron: str | None,
    zone: str | None,
    catch_up: str | None,
    input: tuple[str, ...],  # noqa: A002  # the option is called so
) -> None:
    """``workflow schedule``."""
    wanted = action or "list"
    if wanted not in ACTIONS:
        raise fault("usage", f"{wanted} is none of {', '.join(ACTIONS)}.{near(wanted, ACTIONS)}")
    if wanted == "list":
        _list(invocation)
        return
    if what is None:
        thing = "a FILE" if wanted == "add" else "a schedule's NAME"
        raise fault("usage", f"Say which: quarterdeck workflow schedule {wanted} takes {thing}.")
    if wanted == "add":
        result = invocation.call(
            "schedule.save",
            name=name or Path(what).stem,
            file=str(absolute(what)),
            cron=cron,
            zone=zone,
            catch_up=catch_up,
            inputs=inputs_of(input),
        )
        _show(invocation, result)
    elif wanted == "remove":
        result = invocation.call("schedule.remove", name=what)
        invocation.printer.show(result, lambda: invocation.printer.line(f"{what} is gone."))
    else:
        _switch(invocation, what, enabled=wanted == "enable")


def _switch(invocation: Invocation, name: str, *, enabled: bool) -> None:
    """Enable or disable a schedule; all else of it stays."""
    known = {one["name"]: one for one in invocation.call("schedule.list")["schedules"]}
    if name not in known:
        hint = near(name, known) or " See them with: quarterdeck workflow schedule list"
        raise fault("schedule_unknown", f"There is no schedule {name}.{hint}")
    kept = {key: known[name][key] for key in ("name", "file", "cron", "zone", "catch_up", "inputs")}
    _show(invocation, invocation.call("schedule.save", **kept, enabled=enabled))


def _show(invocation: Invocation, result: Message) -> None:
    view = result["schedule"]
    told = f"{view['name']} starts next at {local_time(view['next_at'])}."
    if not view["enabled"]:
        told = f"{view['name']} is disabled."
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def _list(invocation: Invocation) -> None:
    found = invocation.call("schedule.list")
    rows = [
        (
            one["name"],
            one["cron"],
            one["zone"],
            "enabled" if one["enabled"] else "disabled",
            local_time(one["last_at"]),
            local_time(one["next_at"]) if one["enabled"] else "",
            one["file"],
        )
        for one in found["schedules"]
    ]
    printer = invocation.printer
    printer.show(found, lambda: printer.table(HEADS, rows, "There are no schedules.", SPARE))
