"""Tasks of workflows on agents: who may take which, where they wait, and what the others take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...base.clock import Clock, Random
from ...base.homes import expanded
from ...protocol.views import SessionView
from ...scheduling.model import AgentCapacity, LoadBalanceStrategy
from ...sessions.agents.definition import AgentDefinition
from ...settings import CrewSettings
from ...workflows.definition import ANY, PLACE, TaskDefinition
from ...workflows.executors.agent_sessions import SESSION, unfit
from ...workflows.executors.children import Child, ChildKind
from ...workflows.files.templates import is_template
from ...workflows.instance import Instance
from ...workflows.machine import Places, Run, Want

LOOKED_AGAIN = 30.0
"""Seconds after which it is looked again whether agents' programs are there."""
NOBODY = frozenset({""})
"""No agent is called so."""

IsThere = Callable[[AgentDefinition], bool]
Forbidden = Callable[[Run, int, str], str]
"""The rule that never lets an agent begin a task; empty if there is none."""


def _all_may(_run: Run, _task: int, _agent: str) -> str:
    """No rule forbids anything."""
    return ""


class Placing:
    """Places tasks on the agents of ``definitions``; ``is_there`` says whether an agent's program is."""

    def __init__(
        self,
        settings: CrewSettings,
        definitions: Mapping[str, AgentDefinition],
        is_there: IsThere,
        clock: Clock,
        random: Random | None = None,
    ) -> None:
        self.definitions = definitions
        self._settings = settings
        self._is_there = is_there
        self._clock = clock
        self._there: tuple[float, frozenset[str]] | None = None
        self.forbidden: Forbidden = _all_may
        self.places = Places(
            LoadBalanceStrategy(settings.strategy),
            random or Random(),
            clock,
            self.want,
            ageing=settings.ageing_seconds,
        )
        for name, limit in settings.groups.items():
            self.places.set_limit(name, limit)
        for name, definition in definitions.items():
            self.places.add_agent(_capacity(name, definition))

    # ---- what tasks want -----------------------------------------------------------------------

    def want(self, run: Run, task: int) -> Want:
        """What a task wants of its place."""
        definition = run.plan.rules[task]
        assert isinstance(definition, TaskDefinition)  # noqa: S101  # only those are placed
        metadata = definition.metadata
        groups = self._groups(definition)
        name = str(metadata.get("agent", definition.agent_id))
        if name != ANY:
            return Want(agent=name, groups=groups)
        chosen: Mapping[str, Any] = metadata.get(PLACE, {})
        capabilities = frozenset(chosen.get("capabilities", ()))
        named = chosen.get("any_of", ())
        fit = self._fit(str(metadata.get("mode", SESSION)), named, capabilities)
        able = (name for name in fit if capabilities <= set(self.definitions[name].capabilities))
        rules = {name: self.forbidden(run, task, name) for name in able}
        broken = [f"{name} may not take it ({why})" for name, why in rules.items() if why]
        # Where the rules leave nobody, one is chosen all the same: it fails, and says so.
        some = len(broken) < len(rules)
        among = frozenset(name for name in fit if not (some and rules.get(name)))
        return Want(
            among=among or NOBODY,
            capabilities=capabilities,
            affinity=chosen.get("affinity"),
            groups=groups,
            left_out="; ".join(broken) if some else "",
            nobody="" if among else self._nobody(named, capabilities),
        )

    def _fit(self, mode: str, named: Collection[str], capabilities: Collection[str]) -> list[str]:
        """Those that may be chosen: they can do it, and their programs are there.

        Where nothing is said, none that only plays or runs commands.
        """
        there, plain = self.there(), not named and not capabilities
        return [
            name
            for name, one in self.definitions.items()
            if name in there
            and not unfit(one, mode)
            and (not named or name in named)
            and not (plain and _is_no_worker(one))
        ]

    def _nobody(self, named: Collection[str], capabilities: Collection[str]) -> str:
        """Why nobody is there to choose from."""
        if named:
            return f"none of {', '.join(sorted(named))} is on this machine and can do it"
        if capabilities:
            return "no agent on this machine can do it"
        return (
            "no agent is on this machine but practice agents and shells, which `agent: any` does not "
            "choose; name one, or ask for capabilities"
        )

    def there(self) -> frozenset[str]:
        """The agents whose programs are on this machine."""
        now = self._clock.monotonic()
        if self._there is None or self._there[0] + LOOKED_AGAIN <= now:
            found = (name for name, one in self.definitions.items() if self._is_there(one))
            self._there = now, frozenset(found)
        return self._there[1]

    def _groups(self, definition: TaskDefinition) -> tuple[str, ...]:
        limit = self._settings.per_repository
        if not limit:
            return ()
        group = f"repo:{repository(_directory(definition))}"
        self.places.set_limit(group, limit)
        return (group,)

    # ---- what else is there --------------------------------------------------------------------

    def count_sessions(self, views: Iterable[SessionView]) -> bool:
        """Let sessions that are no task's take slots of their agents; whether anything has changed."""
        of_tasks = set(self._sessions_of_tasks())
        counts: dict[str, int] = {}
        for view in views:
            if view.living and view.id not in of_tasks:
                counts[view.agent] = counts.get(view.agent, 0) + 1
        changed = [self.places.set_others(name, counts.get(name, 0)) for name in self.definitions]
        return any(changed)

    def _sessions_of_tasks(self) -> Iterable[str]:
        for one in self.places.placed():
            instance: Instance = one.run.label
            child = Child.parse(instance.children.get(one.task))
            if child is not None and child.kind is ChildKind.SESSION:
                yield child.place


def _capacity(name: str, definition: AgentDefinition) -> AgentCapacity:
    return AgentCapacity(
        name,
        frozenset(definition.capabilities),
        definition.capacity,
        definition.score,
        definition.groups,
    )


def _is_no_worker(definition: AgentDefinition) -> bool:
    return definition.practice or definition.shell


def _directory(definition: TaskDefinition) -> str:
    """Where a task works, as far as that is known before it begins."""
    home = str(definition.metadata.get("workflow", {}).get("directory") or Path.cwd())
    given = definition.metadata.get("cwd")
    if not given or is_template(str(given)):
        return home
    return str(Path(home) / expanded(str(given)))


@lru_cache(1024)
def repository(directory: str) -> str:
    """The git repository that holds ``directory``, that of a worktree included; else the directory."""
    here = Path(directory)
    with suppress(OSError):  # what can't be looked at is no repository
        for place in (here, *here.parents):
            mark = place / ".git"
            if mark.is_dir():
                return str(place)
            if mark.is_file():
                return _main_of(mark) or str(place)
    return directory


def _main_of(mark: Path) -> str:
    """The repository that a worktree's file names."""
    try:
        text = mark.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    main, found, _ = text.removeprefix("gitdir:").strip().partition("/.git/")
    return main if found else ""
