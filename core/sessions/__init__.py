"""Sessions on real processes. Public names, each loaded at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazy_names

if TYPE_CHECKING:
    from ..protocol.status import Lifecycle as Lifecycle
    from .desk import AttentionDesk as AttentionDesk
    from .keepers import LocalKeepers as LocalKeepers
    from .ledger import Ledger as Ledger
    from .manager import SessionManager as SessionManager
    from .ports import ContainerManager as ContainerManager
    from .ports import Keepers as Keepers
    from .ports import Prepared as Prepared
    from .ports import Recorder as Recorder
    from .ports import SessionStore as SessionStore
    from .records import SessionRecord as SessionRecord
    from .roster import Roster as Roster
    from .services import Services as Services
    from .services import SessionOptions as SessionOptions
    from .surroundings import NoIsolation as NoIsolation

__getattr__ = lazy_names(
    __name__,
    {
        "AttentionDesk": ".desk",
        "ContainerManager": ".ports",
        "Keepers": ".ports",
        "Ledger": ".ledger",
        "Lifecycle": "..protocol.status",
        "LocalKeepers": ".keepers",
        "NoIsolation": ".surroundings",
        "Prepared": ".ports",
        "Recorder": ".ports",
        "Roster": ".roster",
        "Services": ".services",
        "SessionManager": ".manager",
        "SessionOptions": ".services",
        "SessionRecord": ".records",
        "SessionStore": ".ports",
    },
)

__all__ = [
    "AttentionDesk",
    "ContainerManager",
    "Keepers",
    "Ledger",
    "Lifecycle",
    "LocalKeepers",
    "NoIsolation",
    "Prepared",
    "Recorder",
    "Roster",
    "Services",
    "SessionManager",
    "SessionOptions",
    "SessionRecord",
    "SessionStore",
]
