"""What is wrong with a pipeline's file, or with what is put into its lanes."""

from __future__ import annotations

from ...base.errors import ValidationFault
from ...workflows.files.faults import FileInvalid, FileUnreadable


class PipelineFileInvalid(FileInvalid):
    """A pipeline's file has faults; ``faults`` holds all of them."""

    code = "pipeline_file_invalid"


class PipelineFileUnreadable(FileUnreadable):
    """A pipeline's file is not there, or can't be read."""

    code = "pipeline_file_unreadable"


class PayloadDataInvalid(ValidationFault):
    """The data of a payload are not what the pipeline's file asks for."""

    code = "payload_data_invalid"
