"""What can go wrong between an engine and the places where attempts run."""

from __future__ import annotations

from ...base.errors import BusinessFault, ResourceFault


class PlaceForeign(ResourceFault):
    """A place is not of this machine, or of no kind that this back end knows."""

    code = "place_foreign"


class SupersededHere(BusinessFault):
    """A later engine has taken the attempt over."""

    code = "attempt_superseded"
