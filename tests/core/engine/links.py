"""Links from within the process, as tests use them."""

from __future__ import annotations

import asyncio
from typing import Any

from quarterdeck.core.engine.connections import LocalEndpoint
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.protocol.wire import (
    Hello,
    Welcome,
)

from .ship import Ship, settle


async def greeted(ship: Ship, **hello: Any) -> LocalEndpoint:
    endpoint = ship.engine.local_endpoint()
    await endpoint.send(Hello(**hello))
    assert isinstance(await endpoint.receive(), Welcome)
    return endpoint


async def received(endpoint: LocalEndpoint, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        return [await endpoint.receive() for _ in range(count)]


def numbers(messages: list[Any]) -> list[int]:
    return [m.metadata.sequence for m in messages if isinstance(m, Event)]


async def silent(endpoint: LocalEndpoint) -> bool:
    """Whether nothing comes."""
    receiving = asyncio.create_task(endpoint.receive())
    await settle()
    quiet = not receiving.done()
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    return quiet
