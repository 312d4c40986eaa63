"""The back end for a ``dask://`` URL."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ....base.errors import ResourceFault
from ..ports import Backend
from .faults import ExecutorUrlInvalid
from .wire import Terms

if TYPE_CHECKING:
    from .cluster import ClusterOptions

FORM = "dask://HOST:PORT?tls=yes&ca=FILE&cert=FILE&key=FILE&lease=SECONDS&grace=SECONDS&timeout=SECONDS"
FILES = {"ca": "tls_ca_file", "cert": "tls_client_cert", "key": "tls_client_key"}
SECONDS = ("lease", "grace", "timeout")
LEAST_LEASE = 0.5


class ExecutorNotInstalled(ResourceFault):
    """The back end is known, and what it needs is not installed."""

    code = "executor_not_installed"


def open_backend(url: str, **options: Any) -> Backend:
    """The back end of the cluster at ``url``, not yet opened; ``clock`` is the one option it takes.

    Whatever the URL leaves open is as Dask's own configuration says, TLS included.

    :raises ExecutorUrlInvalid: if the URL can't be understood.
    :raises ExecutorNotInstalled: if the extra ``dask`` is missing.
    """
    if find_spec("distributed") is None:
        raise ExecutorNotInstalled(
            "Dask is not installed here; install it with: pip install 'quarterdeck[dask]'.", url=url
        )
    from .backend import DaskBackend  # noqa: PLC0415  # loads distributed, for those who ask for it

    known = {name: value for name, value in options.items() if name == "clock"}
    return DaskBackend(parse_url(url), **known)


def parse_url(url: str) -> ClusterOptions:
    """What a URL says.

    :raises ExecutorUrlInvalid: if it can't be understood.
    """
    from .cluster import ClusterOptions  # noqa: PLC0415  # loads distributed, for those who ask for it

    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path.strip("/") or parts.username:
        raise _invalid(url, "a host and a port are needed, and nothing else before the '?'")
    unknown = sorted(set(given) - {"tls", *FILES, *SECONDS})
    if unknown:
        raise _invalid(url, f"it has no option {', '.join(unknown)}")
    tls = {FILES[name]: value for name, value in given.items() if name in FILES}
    if given.get("tls", "no") not in {"yes", "no"}:
        raise _invalid(url, "tls is 'yes' or 'no'")
    secured = bool(tls) or given.get("tls") == "yes"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    times = {name: _seconds(url, given, name) for name in SECONDS if name in given}
    timeout = {"timeout": times.pop("timeout")} if "timeout" in times else {}
    return ClusterOptions(
        address=f"{'tls' if secured else 'tcp'}://{host}:{port}",
        tls={**tls, "require_encryption": True} if secured else {},
        terms=Terms(**times),
        **timeout,
    )


def _seconds(url: str, given: Mapping[str, str], name: str) -> float:
    try:
        value = float(given[name])
    except ValueError:
        value = -1.0
    if not (0 if name == "grace" else LEAST_LEASE) <= value <= 3600:
        raise _invalid(url, f"{name} is a number of seconds from {LEAST_LEASE} to 3600")
    return value


def _invalid(url: str, why: str) -> ExecutorUrlInvalid:
    return ExecutorUrlInvalid(f"{url!r} can't be understood: {why}. Write {FORM}.", url=url)
