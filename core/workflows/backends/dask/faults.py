"""What can be refused or fail around a cluster: one class for each cause."""

from __future__ import annotations

from ....base.errors import BusinessFault, ResourceFault, ValidationFault


class ExecutorUrlInvalid(ValidationFault):
    """The URL of an executor back end can't be understood."""

    code = "executor_url"


class ClusterUnreachable(ResourceFault):
    """The scheduler of the cluster doesn't answer; what runs there goes on."""

    code = "cluster_unreachable"
    transient = True


class ClusterMismatch(ResourceFault):
    """A machine of the cluster has no Quarterdeck, or one that speaks another version."""

    code = "cluster_version"


class AttemptFenced(BusinessFault):
    """A later engine has taken the workflow over; this attempt is not begun."""

    code = "attempt_fenced"
