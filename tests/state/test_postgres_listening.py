"""The listener of small records over a server that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.state.postgres import listening
from quarterdeck.state.postgres.connecting import Terms
from quarterdeck.state.postgres.listening import Listener

TERMS = Terms("postgresql://nowhere", full=False, patience=1.0)


class Line:
    """A connection; ``refuses`` says that it can't listen."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.closed = False
        self.heard: Callable[..., None] | None = None

    def add_termination_listener(self, _: Callable[..., None]) -> None:
        pass

    async def add_listener(self, _: str, heard: Callable[..., None]) -> None:
        if self.refuses:
            raise ConnectionResetError
        self.heard = heard

    async def close(self, **_: Any) -> None:
        self.closed = True

    def is_closed(self) -> bool:
        return self.closed


class Missed:
    """Counts how often changes may have been missed."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def __call__(self) -> None:
        self.told.set()


def listener(missed: Missed) -> Listener:
    return Listener(TERMS, SYSTEM_CLOCK, lambda *_: None, missed, writer=lambda: 1)


async def test_what_changes_before_a_late_listener_is_there_counts_as_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, missed = Line(), Missed()

    async def connect(_: Terms) -> Line:
        return line

    monkeypatch.setattr(listening, "connect", connect)
    one = listener(missed)
    one.begin()
    async with asyncio.timeout(60):
        await missed.told.wait()
    assert line.heard is not None
    await one.close()
    assert line.closed


async def test_one_that_can_not_listen_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(refuses=True)

    async def connect(_: Terms) -> Line:
        return line

    monkeypatch.setattr(listening, "connect", connect)
    with pytest.raises(ConnectionResetError):
        await listener(Missed()).open()
    assert line.closed
