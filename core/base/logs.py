"""Log lines that can't hurt: a broken log is no fault of the task that is told of."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any


def warn(
    logger: logging.Logger, text: str, *given: Any, error: BaseException | None = None
) -> None:
    """Log a warning, with the traceback of ``error``; a handler that raises is ignored."""
    with suppress(Exception):
        logger.warning(text, *given, exc_info=error)
