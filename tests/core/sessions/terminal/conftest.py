from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.sessions.terminal.factory import available, open_emulator
from quarterdeck.core.sessions.terminal.port import Emulator

STREAMS = Path(__file__).parents[3] / "recordings" / "streams"

settings.register_profile("terminal-thorough", max_examples=4000)
"""For hours of doubt: pytest --hypothesis-profile terminal-thorough."""

Open = Callable[..., Emulator]


@pytest.fixture(params=["rust", "pyte"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name not in available():
        pytest.skip(f"the {name} back end is not installed for this Python")
    return name


@pytest.fixture
def both() -> tuple[str, str]:
    if len(available()) < 2:
        pytest.skip("comparing needs both back ends")
    return "rust", "pyte"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def terminal(backend: str, clock: ManualClock) -> Open:
    """Opens 20 by 5 terminals on one back end, fed with ``data``."""

    def opened(data: bytes | str = b"", cols: int = 20, rows: int = 5, **how: object) -> Emulator:
        emulator = open_emulator(cols, rows, backend=backend, clock=clock, **how)  # type: ignore[arg-type]  # tests pass what they please
        emulator.feed(data.encode() if isinstance(data, str) else data)
        return emulator

    return opened


@pytest.fixture(scope="session")
def recordings() -> dict[str, bytes]:
    """The recorded output of agents, by agent."""
    return {path.name.split("-")[0]: path.read_bytes() for path in sorted(STREAMS.glob("*.raw"))}
