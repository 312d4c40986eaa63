"""``quarterdeck events --verify``: by the engine, or without one from its store."""

from __future__ import annotations

import asyncio
import sys

from ...core.base.clock import SYSTEM_CLOCK
from ...core.base.stores import find_store
from ...core.engine.audit_check import parse_head, verify
from ...core.engine.ports import Store
from ...core.settings import Settings
from ...core.telemetry.audit import ChainHead
from ..exits import FAILED
from ..failing import fault, has_code
from ..homes import home_of
from ..invocation import Invocation
from ..link import Message
from ..place import copied, load
from ..printing import clean

PATIENCE = 600.0


def verify_audit(invocation: Invocation, head: str | None) -> int | None:
    """Check the log and say what was found; exit code 1 if a record does not fit."""
    given = {"head": head} if head else {}
    try:
        found = invocation.call("events.verify", PATIENCE, **given)["audit"]
    except Exception as error:
        if not has_code(error, "no_engine"):
            raise
        if note := copied(invocation.place.state_dir).strip():
            sys.stderr.write(f"{clean(note)}\n")
        known = parse_head(head) if head else None
        found = asyncio.run(_read(load(invocation.place).settings, known))
    invocation.printer.show({"audit": found}, lambda: invocation.printer.line(_told(found)))
    return None if found["broken"] is None else FAILED


def _told(found: Message) -> str:
    broken, records = found["broken"], found["records"]
    if broken is None:
        said = f"The audit log holds: {records} records, each bound to the one before."
        return f"{said}\nIts head: {clean(found['head'])}" if found.get("head") else said
    return f"The audit log is broken at record {broken['sequence']}: {clean(broken['what'])}."


async def _read(settings: Settings, known: ChainHead | None) -> Message:
    """Check what the store holds.

    :raises CliFault: ``no_store`` if nothing was ever kept there.
    """
    url = settings.store_url
    if url.startswith("sqlite:") and not settings.state_file.exists():
        raise fault("no_store", f"Nothing is kept in {settings.state_dir} yet.")
    store: Store = find_store(url, clock=SYSTEM_CLOCK, home=home_of(settings))
    await store.open()
    try:
        for notice in store.notices:
            if notice.code == "store_moved_aside":
                raise fault(notice.code, notice.message)
        return (await verify(store, known)).dump()
    finally:
        await store.close()
