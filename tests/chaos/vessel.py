"""A whole engine as a process of its own, and all that must hold of it after whatever befell it.

``QD_CHAOS_ROUNDS`` makes the random tests longer: that many rounds, each with a seed of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.sessions.rig import alive
from tests.e2e.machine import PATIENCE, PROGRAM, Machine, eventually

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.link import Link, command
from quarterdeck.core.base.places import engine_socket

SLOW_ENGINE = Path(__file__).with_name("slow_engine.py")
ROUNDS = int(os.environ.get("QD_CHAOS_ROUNDS", "0"))
LIVING = {"starting", "running", "stopping"}
ENDED = {"exited", "crashed", "lost"}
LIMITED = "QUARTERDECK_ENGINE__"


def seeds(count: int) -> range:
    """One for each round of a random test."""
    return range(1, (ROUNDS or count) + 1)


def dice(seed: int) -> random.Random:
    """Chance that falls the same way each time."""
    return random.Random(seed)  # noqa: S311  # no secret hangs on it


@dataclass
class Vessel(Machine):
    """A machine whose engine is starved, cut off and killed; ``check`` says whether all is well."""

    sequence: int = 0
    epoch: int = 0
    links: list[Link] = field(default_factory=list)

    def launch(self, *before: str, slow: float = 0, **settings: object) -> dict[str, Any]:
        """An engine with these ``[engine]`` settings, started by the program ``before``, if any.

        Its disk takes ``slow`` seconds for each commit.
        """
        program = [sys.executable, str(SLOW_ENGINE), str(slow)] if slow else [PROGRAM]
        names = {f"{LIMITED}{name.upper()}": str(value) for name, value in settings.items()}
        engine = subprocess.Popen(
            [*before, *program, "--headless", "--json", "--state-dir", str(self.state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.work,
            env={**self.environment, f"{LIMITED}MAX_CONCURRENT_SESSIONS": "60", **names},
            start_new_session=True,
        )
        self.engines.append(engine)
        assert engine.stdout is not None
        line = engine.stdout.readline()
        if not line:
            raise AssertionError(engine.communicate(timeout=PATIENCE)[1])
        said: dict[str, Any] = json.loads(line)
        return said

    def launch_for(self, seconds: float) -> None:
        """Start an engine and kill it after ``seconds``, wherever it stands then."""
        engine = subprocess.Popen(
            [PROGRAM, "--headless", "--json", "--state-dir", str(self.state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.work,
            env=self.environment,
            start_new_session=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            engine.wait(seconds)
        engine.kill()
        engine.wait(PATIENCE)

    def refused(self) -> dict[str, Any]:
        """The error with which an engine that can't start ends."""
        ended = self.run("--headless", "--json")
        assert ended.code != 0
        error: dict[str, Any] = json.loads(ended.err.strip().splitlines()[-1])["error"]
        return error

    def kill_engine(self) -> None:
        """``kill -9``, wherever it stands."""
        engine = self.engines[-1]
        engine.kill()
        engine.communicate(timeout=PATIENCE)

    @property
    def engine(self) -> subprocess.Popen[str]:
        """The latest engine."""
        return self.engines[-1]

    @contextlib.contextmanager
    def squeezed(self, what: int, room: int) -> Iterator[None]:
        """Give the running engine so much of a resource and no more."""
        before = resource.prlimit(self.engine.pid, what)
        resource.prlimit(self.engine.pid, what, (room, before[1]))
        try:
            yield
        finally:
            if self.engine.poll() is None:
                resource.prlimit(self.engine.pid, what, before)

    def link(self) -> Link:
        """A link of its own."""
        self.links.append(Link.open(str(engine_socket(self.state_dir)), PATIENCE))
        return self.links[-1]

    def code_of(self, kind: str, **payload: Any) -> str:
        """``ok`` or the code of the refusal; an answer must come."""
        try:
            self.call(kind, **payload)
        except CliFault as fault:
            return fault.code
        return "ok"

    def codes_of(self, wishes: list[tuple[str, dict[str, Any]]]) -> Counter[str]:
        """All sent at once over one link: how often each code came. Every one is answered once."""
        link = self.link()
        sent = [command(kind, payload) for kind, payload in wishes]
        sender = threading.Thread(target=_send_all, args=(link, sent))
        sender.start()
        answers: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        while answers.total() < len(sent):
            message = link.receive(PATIENCE)
            assert message is not None, f"{len(sent) - answers.total()} commands stay unanswered"
            if message["kind"] == "reply":
                answers[message["command_id"]] += 1
                codes["ok" if message["ok"] else message["error"]["code"]] += 1
        sender.join(PATIENCE)
        link.close()
        assert answers == Counter(one["id"] for one in sent), "an answer came twice"
        return codes

    def close(self) -> None:
        """Take everything away."""
        for link in self.links:
            link.close()
        super().close()

    # ---- what must hold --------------------------------------------------------------------

    def check(self) -> None:
        """The invariant: sessions, processes, open items and the journal tell the same story."""
        eventually(self._consistent, what="one keeper and one process for each living session")
        sessions = list(self.sessions().values())
        ids = {one["id"] for one in sessions}
        items = self.items()
        assert {item["session_id"] for item in items} <= ids, "an item without its session"
        requests = Counter((item["session_id"], item["request_id"]) for item in items)
        assert not [one for one, count in requests.items() if count > 1], "an item twice"
        eventually(lambda: not self.zombies(), what=f"no zombie: {self.zombies()}")
        self._check_journal(ids, {item["item_id"] for item in items})

    def _consistent(self) -> bool:
        sessions = self.sessions().values()
        living = [one for one in sessions if one["lifecycle"] in LIVING]
        keepers = {one["keeper_pid"] for one in living}
        return (
            len(keepers) == len(living)
            and keepers == set(self.living_keepers())
            and all(
                alive(one["pid"]) and _parent(one["pid"]) == one["keeper_pid"] for one in living
            )
            and not any(alive(one["pid"]) for one in sessions if one["lifecycle"] in ENDED)
            and self.marked() <= {one["id"] for one in living}
        )

    def _check_journal(self, ids: set[str], items: set[str]) -> None:
        """The store on disk: numbers are given once, and its tables agree with what is told."""
        with self.database() as store:
            rows = store.execute("SELECT sequence, type, session_id FROM events ORDER BY rowid")
            events = rows.fetchall()
            kept = {row[0] for row in store.execute("SELECT id FROM sessions")}
            asking = store.execute("SELECT item_id FROM attention_items WHERE state = 'open'")
            open_items = {row[0] for row in asking}
            (epoch,) = store.execute("SELECT max(epoch) FROM engines").fetchone()
        numbers = [row[0] for row in events]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] >= self.sequence, "history was lost"
        assert epoch >= self.epoch
        self.sequence, self.epoch = numbers[-1], epoch
        assert kept == ids
        assert open_items == items
        made = Counter(row[2] for row in events if row[1] == "session.created")
        gone = Counter(row[2] for row in events if row[1] == "session.deleted")
        assert not (made - gone).keys() ^ ids, "sessions that are there are those made and kept"
        assert max([*made.values(), *gone.values()], default=1) == 1, "made or deleted twice"

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The store's file, to be read beside its engine."""
        path = self.state_dir / "quarterdeck.db"
        store = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)
        with contextlib.closing(store):
            yield store

    def marked(self) -> set[str]:
        """The sessions of which any process lives, whoever its parent is."""
        found = set()
        mark = f"XDG_RUNTIME_DIR={self.runtime}".encode()
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if path.name.isdigit() and alive(int(path.name)):
                    variables = (path / "environ").read_bytes().split(b"\0")
                    ids = [one for one in variables if one.startswith(b"QUARTERDECK_SESSION=")]
                    found |= {one.partition(b"=")[2].decode() for one in ids if mark in variables}
        return found

    def zombies(self) -> list[int]:
        """Dead children that the engine or a keeper never fetched."""
        parents = {self.engine.pid, *self.living_keepers()}
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                pid = int(path.name)
                if _parent(pid) in parents and not alive(pid):
                    found.append(pid)
        return found

    def obeys(self, *names: str) -> None:
        """Every one of these shells does what it is told, once."""
        for name in names:
            token = f"{os.urandom(3).hex()}"
            self.type(name, f"echo a{token}''z")
            self.wait_screen(name, f"a{token}z")
            assert self.screen(name).count(f"a{token}z") == 1

    def stop_in_order(self) -> None:
        """The engine leaves when asked to; it and what it kept end well."""
        self.engine.send_signal(signal.SIGTERM)
        _, errors = self.engine.communicate(timeout=PATIENCE)
        assert (self.engine.returncode, errors) == (0, "")


def _send_all(link: Link, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        link.send(message)


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat.rpartition(b") ")[2].split()[1])
