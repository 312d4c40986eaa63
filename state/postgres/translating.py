"""What the server and the driver report, as faults that say what, where and what to do."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from ...core.base.errors import QuarterdeckError
from .. import faults as f
from .driver import asyncpg

Fault = Callable[[str, Exception], QuarterdeckError]

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # what the driver meets when a connection breaks within a call
    ConnectionError,
    TimeoutError,
    EOFError,
    OSError,
)
"""The connection is gone, or the server is: it may come back."""

AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Another writer was in the way: the same transaction is worth another try at once."""


def place_of(url: str) -> str:
    """``url`` for messages: without its password and its options."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}"


def is_lost(error: BaseException) -> bool:
    """Whether ``error`` says that the connection is gone."""
    if isinstance(error, asyncpg.InterfaceError):
        text = str(error)
        return "clos" in text or "connection" in text
    return isinstance(error, LOST)


def closed(place: str) -> f.StoreClosed:
    """The fault for a store that is not open."""
    return f.StoreClosed(f"The store {place} is not open.", place=place)


def fault_of(error: Exception, place: str) -> QuarterdeckError:
    """The fault that ``error`` means for the database at ``place``."""
    if isinstance(error, QuarterdeckError):
        return error
    for kinds, fault in _FAULTS:
        if isinstance(error, kinds):
            return fault(place, error)
    if is_lost(error):
        return unreachable(place, error)
    if isinstance(error, asyncpg.PostgresError):
        return f.StoreFault(
            f"{place}: {error}. See the server's log, then try again.",
            place=place,
            sqlstate=getattr(error, "sqlstate", None),
        )
    return f.InvalidChange.because(error)


def bad_url(place: str, error: Exception) -> f.BadStoreSetting:
    """The fault for a URL that the driver can't read."""
    return f.BadStoreSetting(
        f"{place} is no URL of a PostgreSQL database: {error}. Write "
        "postgresql://user@host/database.",
        place=place,
    )


def unreachable(place: str, error: Exception) -> f.StoreUnreachable:
    """The fault for a server that does not answer."""
    reason = str(error) or type(error).__name__
    return f.StoreUnreachable(
        f"The PostgreSQL server of {place} does not answer: {reason}. See whether it runs and "
        "listens there; what was not acknowledged was not kept.",
        place=place,
    )


def in_doubt(fault: QuarterdeckError, place: str) -> f.StoreInDoubt:
    """The fault for a commit whose outcome stays unknown."""
    return f.StoreInDoubt(
        f"The connection to {place} was lost during a commit, and the server stayed away. Whether "
        f"the change was kept is not known; read it again when the server is back. {fault.message}",
        place=place,
    )


def _password(place: str, error: Exception) -> QuarterdeckError:
    return f.StorePassword(
        f"The PostgreSQL server of {place} refused the user: {error}. Correct user and password in "
        "the URL (or PGPASSWORD, or ~/.pgpass), or the server's pg_hba.conf.",
        place=place,
    )


def _no_database(place: str, error: Exception) -> QuarterdeckError:
    return f.StoreNoDatabase(
        f"{place}: {error}. Create it with createdb, or correct the name in the URL.", place=place
    )


def _full(place: str, error: Exception) -> QuarterdeckError:
    return f.StoreFull(
        f"The PostgreSQL server of {place} has no space left: {error}. Nothing that was "
        "acknowledged is lost; make room on the server.",
        place=place,
    )


def _read_only(place: str, error: Exception) -> QuarterdeckError:
    return f.StoreReadOnly(
        f"{place} can't be written: {error}. Connect to the primary server, with a user that may "
        "create a schema and write to it.",
        place=place,
    )


def _locked(place: str, error: Exception) -> QuarterdeckError:
    return f.StoreLocked(
        f"Another session holds what is needed in {place}: {error}. End it, then try again.",
        place=place,
    )


def _stale_sequence(place: str, error: Exception) -> QuarterdeckError:
    if getattr(error, "table_name", "") == "events":
        return f.StaleSequence(
            f"{place}: another engine of the same home keeps events here. Give each its own state "
            "directory.",
            place=place,
        )
    return f.InvalidChange.because(error)


_FAULTS: tuple[tuple[tuple[type[Exception], ...], Fault], ...] = (
    ((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError), _password),
    ((asyncpg.InvalidCatalogNameError,), _no_database),
    ((asyncpg.DiskFullError,), _full),
    ((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError), _read_only),
    ((asyncpg.LockNotAvailableError, *AGAIN), _locked),
    ((asyncpg.TooManyConnectionsError,), unreachable),
    ((asyncpg.UniqueViolationError,), _stale_sequence),
    (
        (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError),
        lambda _, error: f.InvalidChange.because(error),
    ),
)
