"""Loading and checking pipeline files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...workflows.files.faults import Fault
from ...workflows.files.inputs import convert_inputs, pairs
from ...workflows.files.loading import Reader
from ...workflows.files.reading import read_document
from ...workflows.files.shapes import read_model
from ..definition import PipelineDefinition
from .checks import CheckedPipeline, check_whole
from .compiling import Compiler
from .faults import PipelineFileInvalid, PipelineFileUnreadable
from .model import PipelineFile
from .schema import PIPELINE
from .uses import check_templates


@dataclass(frozen=True, slots=True)
class LoadedPipelineFile:
    """A file as it was found: its model as far as that can be told, and all its faults by place."""

    path: Path
    model: PipelineFile | None
    faults: tuple[Fault, ...]


def check(path: str | Path, *, agents: Collection[str] | None = None) -> list[Fault]:
    """Everything that is wrong with a pipeline's file and the workflows it names, by place.

    ``agents`` are the names that are known; without them no agent's name is a fault.

    :raises PipelineFileUnreadable: if the file itself can't be read.
    """
    return list(read_file(path, agents=agents).faults)


def read_file(path: str | Path, *, agents: Collection[str] | None = None) -> LoadedPipelineFile:
    """The file at ``path``, judged.

    :raises PipelineFileUnreadable: if it can't be read.
    """
    document = read_document(Path(path), PipelineFileUnreadable)
    file = Path(path).absolute()
    model, removed = read_model(document, PIPELINE)
    inner: list[Fault] = []
    if model is not None:
        checked = CheckedPipeline(document, model, removed)
        check_whole(checked, agents)
        check_templates(checked)
        places = [(path, handler) for path, _, handler in checked.places()]
        inner = Reader(agents).nested(document, places, file, ())
    document.faults.sort()
    return LoadedPipelineFile(file, model, (*document.faults, *inner))


def load_pipeline(
    path: str | Path,
    inputs: Mapping[str, Any] | Sequence[str] = (),
    *,
    directory: Path | None = None,
    agents: Collection[str] | None = None,
) -> PipelineDefinition:
    """The definition of the pipeline in a file (YAML, or JSON where the name ends so).

    ``inputs`` are values, or words as on a command line (``name=value``). Paths among them, watched
    folders, and the directory of handlers, are counted from ``directory`` (the file's).

    :raises PipelineFileUnreadable: if the file can't be read.
    :raises PipelineFileInvalid: with all its faults.
    :raises InputsInvalid: with all that is wrong with the inputs.
    :raises TemplateFailed: if what speaks of inputs can't be rendered with them.
    """
    found = read_file(path, agents=agents)
    if found.faults or found.model is None:
        raise PipelineFileInvalid(found.faults)
    here = found.path.parent if directory is None else directory.absolute()
    given = inputs if isinstance(inputs, Mapping) else pairs(inputs)
    values = convert_inputs(found.model.inputs, given, here)
    return Compiler(found.model, found.path, values, here).definition()
