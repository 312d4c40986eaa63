"""Hooks of git: what they tell, and the script that lets one propel.

The hook runs outside the engine: its script asks the command line to propel, and git goes on whatever comes
of that.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.clock import Clock
from ...base.errors import BusinessFault
from ...protocol.pipeline_views import TriggerView
from ...sessions.workspaces.faults import NoRepository
from ...workflows.files.templates import Scope, render
from ..definition import PipelineDefinition, TriggerDefinition
from ..files.faults import PipelineFileInvalid
from ..files.loading import read_file
from .ports import Propel
from .telling import Teller

MOST_FILES = 1000
"""Changed files that a hook tells."""
SECONDS = 20.0
MARK = "# made by: quarterdeck pipeline hook"
_BEGINNING = f"""\
#!/bin/sh
{MARK}
# Each line below propels a payload; git goes on whatever comes of it.
"""


class HookForeign(BusinessFault):
    """A hook is there already that was not made here; it is never overwritten."""

    code = "hook_foreign"


class GitTrigger:
    """Says whether the hook is installed; the hook's script itself propels."""

    def __init__(
        self, pipeline: PipelineDefinition, definition: TriggerDefinition, clock: Clock
    ) -> None:
        self._teller = Teller(pipeline, definition, clock)
        self._pipeline = pipeline.name
        self._event = definition.event
        self._hook = str(definition.options["hook"])
        self._repository = str(definition.options["repository"])

    async def start(self, propel: Propel) -> None:
        """Look whether the hook is there."""
        self._teller.begin(propel)
        try:
            installed = await asyncio.to_thread(
                is_installed, Path(self._repository), self._hook, self._pipeline, self._event
            )
        except NoRepository as error:
            self._teller.error = error.message
            return
        if not installed:
            self._teller.error = (
                f"The hook is not installed. Run: quarterdeck pipeline hook install {self._pipeline} "
                f"{self._event} --hook {self._hook} --repo {shlex.quote(self._repository)}"
            )

    async def stop(self) -> None:
        """Nothing runs here."""

    def look(self) -> None:
        """No clock matters here."""

    def fired(self, event: str, hook: str, repository: str | None) -> bool:
        """Whether it is the one that has propelled; it counts it then."""
        if (event, hook) != (self._event, self._hook):
            return False
        if repository is not None and not _is_within(self._repository, repository):
            return False
        self._teller.noted()
        return True

    def view(self) -> TriggerView:
        """How it stands."""
        return self._teller.view(f"{self._hook} of {self._repository}")


def _is_within(place: str, repository: str) -> bool:
    """Whether a path leads to the repository, or into it."""
    found, top = os.path.realpath(place), os.path.realpath(repository)
    return found == top or found.startswith(f"{top}{os.sep}")


# ---- the script ------------------------------------------------------------------------------


def hook_path(repository: Path, hook: str) -> Path:
    """Where git looks for the hook, as the repository is configured.

    :raises NoRepository: if there is none.
    """
    found = _git(repository, "rev-parse", "--git-path", f"hooks/{hook}")
    if found is None:
        raise NoRepository(
            f"{repository} is in no git repository, or git is not installed. Give one with --repo.",
            repository=str(repository),
        )
    return (repository / found).absolute()


def is_installed(repository: Path, hook: str, pipeline: str, event: str) -> bool:
    """Whether the hook propels that event.

    :raises NoRepository: if there is no repository.
    """
    text = _script(hook_path(repository, hook))
    return text is not None and any(_is_for(line, pipeline, event) for line in text.splitlines())


def install(repository: Path, hook: str, pipeline: str, event: str, command: Sequence[str]) -> Path:
    """Let the hook propel that event by ``command``; where the script lies.

    :raises NoRepository: if there is no repository.
    :raises HookForeign: if there is a hook that was not made here.
    """
    path = hook_path(repository, hook)
    line = hook_line(hook, pipeline, event, command)
    text = _script(path)
    if text is None:
        text = _BEGINNING
    elif MARK not in text:
        raise HookForeign(
            f"{path} is there already and is left as it is. To let it propel, add this line to it:\n{line}",
            hook=str(path),
        )
    kept = [one for one in text.splitlines() if not _is_for(one, pipeline, event)]
    _write(path, [*kept, line])
    return path


def remove(repository: Path, hook: str, pipeline: str, event: str) -> bool:
    """Let the hook propel that event no more; False if it didn't.

    A script of ours that does nothing any more is removed; of a foreign one nothing is changed.

    :raises NoRepository: if there is no repository.
    :raises HookForeign: if the line stands in a hook that was not made here.
    """
    path = hook_path(repository, hook)
    lines = (_script(path) or "").splitlines()
    kept = [one for one in lines if not _is_for(one, pipeline, event)]
    if kept == lines:
        return False
    if MARK not in lines:
        raise HookForeign(
            f"{path} was not made here and is left as it is. Remove the line about {pipeline} {event} "
            "from it yourself.",
            hook=str(path),
        )
    if all(not one.strip() or one.startswith("#") for one in kept):
        path.unlink()
    else:
        _write(path, kept)
    return True


def hook_line(hook: str, pipeline: str, event: str, command: Sequence[str]) -> str:
    """The line of a hook's script that propels."""
    words = [*command, "pipeline", "hook", "fire", pipeline, event, "--hook", hook]
    return f'{shlex.join(words)} -- "$@" </dev/null || :'


def _is_for(line: str, pipeline: str, event: str) -> bool:
    words = shlex.join(["pipeline", "hook", "fire", pipeline, event])
    return f" {words} " in line and not line.lstrip().startswith("#")


def _script(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def _write(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.quarterdeck")
    made.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    made.chmod(0o755)
    made.replace(path)


def hook_data(
    file: str, inputs: Mapping[str, Any], event: str, told: dict[str, Any]
) -> tuple[Any, int | None]:
    """The payload's data and priority, as the trigger for that hook in a pipeline's file says.

    Where the file has none for it, the data are all that is told.

    :raises PipelineFileInvalid: if the file has faults.
    :raises TemplateFailed: if the data can't be rendered.
    """
    found = read_file(file)
    if found.model is None:
        raise PipelineFileInvalid(found.faults)
    model = found.model
    for trigger in model.triggers:
        if trigger.git is not None and (trigger.git.hook, trigger.event) == (told["hook"], event):
            break
    else:
        return told, None
    priority = None if trigger.priority is None else int(trigger.priority)
    if trigger.data is None:
        return told, priority
    pipeline = {
        "name": model.name,
        "description": model.description,
        "file": file,
        "directory": str(Path(file).parent),
    }
    scope = Scope(inputs=inputs, around={"trigger": told, "pipeline": pipeline})
    return render(trigger.data, scope, f"data of the hook {told['hook']}"), priority


# ---- what a hook tells -----------------------------------------------------------------------


def facts(repository: Path, hook: str, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """What a hook tells: branch, commit, author, subject and the changed files.

    What git can't say (there is no commit yet, the head is detached) is ``None``.

    :raises NoRepository: if there is no repository.
    """
    top = _git(repository, "rev-parse", "--show-toplevel")
    if top is None:
        raise NoRepository(f"{repository} is in no git repository.", repository=str(repository))
    author, _, subject = (_git(repository, "log", "-1", "--format=%an <%ae>%n%s") or "").partition(
        "\n"
    )
    return {
        "hook": hook,
        "repository": top,
        "branch": _git(repository, "symbolic-ref", "--quiet", "--short", "HEAD"),
        "commit": _git(repository, "rev-parse", "--quiet", "--verify", "HEAD"),
        "author": author or None,
        "subject": subject or None,
        "files": _files(repository, hook, arguments)[:MOST_FILES],
        "arguments": list(arguments),
    }


def _files(repository: Path, hook: str, arguments: Sequence[str]) -> list[str]:
    """The files that the hook is about, from the repository's top."""
    if hook in {"pre-commit", "pre-merge-commit", "commit-msg", "prepare-commit-msg"}:
        words = ["diff", "--cached"]
    elif hook == "post-merge":
        words = ["diff", "ORIG_HEAD", "HEAD"]
    elif hook == "post-checkout" and len(arguments) > 1:
        words = ["diff", arguments[0], arguments[1]]
    else:
        words = ["diff-tree", "--no-commit-id", "-r", "--root", "-m", "HEAD"]
    found = _git(repository, words[0], "--name-only", "-z", *words[1:])
    return list(dict.fromkeys(filter(None, (found or "").split("\0"))))


def _git(repository: Path, *words: str) -> str | None:
    """What git says; ``None`` if it fails."""
    try:
        ran = subprocess.run(  # the words are ours
            ["git", "-C", str(repository), *words],  # as the user's path has it
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode:
        return None
    return ran.stdout.decode("utf-8", "replace").rstrip("\n")


def _environment() -> Mapping[str, str]:
    """Ours, in which git asks nothing and writes nothing beside."""
    return {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
