"""Reading a session: its screen as data, search, log, history, and how its status is read."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, fault_of, until
from tests.core.sessions.test_sessions_prompts import ASKS, BUSY, IDLE, reader

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import StatusChanged, StatusProgress
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source
from quarterdeck.core.protocol.views import HealthStatus
from quarterdeck.core.sessions.faults import SessionUnknown
from quarterdeck.core.sessions.settling import Settling


def _id(rig: Rig) -> str:
    return rig.view("one").id


# Screen, search, log


async def test_screen_and_history_come_as_lines_or_rows(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create(cols=20, lines=4)
    keepers.latest().write("\r\n".join(f"line {number}" for number in range(10)))
    await faked.until_text("line 9")
    read = faked.manager.screen
    now = await read(c.ReadScreen(session_id=_id(faked)))
    assert now["text"] == ["line 6", "line 7", "line 8", "line 9"]
    assert (now["history"], now["start"], now["rows"]) == (6, 6, None)
    assert now["cursor"] == {"x": 6, "y": 3}
    across = await read(c.ReadScreen(session_id=_id(faked), start=4, count=4))
    assert across["text"] == ["line 4", "line 5", "line 6", "line 7"]
    beyond = await read(c.ReadScreen(session_id=_id(faked), start=99, count=5))
    assert beyond["text"] == []
    styled = await read(c.ReadScreen(session_id=_id(faked), start=0, count=1, styled=True))
    assert styled["text"] is None
    assert styled["rows"][0][0][0] == "line 0"


async def test_search_finds_the_newest_first(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create(cols=20, lines=4)
    keepers.latest().write("\r\n".join(f"Word {number}" for number in range(6)))
    await faked.until_text("Word 5")
    found = await faked.manager.search(c.SearchScreen(session_id=_id(faked), text="word"))
    assert [match["line"] for match in found["matches"]] == [5, 4, 3, 2, 1, 0]
    assert found["matches"][0] == {"line": 5, "column": 0, "cells": 4, "text": "Word"}
    exact = c.SearchScreen(session_id=_id(faked), text="word", ignore_case=False)
    assert (await faked.manager.search(exact))["matches"] == []


async def test_the_log_is_the_tail_of_what_was_written(rig: Rig) -> None:
    await rig.script(r"printf '\033[31mred\033[0m \033]0;t\007plain\n'; printf 'end'; sleep 9")
    await rig.until_text("end")
    logs = rig.manager.logs
    assert (await logs(c.ReadLog(session_id=_id(rig))))["text"] == "red plain\nend"
    raw = (await logs(c.ReadLog(session_id=_id(rig), raw=True)))["text"]
    assert raw == "\x1b[31mred\x1b[0m \x1b]0;t\x07plain\r\nend"
    assert (await logs(c.ReadLog(session_id=_id(rig), limit=2)))["text"] == "nd"
    await rig.stop()
    assert (await logs(c.ReadLog(session_id=_id(rig))))["text"].startswith("red plain\nend")


async def test_a_session_that_never_ran_has_an_empty_log(faked: Rig) -> None:
    await faked.create(start=False)
    assert (await faked.manager.logs(c.ReadLog(session_id=_id(faked))))["text"] == ""


async def test_former_statuses_are_kept_newest_first(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader")
    for screen, activity in ((IDLE, Activity.IDLE), (ASKS, Activity.NEEDS_APPROVAL)):
        keepers.latest().write(screen)
        await rig.until_activity(activity)
    await rig.journal.settled()
    told = await rig.manager.history(c.SessionHistory(session_id=_id(rig)))
    activities = [(one["lifecycle"], one["activity"]) for one in told["entries"]]
    assert activities[:2] == [("running", "needs_approval"), ("running", "idle")]
    assert activities[-1] == ("starting", "unknown")
    times = [one["at"] for one in told["entries"]]
    assert times == sorted(times, reverse=True)
    few = await rig.manager.history(c.SessionHistory(session_id=_id(rig), limit=1))
    assert len(few["entries"]) == 1


async def test_an_explanation_names_the_rule_and_its_text(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader")
    keepers.latest().write(ASKS)
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    told = rig.manager.explain(c.ExplainSession(session_id=_id(rig)))
    assert told["status"]["activity"] == "needs_approval"
    assert "asks" in re.findall(r"'rule': '(\w+)'", repr(told["explanation"]))
    assert (told["name"], told["lifecycle"]) == ("one", "running")


async def test_what_is_asked_of_nobody_is_refused(faked: Rig) -> None:
    nobody = new_id()
    for wish in (
        faked.manager.screen(c.ReadScreen(session_id=nobody)),
        faked.manager.search(c.SearchScreen(session_id=nobody, text="x")),
        faked.manager.logs(c.ReadLog(session_id=nobody)),
        faked.manager.history(c.SessionHistory(session_id=nobody)),
    ):
        fault = await fault_of(wish)
        assert isinstance(fault, SessionUnknown)
        assert fault.details["session_id"] == nobody
    with pytest.raises(SessionUnknown):
        faked.manager.view(nobody)
    with pytest.raises(SessionUnknown):
        faked.manager.screen_source(nobody)


async def test_agents_that_can_be_started_come_first(faked: Rig) -> None:
    views = {view.name: view for view in faked.manager.agents()}
    assert views["shell"].found
    assert views["shell"].path == "/bin/sh"
    assert views["practice-worker"].practice
    assert views["claude"].has_rules
    order = [(not view.found, view.practice) for view in faked.manager.agents()]
    assert order == sorted(order)


async def test_health_tells_of_sessions_without_a_keeper(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create(name="a")
    [check] = await faked.manager.checks()
    assert (check.status, check.message) == (HealthStatus.HEALTHY, "1 living")
    faked.session("a").superseded = True
    run = faked.session("a").let_go()
    [check] = await faked.manager.checks()
    assert (check.status, check.message) == (HealthStatus.DEGRADED, "without a keeper: a")
    faked.session("a").run = run
    faked.session("a").superseded = False


# Reading the status


async def test_a_shell_is_idle_when_it_owns_its_terminal(rig: Rig) -> None:
    await rig.create()
    view = await rig.until_activity(Activity.IDLE)
    assert view.status.source is Source.PROCESS
    await rig.keys(text="cat")
    await rig.keys("enter")
    view = await rig.until_activity(Activity.WORKING)
    await until(lambda: "cat" in rig.view("one").status.evidence)
    await rig.keys("ctrl+c")
    await rig.until_activity(Activity.IDLE)


async def test_old_values_in_events_are_the_true_ones(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader")
    for screen, activity in (
        (IDLE, Activity.IDLE),
        (BUSY, Activity.WORKING),
        (ASKS, Activity.NEEDS_APPROVAL),
    ):
        keepers.latest().write(screen)
        await rig.until_activity(activity)
    await rig.stop()
    await rig.start()
    before: tuple[Lifecycle, Activity] = (Lifecycle.CREATED, Activity.UNKNOWN)
    for event in rig.told(StatusChanged):
        assert (event.old_lifecycle, event.old_activity) == before
        before = (event.lifecycle, event.status.activity)
        assert (event.session.lifecycle, event.session.status) == (event.lifecycle, event.status)
    assert before[0] is Lifecycle.RUNNING


async def test_titles_and_progress_are_told_but_not_one_by_one(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create()
    for number in range(500):
        keepers.latest().write(f"\x1b]0;step {number}\x07")
    keepers.latest().write("\x1b]7501;state=working:progress=40\x1b\\")
    session = faked.session("one")
    await until(lambda: session.progress == 40)
    assert session.view().title == "step 499"
    await until(lambda: [one for one in faked.told(StatusProgress) if one.progress == 40])
    told = faked.told(StatusProgress)
    assert (told[-1].title, told[-1].progress) == ("step 499", 40)
    assert len(told) < 20
    await faked.restart()
    assert (faked.view("one").title, faked.view("one").progress) == ("", None)


async def test_an_agent_that_changes_its_mind_all_the_time_is_not_journalled_each_time(
    faked: Rig, keepers: FakeKeepers
) -> None:
    await faked.create("practice-worker")
    flapping = "".join(
        f"\x1b]7501;state={'working' if number % 2 else 'idle'}\x1b\\" for number in range(4000)
    )
    keepers.latest().write(flapping)
    await until(lambda: faked.session("one").offset == len(flapping))
    keepers.latest().write("\x1b]7501;state=working\x1b\\")
    await faked.until_activity(Activity.WORKING)
    assert len(faked.told(StatusChanged)) < 60


async def test_bells_and_notifications_want_attention(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create("script")
    keepers.latest().front = keepers.latest().front.__class__(9, False, "tool", ())
    keepers.latest().write("\x1b]9;it is done\x07\a")
    view = await faked.until_activity(Activity.TURN_DONE)
    assert view.status.source is Source.NOTIFICATION
    assert "it is done" in view.status.evidence


async def test_a_full_reset_takes_reports_back(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create("practice-worker")
    keepers.latest().write("\x1b]7501;state=working\x1b\\")
    await faked.until_activity(Activity.WORKING)
    keepers.latest().write("\x1bc")
    await faked.until_activity(Activity.UNKNOWN)


async def test_a_shell_prompt_ends_what_ran_before(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    keepers.latest().write("\x1b]7501;state=working\x1b\\")
    await faked.until_activity(Activity.WORKING)
    keepers.latest().write("\x1b]133;C\x1b\\\x1b]7;file://host/tmp\x1b\\\x1b]133;A\x1b\\$ ")
    await faked.until_activity(Activity.IDLE)


async def test_nothing_is_looked_at_while_nothing_happens(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create("practice-worker")
    keepers.latest().write("\x1b]7501;state=idle\x1b\\")
    await faked.until_activity(Activity.IDLE)
    session = faked.session("one")
    looks: list[bool] = []
    monkeypatch.setattr(session.reader, "look", lambda **_: looks.append(True))
    await asyncio.sleep(0.2)
    assert len(looks) <= 1
    assert session.reader._wake is None
    assert session.reader._settling._timer is None


# When to look


class _Looks:
    def __init__(self, pause: float, limit: float) -> None:
        self.times: list[tuple[float, bool]] = []
        self.settling = Settling(self._settled, pause=pause, limit=limit)

    def _settled(self, paused: bool) -> None:
        self.times.append((asyncio.get_running_loop().time(), paused))


async def test_a_screen_settles_when_its_output_pauses() -> None:
    looks = _Looks(0.02, 10)
    start = last = asyncio.get_running_loop().time()
    for _ in range(5):
        last = asyncio.get_running_loop().time()
        looks.settling.disturbed()
        await asyncio.sleep(0.005)
    await until(lambda: looks.times and looks.times[-1][0] > last)
    at, paused = looks.times[-1]  # a busy machine pauses in the middle, too
    assert paused
    assert at - last > 0.01
    assert at - start > 0.03


async def test_a_flood_is_looked_at_from_time_to_time() -> None:
    looks = _Looks(0.05, 0.08)
    end = asyncio.get_running_loop().time() + 0.4
    while asyncio.get_running_loop().time() < end:
        looks.settling.disturbed()
        await asyncio.sleep(0.001)
    assert 2 <= len(looks.times) <= 6
    assert not any(paused for _, paused in looks.times[:-1])
    looks.settling.cancel()
    count = len(looks.times)
    await asyncio.sleep(0.1)
    assert len(looks.times) == count


async def test_a_look_for_later_comes_once_and_output_comes_first() -> None:
    looks = _Looks(0.01, 0.02)
    looks.settling.after(0.03)
    looks.settling.after(5)
    await until(lambda: looks.times)
    looks.settling.after(5)
    looks.settling.disturbed()
    await until(lambda: len(looks.times) == 2)
    assert looks.settling._timer is None
