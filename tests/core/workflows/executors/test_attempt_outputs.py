"""Results, logs, names and places by themselves, also under whatever may come."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows.context import AttemptLost, TaskExecutionContext
from quarterdeck.core.workflows.definition import TaskDefinition
from quarterdeck.core.workflows.executors.attempt import BIG, Attempt, hidden
from quarterdeck.core.workflows.executors.children import Child, ChildKind, kept_child
from quarterdeck.core.workflows.executors.faults import (
    CommandFailed,
    ResultTooLarge,
    ResultUnreadable,
)
from quarterdeck.core.workflows.executors.folders import attempt_folder, safe_name
from quarterdeck.core.workflows.executors.log import LONGEST_LINE, AttemptLog
from quarterdeck.core.workflows.executors.process import last_words
from quarterdeck.core.workflows.executors.results import (
    Collected,
    as_value,
    json_of,
    lines_of,
    result_of,
)

FEW = settings(max_examples=60, deadline=None)


def collected(data: bytes, limit: int = 1024) -> Collected:
    found = Collected(limit)
    found.add(0, data)
    return found


# ---- names ------------------------------------------------------------------------------------


@FEW
@given(st.text(min_size=1, max_size=200))
def test_names_are_safe_and_different(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) < 100
    assert safe.isascii()
    assert not set(safe) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~")
    for other in (name + "x", name.swapcase(), name.replace("[", "_")):
        if other != name:
            assert safe_name(other).lower() != safe.lower()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("plan", "plan"), ("01M7Z005PCW0JAWVHSBWXARC05", "01M7Z005PCW0JAWVHSBWXARC05"),
     ("check[3]", "check_3~"), ("Build", "Build~"), ("..", "~"), ("../../etc", "etc~"), ("a/b", "a_b~")],
)  # fmt: skip
def test_names_stay_readable(name: str, shown: str) -> None:
    assert safe_name(name).startswith(shown)
    assert safe_name(name) == name or "~" in safe_name(name)
    folder = attempt_folder(Path("/x"), "w", name, 2)
    assert folder == Path("/x/w") / safe_name(name) / "2"


# ---- results ----------------------------------------------------------------------------------


@FEW
@given(st.lists(st.binary(max_size=300), max_size=12), st.integers(8, 400))
def test_output_is_whole_or_says_what_is_missing(parts: list[bytes], limit: int) -> None:
    found, offset = Collected(limit), 0
    for part in parts:
        assert found.add(offset, part) == part
        assert found.add(offset, part) == b""  # what was there is not new
        offset += len(part)
    data = b"".join(parts)
    assert found.size == len(data)
    assert data.endswith(found.tail(min(5, limit // 2)))
    text = found.text()
    if found.missing:
        assert found.missing <= len(data)
        assert f"{found.missing} bytes are missing here" in text
        assert text.startswith(data[: limit // 2].decode("utf-8", "replace"))
        with pytest.raises(ResultTooLarge):
            found.whole()
    else:
        assert text == data.decode("utf-8", "replace") == found.whole()


def test_a_gap_is_missing() -> None:
    found = Collected()
    found.add(0, b"ab")
    assert found.add(5, b"cd") == b"cd"
    assert (found.missing, found.size) == (3, 7)
    with pytest.raises(ResultTooLarge, match="3 of 7 bytes"):
        result_of(found, "json")
    assert result_of(found, "text") == "abcd\n[quarterdeck: 3 bytes are missing here]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@FEW
@given(JSON, st.booleans())
def test_json_comes_back(value: Any, pretty: bool) -> None:
    text = json.dumps(value, indent=2 if pretty else None, ensure_ascii=pretty)
    assert result_of(collected(text.encode("utf-8", "replace"), 10**6), "json") == json.loads(
        text.encode("utf-8", "replace")
    )


@FEW
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)))
def test_lines_come_back(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        text = "".join(line + end for line in lines)
        assert result_of(collected(text.encode(), 10**6), "lines") == lines
        if lines and lines[-1]:
            assert lines_of(text.removesuffix(end)) == lines


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "It is empty."), ("{", "line 1, column 2"), ("nope", "It begins: nope"),
     ("NaN", "NaN is no JSON number"), ("[" * 100_000, "recursion")],
)  # fmt: skip
def test_what_is_no_json_is_told(text: str, told: str) -> None:
    with pytest.raises(ResultUnreadable) as caught:
        json_of(text, "The output")
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": 1}', {"a": 1}), ("```json\n[1]\n```", [1]), ("So:\n```\n{}\n```\nDone.", {}),
     ("plain", "plain"), ("```\nplain\n```", "```\nplain\n```"), ("NaN", "NaN")],
)  # fmt: skip
def test_answers_that_are_to_be_values(text: str, value: Any) -> None:
    assert as_value(text) == value


# ---- logs -------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(1, 400), max_size=40))
def test_a_log_hides_secrets_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    data = b"".join(b"line %d secret-7 end\n" % at for at in range(60)) + b"secret-7 last"
    path = tmp_path_factory.mktemp("logs") / "a" / "log"
    log = AttemptLog(path, lambda text: text.replace("secret-7", "***"))
    for cut in cuts:
        log.write(data[:cut])
        data = data[cut:]
    log.write(data)
    log.close()
    log.close()
    text = path.read_text()
    assert "secret" not in text
    assert text.count("***") == 61
    assert log.size == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=20, max_size=40))
def test_a_log_is_bounded_and_says_what_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    path = tmp_path_factory.mktemp("logs") / "log"
    log = AttemptLog(path, str, limit=4000)
    for number, size in enumerate(sizes):
        log.write(b"%04d " % number + b"x" * size + b"\n")
        assert log.size <= 4000
    log.close()
    text = path.read_text()
    assert text.startswith("0000 x")
    assert f"\n{len(sizes) - 1:04d} x" in text
    written = sum(size + 6 for size in sizes)
    if written > 4000:
        (mark,) = [line for line in text.splitlines() if line.startswith("[quarterdeck: ")]
        left_out = int(mark.split()[1])
        assert written == len(text) - len(mark) - 1 + left_out


def test_a_log_keeps_long_lines_and_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    log = AttemptLog(path, str)
    log.begin(anew=False)
    assert not log.write(b"open")
    assert log.write(b"x" * LONGEST_LINE)
    log.line("told")
    log.write(bytes([0xFF, 0xFE]))
    log.close()
    assert path.read_bytes() == (
        b"before\nopen" + b"x" * LONGEST_LINE + b"[quarterdeck: told]\n\xff\xfe"
    )


# ---- places and errors --------------------------------------------------------------------------


def context(child: str | None, attempt: int = 2) -> TaskExecutionContext:
    return TaskExecutionContext(TaskDefinition("t", "a", "run"), "w", attempt=attempt, child=child)


async def test_a_log_has_one_writer_at_a_time_also_where_that_is_cancelled(tmp_path: Path) -> None:
    """Else it would be closed, and its number be another file's, while a thread writes on."""
    writing, may_go_on = threading.Event(), threading.Event()

    class Slow(AttemptLog):
        def write(self, data: bytes) -> bool:
            writing.set()
            assert may_go_on.wait(60)
            return super().write(data)

    attempt = object.__new__(Attempt)
    attempt.log = Slow(tmp_path / "log", str)
    work = asyncio.ensure_future(attempt.write(b"x" * BIG + b"\n"))
    await asyncio.to_thread(writing.wait, 60)
    work.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not work.done()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    attempt.log.close()
    assert (tmp_path / "log").stat().st_size == BIG + 1


@FEW
@given(st.sampled_from(ChildKind), st.integers(1, 9), st.text(max_size=50), st.booleans())
def test_children_come_back(kind: ChildKind, attempt: int, place: str, more: bool) -> None:
    child = Child(kind, attempt, place, {"x": 1} if more else {})
    assert Child.parse(child.text) == child
    assert kept_child(context(child.text, attempt), kind) == child
    with pytest.raises(AttemptLost):
        kept_child(context(child.text, attempt + 1), kind)


@pytest.mark.parametrize("text", [None, "", "keeper-7", "[]", '{"kind": "x"}', '{"kind": 1}'])
def test_what_is_no_child_loses_the_attempt(text: str | None) -> None:
    with pytest.raises(AttemptLost):
        kept_child(context(text), ChildKind.PROCESS)


def test_errors_lose_their_secrets_not_their_class() -> None:
    def hide(text: str) -> str:
        return text.replace("s3cret", "***")

    plain = ValueError("nothing")
    assert hidden(plain, hide) is plain
    ours = hidden(CommandFailed("it said s3cret", exit_code=1), hide)
    assert (type(ours), str(ours)) == (CommandFailed, "it said ***")
    assert str(hidden(ValueError("s3cret"), hide)) == "ValueError: ***"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("plain words\nin two lines", "plain words\nin two lines"),
        (
            'begin\nTraceback (most recent call last):\n  File "a.py", line 1\n    f()\nValueError: broken thing\n',
            "ValueError: broken thing (the traceback is in the log)",
        ),
        (
            'e "b.py", line 2, in f\n  File "a.py", line 1, in g\n    raise Odd(\nOdd: one\ntwo\n',
            "Odd: one two (the traceback is in the log)",
        ),
        (
            "Traceback (most recent call last):\n  a\nKeyError: 1\n\nDuring handling of it:\n\nTraceback (most recent call last):\n  b\nOSError: 2",
            "OSError: 2 (the traceback is in the log)",
        ),
        ("Traceback (most recent call last):\n  cut off", "cut off (the traceback is in the log)"),
    ],
)
def test_of_a_traceback_its_last_line_is_told(said: str, told: str) -> None:
    assert last_words(said.encode()) == told
