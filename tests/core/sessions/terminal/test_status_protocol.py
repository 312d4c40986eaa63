"""The terminal's side of OSC 7501: limits, drop and skip rules, records, and writing reports."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.terminal.port import Emulator
from quarterdeck.core.sessions.terminal.status_protocol import (
    MAX_RECORDS,
    MAX_SEQUENCE,
    BlockedKind,
    ProgramState,
    Report,
    StatusRecords,
    StatusUnwritable,
    format_report,
    parse_report,
)

Open = Callable[..., Emulator]


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


READ = {
    "idle": ("state=idle", Report(ProgramState.IDLE)),
    "as Claude reports": (
        f"state=blocked:app=claude-code:kind=permission:msg={b64('approve Bash: touch t1')}",
        Report(
            ProgramState.BLOCKED,
            kind=BlockedKind.PERMISSION,
            app="claude-code",
            msg="approve Bash: touch t1",
        ),
    ),
    "everything": (
        f"state=working:id=a/b.c/d-1:progress=40:app=x:title={b64('T')}:msg={b64('M')}",
        Report(ProgramState.WORKING, id="a/b.c/d-1", progress=40, app="x", title="T", msg="M"),
    ),
    "base64 without padding": ("state=idle:msg=aGk", Report(ProgramState.IDLE, msg="hi")),
    "an empty text": ("state=idle:msg=", Report(ProgramState.IDLE)),
    "unknown keys are ignored": ("state=idle:colour=red", Report(ProgramState.IDLE)),
    "the last duplicate counts": ("state=idle:state=done", Report(ProgramState.DONE)),
    "malformed pairs are skipped": ("state=idle:x:=y:A=b:a b=c:k=v w::", Report(ProgramState.IDLE)),
    "a long pair without a value is skipped": (f"state=idle:{'x' * 40}", Report(ProgramState.IDLE)),
    "kind only with blocked": ("state=working:kind=auth", Report(ProgramState.WORKING)),
    "an unknown kind": ("state=blocked:kind=coffee", Report(ProgramState.BLOCKED)),
    "progress only with work": ("state=done:progress=5", Report(ProgramState.DONE)),
    "progress of a blocked one": ("state=blocked:progress=5", Report(ProgramState.BLOCKED, progress=5)),
    "progress at its ends": ("state=working:progress=100", Report(ProgramState.WORKING, progress=100)),
    "too much progress": ("state=working:progress=101", Report(ProgramState.WORKING)),
    "progress in words": ("state=working:progress=half", Report(ProgramState.WORKING)),
    "an app that is no name": ("state=idle:app=a/b", Report(ProgramState.IDLE)),
    "clear": ("state=clear:id=a", Report(ProgramState.CLEAR, id="a")),
    "the longest path": (
        f"state=idle:id={'/'.join(['x' * 15] * 8)}",
        Report(ProgramState.IDLE, id="/".join(["x" * 15] * 8)),
    ),
    "the longest message": (
        f"state=idle:msg={b64('m' * 2048)}",
        Report(ProgramState.IDLE, msg="m" * 2048),
    ),
    "invisible characters go": (
        "state=idle:msg=" + b64("a\u202eb\u200bc"),
        Report(ProgramState.IDLE, msg="abc"),
    ),
}  # fmt: skip

DROPPED = {
    "nothing": "",
    "no state": "app=x",
    "an unknown state": "state=sleeping",
    "a state in capitals": "state=IDLE",
    "the query": "?",
    "an empty path": "state=idle:id=",
    "an empty segment": "state=idle:id=a//b",
    "a long segment": f"state=idle:id={'x' * 33}",
    "a long path": f"state=idle:id={'/'.join(['x' * 20] * 8)}",
    "a deep path": f"state=idle:id={'/'.join('abcdefghi')}",
    "a path with other characters": "state=idle:id=a=b",
    "a long key": f"state=idle:{'k' * 17}=1",
    "a long app": f"state=idle:app={'x' * 33}",
    "a long title": f"state=idle:title={b64('t' * 193)}",
    "a title of many bytes": f"state=idle:title={b64('é' * 97)}",
    "a long message": f"state=idle:msg={b64('m' * 2049)}",
    "bad base64": "state=idle:msg=abcde",
    "base64 that goes on after its end": "state=idle:msg=aGk=aGk=",
    "bytes that are no UTF-8": f"state=idle:msg={b64(bytes([0xFF, 0xFE]))}",
    "a line end in a text": f"state=idle:msg={b64('a' + chr(10) + 'b')}",
    "an escape in a text": f"state=idle:title={b64(chr(27) + '[31m')}",
    "a C1 control in a text": f"state=idle:msg={b64(chr(0x9B))}",
    "a control in the report": "state=idle:app=a\tb",
}


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    body, report = READ[name]
    assert parse_report(body.encode()) == report


@pytest.mark.parametrize("name", DROPPED)
def test_dropped(name: str) -> None:
    assert parse_report(DROPPED[name].encode()) is None


def test_the_whole_sequence_is_bounded() -> None:
    frame = len(b"\x1b]7501;\x1b\\")
    body = b"state=idle:"
    fits = body + b"x" * (MAX_SEQUENCE - frame - len(body))
    assert parse_report(fits) == Report(ProgramState.IDLE)
    assert parse_report(fits + b"x") is None


@given(body=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode()))
def test_any_bytes_are_read_or_dropped(body: bytes) -> None:
    report = parse_report(body)
    assert report is None or report.state in ProgramState


PAIRS = st.tuples(
    st.sampled_from(["state", "id", "kind", "progress", "app", "title", "msg", "x"]),
    st.sampled_from(["idle", "blocked", "clear", "a/b", "auth", "7", "aGk=", "!", "", "x" * 40]),
)


@given(pairs=st.lists(PAIRS, max_size=8))
def test_reports_of_any_pairs_keep_every_limit(pairs: list[tuple[str, str]]) -> None:
    report = parse_report(":".join(f"{key}={value}" for key, value in pairs).encode())
    if report is not None:
        assert len(report.id) <= 128
        assert report.kind is None or report.state is ProgramState.BLOCKED
        assert report.progress is None or 0 <= report.progress <= 100


# Records


def records(*bodies: str) -> StatusRecords:
    table = StatusRecords()
    for body in bodies:
        report = parse_report(body.encode())
        assert report is not None
        table.apply(report)
    return table


def states(table: StatusRecords) -> dict[str, str]:
    return {record.id: str(record.state) for record in table.records()}


def test_a_report_replaces_its_record_whole() -> None:
    table = records("state=working:progress=5:app=x:msg=aGk=", "state=done")
    assert table.records() == (Report(ProgramState.DONE),)


def test_clear_takes_a_record_and_all_below() -> None:
    tree = ("state=idle", "state=idle:id=a", "state=idle:id=a/b", "state=idle:id=ab")
    assert set(states(records(*tree, "state=clear:id=a"))) == {"", "ab"}
    assert states(records(*tree, "state=clear")) == {}


def test_an_app_is_inherited() -> None:
    table = records(
        "state=idle:app=x", "state=idle:id=a/b", "state=idle:id=c:app=y", "state=idle:id=c/d"
    )
    assert {record.id: record.app for record in table.records()} == {
        "": "x", "a/b": "x", "c": "y", "c/d": "y"
    }  # fmt: skip
    assert records("state=idle:id=a/b").records()[0].app == ""


def test_a_prompt_ends_what_passes() -> None:
    table = records(
        *(f"state={state}:id={state}" for state in ("idle", "working", "done", "blocked", "error"))
    )
    table.prompt_began()
    assert states(table) == {"done": "done", "error": "error"}


def test_the_end_of_a_process_ends_what_passes() -> None:
    table = records("state=working", "state=error:id=a")
    table.process_exited()
    assert states(table) == {"a": "error"}


def test_a_reset_ends_everything() -> None:
    table = records("state=done")
    table.reset()
    assert len(table) == 0


def test_the_least_recently_updated_goes_first() -> None:
    table = StatusRecords(limit=3)
    for name in ("a", "b", "c", "a", "d"):
        table.apply(Report(ProgramState.IDLE, id=name))
    assert set(states(table)) == {"a", "c", "d"}


def test_the_table_is_bounded_by_itself() -> None:
    table = records(*(f"state=idle:id=r{n}" for n in range(MAX_RECORDS * 2)))
    assert len(table) == MAX_RECORDS


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        ((), None),
        (("idle",), "idle"),
        (("idle", "working"), "working"),
        (("working", "done"), "done"),
        (("done", "error"), "error"),
        (("error", "blocked", "working"), "blocked"),
    ],
)
def test_the_most_urgent_record_speaks(present: tuple[str, ...], chosen: str | None) -> None:
    table = records(*(f"state={state}:id=r{n}" for n, state in enumerate(present)))
    urgent = table.aggregate()
    assert (urgent and str(urgent.state)) == chosen


def test_of_equals_the_root_speaks() -> None:
    urgent = records("state=working:id=a", "state=working").aggregate()
    assert urgent is not None
    assert urgent.id == ""


def test_records_survive_as_plain_values() -> None:
    table = records("state=blocked:kind=auth:id=a", "state=working:progress=3")
    again = StatusRecords()
    again.load(table.dump())
    assert again.records() == table.records()
    with pytest.raises(ValueError, match="bogus"):
        again.load([{**table.dump()[0], "state": "bogus"}])


def test_the_terminal_applies_them(terminal: Open) -> None:
    emulator = terminal("\x1b]7501;state=working\x07\x1b]7501;state=done:id=a\x1b\\")
    assert states(emulator.status) == {"": "working", "a": "done"}
    emulator.feed(b"\x1b[!p\x1b[?1049h\x1b[?1049l")
    assert len(emulator.status) == 2, "a soft reset and another screen end nothing"
    emulator.feed(b"\x1b]133;B\x07\x1b]133;C\x07\x1b]133;D;1\x07")
    assert len(emulator.status) == 2, "only the next prompt ends what worked"
    emulator.feed(b"\x1b]133;A\x07")
    assert states(emulator.status) == {"a": "done"}
    emulator.feed(b"\x1bc")
    assert len(emulator.status) == 0


# Writing

TEXTS = st.text(max_size=300)


@given(
    state=st.sampled_from(list(ProgramState)),
    path=st.lists(st.from_regex(r"[A-Za-z0-9_.+-]{1,12}", fullmatch=True), max_size=8).map(
        "/".join
    ),
    title=TEXTS,
    msg=TEXTS,
)
def test_what_is_written_is_read(state: ProgramState, path: str, title: str, msg: str) -> None:
    sequence = format_report(state, id=path, title=title, msg=msg)
    assert len(sequence) <= MAX_SEQUENCE
    report = parse_report(sequence.removeprefix(b"\x1b]7501;").removesuffix(b"\x1b\\"))
    assert report is not None
    assert (report.state, report.id) == (state, path)


def test_a_written_report() -> None:
    assert format_report("blocked", kind="question", app="deploy", msg="Go?\n") == (
        b"\x1b]7501;state=blocked:kind=question:app=deploy:msg=R28/\x1b\\"
    )
    assert format_report("working", progress=0) == b"\x1b]7501;state=working:progress=0\x1b\\"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"state": "sleeping"}, "state"),
        ({"state": "idle", "id": "a b"}, "id"),
        ({"state": "idle", "id": "x" * 33}, "state"),
        ({"state": "idle", "app": "a b"}, "app"),
        ({"state": "idle", "kind": "auth"}, "kind"),
        ({"state": "blocked", "kind": "coffee"}, "kind"),
        ({"state": "working", "progress": 101}, "progress"),
        ({"state": "done", "progress": 5}, "progress"),
    ],
)
def test_what_the_protocol_can_not_say(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(StatusUnwritable) as refused:
        format_report(**arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.code == "status_unwritable"
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("told", "cost", "tokens"),
    [
        ("cost=0.42:tokens=18200", 0.42, 18200),
        ("cost=3", 3, None),
        ("cost=-1:tokens=1e9", None, None),
        ("cost=1.2.3:tokens=12345678901234", None, None),
    ],
)
def test_a_report_may_say_what_was_spent(
    told: str, cost: float | None, tokens: float | None
) -> None:
    found = parse_report(f"state=done:{told}".encode())
    assert found is not None
    assert (found.cost, found.tokens) == (cost, tokens)


@given(st.floats(0, 1e9), st.integers(0, 10**12 - 1))
def test_what_was_spent_is_read_as_it_was_written(cost: float, tokens: int) -> None:
    written = format_report("done", cost=cost, tokens=tokens)
    found = parse_report(written.removeprefix(b"\x1b]7501;").removesuffix(b"\x1b\\"))
    assert found is not None
    assert found.cost == pytest.approx(cost, abs=1e-9)
    assert found.tokens == tokens
