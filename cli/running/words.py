"""The words of ``quarterdeck run``: inputs, and answers given ahead."""

from __future__ import annotations

from collections.abc import Sequence

from ..failing import fault

_EVERY = {"all": "yes", "none": "no"}


def inputs_of(words: Sequence[str]) -> dict[str, str]:
    """Inputs by name, from ``NAME=VALUE``; the engine reads the values as the file's types say.

    :raises CliFault: ``usage``.
    """
    return dict(_pair(word, "--input") for word in words)


def approvals_of(words: Sequence[str]) -> dict[str, str]:
    """Answers by task, ``*`` for all others, from ``all``, ``none``, ``TASK=yes`` or ``TASK=CHOICE``.

    :raises CliFault: ``usage``.
    """
    return dict(
        ("*", _EVERY[word]) if word in _EVERY else _pair(word, "--approve") for word in words
    )


def _pair(word: str, option: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        wanted = "all, none, TASK=yes or TASK=CHOICE" if option == "--approve" else "NAME=VALUE"
        raise fault("usage", f"{option} takes {wanted}, not {word!r}.")
    return name, value
