"""``quarterdeck workflow``: start, pause, resume, cancel, retry, rerun, rollback, signal, delete."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..failing import fault
from ..invocation import Invocation
from ..link import Message
from ..naming import find_workflow
from ..presenting import workflow_word
from ..printing import clean


def start(invocation: Invocation, *, id: str) -> None:  # noqa: A002  # the argument's name
    """``workflow start``."""
    _steer(invocation, id, "workflow.start")


def pause(invocation: Invocation, *, id: str, interrupt: bool) -> None:  # noqa: A002  # as above
    """``workflow pause``."""
    _steer(invocation, id, "workflow.pause", interrupt=interrupt)


def resume(invocation: Invocation, *, id: str) -> None:  # noqa: A002  # as above
    """``workflow resume``."""
    _steer(invocation, id, "workflow.resume")


def cancel(invocation: Invocation, *, id: str) -> None:  # noqa: A002  # as above
    """``workflow cancel``."""
    _steer(invocation, id, "workflow.cancel")


def retry(invocation: Invocation, *, id: str) -> None:  # noqa: A002  # as above
    """``workflow retry``."""
    _steer(invocation, id, "workflow.retry")


def rerun(invocation: Invocation, *, id: str, task: str) -> None:  # noqa: A002  # as above
    """``workflow rerun``."""
    _steer(invocation, id, "workflow.rerun", task_id=task)


def rollback(
    invocation: Invocation,
    *,
    id: str,  # noqa: A002  # as above
    version: str,
    yes: bool,
) -> None:
    """``workflow rollback``; asks first, unless it was told yes."""
    if not version.isdigit():
        raise fault("usage", f"VERSION is a number, not {version}.")
    found = find_workflow(invocation, id)
    if not yes:
        _confirm(
            f"Restore {found['name']} as of version {version}? Sessions and files stay as they are."
        )
    result = invocation.call("workflow.rollback", workflow_id=found["id"], version=int(version))
    _show(invocation, result)


def _confirm(question: str) -> None:
    """Ask a person.

    :raises CliFault: ``not_confirmed`` if the answer is not yes, or nobody is there.
    """
    if not sys.stdin.isatty():
        raise fault("not_confirmed", f"{question} Nobody is there to say so; give --yes.")
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        raise fault("not_confirmed", "Nothing was changed.")


def signal(
    invocation: Invocation,
    *,
    id: str,  # noqa: A002  # as above
    event: str,
    key: str | None,
    value: str | None,
) -> None:
    """``workflow signal``."""
    found = find_workflow(invocation, id)
    result = invocation.call(
        "workflow.signal",
        workflow_id=found["id"],
        name=event,
        key=key,
        value=None if value is None else _value(value),
    )
    told = (
        "A task waited for it." if result["awaited"] else "It is kept for the task that will wait."
    )
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def delete(invocation: Invocation, *, id: str) -> None:  # noqa: A002  # as above
    """``workflow delete``."""
    found = find_workflow(invocation, id)
    invocation.call("workflow.delete", workflow_id=found["id"])
    gone = {"deleted": {"id": found["id"], "name": found["name"]}}
    invocation.printer.show(gone, lambda: invocation.printer.line(f"{found['name']} is gone."))


def _steer(invocation: Invocation, name: str, kind: str, **payload: Any) -> None:
    found = find_workflow(invocation, name)
    _show(invocation, invocation.call(kind, workflow_id=found["id"], **payload))


def _show(invocation: Invocation, result: Message) -> None:
    view = result["workflow"]
    told = f"{view['name']} ({view['id']}) is {workflow_word(view)}."
    invocation.printer.show(result, lambda: invocation.printer.line(told))
