"""Ending servers of asyncio without breaking links that are just being made."""

from __future__ import annotations

import asyncio

TURNS = 5
"""Turns of the loop from taking a connection to its handler's start; one to spare."""


async def close_server(server: asyncio.Server) -> None:
    """Stop listening; whoever is being taken at that moment is taken whole.

    ``Server.close`` alone makes the transport of such a one fail half-built, so that its socket
    stays open until it is collected (CPython's issue 109564).
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener)
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
    finally:
        server.close()
