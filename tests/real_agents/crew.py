"""How each real agent is set up for the tests: its files and environment, and nothing of the user's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Setup = Callable[[Path, str], Mapping[str, str]]


def _claude(home: Path, url: str) -> Mapping[str, str]:
    known = {"customApiKeyResponses": {"approved": ["test"], "rejected": []}}
    start = {"hasCompletedOnboarding": True, "theme": "dark", **known}
    (home / ".claude.json").write_text(json.dumps(start), encoding="utf-8")
    quiet = dict.fromkeys(("DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DO_NOT_TRACK"), "1")
    quiet["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "test", **quiet}


def _codex(home: Path, url: str) -> Mapping[str, str]:
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        f"""
model = "test"
model_provider = "test"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.test]
name = "test"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "TEST_API_KEY"
""",
        encoding="utf-8",
    )
    return {"TEST_API_KEY": "test"}


def _gemini(home: Path, url: str) -> Mapping[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return {"GEMINI_API_KEY": "test", "GOOGLE_GEMINI_BASE_URL": url}


def _opencode(home: Path, url: str) -> Mapping[str, str]:
    model = {"name": "Test", "limit": {"context": 100000, "output": 4096}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Test",
        "options": {"baseURL": f"{url}/v1", "apiKey": "test"},
        "models": {"test": model},
    }
    config = {
        "autoupdate": False,
        "share": "disabled",
        "model": "test/test",
        "small_model": "test/test",
        "provider": {"test": provider},
        "permission": {"bash": "ask", "edit": "ask"},
    }
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text(json.dumps(config), encoding="utf-8")
    return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


@dataclass(frozen=True)
class RealAgent:
    """One agent: how it is set up, what it is started with, and whether it asks for trust first."""

    setup: Setup
    args: tuple[str, ...] = field(default=())
    trust: bool = True


CREW = {
    "claude": RealAgent(_claude, ("--permission-mode", "manual")),
    "codex": RealAgent(_codex),
    "gemini": RealAgent(_gemini),
    "opencode": RealAgent(_opencode, trust=False),
}
