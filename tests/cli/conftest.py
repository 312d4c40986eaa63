"""The command line on a scratch home, beside a fake engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.attached_terminal import Terminal
from tests.cli.fake_engine import FakeEngine

from quarterdeck.cli.main import run
from quarterdeck.core.base.errors import ErrorInfo
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.protocol.wire import Watch


@dataclass
class Outcome:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)

    @property
    def fault(self) -> ErrorInfo:
        """The error object on standard error."""
        return ErrorInfo.model_validate(json.loads(self.err)["error"])


CommandLine = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch home, from which no setting of the machine's user is read."""
    for name in list(os.environ):
        if name.startswith(("QUARTERDECK_", "XDG_")):
            monkeypatch.delenv(name)
    scratch = tmp_path / "home"
    scratch.mkdir()
    monkeypatch.setenv("HOME", str(scratch))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(scratch)
    return scratch


@pytest.fixture
def state_dir(tmp_path: Path, home: Path) -> Path:
    """A state directory."""
    scratch = tmp_path / "state"
    scratch.mkdir(mode=0o700)
    return scratch


@pytest.fixture
def engine(state_dir: Path) -> Iterator[FakeEngine]:
    """A fake engine for the state directory."""
    fake = FakeEngine(state_dir / "s")
    yield fake
    fake.close()


@pytest.fixture
def qd(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs a command line on the state directory, in this process."""

    def call(*words: str) -> Outcome:
        code = run(["--state-dir", str(state_dir), *words])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


@pytest.fixture
def docs(engine: FakeEngine) -> SessionView:
    return engine.add("docs")


@pytest.fixture
def attach(
    engine: FakeEngine, docs: SessionView, state_dir: Path
) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        terminal = Terminal(state_dir, "session", "attach", "docs", *words)
        opened.append(terminal)
        engine.wait_for(lambda: any(isinstance(one, Watch) for one in engine.came))
        engine.output(docs.id, b"\x1b[2J\x1b[Hhello")
        terminal.read_until(b"leaves it")
        return terminal

    yield begin
    for terminal in opened:
        terminal.close()
