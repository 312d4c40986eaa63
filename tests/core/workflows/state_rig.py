"""What the tests of workflow state share."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.workflows.definition import TaskDefinition

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def task(name: str, *needs: str, **more: Any) -> TaskDefinition:
    return TaskDefinition(name, f"agent-{name}", "kind", needs, **more)


async def refused(wanted: Awaitable[Any]) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        await wanted
    return caught.value
