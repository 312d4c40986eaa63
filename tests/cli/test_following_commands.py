"""``session wait``, ``events`` and ``session logs --follow``: what waits, and what goes on."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.cli import following
from quarterdeck.cli.commands.screens import PlainText
from quarterdeck.cli.presenting import shown
from quarterdeck.cli.printing import age
from quarterdeck.cli.states import ACTIVITIES, LIFECYCLES, reached, wanted_states
from quarterdeck.core.protocol.events import AttentionRaised, PreferenceChanged, SystemWarning
from quarterdeck.core.protocol.status import Activity, Lifecycle, shown_status
from quarterdeck.core.protocol.wire import Follow, Watch

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Outcome
    from tests.cli.fake_engine import FakeEngine


class Beside:
    """A command line that runs in a thread while the test drives the engine."""

    def __init__(self, qd: CommandLine, *words: str) -> None:
        self._done: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._done.append(qd(*words)))
        self._thread.start()

    def result(self) -> Outcome:
        """What it came to."""
        self._thread.join(30)
        assert self._done, "the command still runs"
        outcome: Outcome = self._done[0]
        return outcome


# ---- wait ----------------------------------------------------------------------------------


def test_wait_returns_at_once_where_the_state_is_there(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs", activity=Activity.TURN_DONE)
    assert qd("session", "wait", "docs", "--until", "done").out == "docs: done.\n"


@pytest.mark.parametrize("until", ["done", "turn-done", "needs,done", "Turn Done, crashed"])
def test_wait_is_woken_by_the_event(engine: FakeEngine, qd: CommandLine, until: str) -> None:
    view = engine.add("docs")
    engine.add("other")
    waiting = Beside(qd, "session", "wait", "docs", "--until", until, "--json")
    engine.wait_for(lambda: engine.asked)
    other = next(one for one in engine.sessions.values() if one.name == "other")
    engine.change(other, Activity.TURN_DONE)
    view = engine.change(view, Activity.LIMITED)
    engine.change(view, Activity.TURN_DONE)
    done = waiting.result()
    assert (done.code, done.json["session"]["activity"]) == (0, "turn_done")


def test_wait_follows_before_it_looks(engine: FakeEngine, qd: CommandLine) -> None:
    """A change between looking and following would be waited for in vain."""
    engine.add("docs", activity=Activity.IDLE)
    qd("session", "wait", "docs", "--until", "idle")
    order = [type(one) for one in engine.came]
    assert order[-1] is Follow
    assert engine.came[-1].topics == ("status.changed", "session.updated", "session.deleted")


def test_wait_gives_up_in_time(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    done = qd("session", "wait", "docs", "--until", "done", "--timeout", "0.01s")
    assert (done.code, done.err) == (1, "quarterdeck: timed_out: docs is working still.\n")


@pytest.mark.parametrize("lifecycle", [Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST])
def test_wait_ends_with_the_session(
    engine: FakeEngine, qd: CommandLine, lifecycle: Lifecycle
) -> None:
    view = engine.add("docs")
    waiting = Beside(qd, "session", "wait", "docs", "--until", "done")
    engine.wait_for(lambda: engine.asked)
    engine.change(view, Activity.UNKNOWN, lifecycle=lifecycle, exit_code=3)
    done = waiting.result()
    assert done.code == 1
    assert f"session_ended: docs is {lifecycle} (exit code 3)" in done.err
    ended = qd("session", "wait", "docs", "--until", "ended")
    assert (ended.code, ended.out) == (0, f"docs: {lifecycle}.\n")


def test_wait_ends_when_the_session_is_deleted(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    waiting = Beside(qd, "session", "wait", "docs", "--until", "done")
    engine.wait_for(lambda: engine.asked)
    engine.delete(view)
    assert "session_ended: docs was deleted." in waiting.result().err


def test_wait_goes_on_with_the_engine_that_took_over(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    waiting = Beside(qd, "session", "wait", "docs", "--until", "done")
    engine.wait_for(lambda: engine.asked)
    engine.cut()
    engine.wait_for(lambda: sum(isinstance(one, Follow) for one in engine.came) == 2)
    engine.change(view, Activity.TURN_DONE)
    assert waiting.result().out == "docs: done.\n"


def test_wait_looks_again_after_a_change_of_engines(engine: FakeEngine, qd: CommandLine) -> None:
    """What happened while no engine was there is not missed."""
    view = engine.add("docs")
    waiting = Beside(qd, "session", "wait", "docs", "--until", "done")
    engine.wait_for(lambda: engine.asked)
    status = view.status.model_copy(update={"activity": Activity.TURN_DONE})
    engine.sessions[view.id] = view.model_copy(update={"status": status})
    engine.cut()
    assert waiting.result().out == "docs: done.\n"


def test_wait_ends_where_no_engine_takes_over(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AGAIN", 2)
    engine.add("docs")
    waiting = Beside(qd, "session", "wait", "docs", "--until", "done")
    engine.wait_for(lambda: engine.asked)
    engine.leave("the dashboard was closed")
    done = waiting.result()
    assert done.code == 1
    assert "link_closed" in done.err
    assert "the dashboard was closed" in done.err


def test_the_states_of_wait_are_those_of_the_protocol() -> None:
    assert set(LIFECYCLES) == set(Lifecycle)
    assert set(ACTIVITIES) == set(Activity)
    assert wanted_states("needs") == {"needs_approval", "needs_answer"}
    assert wanted_states("ended") == {"exited", "crashed", "lost"}


def test_an_activity_counts_only_while_the_session_runs() -> None:
    view = {"lifecycle": "exited", "status": {"activity": "turn_done"}}
    assert not reached(view, frozenset({"turn_done"}))
    assert reached(view | {"lifecycle": "running"}, frozenset({"turn_done"}))


def test_the_shown_words_are_those_of_the_protocol() -> None:
    for lifecycle in Lifecycle:
        for activity in Activity:
            assert shown(lifecycle, activity) == shown_status(lifecycle, activity)


# ---- events --------------------------------------------------------------------------------


def happen(engine: FakeEngine) -> None:
    view = engine.add("docs")
    engine.change(view, Activity.NEEDS_APPROVAL)
    engine.push(AttentionRaised(item=engine.raise_item(view)), view.id)
    engine.push(PreferenceChanged(name="keymap", value="vim"))
    engine.push(SystemWarning(code="slow_disk", message="The disk\x1b[2J is slow."))


def test_events_in_a_person_s_words(engine: FakeEngine, qd: CommandLine) -> None:
    happen(engine)
    lines = qd("events").out.splitlines()
    assert [line.split()[2] for line in lines] == [
        "status.changed",
        "attention.raised",
        "system.preference_change",
        "system.warning",
    ]
    assert "docs             working -> needs approval (spinner)" in lines[0]
    assert "docs             approval: docs: run npm install" in lines[1]
    assert "keymap = vim" in lines[2]
    assert "\x1b" not in lines[3]


def test_events_as_json_are_a_line_each(engine: FakeEngine, qd: CommandLine) -> None:
    happen(engine)
    lines = [json.loads(line) for line in qd("events", "--json").out.splitlines()]
    assert [line["metadata"]["sequence"] for line in lines] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--after", "2"], [3, 4]),
        (["--limit", "1"], [4]),
        (["--topic", "attention.*"], [2]),
        (["--topic", "attention.*.raised"], [2]),
        (["--topic", "engine.#"], [3, 4]),
        (["--session", "docs"], [1, 2]),
        (["--after", "9"], []),
    ],
)
def test_events_can_be_narrowed(
    engine: FakeEngine, qd: CommandLine, words: list[str], wanted: list[int]
) -> None:
    happen(engine)
    lines = [json.loads(line) for line in qd("events", "--json", *words).out.splitlines()]
    assert [line["metadata"]["sequence"] for line in lines] == wanted


def test_events_as_json_tell_their_topic(engine: FakeEngine, qd: CommandLine) -> None:
    happen(engine)
    lines = [json.loads(line) for line in qd("events", "--json").out.splitlines()]
    assert lines[-1]["topic"] == "engine.warning.slow_disk"


@pytest.mark.parametrize("words", [(), ("--follow",), ("--follow", "--after", "0")])
def test_a_bad_topic_is_refused_before_anything_is_asked(
    engine: FakeEngine, qd: CommandLine, words: tuple[str, ...]
) -> None:
    done = qd("events", "--topic", "sess*", *words)
    assert done.code == 2
    assert "* stands for one whole level" in done.err
    assert not engine.asked


@pytest.mark.parametrize(
    ("words", "before", "since"),
    [([], [1, 2, 3, 4], 4), (["--limit", "1"], [4], 4), (["--after", "2"], [3, 4], 2)],
)
def test_following_begins_with_the_past_and_has_no_gap(
    engine: FakeEngine,
    qd: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    before: list[int],
    since: int,
) -> None:
    monkeypatch.setattr(following, "AGAIN", 1)
    happen(engine)
    going = Beside(qd, "events", "--follow", "--json", *words)
    engine.wait_for(lambda: any(isinstance(one, Follow) for one in engine.came))
    assert engine.came[-1].since == since
    engine.push(PreferenceChanged(name="keymap", value="default"))
    engine.leave("done")
    done = going.result()
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["metadata"]["sequence"] for line in lines] == [*before, 5]
    assert done.code == 1


def test_following_goes_on_after_a_change_of_engines(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(engine)
    going = Beside(qd, "events", "--follow", "--topic", "system.*")
    engine.wait_for(lambda: any(isinstance(one, Follow) for one in engine.came))
    engine.cut()
    engine.wait_for(lambda: sum(isinstance(one, Follow) for one in engine.came) == 2)
    monkeypatch.setattr(following, "AGAIN", 1)
    engine.push(SystemWarning(code="slow_disk", message="again"))
    engine.leave("done")
    kinds = [line.split()[2] for line in going.result().out.splitlines()]
    assert kinds == ["system.preference_change", "system.warning", "system.warning"]


# ---- logs ----------------------------------------------------------------------------------


def following_logs(engine: FakeEngine, qd: CommandLine, *words: str) -> tuple[Beside, str]:
    view = engine.add("docs")
    held = threading.Event()

    def answer(wish: Any) -> dict[str, Any]:
        # Told before the log is read: it is in the log, and must not be told twice.
        engine._to_all(_output(view.id, b"repainted"))
        held.set()
        return {"session_id": view.id, "text": "past\n"}

    engine.handlers["session.logs"] = answer
    going = Beside(qd, "session", "logs", "docs", "--follow", *words)
    engine.wait_for(lambda: any(isinstance(one, Watch) for one in engine.came) and held.is_set())
    return going, view.id


def _output(session_id: str, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    message = {"kind": "output", "session_id": session_id, "data": text, "ended": False}
    return json.dumps(message).encode() + b"\n"


def test_logs_once(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    assert qd("session", "logs", "docs").out == "past\n"
    assert qd("session", "logs", "docs", "--raw").out == "\x1b[1mpast\x1b[0m\r\n"
    assert qd("session", "logs", "docs", "--tail", "10", "--json").json["text"] == "past\n"
    assert engine.asked[-1].model_dump()["limit"] == 10


def test_followed_logs_are_text_until_the_session_ends(engine: FakeEngine, qd: CommandLine) -> None:
    going, session_id = following_logs(engine, qd)
    for data in (b"\x1b[1mne", b"w\x1b[", b"0m \xc3", b"\xa9\r\n\x1b]0;title\x07"):
        engine.output(session_id, data)
    engine.output(session_id, b"last", ended=True)
    done = going.result()
    assert (done.code, done.out) == (0, "past\nnew \xe9\nlast")


def test_followed_logs_raw_and_as_json(engine: FakeEngine, qd: CommandLine) -> None:
    going, session_id = following_logs(engine, qd, "--raw")
    engine.output(session_id, b"\x1b[1mnew", ended=True)
    assert going.result().out == "past\n\x1b[1mnew"
    engine.sessions.clear()
    going, session_id = following_logs(engine, qd, "--json")
    engine.output(session_id, b"\x1b[1mnew", ended=True)
    told = [json.loads(line) for line in going.result().out.splitlines()]
    assert told == [{"text": "past\n"}, {"text": "new"}]


def test_followed_logs_end_with_the_engine(engine: FakeEngine, qd: CommandLine) -> None:
    going, _ = following_logs(engine, qd)
    engine.cut()
    done = going.result()
    assert (done.code, done.out) == (0, "past\n")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_plain_text_does_not_depend_on_how_bytes_were_split(size: int) -> None:
    data = "a\x1b[31mb\x1b[0m\x1b]8;;x\x1b\\c\x1bP1$r\x1b\\\x07d\x1b(B\te\x1b[2Jé\r\n".encode()
    plain = PlainText()
    got = b"".join(plain.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert got.replace(b"\r", b"") == "abcd\teé\n".encode()


# ---- screen and search ---------------------------------------------------------------------


def test_the_screen_without_its_blank_end(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    assert qd("session", "screen", "docs").out == "line 50\nline 51\n"
    assert qd("session", "screen", "docs", "--json").json["text"] == ["line 50", "line 51", ""]


def test_the_screen_with_history_above(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    assert qd("session", "screen", "docs", "--history", "2").out.splitlines()[:2] == [
        "line 48",
        "line 49",
    ]
    assert len(qd("session", "screen", "docs", "--history", "999").out.splitlines()) == 52


def test_the_styled_screen_has_colours(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    out = qd("session", "screen", "docs", "--styled").out
    assert out.splitlines()[0] == "\x1b[1;38;5;2;48;2;16;32;48mline 50\x1b[0m"


def test_search(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    assert qd("session", "search", "docs", "npm").out.splitlines()[1].split() == [
        "7",
        "2",
        "a",
        "npm",
    ]
    assert qd("session", "search", "docs", "npm", "--case").out == "It is not there.\n"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (259_200, "3d"), (-5, "0s")],
)
def test_ages_are_short(seconds: int, told: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age((now - timedelta(seconds=seconds)).isoformat(), now) == told


def test_what_has_no_stamp_has_no_age() -> None:
    assert age(None) == ""
