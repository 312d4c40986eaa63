"""What holds for every test: none leaves a process behind, and some are run with nothing beside them."""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import os
import signal
import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import settings
from tests import postgres_server
from tests.leftovers import WATCH

settings.register_profile("quarterdeck", deadline=None)  # machines may be busy
settings.load_profile("quarterdeck")
HANGING = 4
"""Times its limit, and a test's setting up, calling or tearing down hangs."""

TOLD = 4_000
"""Characters of what failed, from its end, that are told of a test which was run again."""

STAGE = "QUARTERDECK_TEST_STAGE"
WAITING = ("tests/e2e/", "tests/chaos/", "tests/docs/")
COVERED = (*WAITING, "tests/simulator/", "tests/snapshots/", "tests/tui/test_every_key.py")
"""Not counted: to note every line takes half as long again. They alone reach some 700 lines (96 %, 95 without them)."""


def pytest_configure(config: pytest.Config) -> None:
    """Workers share the stage on which those that need all of it find room; see :func:`_room`."""
    WATCH.begin()
    _hear_signals()
    if not hasattr(config, "workerinput"):
        os.environ[STAGE] = tempfile.mkdtemp(prefix="qd-stage-")


def _hear_signals() -> None:
    """Start programs that can be interrupted, also where the tests were started in the background.

    A shell lets such a job ignore SIGINT, and ``nohup`` SIGHUP; whatever it starts would ignore them
    as well. What has a handler here is as it always is in a new program.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and (stage := os.environ.pop(STAGE, "")):
        for path in Path(stage).iterdir():
            path.unlink()
        Path(stage).rmdir()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for programs come first: others compute beside them, and none is left over at the end."""
    for item in items:
        if item.nodeid.startswith(COVERED):
            item.add_marker(pytest.mark.no_cover)
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_collection_finish() -> None:
    """What was collected stays to the end: ten thousand tests needn't be looked through for garbage."""
    gc.collect()
    gc.freeze()


@contextmanager
def _lock(name: str, how: int) -> Iterator[None]:
    file = os.open(f"{os.environ[STAGE]}/{name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, how)
        yield
    finally:
        os.close(file)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests share the stage; one that is marked ``alone`` has all of it.

    Whoever waits for all of it holds the door, so that others can't keep it waiting. It comes
    before the test's own time limit.
    """
    alone = item.get_closest_marker("alone") is not None
    with ExitStack() as held:
        with _lock("door", fcntl.LOCK_EX):
            held.enter_context(_lock("stage", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        return (yield)


@contextmanager
def _ended_some_time(item: pytest.Item) -> Iterator[None]:
    """What hangs ends its worker, which says where; the run goes on with another one.

    The time limit of a test holds for its first try alone, and can't break off every wait.
    """
    limit = float(item.config.getoption("timeout", None) or item.config.getini("timeout"))
    if marker := item.get_closest_marker("timeout"):
        limit = max(limit, float(marker.args[0]))
    faulthandler.dump_traceback_later(
        HANGING * limit, file=item.config.stash[fault_handler_stderr_fd_key], exit=True
    )
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with _ended_some_time(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with _ended_some_time(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    with _ended_some_time(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed may hold what can't be sent from a worker: half of a surrogate pair."""
    report = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    if report.failed and _sendable(report.longreprtext) != report.longreprtext:
        report.longrepr = _sendable(report.longreprtext)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What failed at first is told, too: that it passed another time does not say why."""
    again: list[pytest.TestReport] = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section("why tests were run again")
    for report in again:
        terminalreporter.line(f"{report.nodeid} ({report.when})")
        terminalreporter.line(report.longreprtext[-TOLD:])


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish() -> Generator[None]:
    """A server that tests have started is stopped.

    The report of pictures that differ is written with a deprecated call; it is not ours.
    """
    postgres_server.end()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return (yield)


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every module takes away what it started: keepers, agents, engines."""
    WATCH.places.add(str(tmp_path_factory.getbasetemp()))
    yield
    left = WATCH.left_after(seconds=20)
    if left:
        WATCH.end(left)
        pytest.fail("Processes were left running:\n" + "\n".join(map(str, left)), pytrace=False)
