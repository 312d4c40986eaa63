"""``quarterdeck events --verify``: by the engine, or without one from its store."""

from __future__ import annotations

import asyncio

from ...core.base.clock import SYSTEM_CLOCK
from ...core.base.stores import find_store
from ...core.engine.audit_check import verify
from ...core.engine.ports import Store
from ...core.settings import Settings
from ..exits import FAILED
from ..failing import fault, has_code
from ..homes import home_of
from ..invocation import Invocation
from ..link import Message
from ..place import load
from ..printing import clean

PATIENCE = 600.0


def verify_audit(invocation: Invocation) -> int | None:
    """Check the log and say what was found; exit code 1 if a record does not fit."""
    try:
        found = invocation.call("events.verify", PATIENCE)["audit"]
    except Exception as error:
        if not has_code(error, "no_engine"):
            raise
        found = asyncio.run(_read(load(invocation.place).settings))
    invocation.printer.show({"audit": found}, lambda: invocation.printer.line(_told(found)))
    return None if found["broken"] is None else FAILED


def _told(found: Message) -> str:
    broken, records = found["broken"], found["records"]
    if broken is None:
        return f"The audit log holds: {records} records, each bound to the one before."
    return f"The audit log is broken at record {broken['sequence']}: {clean(broken['what'])}."


async def _read(settings: Settings) -> Message:
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
        return (await verify(store)).dump()
    finally:
        await store.close()
