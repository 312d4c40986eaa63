"""An engine's sessions room by itself: real keepers, the real journal, a store; and one to wait with."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from quarterdeck.core.base.clock import SYSTEM_CLOCK, Clock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem
from quarterdeck.core.protocol.events import Cause, Event, EventPayload
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.loader import default_expansions, load_agents
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.keeper.places import find_keepers
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.sessions.manager import SessionManager
from quarterdeck.core.sessions.ports import ContainerManager, Keepers
from quarterdeck.core.sessions.roster import Roster
from quarterdeck.core.sessions.services import Services, SessionOptions
from quarterdeck.core.sessions.session import Session
from quarterdeck.core.sessions.surroundings import NoIsolation
from quarterdeck.core.sessions.workspaces.model import WorktreeOptions

CAUSE = Cause(command_id="C1", client_id="someone")
DEADLINE = 20.0
FAST = SessionOptions(
    stop_grace=1.0,
    prompt_timeout=DEADLINE,
    answer_timeout=DEADLINE,
    seen_after=0.15,
    ring_bytes=256 * 1024,
    scrollback=300,
)

E = TypeVar("E", bound=EventPayload)
T = TypeVar("T")


async def until(true: Callable[[], T], seconds: float = DEADLINE, what: str = "") -> T:
    """What ``true`` gives as soon as it is something; the one place in which tests let time pass."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, what or "it did not come true in time"
        await asyncio.sleep(0.005)
    return found


def alive(pid: int | None) -> bool:
    """Whether a process lives, and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b") ")[2][:1] not in b"ZX"


@functools.cache
def _definitions() -> dict[str, AgentDefinition]:
    """The shipped agents, the crew at its fastest, and two that run whatever they are given."""
    expansions = {**default_expansions(), "shell": "/bin/sh"}
    found = dict(load_agents(expansions=expansions).definitions)
    for name, definition in found.items():
        if definition.practice:
            args = ("--pace", "fast", "--seed", "3")
            found[name] = definition.model_copy(update={"args": args})
    return found | {
        "script": AgentDefinition(name="script", command=("/bin/sh", "-c")),
        "python": AgentDefinition(name="python", command=(sys.executable, "-I", "-S", "-c")),
    }


def definitions() -> dict[str, AgentDefinition]:
    """Every agent that tests use by default."""
    return dict(_definitions())


class Rig:
    """One engine's sessions; ``events`` holds all that it told, in order."""

    def __init__(
        self,
        state_dir: Path,
        store: Store,
        *,
        options: SessionOptions = FAST,
        clock: Clock = SYSTEM_CLOCK,
        agents: Mapping[str, AgentDefinition] | None = None,
        keepers: Keepers | None = None,
        containers: ContainerManager | None = None,
        layer: CoordinationLayer | None = None,
        worktrees: WorktreeOptions | None = None,
        **changes: Any,
    ) -> None:
        self.state_dir = state_dir
        self.store = store
        self.events: list[Event] = []
        self.journal = Journal(store, clock=clock)
        self.journal.listen(self.events.append)
        self.ledger = Ledger(self.journal)
        self.desk = AttentionDesk(self.ledger, clock)
        self.services = Services(
            recorder=self.ledger,
            store=store,
            clock=clock,
            containers=containers or NoIsolation(),
            state_dir=state_dir,
            desk=self.desk,
            options=replace(options, **changes),
            environment={"PATH": os.environ["PATH"], "HOME": str(state_dir), "LANG": "C.UTF-8"},
        )
        if keepers is not None:
            self.services.keepers = keepers
        self.manager = SessionManager(
            self.services,
            Roster(definitions() if agents is None else agents, os.defpath),
            layer=layer,
            worktrees=worktrees,
        )
        self.over = False

    async def open(self, engine: str = "engine") -> Rig:
        """Take up what the store keeps, as a new engine."""
        await self.journal.open()
        await self.manager.load(await self.store.begin(engine))
        return self

    async def close(self, *, stop_sessions: bool = True) -> None:
        """End as an engine does."""
        if not self.over:
            self.over = True
            await self.manager.close(stop_sessions=stop_sessions)
            await self.journal.settled()

    async def die(self) -> None:
        """End as by ``kill -9``: nothing is said to anybody, nothing is kept."""
        self.over = True
        for session in self.sessions.values():
            session.removed = True  # nothing of it changes any more
            session.reader.close()
            if session.run is not None:
                await session.run.close()
        self.desk.close()
        tasks = list(self.manager._errands._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Looking

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The sessions by their ids."""
        return self.manager._register._sessions

    def session(self, name: str) -> Session:
        """The session of this name."""
        return next(one for one in self.sessions.values() if one.record.name == name)

    def view(self, name: str) -> SessionView:
        """How the session of this name stands."""
        return self.session(name).view()

    def told(self, kind: type[E]) -> list[E]:
        """The payloads of one kind, in order."""
        return [event.payload for event in self.events if isinstance(event.payload, kind)]

    def items(self) -> list[AttentionItem]:
        """The open attention items."""
        return self.manager.items()

    def text(self, name: str) -> str:
        """What stands on the session's screen."""
        return "\n".join(self.session(name).screen.emulator.lines()).rstrip()

    def keepers(self) -> list[int]:
        """The process ids of living keepers."""
        found = find_keepers(self.state_dir)
        return [one.facts.keeper_pid for one in found if one.lives and one.facts]

    # Doing

    async def create(self, agent: str = "shell", name: str = "one", **fields: Any) -> SessionView:
        """Create a session as a command does."""
        fields.setdefault("cwd", str(self.state_dir))
        wish = c.CreateSession(name=name, agent=agent, **fields)
        return await self.manager.create(wish, CAUSE)

    async def script(self, text: str, name: str = "one", **fields: Any) -> SessionView:
        """Create a session that runs ``text`` in a shell."""
        return await self.create("script", name, args=(text,), **fields)

    async def start(self, name: str = "one", *, resume: bool = False) -> SessionView:
        """Start as a command does."""
        wish = c.StartAgent(session_id=self.session(name).id, resume=resume)
        return await self.manager.start(wish, CAUSE)

    async def stop(self, name: str = "one", grace: float | None = None) -> SessionView:
        """Stop as a command does."""
        wish = c.StopAgent(session_id=self.session(name).id, grace=grace)
        return await self.manager.stop(wish, CAUSE)

    async def restart(self, name: str = "one") -> SessionView:
        """Restart as a command does."""
        return await self.manager.restart(c.RestartAgent(session_id=self.session(name).id), CAUSE)

    async def delete(self, name: str = "one", *, force: bool = False, **ways: bool) -> None:
        """Delete as a command does."""
        wish = c.DeleteSession(session_id=self.session(name).id, force=force, **ways)
        await self.manager.delete(wish, CAUSE)

    async def prompt(self, text: str, name: str = "one") -> Mapping[str, Any]:
        """Prompt as a command does."""
        return await self.manager.prompt(
            c.Prompt(session_id=self.session(name).id, text=text), CAUSE
        )

    async def keys(self, *keys: str, text: str | None = None, name: str = "one") -> None:
        """Press keys as a command does."""
        wish = c.SendKeys(session_id=self.session(name).id, keys=keys, text=text)
        await self.manager.keys(wish, CAUSE)

    async def answer(
        self, choice: str | None = None, text: str | None = None, name: str = "one"
    ) -> Mapping[str, Any]:
        """Answer what the session asks now."""
        request = self.session(name).status.request
        assert request is not None
        wish = c.Answer(
            session_id=self.session(name).id,
            request_id=request.request_id,
            choice=choice,
            text=text,
        )
        return await self.manager.answer(wish, CAUSE)

    # Waiting

    async def until_lifecycle(self, *wanted: Lifecycle, name: str = "one") -> SessionView:
        """The session's view once its lifecycle is one of these, and kept."""
        session = self.session(name)
        await until(
            lambda: session.record.lifecycle in wanted,
            what=f"{name} is {session.record.lifecycle}, not {wanted}",
        )
        await self.journal.settled()
        return session.view()

    async def until_activity(self, *wanted: Activity, name: str = "one") -> SessionView:
        """The session's view once its activity is one of these, and kept."""
        session = self.session(name)
        await until(
            lambda: session.status.activity in wanted,
            what=f"{name} is not {wanted}\n{self.text(name)}",
        )
        await self.journal.settled()
        return session.view()

    async def until_text(self, text: str, name: str = "one") -> None:
        """Return once ``text`` stands on the session's screen."""
        await until(lambda: text in self.text(name), what=f"no {text!r} on:\n{self.text(name)}")


def kill_leftovers(state_dir: Path) -> list[int]:
    """End the keepers that a test left, with their children; their process ids."""
    left = []
    for found in find_keepers(state_dir):
        if found.lives and found.facts is not None:
            left.append(found.facts.keeper_pid)
            for pid in (found.facts.keeper_pid, found.facts.child_pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    return left


async def fault_of(work: Any) -> QuarterdeckError:
    """The error that ``work`` ends with."""
    try:
        await work
    except QuarterdeckError as error:
        return error
    raise AssertionError("it was not refused")
