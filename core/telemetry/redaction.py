"""Secrets out of whatever is written down or shown: logs, events, texts of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "[redacted]"
SHORTEST = 6
"""Values shorter than this are not looked for in texts: they'd hit ordinary words."""

_SECRET_KEY = re.compile(
    r"token|secret|passw(or)?d|passphrase|api_?key|access_?key|private_?key|authori[sz]ation"
    r"|credential|cookie|^auth$|(^|_)pat$",
    re.IGNORECASE,
)
_ENVIRONMENT_KEY = re.compile(r"^(env|environ|environment)$", re.IGNORECASE)
_COUNT_KEY = re.compile(
    r"^(max_|min_|n_|num_)?(input_|output_|total_)?tokens(_\w+)?$", re.IGNORECASE
)

_KNOWN_FORMS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\bsk-[A-Za-z0-9_-]{16,}",  # Anthropic, OpenAI and others
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",  # GitLab
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
    r"\bAIza[A-Za-z0-9_-]{30,}",  # Google
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\bhf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"\bnpm_[A-Za-z0-9]{20,}",
    r"\bpypi-[A-Za-z0-9_-]{20,}",
    r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*",  # JSON web tokens
)
_WHOLE = re.compile("|".join(_KNOWN_FORMS))
_TAILS = (
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://[^/\s:@]*:)[^@\s/]+(?=@)"),  # a password in an address
    re.compile(
        r"(?i)((?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key)"
        r"[\"']?\s*[=:]\s*[\"']?)(?!\[redacted\])[^\s\"'&,;}]+"
    ),
)


def is_secret_name(name: str) -> bool:
    """Whether a field or variable of this name holds a secret."""
    return bool(_SECRET_KEY.search(name)) and not _COUNT_KEY.match(name)


class Redactor:
    """Takes secrets out of texts and data.

    ``secrets`` are values to hide wherever they stand, beside all that looks like a key and all
    that stands under a telling name. Values of environments are hidden; their names stay.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these values from now on, too; very short ones are left out."""
        self._secrets.update(value for value in secrets if len(value) >= SHORTEST)
        if self._secrets:
            longest_first = sorted(self._secrets, key=lambda value: (-len(value), value))
            self._pattern = re.compile("|".join(re.escape(value) for value in longest_first))

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        """Hide the values of those variables that are named like secrets."""
        self.learn(value for name, value in environment.items() if is_secret_name(name))

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        text = _WHOLE.sub(HIDDEN, text)
        for tail in _TAILS:
            text = tail.sub(rf"\g<1>{HIDDEN}", text)
        return text

    def value(self, value: Any, key: str = "") -> Any:
        """``value``, which stands under ``key``, without secrets, as plain data."""
        if value is None or isinstance(value, bool | int | float):
            return HIDDEN if value is not None and is_secret_name(key) else value
        if is_secret_name(key):
            return HIDDEN
        if isinstance(value, Mapping):
            return self._mapping(value, hide=bool(_ENVIRONMENT_KEY.match(key)))
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(part) for part in value]
        return self.text(value if isinstance(value, str) else str(value))

    def _mapping(self, value: Mapping[Any, Any], *, hide: bool) -> dict[str, Any]:
        return {
            self.text(str(name)): HIDDEN if hide else self.value(part, str(name))
            for name, part in value.items()
        }
