"""The practice crew at work: created, answered by script, judged by the scenario."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.base.errors import QuarterdeckError
from ..core.base.retry import RetryPolicy
from ..core.client.client import Client
from ..core.client.ports import LinkClosed
from ..core.protocol import commands as c
from ..core.protocol.attention import AttentionItem, AttentionKind, ItemState
from ..core.protocol.events import AttentionRaised, Event, StatusChanged
from ..core.protocol.pipeline_events import PayloadChanged
from ..core.protocol.status import Activity
from ..core.protocol.views import SessionView
from ..core.protocol.workflow_events import WorkflowChanged
from .demo_debate import NAME, DebatePart, begin_debate
from .demo_release import NAME as RELEASE
from .demo_release import ReleasePart, begin_release
from .scenario import Member, Scenario

PARTING = RetryPolicy(max_attempts=12, initial_delay=0.01, max_delay=2.0)
"""How often processes that were told to end are looked for."""


def wishes(scenario: Scenario, *, seed: int, pace: str, cwd: str) -> list[c.CreateSession]:
    """The commands that create the crew."""
    return [
        c.CreateSession(
            name=member.name,
            agent=member.agent,
            cwd=cwd,
            prompt=member.prompt,
            args=tuple(arg.format(pace=pace, seed=seed + number) for arg in member.args),
        )
        for number, member in enumerate(scenario.crew)
    ]


@dataclass
class Part:
    """What one member of the crew has done so far."""

    member: Member
    session: SessionView | None = None
    raised: Counter[AttentionKind] = field(default_factory=Counter)
    states: set[Activity] = field(default_factory=set)
    pressed: bool = False

    @property
    def missing(self) -> list[str]:
        """What it has not done yet, in words."""
        member, session = self.member, self.session
        items = [f"item {kind}" for kind in sorted(member.items - set(self.raised))]
        states = [f"state {state}" for state in sorted(member.states - self.states)]
        ended = session is not None and session.lifecycle is member.ends
        return [*items, *states, *([] if ended else [f"lifecycle {member.ends}"])]


class Performance:
    """One run of a scenario over a client of its engine.

    ``told`` is called with each event, ``said`` with what the script does.
    """

    def __init__(
        self,
        scenario: Scenario,
        client: Client,
        *,
        told: Callable[[Event], None],
        said: Callable[[str], None],
    ) -> None:
        self.parts = {member.name: Part(member) for member in scenario.crew}
        self.debate = DebatePart()
        self.release = ReleasePart()
        self.events = 0
        self.refused: list[str] = []
        self.pids: set[int] = set()
        self._scenario = scenario
        self._client = client
        self._told = told
        self._said = said
        self._names: dict[str, str] = {}
        self._answered: Counter[AttentionKind] = Counter()
        self._acts: asyncio.Queue[tuple[str, c.Payload]] = asyncio.Queue(maxsize=1000)
        self._done = asyncio.Event()
        client.on_event = self._take

    async def run(self, crew: Sequence[c.CreateSession], seconds: float) -> None:
        """Play until every member has done its part, ``seconds`` at most.

        :raises QuarterdeckError: if a session can't be created.
        """
        await self._client.follow()
        acting = asyncio.create_task(self._act())
        try:
            for wish in crew:
                result = await self._client.call(wish)
                self._see(SessionView.model_validate(result["session"]))
            await begin_debate(self._client, crew[0].cwd)
            await begin_release(self._client, crew[0].cwd)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._done.wait()
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)

    @property
    def missing(self) -> dict[str, list[str]]:
        """What was expected and did not come, by member."""
        found = {name: part.missing for name, part in self.parts.items() if part.missing}
        others = {NAME: self.debate.missing, RELEASE: self.release.missing}
        return found | {name: missing for name, missing in others.items() if missing}

    def _take(self, event: Event) -> None:
        self.events += 1
        self._told(event)
        payload: Any = event.payload
        session = getattr(payload, "session", None)
        if isinstance(session, SessionView):
            self._see(session)
        if isinstance(payload, StatusChanged):
            self._stand(payload)
        if isinstance(payload, PayloadChanged):
            self.debate.take(payload)
        if isinstance(payload, WorkflowChanged):
            self.release.take(payload)
        if type(payload) is AttentionRaised:
            self._raised(payload.item)
        if not self.missing:
            self._done.set()

    def _see(self, session: SessionView) -> None:
        part = self.parts.get(session.name)
        if part is None:
            return
        # A reply may come behind events that tell more.
        if part.session is None or session.version >= part.session.version:
            part.session = session
        self._names[session.id] = session.name
        self.pids.update(pid for pid in (session.pid, session.keeper_pid) if pid)

    def _stand(self, payload: StatusChanged) -> None:
        part = self.parts.get(payload.session.name)
        if part is None:
            return
        part.states.add(payload.status.activity)
        if part.member.keys and not part.pressed and part.member.states <= part.states:
            part.pressed = True
            keys = part.member.keys
            act = c.SendKeys(session_id=payload.session_id, keys=keys)
            self._acts.put_nowait((f"{part.member.name}: press {' '.join(keys)}", act))

    def _raised(self, item: AttentionItem) -> None:
        if self.release.is_gate(item):
            told, act = self._reaction(item)
            self._acts.put_nowait((f"{RELEASE}: {told}", act))
            return
        name = self._names.get(item.session_id)
        if name is None or item.state is not ItemState.OPEN:
            return
        self.parts[name].raised[item.kind] += 1
        told, act = self._reaction(item)
        self._acts.put_nowait((f"{name}: {told}", act))

    def _reaction(self, item: AttentionItem) -> tuple[str, c.Payload]:
        """What a person does about ``item``, in words and as a command."""
        answers = self._scenario.answers.get(item.kind)
        if not answers:
            return f"resolve {item.kind}", c.ResolveItem(item_id=item.item_id)
        choice = answers[self._answered[item.kind] % len(answers)]
        self._answered[item.kind] += 1
        return f"answer {item.kind} {choice}", c.AnswerItem(item_id=item.item_id, choice=choice)

    async def _act(self) -> None:
        """Do what the script wants, one after the other, as a person would."""
        while True:
            told, act = await self._acts.get()
            try:
                await self._client.call(act)
                self._said(told)
            except LinkClosed:
                raise
            except QuarterdeckError as error:
                self.refused.append(f"{told}: {error.code}")
                self._said(f"{told}: refused: {error.code}: {error.message}")


async def left_of(pids: set[int], patience: RetryPolicy = PARTING) -> list[int]:
    """Those of ``pids`` that don't go, though they are given some seconds."""
    attempt = 1
    while (left := living(pids)) and patience.allows(attempt):
        await asyncio.sleep(patience.delay(attempt))
        attempt += 1
    return left


def living(pids: set[int]) -> list[int]:
    """Those of ``pids`` that are there, zombies not counted."""
    return sorted(pid for pid in pids if _lives(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or somebody else's by now
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return not stat.parents[1].is_dir()  # no such table here, or gone meanwhile
