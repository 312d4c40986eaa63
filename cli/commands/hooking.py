"""``quarterdeck pipeline hook``: payloads from the hooks of git repositories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..failing import fault, near
from ..invocation import Invocation
from ..place import absolute
from ..printing import clean

PROGRAM = "from quarterdeck.cli.main import run; raise SystemExit(run())"
ACTIONS = ("install", "remove", "fire")
PATIENCE = 10.0
"""Seconds that a hook waits for the engine: git waits with it."""


def hook(
    invocation: Invocation,
    *,
    action: str,
    pipeline: str,
    event: str,
    argument: tuple[str, ...],
    repo: str | None,
    hook: str,
) -> None:
    """``pipeline hook``."""
    if action not in ACTIONS:
        raise fault("usage", f"{action} is none of {', '.join(ACTIONS)}.{near(action, ACTIONS)}")
    if action == "fire":
        _fire(invocation, pipeline, event, hook, argument)
        return
    # Start-up time: what hooks do loads the format's code.
    from ...core.pipelines.files.model import HOOKS  # noqa: PLC0415
    from ...core.pipelines.triggers.git import install, remove  # noqa: PLC0415

    if hook not in HOOKS:
        raise fault("usage", f"{hook} is no hook of git's.{near(hook, HOOKS)}")
    where = absolute(repo) if repo else Path.cwd()
    if action == "install":
        path = install(where, hook, pipeline, event, _command(invocation))
        told = f"{path} propels {event} of {pipeline}."
    else:
        was = remove(where, hook, pipeline, event)
        told = f"{hook} propels {event} of {pipeline} no more." if was else "Nothing to remove."
    invocation.printer.show(
        {"hook": hook, "pipeline": pipeline, "event": event, "done": told},
        lambda: invocation.printer.line(told),
    )


def _command(invocation: Invocation) -> list[str]:
    """This program as the hook's script calls it: the same one, for the same engine."""
    own = Path(sys.argv[0])
    called = own.is_absolute() and own.is_file() and own.suffix != ".py"
    words = [str(own)] if called else [sys.executable, "-c", PROGRAM]
    for name in ("state_dir", "config"):
        if given := invocation.values.get(name):
            words += [f"--{name.replace('_', '-')}", str(absolute(str(given)))]
    if given := invocation.values.get("profile"):
        words += ["--profile", str(given)]
    return words


def _fire(
    invocation: Invocation, pipeline: str, event: str, name: str, arguments: tuple[str, ...]
) -> None:
    """Propel what the hook tells; git goes on whatever comes of it."""
    try:
        payload_id = _propel(invocation, pipeline, event, name, arguments)
    except Exception as error:  # noqa: BLE001  # a commit never fails for our sake
        told = getattr(error, "message", None) or str(error)
        said = f"quarterdeck: {pipeline} {event} was not propelled: {told}"
        sys.stderr.write(f"{clean(said)}\n")
        return
    invocation.printer.show(
        {"payload_id": payload_id},
        lambda: invocation.printer.line(f"quarterdeck: {pipeline} {event} is on its way."),
    )


def _propel(
    invocation: Invocation, pipeline: str, event: str, name: str, arguments: tuple[str, ...]
) -> Any:
    shown = invocation.call("pipeline.show", PATIENCE, name=pipeline)["whole"]
    # Start-up time: without an engine none of it is needed.
    from ...core.pipelines.triggers.git import facts, hook_data  # noqa: PLC0415

    told = facts(Path.cwd(), name, arguments)
    data, priority = hook_data(shown["pipeline"]["file"], shown["inputs"], event, told)
    wish = {
        "name": pipeline, "event": event, "data": data, "priority": priority,
        "hook": name, "repository": told["repository"],
    }  # fmt: skip
    return invocation.call("pipeline.propel", PATIENCE, **wish)["payload"]["id"]
