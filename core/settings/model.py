"""The settings: every section, field and default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_state_path
from pydantic import Field

from ..base.homes import expanded
from ..sessions.terminal.factory import DEFAULT_SCROLLBACK
from .safety import BudgetList, SafetySettings
from .section import Count, Seconds, Section

PROGRAM = "quarterdeck"

Bytes = Annotated[int, Field(ge=4096, le=1 << 40)]
Grace = Annotated[float, Field(ge=0, le=300)]


class EngineSettings(Section):
    """``[engine]``: limits, buffers and workers."""

    max_concurrent_sessions: Annotated[int, Field(ge=1, le=1000)] = 10
    command_buffer_size: Count = 100
    event_buffer_size: Count = 5000
    state_file: Annotated[str, Field(min_length=1)] = "quarterdeck.db"
    worker_count: Annotated[int, Field(ge=1, le=64)] = 3
    shutdown_timeout: Seconds = 30
    rate_limit_per_second: Annotated[float, Field(gt=0, le=1_000_000)] = 10
    rate_limit_burst: Count = 20
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class PrometheusSettings(Section):
    """``[prometheus]``: the port for ``/metrics`` and ``/health``, on the loopback only."""

    enabled: bool = False
    port: Annotated[int, Field(ge=1, le=65535)] = 9090
    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"


class StateSettings(Section):
    """``[state]``: where what is kept lies, and how safe it is.

    ``durability`` ``normal`` survives the death of the process, ``full`` a power cut, too. ``url``
    names another store than SQLite in ``dir``.
    """

    dir: Path | None = None
    durability: Literal["normal", "full"] = "normal"
    url: str | None = None


class TerminalSettings(Section):
    """``[terminal]``: emulation and the record of each session's output.

    ``scrollback`` lines are kept for each session: 500 full ones take 3 MB at 120 columns, 2 000 take
    10. ``ring_bytes`` of output are kept for each session. A keeper reads at ``lag_rate`` bytes a
    second at most while the engine lags, at ``away_rate`` while it is away.
    """

    backend: Literal["auto", "rust", "pyte"] = "auto"
    scrollback: Annotated[int, Field(ge=0, le=1_000_000)] = DEFAULT_SCROLLBACK
    ring_bytes: Bytes = 4 * 1024 * 1024
    lag_rate: Bytes = 4 * 1024 * 1024
    away_rate: Bytes = 1024 * 1024


class SessionSettings(Section):
    """``[sessions]``: how sessions start, stop and take input; times in seconds.

    ``cols`` and ``lines`` are a new terminal's size where whoever creates the session gives none.
    """

    stop_grace: Grace = 5
    start_timeout: Seconds = 10
    prompt_verify_timeout: Seconds = 5
    answer_timeout: Seconds = 5
    seen_after: Seconds = 2
    isolation: Annotated[str, Field(min_length=1)] = "none"
    cols: Annotated[int, Field(ge=2, le=1000)] = 120
    lines: Annotated[int, Field(ge=1, le=1000)] = 40


class WorktreeSettings(Section):
    """``[worktrees]``: git worktrees of sessions' own (``session new --worktree``); times in seconds.

    ``setup`` is a command, as a list of arguments, that is run in each new one, ``setup_timeout`` how
    long it may take. ``directory`` is where they lie, in the state directory unless its path is absolute.
    """

    setup: tuple[str, ...] = ()
    setup_timeout: Seconds = 600
    directory: Path = Path("worktrees")


class WorkflowSettings(Section):
    """``[workflows]``: how workflows run.

    ``max_parallel_tasks`` is how many tasks run at once, of all workflows together. ``executor`` says
    where the processes of tasks run: ``local://``, or a cluster such as ``dask://HOST:PORT``. Where
    engines share a store, one takes over what another has left after ``lease_seconds``.
    """

    max_parallel_tasks: Annotated[int, Field(ge=1, le=10_000)] = 10
    executor: Annotated[str, Field(min_length=1)] = "local://"
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 30


class CrewSettings(Section):
    """``[crew]``: how tasks are placed on agents.

    ``strategy`` is how one of several agents with room is chosen. ``groups`` are limits that agents share
    (those that name the group in their ``groups``): how much of it runs at once. ``per_repository`` is
    how many tasks run at once in one repository (0: as many as find agents). A task that waited ``ageing_seconds`` rises by
    one priority, up to high.
    """

    strategy: Literal[
        "least_loaded", "round_robin", "priority_weighted", "capability_match", "random"
    ] = "least_loaded"
    groups: dict[str, Count] = Field(default_factory=dict)
    per_repository: Annotated[int, Field(ge=0, le=10_000)] = 0
    ageing_seconds: Seconds = 60


class UiSettings(Section):
    """``[ui]``: the dashboard. ``keys`` maps an action's name to the key or keys that do it."""

    leave_key: Annotated[str, Field(min_length=1)] = "ctrl+]"
    frames_per_second: Annotated[int, Field(ge=1, le=60)] = 30
    keys: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)


class Settings(Section):
    """All settings. ``agents`` tables are checked by the agents' loader."""

    engine: EngineSettings = EngineSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    state: StateSettings = StateSettings()
    terminal: TerminalSettings = TerminalSettings()
    sessions: SessionSettings = SessionSettings()
    worktrees: WorktreeSettings = WorktreeSettings()
    workflows: WorkflowSettings = WorkflowSettings()
    crew: CrewSettings = CrewSettings()
    ui: UiSettings = UiSettings()
    safety: SafetySettings = SafetySettings()
    budgets: BudgetList = ()
    agents: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        """The state directory, absolute: the given one, else the user's."""
        given = self.state.dir
        place = user_state_path(PROGRAM, appauthor=False) if given is None else given
        return expanded(place).absolute()

    @property
    def state_file(self) -> Path:
        """The state file, within the state directory unless its path is absolute."""
        return self.state_dir / expanded(self.engine.state_file)

    @property
    def store_url(self) -> str:
        """The address of the store."""
        return self.state.url or f"sqlite://{self.state_file}"


class ProfiledSettings(Settings):
    """A settings file: all sections, and again in ``[profiles.NAME]``."""

    profiles: dict[str, Settings] = Field(default_factory=dict)


def default_config() -> Settings:
    """The settings where nothing is set: the engine document's ``DefaultConfig``."""
    return Settings()
