"""The base of all views."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of all views: frozen values."""

    model_config = ConfigDict(frozen=True)

    def changed(self, **changes: Any) -> Self:
        """A copy with fields changed, unchecked as in ``model_copy``, at a sixth of its cost.

        A program may report its progress thousands of times a second.
        """
        new = type(self).__new__(type(self))
        object.__setattr__(new, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(
            new, "__pydantic_fields_set__", {*self.__pydantic_fields_set__, *changes}
        )
        object.__setattr__(new, "__pydantic_extra__", None)
        object.__setattr__(new, "__pydantic_private__", None)
        return new
