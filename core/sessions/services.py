"""What all sessions of a manager share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..base.clock import Clock
from .desk import AttentionDesk
from .keepers import LocalKeepers
from .ledger import Ledger
from .ports import ContainerManager, Keepers, SessionStore
from .status.inputs import Moment
from .terminal.factory import DEFAULT_SCROLLBACK, open_emulator
from .terminal.port import Emulator


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Settings of the sessions room; times in seconds, sizes in bytes or lines."""

    max_sessions: int = 10
    cols: int = 120
    lines: int = 40
    stop_grace: float = 5.0
    prompt_timeout: float = 5.0
    answer_timeout: float = 5.0
    settle: float = 0.06
    settle_limit: float = 0.3
    seen_after: float = 2.0
    start_timeout: float = 10.0
    scrollback: int = DEFAULT_SCROLLBACK
    backend: str = "auto"
    ring_bytes: int = 4 * 1024 * 1024
    lag_rate: float = 4 * 1024 * 1024
    away_rate: float = 1024 * 1024


@dataclass(slots=True)
class Services:
    """The collaborators of every session; ``epoch`` is the present engine's."""

    recorder: Ledger
    store: SessionStore
    clock: Clock
    containers: ContainerManager
    state_dir: Path
    desk: AttentionDesk
    options: SessionOptions = field(default_factory=SessionOptions)
    environment: Mapping[str, str] = field(default_factory=dict)
    keepers: Keepers = field(default_factory=LocalKeepers)
    epoch: int = 0

    def new_emulator(self, cols: int, lines: int) -> Emulator:
        """An empty terminal."""
        options = self.options
        return open_emulator(
            cols,
            lines,
            backend=options.backend,
            scrollback=options.scrollback,
            clock=self.clock,
        )

    def moment(self) -> Moment:
        """Now, on both clocks."""
        return Moment(self.clock.monotonic(), self.clock.now())
