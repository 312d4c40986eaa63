"""The driver, loaded when a store of this kind is asked for: it is an extra."""

from __future__ import annotations

from ..faults import StoreDriver

try:
    import asyncpg
except ImportError as error:
    raise StoreDriver(
        "PostgreSQL needs the driver asyncpg, which is not installed. Install it with "
        "pip install 'quarterdeck[postgres]', or use the SQLite store."
    ) from error

__all__ = ["asyncpg"]
