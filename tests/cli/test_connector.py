"""Coming to an engine: the one that runs, one of one's own, and over a change of hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.cli.compose import session_environment
from quarterdeck.cli.connector import EngineConnector
from quarterdeck.cli.inheriting import inherit
from quarterdeck.cli.outfit import configured_keys
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.client.client import Client
from quarterdeck.core.engine.lock import Holder, StateLock
from quarterdeck.core.protocol.commands import (
    CreateSession,
    GetPreferences,
    ListSessions,
    SetPreference,
)
from quarterdeck.core.protocol.wire import Goodbye
from quarterdeck.core.settings import Settings, StateSettings, UiSettings
from quarterdeck.state.memory import MemoryStore

QUICK = RetryPolicy(max_attempts=3, initial_delay=0.001)
Connecting = Callable[..., EngineConnector]


@pytest.fixture
async def connecting(state_dir: Path) -> AsyncIterator[Connecting]:
    """Makes connectors to one state directory; all are released at the end."""
    settings = Settings(state=StateSettings(dir=state_dir))
    made: list[EngineConnector] = []

    def make(*, parting: bool = False) -> EngineConnector:
        made.append(EngineConnector(state_dir, lambda: settings, patience=QUICK, parting=parting))
        return made[-1]

    async with AsyncExitStack() as stack:
        yield make
        for one in made:
            stack.push_async_callback(one.release, stop_sessions=True)


async def client_of(connector: EngineConnector, *, host: bool = True) -> Client:
    client = Client(await connector.connect(), "test", host=host)
    await client.start()
    return client


async def test_without_an_engine_one_is_started_here(connecting: Connecting) -> None:
    connector = connecting()
    assert not connector.hosting
    client = await client_of(connector)
    assert connector.hosting
    assert (await client.call(ListSessions()))["sessions"] == []
    await client.close()
    await connector.release()
    assert not connector.hosting
    await connector.release()  # a second time does nothing


async def test_an_engine_that_runs_is_attached_to(connecting: Connecting) -> None:
    host, guest = connecting(), connecting()
    first, second = await client_of(host), await client_of(guest)
    assert (host.hosting, guest.hosting) == (True, False)
    assert first.view.engine is not None
    assert second.view.engine is not None
    assert first.view.engine.engine_id == second.view.engine.engine_id
    await first.close()
    await second.close()


async def test_connecting_again_gives_another_link_to_the_same_engine(
    connecting: Connecting,
) -> None:
    connector = connecting()
    one, two = await asyncio.gather(client_of(connector), client_of(connector))
    assert one.view.engine is not None
    assert two.view.engine is not None
    assert one.view.engine.engine_id == two.view.engine.engine_id
    await one.close()
    await two.close()


async def test_a_guest_takes_over_when_the_host_leaves(connecting: Connecting) -> None:
    host, guest = connecting(), connecting()
    first, second = await client_of(host), await client_of(guest)
    await first.call(SetPreference(key="keymap", value="vim"))
    goodbyes: list[Goodbye] = []
    gone = asyncio.Event()
    second.on_goodbye = goodbyes.append
    second.on_closed = lambda _: gone.set()
    await first.close()
    await host.release()
    await gone.wait()
    assert [one.takeover for one in goodbyes] == [True]
    third = await client_of(guest)
    assert guest.hosting
    kept = await third.call(GetPreferences())
    assert kept["preferences"]["keymap"] == "vim"
    await second.close()
    await third.close()


async def test_leaving_with_the_sessions_asks_nobody_to_take_over(connecting: Connecting) -> None:
    host, guest = connecting(), connecting()
    first, second = await client_of(host), await client_of(guest)
    goodbyes: list[Goodbye] = []
    gone = asyncio.Event()
    second.on_goodbye = goodbyes.append
    second.on_closed = lambda _: gone.set()
    await first.close()
    await host.release(stop_sessions=True)
    await gone.wait()
    assert [one.takeover for one in goodbyes] == [False]
    await second.close()


async def test_a_parting_host_stops_its_sessions_whatever_is_asked(
    connecting: Connecting, tmp_path: Path
) -> None:
    host = connecting(parting=True)
    client = await client_of(host)
    wish = CreateSession(name="idler", agent="practice-idler", cwd=str(tmp_path))
    await client.call(wish)
    await client.close()
    await host.release()
    again = connecting()
    other = await client_of(again)
    (session,) = (await other.call(ListSessions()))["sessions"]
    assert session["lifecycle"] not in {"running", "starting", "lost"}
    await other.close()


async def test_who_takes_over_goes_on_with_the_store_that_the_other_had(
    state_dir: Path, tmp_path: Path
) -> None:
    """A dashboard that was given ``--store`` handed over to one that was not: its workflows were gone."""
    plain = Settings(state=StateSettings(dir=state_dir))
    url = f"sqlite://{tmp_path}/other.db"
    chosen = plain.model_copy(update={"state": StateSettings(dir=state_dir, url=url)})
    host = EngineConnector(state_dir, lambda: chosen, patience=QUICK)
    heir = EngineConnector(state_dir, lambda: plain, patience=QUICK)
    first, second = await client_of(host), await client_of(heir)
    await first.call(SetPreference(key="minimal", value=True))
    await first.close()
    await second.close()
    await host.release()
    third = await client_of(heir)
    assert heir.hosting
    assert heir.inherited == {"state.url": url}
    assert third.view.engine is not None
    assert third.view.engine.store == url
    assert (await third.call(GetPreferences()))["preferences"]["minimal"] is True
    await third.close()
    await heir.release(stop_sessions=True)


def test_an_address_with_a_password_has_to_be_given_anew() -> None:
    settings = Settings()
    own = {"state.url": settings.store_url, "workflows.executor": "local://"}
    assert inherit(settings, own) == (settings, {})
    assert inherit(settings, {}) == (settings, {})
    other, differs = inherit(settings, {"workflows.executor": "dask://host:1"})
    assert (other.workflows.executor, list(differs)) == ("dask://host:1", ["workflows.executor"])
    with pytest.raises(
        QuarterdeckError, match="Start again with that address as --store"
    ) as caught:
        inherit(settings, {"state.url": "postgresql://ann:[redacted]@host/db"})
    assert caught.value.code == "engine_differs"


async def test_a_lock_whose_holder_is_silent_is_told_in_the_end(
    connecting: Connecting, state_dir: Path, tmp_path: Path
) -> None:
    """An engine that is starting or ending holds the lock and does not answer."""
    lock = StateLock(state_dir)
    lock.acquire(Holder(1, "another", str(tmp_path / "nowhere"), datetime.now(UTC)))
    with pytest.raises(QuarterdeckError) as caught:
        await connecting().connect()
    assert caught.value.code == "engine_running"
    lock.release()
    client = await client_of(connecting())
    await client.close()


async def test_a_holder_that_begins_to_answer_is_waited_for(
    connecting: Connecting, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, guest = connecting(), connecting()
    attempts: list[int] = []
    attach = guest._attach

    async def slow() -> object:
        attempts.append(1)
        if len(attempts) == 1:
            client = await client_of(host)  # it takes the lock between our look and our start
            await client.close()
            return None
        return await attach()

    monkeypatch.setattr(guest, "_attach", slow)
    client = await client_of(guest)
    assert len(attempts) == 2
    assert not guest.hosting
    await client.close()


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A state directory that can't be made."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "state"


async def test_faults_of_the_start_are_told(blocked: Path) -> None:
    settings = Settings(state=StateSettings(dir=blocked))
    connector = EngineConnector(blocked, lambda: settings)
    with pytest.raises(QuarterdeckError) as caught:
        await connector.connect()
    assert caught.value.code == "state_dir_unusable"
    assert not connector.hosting


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_the_store_is_found_by_its_scheme(state_dir: Path) -> None:
    settings = Settings(state=StateSettings(dir=state_dir, url="memory://"))
    connector = EngineConnector(state_dir, lambda: settings)
    client = await client_of(connector)
    assert connector._own is not None
    assert isinstance(connector._own._store, MemoryStore)
    assert "quarterdeck.db" not in names_in(state_dir)
    await client.close()
    await connector.release()


def test_the_keys_of_the_settings_are_the_dashboard_s() -> None:
    ui = UiSettings(leave_key="ctrl+o", keys={"quit": "Q", "session.next": ("n", "j")})
    assert configured_keys(Settings(ui=ui)) == {
        "session.leave": "ctrl+o",
        "quit": "Q",
        "session.next": "n,j",
    }


def test_sessions_inherit_nothing_that_tells_of_this_terminal() -> None:
    given = {"PATH": "/bin", "LINES": "3", "COLUMNS": "5", "NO_COLOR": "1", "LANG": "C"}
    assert session_environment(given) == {"PATH": "/bin", "LANG": "C"}
