"""The life of sessions against a model that fits on a page: commands, ends, crashes of engines and keepers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)
from tests.core.sessions.fakes import FakeKeeper, FakeKeepers
from tests.core.sessions.rig import Rig, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.sessions.keeper.faults import CommandNotFound
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

LIMIT = 4
T = TypeVar("T")


@dataclass
class Model:
    """What a session is to be."""

    lifecycle: Lifecycle
    generation: int
    code: int | None = None
    signal: int | None = None

    @property
    def living(self) -> bool:
        return self.lifecycle is Lifecycle.RUNNING


class Sessions(RuleBasedStateMachine):
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model: dict[str, Model] = {}
        self.count = self.engines = 0
        self.ids: dict[str, str] = {}
        self.do(self.begin())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def begin(self) -> None:
        self.store = MemoryStore(clock=SYSTEM_CLOCK)
        await self.store.open()
        self.keepers = FakeKeepers()
        self.versions: dict[str, int] = {}
        self.sequence = 0
        await self.engine()

    async def engine(self) -> None:
        self.engines += 1
        self.rig = Rig(
            Path("/tmp"), self.store, keepers=self.keepers, max_sessions=LIMIT, stop_grace=0.01
        )
        await self.rig.open(f"engine {self.engines}")

    def keeper(self, name: str) -> FakeKeeper:
        return self.keepers.by_key[self.rig.session(name).place_key]

    @property
    def full(self) -> bool:
        return sum(one.living for one in self.model.values()) >= LIMIT

    async def wished(self, work: Coroutine[Any, Any, Any]) -> str:
        try:
            await work
        except QuarterdeckError as error:
            return error.code
        return ""

    # Commands

    @rule(target=names, start=st.booleans())
    def create(self, start: bool) -> Any:
        name = f"s{self.count}"
        self.count += 1
        code = self.do(self.wished(self.rig.create(name=name, start=start)))
        if start and self.full:
            assert code == "session_limit"
            return multiple()
        assert code == ""
        lifecycle = Lifecycle.RUNNING if start else Lifecycle.CREATED
        self.model[name] = Model(lifecycle, int(start))
        self.ids[name] = self.rig.view(name).id
        return name

    @rule(name=names)
    def create_again(self, name: str) -> None:
        if name in self.model:
            assert self.do(self.wished(self.rig.create(name=name))) == "name_taken"

    @rule(name=names, restart=st.booleans())
    def start(self, name: str, restart: bool) -> None:
        model = self.model.get(name)
        if model is None:
            return
        wish = self.rig.restart(name) if restart else self.rig.start(name)
        code = self.do(self.wished(wish))
        if model.living and not restart:
            assert code == ""
        elif not model.living and self.full:
            assert code == "session_limit"
        else:
            assert code == ""
            self.model[name] = Model(Lifecycle.RUNNING, model.generation + 1)

    @rule(name=names)
    def start_in_vain(self, name: str) -> None:
        model = self.model.get(name)
        if model is None or model.living or self.full:
            return
        self.keepers.refusal = CommandNotFound("There is no such command.")
        assert self.do(self.wished(self.rig.start(name))) == "command_not_found"
        self.model[name] = Model(Lifecycle.CRASHED, model.generation + 1)

    @rule(name=names, polite=st.booleans())
    def stop(self, name: str, polite: bool) -> None:
        model = self.model.get(name)
        if model is None:
            return
        if model.living:
            self.keeper(name).polite = polite
            self.model[name] = Model(Lifecycle.EXITED, model.generation, None, 15 if polite else 9)
        assert self.do(self.wished(self.rig.stop(name))) == ""

    @rule(name=consumes(names), force=st.booleans())
    def delete(self, name: str, force: bool) -> None:
        model = self.model.get(name)
        if model is None:
            return
        code = self.do(self.wished(self.rig.delete(name, force=force)))
        if model.living and not force:
            assert code == "session_living"
            code = self.do(self.wished(self.rig.delete(name, force=True)))
        assert code == ""
        del self.model[name]

    # What happens to processes

    @rule(name=names, code=st.sampled_from([0, 1, 7]), away=st.booleans())
    def exit(self, name: str, code: int, away: bool) -> None:
        self.end(name, code, None, away=away)

    @rule(name=names, number=st.sampled_from([9, 11, 15]), away=st.booleans())
    def crash(self, name: str, number: int, away: bool) -> None:
        self.end(name, None, number, away=away)

    def end(self, name: str, code: int | None, number: int | None, *, away: bool) -> None:
        model = self.model.get(name)
        if model is None or not model.living:
            return
        keeper = self.keeper(name)
        if away:
            self.do(self.rig.die())
        keeper.write("last words")
        keeper.end_child(code, number)
        lifecycle = Lifecycle.EXITED if code == 0 else Lifecycle.CRASHED
        self.model[name] = Model(lifecycle, model.generation, code, number)
        if away:
            self.do(self.engine())

    @rule(name=names, away=st.booleans(), told=st.booleans())
    def kill_keeper(self, name: str, away: bool, told: bool) -> None:
        model = self.model.get(name)
        if model is None or not model.living:
            return
        keeper = self.keeper(name)
        if away:
            self.do(self.rig.die())
        if told:  # the end was recorded just before
            keeper.link = None if away else keeper.link
            keeper.end_child(3)
            self.model[name] = Model(Lifecycle.CRASHED, model.generation, 3)
        else:
            self.model[name] = Model(Lifecycle.LOST, model.generation)
        keeper.die()
        if away:
            self.do(self.engine())

    @rule(name=names, text=st.sampled_from(["a", "b\r\n", "\x1b[2J"]))
    def write(self, name: str, text: str) -> None:
        model = self.model.get(name)
        if model is not None and model.living:
            self.keeper(name).write(text)

    # What happens to the engine

    @rule()
    def die(self) -> None:
        self.do(self.rig.die())
        self.do(self.engine())

    @rule()
    def end_in_order(self) -> None:
        self.do(self.rig.close(stop_sessions=False))
        self.do(self.engine())

    @precondition(lambda self: not any(model.living for model in self.model.values()))
    @rule()
    def stop_everything(self) -> None:
        self.do(self.rig.close(stop_sessions=True))
        self.do(self.engine())

    @rule()
    def keep(self) -> None:
        self.do(self.rig.manager.checkpoint())

    @rule()
    def tidy(self) -> None:
        self.do(self.rig.manager.tidy())

    @rule(name=names)
    def fill_the_disk_for_a_moment(self, name: str) -> None:
        model = self.model.get(name)
        if model is None or not model.living:
            return
        self.store.fail_next(StoreFull("no room"))
        self.end(name, 4, None, away=False)

    # What always holds

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        self.do(self.settle())
        views = {view.name: view for view in self.rig.manager.views()}
        assert views.keys() == self.model.keys()
        for name, model in self.model.items():
            view, record = views[name], self.rig.session(name).record
            assert view.id == self.ids[name]
            assert record.generation == model.generation
            assert (view.exit_code, view.exit_signal) == (model.code, model.signal)
            assert (view.pid is not None) == model.living
            assert record.version >= self.versions.get(name, 0)
            self.versions[name] = record.version

    async def settle(self) -> None:
        await until(self.settled, 5, what=repr(self.model))
        await self.rig.journal.settled()
        self.rig.ledger.settle()
        await self.rig.journal.settled()
        kept = {record.name: record for record in await self.store.sessions()}
        assert kept == {one.record.name: one.record for one in self.rig.sessions.values()}
        items = {item.item_id: item for item in await self.store.open_items()}
        assert items == {item.item_id: item for item in self.rig.items()}
        failed = {Lifecycle.CRASHED, Lifecycle.LOST}
        asking = {self.ids[name] for name, one in self.model.items() if one.lifecycle in failed}
        assert {item.session_id for item in items.values()} == asking
        assert len(items) == len(asking)
        last = await self.store.last_sequence()
        assert last >= self.sequence
        self.sequence = last

    def settled(self) -> bool:
        sessions = {one.record.name: one for one in self.rig.sessions.values()}
        if sessions.keys() != self.model.keys():
            return False
        living = {sessions[name].place_key for name, one in self.model.items() if one.living}
        return (
            all(
                sessions[name].record.lifecycle is one.lifecycle for name, one in self.model.items()
            )
            and {keeper.places.key for keeper in self.keepers.living()} == living
            and all(
                sessions[name].run is not None and sessions[name].offset == self.keeper(name).end
                for name, one in self.model.items()
                if one.living
            )
            and not self.rig.manager._errands._tasks
        )

    def teardown(self) -> None:
        self.do(self.rig.close(stop_sessions=True))
        assert not self.keepers.living()
        left = self.do(self._tasks())
        assert not left, left
        self.do(self.store.close())
        self.runner.close()

    async def _tasks(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - {asyncio.current_task()}


Sessions.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSessions = Sessions.TestCase
