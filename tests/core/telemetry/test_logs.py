"""The log: silent until opened, JSON lines for its owner only, secrets taken out."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.telemetry.logs import Logbook, PrivateFile, logger, open_logbook
from quarterdeck.core.telemetry.redaction import HIDDEN, Redactor

KEY = "sk-ant-api03-abcdefghijklmnop1234"
_log = logger("tests.room")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Logbook]:
    opened = open_logbook(tmp_path / "engine.log", "debug")
    yield opened
    opened.close()


def lines(book: Logbook) -> list[dict[str, Any]]:
    return [json.loads(line) for line in book.path.read_text().splitlines()]


def test_a_line_is_json_with_level_time_room_and_fields(book: Logbook) -> None:
    _log.info("session started", session="x", count=3)
    (line,) = lines(book)
    assert line["event"] == "session started"
    assert line["level"] == "info"
    assert line["logger"] == "tests.room"
    assert (line["session"], line["count"]) == ("x", 3)
    assert line["timestamp"].endswith("Z")


def test_each_level_writes_its_own(book: Logbook) -> None:
    _log.debug("a")
    _log.info("b")
    _log.warning("c")
    _log.error("d")
    assert [line["level"] for line in lines(book)] == ["debug", "info", "warning", "error"]


def test_below_the_level_nothing_is_written(tmp_path: Path) -> None:
    book = open_logbook(tmp_path / "l", "warning")
    try:
        _log.debug("a")
        _log.info("b")
        _log.warning("c")
        assert [line["event"] for line in lines(book)] == ["c"]
    finally:
        book.close()


def test_an_error_brings_its_traceback_without_secrets(book: Logbook) -> None:
    def fail() -> None:
        raise ValueError(f"refused {KEY}")

    try:
        fail()
    except ValueError as error:
        _log.error("it failed", error, command="x")
    (line,) = lines(book)
    assert "Traceback" in line["exception"]
    assert "ValueError: refused [redacted]" in line["exception"]


def test_no_secret_reaches_the_file(book: Logbook) -> None:
    _log.info(f"key {KEY}", api_key=KEY, nested={"env": {"A": KEY}}, text=[KEY])
    assert KEY not in book.path.read_text()
    assert lines(book)[0]["nested"] == {"env": {"A": HIDDEN}}


def test_a_redactor_that_learns_later_counts_from_then_on(tmp_path: Path) -> None:
    redactor = Redactor()
    book = open_logbook(tmp_path / "l", redactor=redactor)
    try:
        redactor.learn(["correct horse"])
        _log.info("the correct horse")
        assert lines(book)[0]["event"] == f"the {HIDDEN}"
        assert book.redactor is redactor
    finally:
        book.close()


def test_percent_signs_and_braces_are_just_text(book: Logbook) -> None:
    _log.info("100 % {done} %s %(x)s")
    assert lines(book)[0]["event"] == "100 % {done} %s %(x)s"


def test_half_surrogates_do_not_stop_the_log(book: Logbook) -> None:
    _log.info("name \udcff", path="\ud800")
    assert book.lost == 0
    assert lines(book)[0]["event"].startswith("name ")


def test_warnings_of_asyncio_come_into_the_log(book: Logbook) -> None:
    logging.getLogger("asyncio").warning("a task was %s", "lost")
    logging.getLogger("asyncio").info("chatter")
    assert [line["event"] for line in lines(book)] == ["a task was lost"]
    assert lines(book)[0]["logger"] == "asyncio"


async def test_an_exception_nobody_awaited_comes_into_the_log(book: Logbook) -> None:
    context = {"message": "gone wrong", "exception": ValueError("x")}
    asyncio.get_running_loop().call_exception_handler(context)
    assert "ValueError: x" in lines(book)[0]["exception"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.touch(mode=0o644)
    path.chmod(0o644)
    book = open_logbook(path)
    book.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_rotates_and_keeps_so_many_files(tmp_path: Path) -> None:
    handler = PrivateFile(tmp_path / "l", limit=200, kept=2)
    for number in range(50):
        handler.emit(logging.makeLogRecord({"msg": f"line {number} " + "x" * 50}))
    handler.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["l", "l.1", "l.2"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_a_full_disk_is_counted_and_nothing_is_printed(
    book: Logbook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write(self, _: str) -> None:
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str) -> Any:
            return lambda *_: 0

    monkeypatch.setattr(book._handler, "stream", Full())
    _log.info("lost")
    assert book.lost == 1
    assert capsys.readouterr() == ("", "")


def test_after_closing_the_levels_are_as_before(tmp_path: Path) -> None:
    before = logging.getLogger("quarterdeck").level
    book = open_logbook(tmp_path / "l", "debug")
    book.close()
    book.close()
    _log.info("to nobody")
    assert logging.getLogger("quarterdeck").level == before
    assert book.path.read_text() == ""


def test_unopened_it_costs_no_library_and_prints_nothing() -> None:
    program = (
        "import sys\n"
        "from quarterdeck.core.telemetry.logs import logger\n"
        "logger('x').error('quiet', ValueError('x'))\n"
        "print('structlog' in sys.modules, 'prometheus_client' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("False False\n", "")
