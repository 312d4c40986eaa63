"""What the command line understands: the quick parser and Typer agree, PATHs and commands differ."""

from __future__ import annotations

import inspect
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.cli import main
from quarterdeck.cli.catalogue import CATALOGUE, ENTRIES, ROOT
from quarterdeck.cli.exits import MEANINGS
from quarterdeck.cli.faults import CODES, CliFault
from quarterdeck.cli.grammar import COMMON, Command, Group
from quarterdeck.cli.parsing import Call, parse
from quarterdeck.cli.tree import understand

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

COMMANDS = [
    ((entry.name, command.name) if isinstance(entry, Group) else (entry.name,), command)
    for entry in ENTRIES.values()
    for command in (entry.commands if isinstance(entry, Group) else (entry,))
]


def typers(argv: list[str]) -> Call | int | str:
    try:
        return understand(CATALOGUE, argv, "quarterdeck")
    except CliFault as fault:
        return fault.code


# ---- the two parsers -----------------------------------------------------------------------

WORDS = st.sampled_from(
    ["x", "fix login", "-", "--", "--json", "--state-dir", "/s", "--minimal", "--headless", "5",
     "-5", "0.5", "1_0", " 7 ", "", "é", "--grace", "--grace=2", "--cols", "--env", "A=1",
     "--env=B=2", "--text", "--limit", "--limit=x", "--help", "--json=1", "--unknown", "-x",
     "--for", "10m", "--path=p", "--profile", "dev", "--until", "--until=", "--history"]
    + [word for words, _ in COMMANDS for word in words]
)  # fmt: skip


@settings(deadline=None)  # Typer's program is built anew for each
@given(
    before=st.lists(
        st.sampled_from(["--state-dir", "/s", "--json", "--minimal", "--"]), max_size=2
    ),
    words=st.sampled_from([(), *(words for words, _ in COMMANDS)]),
    after=st.lists(WORDS, max_size=5),
)
def test_what_the_quick_parser_takes_typer_takes_alike(
    before: list[str], words: tuple[str, ...], after: list[str]
) -> None:
    argv = [*before, *words, *after]
    quick = parse(CATALOGUE, argv)
    if quick is not None:
        assert typers(argv) == quick


@pytest.mark.parametrize(
    "argv",
    [
        ["session", "list"],
        ["session", "list", "--json", "--state-dir", "/s"],
        ["session", "new", "x", "--agent", "a", "--env", "A=1", "--env", "B=2"],
        ["session", "keys", "x", "up", "down"],
        ["session", "stop", "--grace=2.5", "x"],
        ["session", "prompt", "x", "--", "--text"],
        ["--state-dir", "/s", "next"],
        ["events", "--follow", "--after", "7"],
        [],
        ["."],
        ["--minimal", "."],
        [".", "--minimal"],
    ],
)
def test_plain_calls_need_no_typer(argv: list[str]) -> None:
    quick = parse(CATALOGUE, argv)
    assert quick is not None
    assert typers(argv) == quick


@pytest.mark.parametrize("argv", [["--help"], ["session", "lst"], ["session"], ["session", "show"]])
def test_what_is_not_plain_is_left_to_typer(argv: list[str]) -> None:
    assert parse(CATALOGUE, argv) is None


# ---- the table -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "command"),
    COMMANDS,
    ids=lambda one: (
        " ".join(one) if isinstance(one, tuple) and not isinstance(one, Command) else ""
    ),
)
def test_every_command_has_a_handler_that_takes_its_values(
    words: tuple[str, ...], command: Command
) -> None:
    parameters = list(inspect.signature(main.handler(command.run)).parameters.values())
    assert parameters[0].name == "invocation"
    wanted = {argument.key for argument in command.arguments}
    wanted |= {option.key for option in command.options}
    assert {parameter.name for parameter in parameters[1:]} == wanted
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters[1:])


@pytest.mark.parametrize(("words", "command"), [((), ROOT), *COMMANDS])
def test_every_example_can_be_read(words: tuple[str, ...], command: Command) -> None:
    for example in command.examples:
        parts = shlex.split(example.split(" > ")[0].split(" | ")[-1])
        assert parts[0] == "quarterdeck"
        call = parse(CATALOGUE, parts[1:])
        assert call is not None, example
        assert not words or call.words[0] == words[0] or call.words == ("session", "screen")


def test_no_option_of_a_command_hides_a_common_one() -> None:
    common = {option.name for option in COMMON}
    for _, command in COMMANDS:
        names = [option.name for option in command.options]
        assert len(set(names)) == len(names)
        assert not common & set(names)


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in ENTRIES)
    assert all(f"  {code:<4} " in out for code, _ in MEANINGS)
    assert "[PATH]" in out
    for words, command in COMMANDS:
        assert main.run([*words, "--help"]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert " ".join(command.help.split()) in told
        assert all(option.name in told for option in command.options)


# ---- PATHs and commands --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "path"),
    [
        ([], None),
        (["."], "."),
        (["~/shop", "--minimal"], "~/shop"),
        (["--state-dir", "session", "shop"], "shop"),
        (["--", "shop"], "shop"),
        (["--state-dir=session", "session shop"], "session shop"),
    ],
)
def test_a_first_word_that_is_no_command_is_the_path(argv: list[str], path: str | None) -> None:
    call = parse(CATALOGUE, argv)
    assert call is not None
    assert call.words == ()
    assert call.values["path"] == path
    assert typers(argv) == call


def test_a_directory_called_like_a_command_needs_a_dot(tmp_path: Path) -> None:
    call = parse(CATALOGUE, ["./session"])
    assert call is not None
    assert call.values["path"] == "./session"
    assert parse(CATALOGUE, ["session"]) is None


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sesion"], "Did you mean session?"),
        (["sesion", "list"], "Did you mean session?"),
        (["sesion", "list"], "a PATH stands alone, without 'list'"),
        (["session", "lst"], "Did you mean 'list'?"),
        (["session"], "Missing command. Try: "),
        (["session", "show"], "Missing argument 'NAME'. Try: "),
        (["session", "list", "--jso"], "--jso"),
        (["session", "list", "x"], "x"),
        (["session", "new", "x", "--cols", "wide"], "--cols"),
        (["--headless", "session", "list"], "stand before a command"),
        (["no/such/place"], "neither a command nor a directory"),
        (["session", "wait", "x"], "--until"),
        (["session", "wait", "x", "--until", "dnoe"], "There is no state dnoe"),
    ],
)
def test_usage_faults_are_one_line_and_code_2(
    home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert main.run(argv) == 2
    out, err = capsys.readouterr()
    assert err.startswith("quarterdeck: usage: ")
    assert err.count("\n") == 1
    assert said in err
    assert out == ""


def test_usage_faults_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["session", "lst", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["category"]) == ("usage", "validation")


def test_without_a_terminal_the_dashboard_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main.run(["."]) == 2
    err = capsys.readouterr().err
    assert err.startswith("quarterdeck: not_a_terminal: ")
    assert "quarterdeck --headless" in err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("quarterdeck 0.")
    assert main.run(["--version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version"}


# ---- ways out ------------------------------------------------------------------------------


def test_an_interrupt_is_130(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quarterdeck.cli.link.Link.call", interrupt)
    done = qd("session", "list")
    assert (done.code, done.out, done.err) == (130, "", "")


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(main, "execute", broken)
    with pytest.raises(ZeroDivisionError):
        main.run(["session", "list"])


def test_what_the_system_refuses_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = home / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main.run(["session", "list"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("quarterdeck: os_error: ")
    assert err.count("\n") == 1
    monkeypatch.chdir(home)


def process(*words: str, **options: Any) -> subprocess.Popen[Any]:
    program = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
    return subprocess.Popen([sys.executable, "-c", program, *words], **options)


def test_a_reader_that_goes_away_is_141_and_quiet(engine: FakeEngine, state_dir: Path) -> None:
    for number in range(300):
        engine.add(f"session {number}")
    read, write = os.pipe()
    os.close(read)
    child = process(
        "session", "list", "--state-dir", str(state_dir), stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (141, b"")


def test_sigint_ends_a_command_that_waits(engine: FakeEngine, state_dir: Path) -> None:
    engine.add("docs")
    words = ["session", "wait", "docs", "--until", "done", "--state-dir", str(state_dir)]
    child = process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    engine.wait_for(lambda: engine.asked)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, b"", b"")


# ---- faults --------------------------------------------------------------------------------


def test_every_code_has_a_cause_and_every_fault_a_code() -> None:
    root = Path(inspect.getfile(main)).parent
    text = "".join(path.read_text() for path in root.rglob("*.py"))
    for code, cause in CODES.items():
        assert cause.endswith(".")
        assert f'"{code}"' in text.replace(f'"{code}": ', ""), code
    for code in CODES:
        assert CliFault(code, "x").info().code == code
