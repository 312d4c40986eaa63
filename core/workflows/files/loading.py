"""Loading and checking workflow files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.clock import SYSTEM_CLOCK, Clock
from ..definition import WorkflowDefinition
from .checks import Checked, capability_notes, check_whole
from .compiling import Compiler
from .faults import Fault, WorkflowFileInvalid, WorkflowFileUnreadable
from .inputs import convert_default, convert_inputs, pairs
from .judging import values_at
from .model import InputEntry, WorkEntry, WorkflowFile
from .nesting import find_nested
from .reading import Document, KeyPath, read_document
from .shapes import WORKFLOW, nearest, read_model
from .templates import is_template
from .uses import check_templates

DEEPEST = 20


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file as it was found: its model as far as that can be told, and all its faults by place.

    ``notes`` keep it from nothing.
    """

    path: Path
    model: WorkflowFile | None
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...] = ()


def check(path: str | Path, *, agents: Collection[str] | None = None) -> list[Fault]:
    """Everything that is wrong with a workflow's file and those it names, by place.

    ``agents`` are the names that are known; without them no agent's name is a fault.

    :raises WorkflowFileUnreadable: if the file itself can't be read.
    """
    return list(read_file(path, agents=agents).faults)


def read_file(
    path: str | Path,
    *,
    agents: Collection[str] | None = None,
    capabilities: Collection[str] | None = None,
) -> LoadedFile:
    """The file at ``path``, judged; ``capabilities`` are what any agent has.

    :raises WorkflowFileUnreadable: if it can't be read.
    """
    return Reader(agents, capabilities).read(Path(path), ())


def load_workflow(
    path: str | Path,
    inputs: Mapping[str, Any] | Sequence[str] = (),
    *,
    directory: Path | None = None,
    agents: Collection[str] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> WorkflowDefinition:
    """The definition of the workflow in a file (YAML, or JSON where the name ends so).

    ``inputs`` are values, or words as on a command line (``name=value``); what they became lies in
    the definition's ``metadata["inputs"]``. Paths among them, and the directory of tasks, are
    counted from ``directory`` (the current one). Deadlines that are given as a time begin now.

    :raises WorkflowFileUnreadable: if the file can't be read.
    :raises WorkflowFileInvalid: with all its faults.
    :raises InputsInvalid: with all that is wrong with the inputs.
    """
    found = read_file(path, agents=agents)
    if found.faults or found.model is None:
        raise WorkflowFileInvalid(found.faults)
    here = (directory or Path.cwd()).absolute()
    given = inputs if isinstance(inputs, Mapping) else pairs(inputs)
    values = convert_inputs(found.model.inputs, given, here)
    return Compiler(found.model, found.path, values, here, clock.now()).definition()


class Reader:
    """Reads workflows' files with those they name; each of them once."""

    def __init__(
        self, agents: Collection[str] | None, capabilities: Collection[str] | None = None
    ) -> None:
        self._agents = agents
        self._capabilities = capabilities
        self._known: dict[Path, LoadedFile] = {}

    def read(self, path: Path, above: tuple[Path, ...]) -> LoadedFile:
        """The file at ``path``, which those of ``above`` named."""
        document = read_document(path)
        file = path.absolute()
        model, removed = read_model(document, WORKFLOW)
        notes: list[Fault] = []
        if model is not None:
            checked = Checked(document, model, removed)
            check_whole(checked, self._agents)
            check_templates(checked)
            if self._capabilities is not None:
                notes = capability_notes(checked, self._capabilities)
            places = [(path, task) for path, _, task, _ in checked.places()]
            inner = self.nested(document, places, file, (*above, file.resolve()))
            document.faults.sort()
            document.faults += inner
        else:
            document.faults.sort()
        return LoadedFile(file, model, tuple(document.faults), tuple(notes))

    def nested(
        self,
        document: Document,
        places: Iterable[tuple[KeyPath, WorkEntry]],
        file: Path,
        above: tuple[Path, ...],
    ) -> list[Fault]:
        """Judge the files that the entries name; their faults."""
        found: list[Fault] = []
        for path, entry in places:
            if entry.workflow is None:
                continue
            here = (*path, "workflow")
            inner = self._one(document, here, find_nested(entry.workflow, file), above, found)
            if inner is not None and inner.model is not None:
                _check_inputs(document, path, inner.model.inputs, entry.inputs)
        return found

    def _one(
        self,
        document: Document,
        here: KeyPath,
        path: Path,
        above: tuple[Path, ...],
        found: list[Fault],
    ) -> LoadedFile | None:
        key = path.resolve()
        if key in above or len(above) > DEEPEST:
            document.fault(here, f"{path.name} would start itself, again and again.")
            return None
        if key not in self._known:
            try:
                self._known[key] = self.read(path, above)
            except WorkflowFileUnreadable as error:
                document.fault(here, error.message, _beside(path))
                return None
            found += self._known[key].faults
        inner = self._known[key]
        if inner.faults:
            count = len(inner.faults)
            document.fault(here, f"{path.name} has {count} fault{'s' if count > 1 else ''}.")
        return inner


def _beside(path: Path) -> str:
    """The nearest file beside one that is missing."""
    if not path.parent.is_dir():
        return ""
    return nearest(path.name, [one.name for one in path.parent.iterdir() if one.is_file()])


def _check_inputs(
    document: Document, path: KeyPath, entries: Mapping[str, InputEntry], given: Mapping[str, Any]
) -> None:
    for name in given:
        if name not in entries:
            hint = nearest(name, entries)
            document.fault((*path, "inputs", name), "That workflow has no such input.", hint)
    for name, entry in entries.items():
        if entry.required and name not in given:
            message = f"The input {name} is missing."
            place = (*path, "inputs") if given else (*path, "workflow")
            document.fault(place, message)
    for name, value in given.items():
        if name in entries:
            _check_value(document, (*path, "inputs", name), entries[name], value)


def _check_value(document: Document, path: KeyPath, entry: InputEntry, value: Any) -> None:
    """A value that stands in the file, and is no template, is judged there."""
    if any(is_template(text) for _, text in values_at(value, ())):
        return
    message = convert_default(entry.model_copy(update={"default": value}))
    if message:
        document.fault(path, message)
