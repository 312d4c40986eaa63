"""Logs: structured lines of JSON in a file of the state directory, secrets taken out.

Rooms write through ``logger``, which costs the standard library only and says nothing until
``open_logbook`` was called; structlog is loaded there.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
from collections.abc import MutableMapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from .redaction import Redactor

ROOT = "quarterdeck"
FOREIGN = ("asyncio", "py.warnings")
"""Loggers of others whose lines belong into the log, too."""

FILE_LIMIT = 5_000_000
FILES_KEPT = 3
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

logging.getLogger(ROOT).addHandler(logging.NullHandler())


class Log:
    """One room's log: an event in plain words, and fields."""

    __slots__ = ("_logger",)

    def __init__(self, room: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{room}")

    def debug(self, event: str, **fields: Any) -> None:
        """A step, for whoever looks for a fault."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something deserves a look."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, error: BaseException | None = None, **fields: Any) -> None:
        """Something failed; ``error`` is written with its traceback."""
        self._write(logging.ERROR, event, fields, error)

    def _write(
        self, level: int, event: str, fields: dict[str, Any], error: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={"fields": fields}, exc_info=error)


def logger(room: str) -> Log:
    """The log of ``room``, such as ``engine.workers``."""
    return Log(room)


class PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read; a line that can't be written is counted."""

    def __init__(self, path: Path, limit: int = FILE_LIMIT, kept: int = FILES_KEPT) -> None:
        self.lost = 0
        super().__init__(path, maxBytes=limit, backupCount=kept, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(file, 0o600)
        return TextIOWrapper(
            os.fdopen(file, "ab"), encoding=self.encoding, errors="backslashreplace"
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own
        """Count the line as lost: a full disk must not write over a dashboard's screen."""
        self.lost += 1

    def close(self) -> None:
        """Close the file; what a full disk does not take of the rest is lost."""
        try:
            super().close()
        except OSError:
            self.lost += 1
            logging.Handler.close(self)


class Logbook:
    """The open log file; ``lost`` lines could not be written."""

    def __init__(self, handler: PrivateFile, redactor: Redactor) -> None:
        self.redactor = redactor
        self._handler = handler
        self._levels: dict[str, int] = {}

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._handler.lost

    @property
    def path(self) -> Path:
        """The file written to."""
        return Path(self._handler.baseFilename)

    def open(self, level: str) -> None:
        """Take the lines of our rooms, and warnings of asyncio and of Python, into the file."""
        wanted = {ROOT: LEVELS[level], **dict.fromkeys(FOREIGN, logging.WARNING)}
        for name, number in wanted.items():
            target = logging.getLogger(name)
            self._levels[name] = target.level
            target.setLevel(number)
            target.addHandler(self._handler)

    def close(self) -> None:
        """Take nothing more and close the file; a second time does nothing."""
        for name, level in self._levels.items():
            target = logging.getLogger(name)
            target.removeHandler(self._handler)
            target.setLevel(level)
        self._levels.clear()
        self._handler.close()


def open_logbook(path: Path, level: str = "info", redactor: Redactor | None = None) -> Logbook:
    """Write the logs to ``path`` from now on: lines of JSON, mode 0600, rotated at 5 MB.

    :raises OSError: if the file can't be written.
    """
    hider = redactor or Redactor()
    handler = PrivateFile(path)
    handler.setFormatter(_formatter(hider))
    book = Logbook(handler, hider)
    book.open(level)
    return book


def _formatter(redactor: Redactor) -> logging.Formatter:
    import structlog  # noqa: PLC0415  # start-up time: 50 ms, for the one process that logs

    def fields(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        record: logging.LogRecord = event["_record"]
        own = getattr(record, "fields", {})
        return {"logger": record.name.removeprefix(f"{ROOT}."), **own, **event}

    def redacted(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {name: redactor.value(part, name) for name, part in event.items()}

    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            fields,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redacted,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    return formatter
