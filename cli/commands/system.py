"""The engine as a whole: health, preferences, shutdown."""

from __future__ import annotations

import json
import time
from typing import Any

from ..durations import seconds
from ..exits import FAILED
from ..failing import fault, has_code, near
from ..invocation import Invocation
from ..link import PATIENCE, Link, Message
from ..printing import clean

PAUSE = 0.05
"""Seconds between two looks for an engine that is starting. Nothing can wake whoever waits for it:
there is no link before it listens, and the standard library watches no directory. A look is one
call to connect, and only whoever asked for ``--wait`` looks."""


def health(invocation: Invocation, *, wait: str | None) -> int | None:
    """``health``; exit code 1 if the engine is unhealthy."""
    if wait is not None:
        await_engine(invocation, seconds(wait, "--wait"))
    found = invocation.call("system.health")["health"]
    engine = invocation.link.engine
    invocation.printer.show(
        {"health": found, "engine": engine}, lambda: _describe(invocation, found, engine)
    )
    return FAILED if found["status"] == "unhealthy" else None


def await_engine(invocation: Invocation, patience: float) -> None:
    """Wait until an engine greets.

    :raises CliFault: ``no_engine`` if none did within ``patience`` seconds.
    """
    until = time.monotonic() + patience
    while True:
        try:
            if invocation.link.engine:
                return
        except Exception as error:
            if not has_code(error, "no_engine") or time.monotonic() >= until:
                raise
        time.sleep(PAUSE)


def _describe(invocation: Invocation, found: Message, engine: Message) -> None:
    printer = invocation.printer
    printer.fields(
        (
            ("status", found["status"]),
            ("engine", f"{engine['version']}, pid {engine['pid']}"),
            ("state", engine["state_dir"]),
            ("up for", f"{found['uptime_seconds']:.0f} s"),
            ("sessions", f"{found['active_sessions']} of {found['max_sessions']}"),
            ("clients", found["clients"]),
            ("workers", found["worker_count"]),
            ("commands waiting", found["command_queue"]),
            ("events dropped", found["events_dropped"]),
            ("loop lag", f"{found['loop_lag_ms']:.1f} ms"),
            ("durability", found["durability"]),
            ("terminal", found["terminal_backend"]),
        )
    )
    rows = [(check["name"], check["status"], check["message"]) for check in found["checks"]]
    if rows:
        printer.line()
        printer.table(("check", "state", "says"), rows, "")


def preferences(invocation: Invocation) -> None:
    """``preferences list``."""
    found = invocation.call("ui.preferences")["preferences"]
    rows = ((name, json.dumps(value, ensure_ascii=False)) for name, value in found.items())
    printer = invocation.printer
    printer.show(
        {"preferences": found},
        lambda: printer.table(("preference", "value"), rows, "There are none."),
    )


def prefer(invocation: Invocation, *, key: str, value: str | None) -> None:
    """``preferences set``."""
    known = invocation.call("ui.preferences")["preferences"]
    if key not in known:
        hint = near(key, known) or " See them with: quarterdeck preferences list"
        raise fault("unknown_preference", f"There is no preference {key}.{hint}")
    wish = {"key": key, "value": _typed(value, known.get(key))}
    found = invocation.link.call("ui.set_preference", wish)
    told = clean(f"{key} is {json.dumps(found['value'], ensure_ascii=False)}.")
    invocation.printer.show(found, lambda: invocation.printer.line(told))


def _typed(text: str | None, present: Any) -> Any:
    """``text`` as the kind of value that the preference has now."""
    if isinstance(present, bool):
        words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        return words.get((text or "").lower(), text)
    if isinstance(present, int) and text is not None:
        return int(text) if text.lstrip("-").isdigit() else text
    return text


def shutdown(invocation: Invocation, *, stop_sessions: bool) -> None:
    """``shutdown``; returns once the engine is gone."""
    _stop(invocation.link, stop_sessions)
    sessions = "its sessions are stopped" if stop_sessions else "its sessions go on"
    told = f"The engine is gone; {sessions}."
    invocation.printer.show(
        {"stopped": True, "stop_sessions": stop_sessions}, lambda: invocation.printer.line(told)
    )


def _stop(link: Link, stop_sessions: bool) -> None:
    """Ask the engine to go, and see it go."""
    try:
        link.call("system.shutdown", {"stop_sessions": stop_sessions})
        while link.receive(PATIENCE) is not None:
            pass
    except Exception as error:
        if has_code(error, "link_closed"):
            return
        raise
    raise fault("engine_silent", f"The engine is there still after {PATIENCE:g} s.")
