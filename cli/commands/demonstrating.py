"""``quarterdeck demo``: the practice crew in the dashboard, or played by script."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.base.homes import expanded
from ...core.client.client import Client
from ...core.protocol.commands import CreateSession
from ...core.protocol.events import Event
from ...core.settings import Settings, StateSettings
from ..compose import Assembly
from ..demo import Performance, left_of, wishes
from ..failing import fault
from ..interruption import cancelled_by
from ..invocation import Invocation
from ..presenting import shown
from ..scenario import PRACTICE, SECONDS
from ..telling import event_line, learn_name
from .opening import require_terminal

PERSON, BRISK = "person", "0.2"
PACE = "QUARTERDECK_PRACTICE_PACE"
ENDING = (signal.SIGTERM, signal.SIGHUP)


def demo(invocation: Invocation, *, headless: bool, seed: int, pace: str | None) -> int | None:
    """``demo``."""
    _check_pace(pace)
    with _scratch(invocation.values.get("state_dir")) as state_dir:
        crew = wishes(
            PRACTICE, seed=seed, pace=pace or (BRISK if headless else PERSON), cwd=str(Path.cwd())
        )
        settings = Settings(state=StateSettings(dir=state_dir))
        if headless:
            return asyncio.run(_play(invocation, settings, crew))
        require_terminal()
        os.environ.setdefault(PACE, pace or PERSON)  # what the pipelines ask for inherits it
        # Start-up time: Textual, where it is wanted.
        from ..demo_deck import open_demo  # noqa: PLC0415

        return open_demo(settings, crew)


def _check_pace(pace: str | None) -> None:
    try:
        good = pace in {None, "fast", PERSON} or 0 <= float(pace or "") < float("inf")
    except ValueError:
        good = False
    if not good:
        raise fault("usage", f"--pace is fast, person, or seconds for a step, not {pace}.")


@contextmanager
def _scratch(given: str | None) -> Iterator[Path]:
    """The given state directory, or one that is removed afterwards."""
    if given is not None:
        yield expanded(given).absolute()
        return
    scratch = Path(tempfile.mkdtemp(prefix="quarterdeck-demo-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _play(invocation: Invocation, settings: Settings, crew: list[CreateSession]) -> int:
    """The demo without a dashboard; 0 if all came as expected."""
    began = time.monotonic()
    with cancelled_by(*ENDING) as came:
        try:
            played = await _perform(invocation, settings, crew)
        except asyncio.CancelledError:
            if not came:
                raise
            return 128 + came[0]
    left = await left_of(played.pids)
    summary = _summary(played, time.monotonic() - began, left)
    if invocation.printer.as_json:
        invocation.printer.record({"summary": summary})
    else:
        _describe(invocation, summary)
    _judge(summary)
    return 0


async def _perform(
    invocation: Invocation, settings: Settings, crew: list[CreateSession]
) -> Performance:
    assembly = Assembly(settings, headless=True)
    await assembly.start()
    try:
        client = Client(assembly.engine.local_endpoint(), "demo")
        await client.start()
        teller = _Teller(invocation)
        played = Performance(PRACTICE, client, told=teller.tell, said=teller.say)
        await played.run(crew, SECONDS)
        await client.close()
    finally:
        await assembly.engine.shutdown("the demo is over", stop_sessions=True)
        assembly.close_log()
    return played


class _Teller:
    """Prints what happens, a line each."""

    def __init__(self, invocation: Invocation) -> None:
        self._printer = invocation.printer
        self._names: dict[str, str] = {}

    def tell(self, event: Event) -> None:
        """Print an event; snapshots are none of a person's."""
        if event.type == "system.state_snapshot":
            return
        data = event.dump()
        if self._printer.as_json:
            self._printer.record({"event": data})
            return
        learn_name(data, self._names)
        self._printer.line(event_line(data, self._names))

    def say(self, text: str) -> None:
        """Print what the script did."""
        if self._printer.as_json:
            self._printer.record({"script": text})
        else:
            self._printer.line(f"       -------- {'script':<22} {text}")


def _summary(played: Performance, seconds: float, left: list[int]) -> dict[str, Any]:
    items: Counter[str] = Counter()
    for part in played.parts.values():
        items.update({str(kind): count for kind, count in part.raised.items()})
    items.update({"gate": int(played.release.asked)})
    sessions = [
        {
            "name": name,
            "agent": part.member.agent,
            "shown": _stands(part.session),
            "items": {str(kind): count for kind, count in sorted(part.raised.items())},
            "missing": part.missing,
        }
        for name, part in played.parts.items()
    ]
    return {
        "ok": not (played.missing or left),
        "seconds": round(seconds, 2),
        "events": played.events,
        "items": dict(sorted(items.items())),
        "debate": {
            "payloads": len(played.debate.payloads),
            "outcome": played.debate.outcome,
            "missing": played.debate.missing,
        },
        "release": {
            "status": str(played.release.status or ""),
            "missing": played.release.missing,
        },
        "sessions": sessions,
        "refused": played.refused,
        "left_running": left,
    }


def _stands(session: Any) -> str:
    return "" if session is None else shown(session.lifecycle, session.status.activity)


def _describe(invocation: Invocation, summary: dict[str, Any]) -> None:
    printer = invocation.printer
    rows = (
        (
            one["name"],
            one["agent"],
            one["shown"],
            ", ".join(f"{count} {kind}" for kind, count in one["items"].items()),
            "; ".join(one["missing"]) or "as expected",
        )
        for one in summary["sessions"]
    )
    printer.line()
    printer.table(("session", "agent", "was", "raised", "came"), rows, "")
    debate = summary["debate"]
    told = debate["outcome"].replace("_", " ") or "no end"
    printer.line(f"debate: {told}, after {debate['payloads']} payloads")
    printer.line(f"release: {summary['release']['status'] or 'not begun'}")
    items = ", ".join(f"{count} {kind}" for kind, count in summary["items"].items())
    printer.line()
    printer.line(
        f"{summary['events']} events, {items or 'no items'}, in {summary['seconds']} s; "
        f"processes left: {len(summary['left_running'])}."
    )


def _judge(summary: dict[str, Any]) -> None:
    """See that all came as expected.

    :raises CliFault: ``demo_failed``, saying what did not.
    """
    missing = [
        f"{one['name']}: {', '.join(one['missing'])}"
        for one in summary["sessions"]
        if one["missing"]
    ]
    missing += [
        f"the {name}: {', '.join(summary[name]['missing'])}"
        for name in ("debate", "release")
        if summary[name]["missing"]
    ]
    if summary["left_running"]:
        missing.append(f"processes {summary['left_running']} are left")
    if missing:
        raise fault("demo_failed", f"What was expected did not come: {'; '.join(missing)}.")
