"""What can go wrong between an engine and the places where attempts run."""

from __future__ import annotations

from ...base.errors import BusinessFault, ResourceFault
from ..context import PermanentFailure


class PlaceForeign(ResourceFault):
    """A place is not of this machine, or of no kind that this back end knows."""

    code = "place_foreign"


class SupersededHere(BusinessFault):
    """A later engine has taken the attempt over."""

    code = "attempt_superseded"


class ResourcesUnknown(PermanentFailure):
    """A task asks for resources, and its place has no amounts of any."""

    code = "task_resources_unknown"
