"""What the rooms need of telemetry: somewhere to count and to measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from ..base.errors import ErrorInfo

Tags = Mapping[str, str]


class MetricsCollector(Protocol):
    """Takes figures in; never raises, never waits."""

    def record_command(self, command_type: str) -> None:
        """A command was taken in."""
        ...

    def record_command_duration(self, command_type: str, seconds: float) -> None:
        """A command was answered, ``seconds`` after it was taken in."""
        ...

    def record_error(self, operation: str, error: BaseException | ErrorInfo) -> None:
        """An operation, such as a command's type, failed."""
        ...

    def record_session_count(self, count: int) -> None:
        """So many sessions live."""
        ...

    def increment_counter(self, name: str, tags: Tags | None = None, by: float = 1) -> None:
        """Something of this name happened once more, or ``by`` times."""
        ...

    def set_gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Something of this name stands at ``value``."""
        ...

    def observe(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Something of this name took or measured ``value``; times in seconds."""
        ...


@runtime_checkable
class ExposedMetrics(Protocol):
    """A collector whose figures can be read as a text of ``content_type``."""

    content_type: str

    def render(self) -> bytes:
        """Every figure."""
        ...


class NullMetrics:
    """Forgets everything."""

    def record_command(self, command_type: str) -> None:
        """Forget it."""

    def record_command_duration(self, command_type: str, seconds: float) -> None:
        """Forget it."""

    def record_error(self, operation: str, error: BaseException | ErrorInfo) -> None:
        """Forget it."""

    def record_session_count(self, count: int) -> None:
        """Forget it."""

    def increment_counter(self, name: str, tags: Tags | None = None, by: float = 1) -> None:
        """Forget it."""

    def set_gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Forget it."""

    def observe(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Forget it."""


def error_code(error: BaseException | ErrorInfo) -> str:
    """The label of an error: its code, or its type's name where it has none."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__name__
