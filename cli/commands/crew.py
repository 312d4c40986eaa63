"""``quarterdeck crew``: how the crew stands, and what lets it go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..failing import fault, near
from ..invocation import Invocation
from ..link import Message
from ..naming import LEAST_PREFIX, short_ids
from ..printing import age, clean, local_time

BAR = 8
"""Cells of the longest bar."""
CHOICES = ("approve", "reject", "abstain")


_UNKNOWN = {
    "proposals": ("proposal_unknown", "proposal"),
    "sagas": ("saga_unknown", "saga"),
}


class Section(NamedTuple):
    """One table of the crew's."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    spare: tuple[str, ...] = ()


def show(invocation: Invocation) -> None:
    """``crew``."""
    crew = invocation.call("crew.show")["crew"]
    invocation.printer.show({"crew": crew}, lambda: _tell(invocation, crew))


def _tell(invocation: Invocation, crew: Message) -> None:
    printer = invocation.printer
    if crew["halt"] is not None:
        halt = crew["halt"]
        printer.line(f"HALTED since {local_time(halt['since'])}: {halt['reason']}")
    printer.line(f"Strategy: {crew['strategy'].replace('_', ' ')}")
    for make in _SECTIONS:
        section = make(crew)
        if section.rows:
            printer.line()
            printer.line(section.title)
            printer.table(section.heads, section.rows, "", section.spare)
    missing = sum(_is_absent(agent) for agent in crew["agents"])
    if missing:
        printer.line()
        printer.line(f"{missing} more agents are known; their programs are not on this machine.")


def load_bar(taken: int, by_hand: int, capacity: int) -> str:
    """How much of a capacity is taken, as blocks and as numbers."""
    cells = min(capacity, BAR)
    all_taken = taken + by_hand
    full = cells if all_taken >= capacity else min(-(-all_taken * cells // capacity), cells - 1)
    hand = f" ({by_hand} by hand)" if by_hand else ""
    return f"{'█' * full}{'░' * (cells - full)} {all_taken}/{capacity}{hand}"


def _is_absent(agent: Message) -> bool:
    """Whether there is nothing to be said of an agent."""
    busy = agent["running"] or agent["sessions"] or agent["waiting"]
    return agent["state"] == "missing" and not busy


def _agents(crew: Message) -> Section:
    rows = [
        (
            agent["name"],
            load_bar(agent["running"], agent["sessions"], agent["capacity"]),
            agent["waiting"] or "",
            f"{agent['completed']}/{agent['failed']}",
            agent["state"],
            ", ".join(agent["capabilities"]),
            agent["reason"],
        )
        for agent in crew["agents"]
        if not _is_absent(agent)
    ]
    heads = ("agent", "load", "waits", "done/failed", "state", "able to", "note")
    return Section("Agents", heads, rows, ("done/failed", "able to"))


def _groups(crew: Message) -> Section:
    rows = [
        (one["name"], load_bar(one["running"], 0, one["limit"]), one["waiting"] or "")
        for one in crew["groups"]
    ]
    return Section("Groups", ("group", "load", "waits"), rows)


def _waiting(crew: Message) -> Section:
    rows = [
        (one["title"], _priority(one["priority"]), age(one["since"]), one["reason"])
        for one in crew["waiting"]
    ]
    return Section("Waiting", ("what", "priority", "for", "why"), rows, ("priority",))


def _priority(value: int) -> str:
    return ("critical", "high", "normal", "low", "background")[value]


def _placed(crew: Message) -> Section:
    rows = [(one["title"], one["agent"], age(one["since"])) for one in crew["placed"]]
    return Section("Running", ("what", "agent", "for"), rows)


def _breakers(crew: Message) -> Section:
    rows = [
        (
            one["name"],
            one["state"],
            f"{one['failures']}/{one['threshold']}",
            one["last_error"] or "",
        )
        for one in crew["breakers"]
        if one["state"] != "closed"
    ]
    return Section("Circuit breakers", ("breaker", "state", "failures", "last error"), rows)


def _budgets(crew: Message) -> Section:
    rows = [
        (
            one["name"],
            one["key"],
            f"{one['spent']:g} of {one['limit']:g} {one['unit']}"
            + (f", {one['estimated']:g} estimated" if one["estimated"] else ""),
            "asks a person" if one["asked"] else "",
        )
        for one in crew["budgets"]
    ]
    return Section("Budgets", ("budget", "of", "spent", "note"), rows)


def _locks(crew: Message) -> Section:
    rows = [
        (one["resource"], one["holder"], one["token"], age(one["since"]), ", ".join(one["waiters"]))
        for one in crew["locks"]
    ]
    return Section("Locks", ("lock", "holder", "token", "for", "waiters"), rows)


def _sagas(crew: Message) -> Section:
    short = short_ids([one["id"] for one in crew["sagas"]])
    rows = [
        (
            one["name"],
            one["status"].replace("_", " "),
            ", ".join(
                f"{step['name']} {step['status'].replace('_', ' ')}" for step in one["steps"]
            ),
            short[one["id"]],
            one["error"] or "",
        )
        for one in crew["sagas"]
    ]
    return Section("Sagas", ("saga", "status", "steps", "id", "error"), rows, ("steps",))


def _proposals(crew: Message) -> Section:
    short = short_ids([one["id"] for one in crew["proposals"]])
    rows = [
        (
            one["question"],
            one["status"].replace("_", " "),
            ", ".join(f"{vote['voter']}: {vote['choice']}" for vote in one["votes"]),
            ", ".join(one["missing"]),
            short[one["id"]],
        )
        for one in crew["proposals"]
    ]
    return Section("Proposals", ("question", "status", "votes", "missing", "id"), rows)


_SECTIONS: tuple[Callable[[Message], Section], ...] = (
    _agents, _groups, _waiting, _placed, _breakers, _budgets, _locks, _sagas, _proposals,
)  # fmt: skip


# ---- what lets it go on -------------------------------------------------------------------------


def vote(invocation: Invocation, *, proposal: str, choice: str, reason: str | None) -> None:
    """``crew vote``."""
    if choice not in CHOICES:
        known = ", ".join(CHOICES)
        raise fault("usage", f"A vote is one of {known}, not {choice}.{near(choice, CHOICES)}")
    found = _find(invocation, "proposals", proposal)
    result = invocation.call(
        "crew.vote", proposal_id=found["id"], choice=choice, reason=reason or ""
    )
    told = clean(f"Voted {choice}: {found['question']} is {result['proposal']['status']}.")
    invocation.printer.show(result, lambda: invocation.printer.line(told.replace("_", " ")))


def release_lock(invocation: Invocation, *, resource: str) -> None:
    """``crew release-lock``."""
    result = invocation.call("crew.release_lock", resource=resource)
    lock = result["lock"]
    told = clean(f"The lock on {lock['resource']} was taken from {lock['holder']}.")
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def resume_saga(invocation: Invocation, *, saga: str) -> None:
    """``crew resume-saga``."""
    found = _find(invocation, "sagas", saga)
    result = invocation.call("crew.resume_saga", saga_id=found["id"])
    told = clean(f"{found['name']} is {result['saga']['status'].replace('_', ' ')}.")
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def _find(invocation: Invocation, key: str, text: str) -> Message:
    """The one of this id, or beginning or end of an id.

    :raises CliFault: ``proposal_unknown``, ``saga_unknown`` or ``usage``.
    """
    rows: list[Message] = invocation.call("crew.show")["crew"][key]
    wanted = text.upper()
    found = [one for one in rows if one["id"].upper() == wanted]
    if not found and len(wanted) >= LEAST_PREFIX:
        found = [
            one
            for one in rows
            if one["id"].upper().startswith(wanted) or one["id"].upper().endswith(wanted)
        ]
    if len(found) > 1:
        listed = ", ".join(one["id"] for one in found)
        raise fault("usage", f"{text} may be any of: {listed}. Give the whole id.")
    if not found:
        code, kind = _UNKNOWN[key]
        raise fault(code, f"No {kind} is {text}. See them with: quarterdeck crew")
    return found[0]
