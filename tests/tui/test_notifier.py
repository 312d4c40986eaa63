"""Notifications: once for each request, only for wanted kinds, never in a flood."""

from __future__ import annotations

import asyncio
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew

from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.preferences import with_defaults
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.tui.notifier import SEEN_KEPT, Notifier, desktop_command, osc9, send_to_desktop

QUIET = 5.0


class Outside:
    """The ways out, written down."""

    def __init__(self) -> None:
        self.bells = 0
        self.written: list[str] = []
        self.shown: list[str] = []

    def ring(self) -> None:
        self.bells += 1

    def write(self, sequence: str) -> None:
        self.written.append(sequence)

    def desktop(self, text: str) -> None:
        self.shown.append(text)


class Post:
    """A notifier with everything on, and what it did."""

    def __init__(self, crew: Crew, **preferences: Any) -> None:
        self.crew = crew
        self.outside = Outside()
        self.notifier = Notifier(crew.clock, self.outside, QUIET)
        wanted = {"notify_desktop": True, **preferences}
        self.notifier.preferences = with_defaults(wanted)
        self.notifier.owner = lambda item: crew.sessions[item.session_id].name

    def raised(self, item: AttentionItem) -> None:
        self.notifier.event(self.crew.event(e.AttentionRaised(item=item)))

    def updated(self, item: AttentionItem, **changes: Any) -> AttentionItem:
        changed = item.model_copy(update=changes)
        self.notifier.event(self.crew.event(e.AttentionUpdated(item=changed)))
        return changed

    def closed(self, item: AttentionItem) -> None:
        self.notifier.event(self.crew.event(e.AttentionClosed(item=item)))

    @property
    def texts(self) -> list[str]:
        return self.outside.shown


@pytest.fixture
def login(crew: Crew) -> SessionView:
    return crew.add("fix-login")


def test_all_ways_are_off_by_default(crew: Crew, login: SessionView) -> None:
    post = Post(crew, notify_desktop=False)
    post.raised(crew.item(login))
    assert (post.outside.bells, post.outside.written, post.outside.shown) == (0, [], [])


def test_each_way_that_is_on_is_used(crew: Crew, login: SessionView) -> None:
    post = Post(crew, notify_bell=True, notify_osc9=True)
    post.raised(crew.item(login))
    assert post.outside.bells == 1
    assert post.outside.written == ["\x1b]9;fix-login: approval: run: npm i\x07"]
    assert post.texts == ["fix-login: approval: run: npm i"]


async def test_a_request_notifies_once(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    item = crew.item(login)
    post.raised(item)
    crew.clock.advance(60)
    post.raised(item)
    post.updated(item, title="changed words")
    assert len(post.texts) == 1


def test_an_item_that_asks_anew_notifies_again(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    item = crew.item(login)
    post.raised(item)
    crew.clock.advance(60)
    post.updated(item, request_id="another", title="run: make")
    assert post.texts[1:] == ["fix-login: approval: run: make"]


def test_snoozing_is_silent_and_coming_back_is_not(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    item = crew.item(login)
    post.raised(item)
    crew.clock.advance(60)
    item = post.updated(item, snoozed_until=crew.now() + timedelta(minutes=5))
    assert len(post.texts) == 1
    crew.clock.advance(300)
    post.updated(item, snoozed_until=None)
    assert len(post.texts) == 2


def test_only_wanted_kinds_notify(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    post.raised(crew.item(login, AttentionKind.TURN_DONE, "done"))
    post.raised(crew.item(login, AttentionKind.LIMIT, "limit"))
    assert post.texts == []
    post = Post(crew, notify_kinds=" turn_done , approval")
    post.raised(crew.item(login, AttentionKind.TURN_DONE, "done"))
    assert post.texts == ["fix-login: turn done: done"]


def test_what_the_person_looks_at_needs_no_notification(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    post.notifier.looked_at = login.id
    post.raised(crew.item(login))
    assert post.texts == []


def test_items_that_were_there_at_the_start_are_not_news(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    item = crew.item(login)
    post.notifier.event(crew._snapshot())
    post.raised(item)
    assert post.texts == []


async def test_a_flood_becomes_one_and_a_count(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    items = [crew.item(login, title=f"n{number}") for number in range(50)]
    for item in items:
        post.raised(item)
    assert len(post.texts) == 1
    assert post.notifier._alarm.pending
    post.closed(items[7])
    crew.clock.advance(QUIET)
    post.notifier._tell_held()
    assert post.texts[1:] == ["48 items more need you"]
    post.notifier.close()


async def test_one_that_was_held_back_is_told_in_full(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    post.raised(crew.item(login))
    post.raised(crew.item(login, title="second"))
    post.notifier._tell_held()
    assert post.texts[1] == "fix-login: approval: second"
    post.notifier.close()


async def test_what_was_answered_meanwhile_is_not_told(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    post.raised(crew.item(login))
    second = crew.item(login, title="second")
    post.raised(second)
    post.closed(second)
    post.notifier._tell_held()
    assert len(post.texts) == 1
    post.notifier.close()
    assert not post.notifier._alarm.pending


def test_remembering_requests_has_a_bound(crew: Crew, login: SessionView) -> None:
    post = Post(crew, notify_kinds="")
    for _ in range(SEEN_KEPT + 50):
        post.raised(crew.item(login))
    assert len(post.notifier._seen) == SEEN_KEPT


def test_other_events_are_overlooked(crew: Crew, login: SessionView) -> None:
    post = Post(crew)
    post.notifier.event(crew.event(e.SessionCreated(session=login)))
    assert post.texts == []


@given(st.text())
def test_no_text_can_leave_its_osc_9(text: str) -> None:
    sequence = osc9(text)
    assert sequence.startswith("\x1b]9;")
    assert sequence.endswith("\x07")
    inner = sequence[4:-1]
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in inner)
    assert len(inner) <= 200


def test_without_notify_send_there_is_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert desktop_command("text") == ()


@pytest.fixture
def notify_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notify-send that writes its arguments down."""
    out = tmp_path / "out"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {out}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    return out


async def test_a_desktop_notification_gets_its_text_as_an_argument(notify_send: Path) -> None:
    await send_to_desktop("--icon=x <b>$(id)</b>\x1b[31m")
    written = await asyncio.to_thread(notify_send.read_text)
    assert written == (
        "--app-name=quarterdeck|--|Quarterdeck|--icon=x &lt;b&gt;$(id)&lt;/b&gt; [31m|"
    )


async def test_a_missing_or_broken_notify_send_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    await send_to_desktop("text")
    program = tmp_path / "notify-send"
    program.write_text("no program")
    program.chmod(0o755)
    await send_to_desktop("text")


async def test_a_notify_send_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "notify-send"
    program.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("quarterdeck.tui.notifier.DESKTOP_PATIENCE", 0.01)
    await asyncio.wait_for(send_to_desktop("text"), 10)
