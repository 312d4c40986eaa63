"""Which constraints apply to an operation: found by its parameters and its type, not one by one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from ..base.topics import topic_matches
from .checks import MISSING
from .model import OperationContext, SafetyConstraint

REMEMBERED = 1000


class Rules:
    """Constraints by id, by parameter, and by pattern of operations."""

    def __init__(self) -> None:
        self.all: dict[str, SafetyConstraint] = {}
        self._by_parameter: dict[str, list[SafetyConstraint]] = {}
        self._by_operation: list[tuple[str, SafetyConstraint]] = []
        self._matched: OrderedDict[str, list[SafetyConstraint]] = OrderedDict()

    def add(self, constraint: SafetyConstraint) -> None:
        """Take in a constraint."""
        self.all[constraint.constraint_id] = constraint
        pattern = constraint.metadata.get("operation")
        if pattern is not None:
            self._by_operation.append((str(pattern), constraint))
            self._matched.clear()
        else:
            self._by_parameter.setdefault(str(constraint.parameter), []).append(constraint)

    def remove(self, constraint_id: str) -> bool:
        """Drop a constraint; whether it was there."""
        found = self.all.pop(constraint_id, None)
        if found is None:
            return False
        self._by_operation = [pair for pair in self._by_operation if pair[1] is not found]
        self._matched.clear()
        same = self._by_parameter.get(str(found.parameter), [])
        if found in same:
            same.remove(found)
        return True

    def applying(self, context: OperationContext) -> Iterator[tuple[SafetyConstraint, Any]]:
        """Those that apply, each with the value that it looks at."""
        for name, value in context.parameters.items():
            for constraint in self._by_parameter.get(name, ()):
                yield constraint, value
        if self._by_operation:
            for constraint in self._of(context.operation_type):
                if constraint.parameter is None:
                    yield constraint, MISSING
                elif constraint.parameter in context.parameters:
                    yield constraint, context.parameters[constraint.parameter]

    def _of(self, operation: str) -> list[SafetyConstraint]:
        found = self._matched.get(operation)
        if found is None:
            found = [
                one for pattern, one in self._by_operation if topic_matches(pattern, operation)
            ]
            self._matched[operation] = found
            if len(self._matched) > REMEMBERED:
                self._matched.popitem(last=False)
        return found
