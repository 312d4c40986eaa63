"""What the settings say of sessions holds for them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, until

from quarterdeck.cli.compose import session_options
from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions.services import SessionOptions
from quarterdeck.core.settings import Settings, default_config

WANTED: dict[str, dict[str, Any]] = {
    "engine": {"max_concurrent_sessions": 7},
    "sessions": {
        "cols": 97,
        "lines": 31,
        "seen_after": 9,
        "stop_grace": 3,
        "start_timeout": 11,
        "prompt_verify_timeout": 6,
        "answer_timeout": 8,
    },
    "terminal": {
        "scrollback": 123,
        "backend": "pyte",
        "ring_bytes": 8192,
        "lag_rate": 5000,
        "away_rate": 6000,
    },
}


def test_every_setting_of_sessions_and_terminals_reaches_them() -> None:
    options = session_options(Settings.model_validate(WANTED))
    assert options == SessionOptions(
        max_sessions=7,
        cols=97,
        lines=31,
        seen_after=9,
        stop_grace=3,
        start_timeout=11,
        prompt_timeout=6,
        answer_timeout=8,
        scrollback=123,
        backend="pyte",
        ring_bytes=8192,
        lag_rate=5000,
        away_rate=6000,
    )


def test_the_defaults_of_both_are_the_same() -> None:
    assert session_options(default_config()) == SessionOptions()


async def test_a_session_has_the_configured_size_unless_one_is_given(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig: Rig = await new_rig(keepers=keepers, cols=97, lines=31)
    await rig.create(name="plain")
    assert keepers.latest().sizes == [(97, 31)]
    assert (rig.view("plain").cols, rig.view("plain").lines) == (97, 31)
    await rig.create(name="given", cols=50)
    assert keepers.latest().sizes == [(50, 31)]


async def test_history_is_as_long_as_configured(new_rig: Any, keepers: FakeKeepers) -> None:
    rig: Rig = await new_rig(keepers=keepers, scrollback=20)
    await rig.create()
    keepers.latest().write("".join(f"{number}\r\n" for number in range(200)))
    await until(lambda: "199" in rig.text("one"))
    assert rig.session("one").screen.emulator.history_length == 20


async def test_a_turn_counts_as_seen_after_the_configured_seconds(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    clock = ManualClock()
    rig: Rig = await new_rig(keepers=keepers, clock=clock, seen_after=9.0)
    await rig.create("practice-worker")
    keepers.latest().write("\x1b]7501;state=done\x1b\\")
    await rig.until_activity(Activity.TURN_DONE)
    reader = rig.session("one").reader
    rig.manager.focus("client", rig.session("one").id)
    clock.advance(8.5)
    reader._woken()
    assert rig.session("one").status.activity is Activity.TURN_DONE
    clock.advance(0.6)
    reader._woken()
    await rig.until_activity(Activity.IDLE)


@pytest.mark.parametrize(("state", "left"), [("working", []), ("done", ["done"])])
async def test_what_a_program_claimed_while_it_ran_ends_with_it(
    faked: Rig, keepers: FakeKeepers, state: str, left: list[str]
) -> None:
    await faked.create("practice-worker")
    keepers.latest().write(f"\x1b]7501;state={state}\x1b\\")
    emulator = faked.session("one").screen.emulator
    await until(lambda: len(emulator.status.records()) == 1)
    keepers.latest().end_child(0)
    await faked.until_lifecycle(Lifecycle.EXITED)
    assert [record.state.value for record in emulator.status.records()] == left
    await faked.manager.delete(c.DeleteSession(session_id=faked.session("one").id), CAUSE)
