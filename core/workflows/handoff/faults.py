"""What is wrong with a handoff."""

from __future__ import annotations

from ...base.errors import ValidationFault


class HandoffValidationError(ValidationFault):
    """A handoff's message breaks its schema; ``path`` and ``fault`` say where and how."""

    code = "handoff_invalid"

    def __init__(self, path: str, fault: str, others: int = 0) -> None:
        more = f" ({others} more faults)" if others else ""
        super().__init__(
            f"The handoff is not valid at {path}: {fault}{more}.", path=path, fault=fault
        )

    @property
    def path(self) -> str:
        """Where: ``$`` is the message, ``$.state.progress.percentage`` a part of it."""
        return str(self.details["path"])

    @property
    def fault(self) -> str:
        """What is wrong there."""
        return str(self.details["fault"])
