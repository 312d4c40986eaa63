"""One run of one command: which engine it means, how it prints, its link."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from .link import PATIENCE, Link, Message
from .place import Place, locate
from .printing import Printer

FLAGS = {"store": "state.url", "executor": "workflows.executor"}
"""Options that are settings, and which."""
PLACES = ("state_dir", "config", "profile")


class Invocation:
    """What a command works with; the link is opened on first use."""

    def __init__(self, values: Message) -> None:
        self.values = values
        self.printer = Printer(as_json=bool(values.get("json")))
        self._place: Place | None = None
        self._link: Link | None = None

    @property
    def place(self) -> Place:
        """Where the engine is."""
        if self._place is None:
            self._place = locate(*self._given())._replace(flags=self.flags)
        return self._place

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        """Settings that were given as options."""
        given = ((key, self.values.get(name)) for name, key in FLAGS.items())
        return tuple((key, str(value)) for key, value in given if value is not None)

    def again(self, *words: str, hosted: bool) -> str:
        """A command line that comes back to this engine, whose store only another start of it must name.

        Passwords are left out of it.
        """
        # Start-up time: only what ends needs them.
        import shlex  # noqa: PLC0415

        from ..core.telemetry.redaction import Redactor  # noqa: PLC0415

        hide = Redactor().text
        given = ((key, self.values.get(key)) for key in (*PLACES, *(FLAGS if hosted else ())))
        options = ((f"--{key.replace('_', '-')}", hide(str(one))) for key, one in given if one)
        return shlex.join(("quarterdeck", *words, *chain.from_iterable(options)))

    @property
    def bare_place(self) -> Place:
        """The same as far as it is known without reading the configuration."""
        return locate(*self._given(), read=False)

    def _given(self) -> Iterator[str | None]:
        return (self.values.get(key) for key in ("state_dir", "config", "profile", "path"))

    @property
    def link(self) -> Link:
        """The link to the engine.

        :raises CliFault: ``no_engine`` if none runs.
        """
        if self._link is None:
            self._link = Link.open(self.place.socket)
        return self._link

    def adopt(self, link: Link) -> None:
        """Go on with another link to an engine."""
        self.close()
        self._link = link

    def call(self, kind: str, patience: float = PATIENCE, **payload: Any) -> Message:
        """The result of a command; payload fields that are ``None`` are left out."""
        given = {key: value for key, value in payload.items() if value is not None}
        return self.link.call(kind, given, patience)

    def close(self) -> None:
        """Close the link, if it was opened."""
        if self._link is not None:
            self._link.close()
            self._link = None
