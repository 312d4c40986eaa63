"""The one error tree: a machine-readable code, a category, a message for a person."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Category(StrEnum):
    """Who can mend it: the caller, the state of things, a scarce resource, or the system."""

    VALIDATION = "validation"
    BUSINESS = "business"
    RESOURCE = "resource"
    SYSTEM = "system"


class ErrorInfo(BaseModel):
    """An error as it crosses the engine's boundary."""

    model_config = ConfigDict(frozen=True)

    code: str
    category: Category
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    recoverable: bool = True


class QuarterdeckError(Exception):
    """Base of every error that a user can meet.

    A subclass fixes ``category``, ``recoverable`` and, where it has one cause only, ``code``;
    ``message`` says what is wrong, where, and what to do about it. ``transient`` marks causes
    that pass by themselves, so that the same call is worth another try at once; ``fatal`` those
    after which an engine can keep nothing any more, and had better stop.
    """

    code: ClassVar[str] = "internal"
    category: ClassVar[Category] = Category.SYSTEM
    recoverable: ClassVar[bool] = True
    transient: ClassVar[bool] = False
    fatal: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def info(self) -> ErrorInfo:
        """The error as a value."""
        return ErrorInfo(
            code=self.code,
            category=self.category,
            message=self.message,
            details=self.details,
            recoverable=self.recoverable,
        )


class ValidationFault(QuarterdeckError):
    """The caller said something that can't be carried out as said."""

    code = "invalid"
    category = Category.VALIDATION


class BusinessFault(QuarterdeckError):
    """A well-formed wish that the present state refuses."""

    code = "refused"
    category = Category.BUSINESS


class ResourceFault(QuarterdeckError):
    """Something needed is used up, missing or out of reach."""

    code = "unavailable"
    category = Category.RESOURCE


class SystemFault(QuarterdeckError):
    """The system itself failed."""

    code = "internal"
    category = Category.SYSTEM
    recoverable = False


def known_errors(root: type[QuarterdeckError] = QuarterdeckError) -> list[type[QuarterdeckError]]:
    """Every error class loaded so far, ``root`` included, each once, by code and name."""
    found = {root}
    pending = [root]
    while pending:
        for sub in pending.pop().__subclasses__():
            if sub not in found:
                found.add(sub)
                pending.append(sub)
    return sorted(found, key=lambda kind: (kind.code, kind.__name__))
