"""``quarterdeck session``: what they are, and their lives."""

from __future__ import annotations

import shlex

from ..failing import fault, near
from ..invocation import Invocation
from ..link import PATIENCE, Message
from ..naming import find_session
from ..place import absolute
from ..presenting import (
    SESSION_HEADS,
    SESSION_SPARE,
    choices_text,
    ending,
    merge_text,
    request_text,
    session_record,
    session_row,
    stands_since,
    workspace_text,
)
from ..printing import age
from ..states import reached, wanted_states
from .speaking import given_text

GRACE = 30.0
SETTING_UP = 86_400.0
"""Seconds to wait for a worktree: its set-up command has a time limit of its own."""

MERGING = 600.0
"""The same for a merge: others may merge into the branch first."""


def new(
    invocation: Invocation,
    *,
    name: str,
    agent: str | None,
    cwd: str | None,
    prompt: str | None,
    no_start: bool,
    env: tuple[str, ...],
    arg: tuple[str, ...],
    cols: int | None,
    lines: int | None,
    worktree: str | None,
    base: str | None,
    reuse: bool,
    setup: str | None,
) -> None:
    """``session new``."""
    if agent is None:
        raise fault("usage", "Say which agent: --agent NAME. See them with: quarterdeck agent list")
    place = absolute(cwd or ".").resolve()
    if not place.is_dir():
        raise fault("directory_missing", f"{place} is no directory; create it, or give another.")
    tree = _worktree(worktree, base, setup, reuse=reuse)
    result = invocation.call(
        "session.create",
        PATIENCE if tree is None else SETTING_UP,
        name=name,
        agent=agent,
        cwd=str(place),
        prompt=None if prompt is None else given_text(prompt),
        start=not no_start,
        env=_pairs(env),
        args=list(arg) or None,
        cols=cols,
        lines=lines,
        worktree=tree,
    )
    done = "is created" if no_start else "is started"
    if tree is not None:
        done += f" in a worktree on {result['session']['workspace']['branch']}"
    _show(invocation, result["session"], done)


def _worktree(
    branch: str | None, base: str | None, setup: str | None, *, reuse: bool
) -> Message | None:
    if branch is None:
        if base is not None or setup is not None or reuse:
            raise fault("usage", "--base, --reuse and --setup go with --worktree.")
        return None
    try:
        words = None if setup is None else shlex.split(setup)
    except ValueError as error:
        raise fault("usage", f"--setup can't be read: {error}.") from error
    wish = {"branch": branch or None, "base": base, "reuse": reuse or None, "setup": words}
    return {key: value for key, value in wish.items() if value is not None}


def _pairs(entries: tuple[str, ...]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in entries]
    for key, equals, _ in pairs:
        if not equals:
            raise fault("usage", f"--env takes KEY=VALUE, not {key}.")
    return {key: value for key, _, value in pairs}


def _show(invocation: Invocation, view: Message, done: str) -> None:
    record = session_record(view)
    invocation.printer.show(
        {"session": record},
        lambda: invocation.printer.line(f"{record['name']} {done} ({record['id']})."),
    )


def list_(
    invocation: Invocation, *, agent: str | None, state: str | None, needs: bool, text: str | None
) -> None:
    """``session list``."""
    wanted = wanted_states(state)
    filters: Message = {"agent": agent, "text": text, "needs_attention": needs or None}
    sessions = invocation.call("session.list", **filters)["sessions"]
    if agent is not None and not sessions:
        _check_agent(invocation, agent)
    records = [session_record(view) for view in sessions if not wanted or reached(view, wanted)]
    given = any((wanted, agent, text, needs))
    empty = "No session is like that." if given else "There are no sessions yet."
    rows = map(session_row, records)
    printer = invocation.printer
    printer.show(
        {"sessions": records}, lambda: printer.table(SESSION_HEADS, rows, empty, SESSION_SPARE)
    )


def _check_agent(invocation: Invocation, agent: str) -> None:
    """See that there is such an agent.

    :raises CliFault: ``agent_unknown``, with near names.
    """
    known = [one["name"] for one in invocation.call("agent.list")["agents"]]
    if agent not in known:
        hint = near(agent, known) or " See them with: quarterdeck agent list"
        raise fault("agent_unknown", f"There is no agent {agent}.{hint}")


def show(invocation: Invocation, *, name: str) -> None:
    """``session show``."""
    record = session_record(find_session(invocation, name))
    invocation.printer.show(record, lambda: _describe(invocation, record))


def _describe(invocation: Invocation, record: Message) -> None:
    request = record["request"]
    invocation.printer.fields(
        (
            ("name", record["name"]),
            ("id", record["id"]),
            ("agent", record["agent"]),
            ("state", f"{record['shown']} for {age(stands_since(record))}"),
            ("ended", ending(record)),
            ("reason", record["reason"]),
            ("asks", request_text(record)),
            ("choices", choices_text(request["choices"]) if request else ""),
            ("source", record["source"]),
            ("evidence", record["evidence"]),
            ("progress", "" if record["progress"] is None else f"{record['progress']}%"),
            ("title", record["title"]),
            ("in", record["cwd"]),
            ("repository", record["repo"]),
            ("worktree", workspace_text(record)),
            ("pid", record["pid"]),
            ("keeper", record["keeper_pid"]),
            ("size", f"{record['cols']}x{record['lines']}"),
            ("created", record["created_at"]),
            ("started", record["started_at"]),
            ("finished", record["ended_at"]),
            ("resumable", "yes" if record["resumable"] else ""),
        )
    )


def start(invocation: Invocation, *, name: str, resume: bool) -> None:
    """``session start``."""
    session = find_session(invocation, name)
    result = invocation.call("agent.start", session_id=session["id"], resume=resume)
    _show(invocation, result["session"], "runs")


def stop(invocation: Invocation, *, name: str, grace: float | None) -> None:
    """``session stop``."""
    session = find_session(invocation, name)
    result = invocation.call(
        "agent.stop", PATIENCE + (grace or GRACE), session_id=session["id"], grace=grace
    )
    record = session_record(result["session"])
    how = ending(record)
    _show(invocation, result["session"], f"is {record['shown']}" + (f", {how}" if how else ""))


def restart(invocation: Invocation, *, name: str, grace: float | None) -> None:
    """``session restart``."""
    session = find_session(invocation, name)
    result = invocation.call(
        "agent.restart", PATIENCE + (grace or GRACE), session_id=session["id"], grace=grace
    )
    _show(invocation, result["session"], "is started anew")


def rename(invocation: Invocation, *, name: str, new: str) -> None:
    """``session rename``."""
    session = find_session(invocation, name)
    result = invocation.call("session.update", session_id=session["id"], updates={"name": new})
    _show(invocation, result["session"], f"is the new name of {session['name']}")


def merge(invocation: Invocation, *, name: str, into: str | None, delete_branch: bool) -> None:
    """``session merge``."""
    session = find_session(invocation, name)
    result = invocation.call(
        "session.merge", MERGING, session_id=session["id"], into=into, delete_branch=delete_branch
    )
    done = result["merge"]
    told = merge_text(done)
    record = session_record(result["session"])
    invocation.printer.show(
        {"session": record, "merge": done}, lambda: invocation.printer.line(told)
    )


def delete(
    invocation: Invocation, *, name: str, force: bool, keep_worktree: bool, discard: bool
) -> None:
    """``session delete``."""
    session = find_session(invocation, name)
    invocation.call(
        "session.delete",
        PATIENCE + GRACE,
        session_id=session["id"],
        force=force,
        keep_worktree=keep_worktree or None,
        discard=discard or None,
    )
    gone = {"deleted": {"id": session["id"], "name": session["name"]}}
    invocation.printer.show(gone, lambda: invocation.printer.line(f"{session['name']} is gone."))
