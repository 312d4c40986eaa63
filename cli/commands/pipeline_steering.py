"""``quarterdeck pipeline``: load, unload, pause, resume, cancel, retry, replay, discard."""

from __future__ import annotations

import os

from ..invocation import Invocation
from ..link import Message
from ..pipeline_rows import find_payload
from ..place import absolute


def load(
    invocation: Invocation,
    *,
    file: str,
    input: tuple[str, ...],  # noqa: A002  # the option is called so
    cwd: str | None,
) -> None:
    """``pipeline load``."""
    # Start-up time: only who gives inputs needs it.
    from ..running.words import inputs_of  # noqa: PLC0415

    directory = None if cwd is None else os.path.abspath(cwd)  # noqa: PTH100  # text crosses the boundary
    found = invocation.call(
        "pipeline.load", file=str(absolute(file)), inputs=dict(inputs_of(input)), cwd=directory
    )
    _tell_pipeline(invocation, found)


def unload(invocation: Invocation, *, name: str, force: bool) -> None:
    """``pipeline unload``."""
    found = invocation.call("pipeline.unload", name=name, force=force)
    invocation.printer.show(found, lambda: invocation.printer.line(f"{name} is unloaded."))


def pause(invocation: Invocation, *, name: str) -> None:
    """``pipeline pause``."""
    _tell_pipeline(invocation, invocation.call("pipeline.pause", name=name))


def resume(invocation: Invocation, *, name: str) -> None:
    """``pipeline resume``."""
    _tell_pipeline(invocation, invocation.call("pipeline.resume", name=name))


def _tell_pipeline(invocation: Invocation, found: Message) -> None:
    view = found["pipeline"]
    stands = "paused" if view["paused"] else "loaded"
    events = ", ".join(lane["event"] for lane in view["lanes"])
    told = f"{view['name']} is {stands}: {events}."
    invocation.printer.show(found, lambda: invocation.printer.line(told))


def cancel(invocation: Invocation, *, payload: str) -> None:
    """``pipeline cancel``."""
    _steer(invocation, "pipeline.cancel", payload)


def retry(invocation: Invocation, *, payload: str) -> None:
    """``pipeline retry``."""
    _steer(invocation, "pipeline.retry", payload)


def replay(invocation: Invocation, *, payload: str) -> None:
    """``pipeline replay``."""
    _steer(invocation, "pipeline.replay", payload)


def discard(invocation: Invocation, *, payload: str) -> None:
    """``pipeline discard``."""
    _steer(invocation, "pipeline.discard", payload, "is discarded")


def _steer(invocation: Invocation, kind: str, payload: str, how: str = "") -> None:
    found = invocation.call(kind, payload_id=find_payload(invocation, payload))
    view = found["payload"]
    told = f"{view['event']} {view['id']} {how or 'is ' + view['status']}."
    invocation.printer.show(found, lambda: invocation.printer.line(told))
