"""All that crosses the engine's boundary. Public names, each loaded at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazy_names

if TYPE_CHECKING:
    from ..base.errors import ErrorInfo as ErrorInfo
    from .attention import AttentionItem as AttentionItem
    from .attention import AttentionKind as AttentionKind
    from .commands import PAYLOADS as PAYLOADS
    from .commands import Answer as Answer
    from .commands import AnswerItem as AnswerItem
    from .commands import Command as Command
    from .commands import CreateSession as CreateSession
    from .commands import DeleteSession as DeleteSession
    from .commands import ExplainSession as ExplainSession
    from .commands import GetPreferences as GetPreferences
    from .commands import GetState as GetState
    from .commands import HealthCheck as HealthCheck
    from .commands import ListAgents as ListAgents
    from .commands import ListAttention as ListAttention
    from .commands import ListEvents as ListEvents
    from .commands import ListSessions as ListSessions
    from .commands import NextActionable as NextActionable
    from .commands import Payload as Payload
    from .commands import Prompt as Prompt
    from .commands import ReadLog as ReadLog
    from .commands import ReadScreen as ReadScreen
    from .commands import Resize as Resize
    from .commands import ResolveItem as ResolveItem
    from .commands import RestartAgent as RestartAgent
    from .commands import SearchScreen as SearchScreen
    from .commands import SendKeys as SendKeys
    from .commands import SessionHistory as SessionHistory
    from .commands import SessionUpdates as SessionUpdates
    from .commands import SetFocus as SetFocus
    from .commands import SetPreference as SetPreference
    from .commands import Shutdown as Shutdown
    from .commands import SnoozeItem as SnoozeItem
    from .commands import StartAgent as StartAgent
    from .commands import StopAgent as StopAgent
    from .commands import ToggleMinimal as ToggleMinimal
    from .commands import UpdateSession as UpdateSession
    from .commands import command as command
    from .events import EVENTS as EVENTS
    from .events import AttentionClosed as AttentionClosed
    from .events import AttentionRaised as AttentionRaised
    from .events import AttentionUpdated as AttentionUpdated
    from .events import Cause as Cause
    from .events import EnvError as EnvError
    from .events import EnvReady as EnvReady
    from .events import Event as Event
    from .events import EventPayload as EventPayload
    from .events import HealthReport as HealthReport
    from .events import Metadata as Metadata
    from .events import PreferenceChanged as PreferenceChanged
    from .events import SessionCreated as SessionCreated
    from .events import SessionDeleted as SessionDeleted
    from .events import SessionListed as SessionListed
    from .events import SessionUpdated as SessionUpdated
    from .events import StateSnapshot as StateSnapshot
    from .events import StatusChanged as StatusChanged
    from .events import StatusProgress as StatusProgress
    from .events import SystemError_ as ErrorEvent
    from .events import SystemInfo as SystemInfo
    from .events import SystemWarning as SystemWarning
    from .screen import ScreenFrame as ScreenFrame
    from .status import Activity as Activity
    from .status import Lifecycle as Lifecycle
    from .status import Status as Status
    from .validation import CommandFault as CommandFault
    from .validation import parse_command as parse_command
    from .validation import parse_payload as parse_payload
    from .views import AgentView as AgentView
    from .views import Check as Check
    from .views import EngineView as EngineView
    from .views import HealthStatus as HealthStatus
    from .views import HealthView as HealthView
    from .views import SessionView as SessionView
    from .views import StateView as StateView
    from .wire import PROTOCOL as PROTOCOL
    from .wire import Reply as Reply

__getattr__ = lazy_names(
    __name__,
    {
        "Activity": ".status",
        "AgentView": ".views",
        "Answer": ".commands",
        "AnswerItem": ".commands",
        "AttentionClosed": ".events",
        "AttentionItem": ".attention",
        "AttentionKind": ".attention",
        "AttentionRaised": ".events",
        "AttentionUpdated": ".events",
        "Cause": ".events",
        "Check": ".views",
        "Command": ".commands",
        "CommandFault": ".validation",
        "CreateSession": ".commands",
        "DeleteSession": ".commands",
        "EVENTS": ".events",
        "EngineView": ".views",
        "EnvError": ".events",
        "EnvReady": ".events",
        "ErrorEvent": ".events:SystemError_",
        "ErrorInfo": "..base.errors",
        "Event": ".events",
        "EventPayload": ".events",
        "ExplainSession": ".commands",
        "GetPreferences": ".commands",
        "GetState": ".commands",
        "HealthCheck": ".commands",
        "HealthReport": ".events",
        "HealthStatus": ".views",
        "HealthView": ".views",
        "Lifecycle": ".status",
        "ListAgents": ".commands",
        "ListAttention": ".commands",
        "ListEvents": ".commands",
        "ListSessions": ".commands",
        "Metadata": ".events",
        "NextActionable": ".commands",
        "PAYLOADS": ".commands",
        "PROTOCOL": ".wire",
        "Payload": ".commands",
        "PreferenceChanged": ".events",
        "Prompt": ".commands",
        "ReadLog": ".commands",
        "ReadScreen": ".commands",
        "Reply": ".wire",
        "Resize": ".commands",
        "ResolveItem": ".commands",
        "RestartAgent": ".commands",
        "ScreenFrame": ".screen",
        "SearchScreen": ".commands",
        "SendKeys": ".commands",
        "SessionCreated": ".events",
        "SessionDeleted": ".events",
        "SessionHistory": ".commands",
        "SessionListed": ".events",
        "SessionUpdated": ".events",
        "SessionUpdates": ".commands",
        "SessionView": ".views",
        "SetFocus": ".commands",
        "SetPreference": ".commands",
        "Shutdown": ".commands",
        "SnoozeItem": ".commands",
        "StartAgent": ".commands",
        "StateSnapshot": ".events",
        "StateView": ".views",
        "Status": ".status",
        "StatusChanged": ".events",
        "StatusProgress": ".events",
        "StopAgent": ".commands",
        "SystemInfo": ".events",
        "SystemWarning": ".events",
        "ToggleMinimal": ".commands",
        "UpdateSession": ".commands",
        "command": ".commands",
        "parse_command": ".validation",
        "parse_payload": ".validation",
    },
)

__all__ = [
    "EVENTS",
    "PAYLOADS",
    "PROTOCOL",
    "Activity",
    "AgentView",
    "Answer",
    "AnswerItem",
    "AttentionClosed",
    "AttentionItem",
    "AttentionKind",
    "AttentionRaised",
    "AttentionUpdated",
    "Cause",
    "Check",
    "Command",
    "CommandFault",
    "CreateSession",
    "DeleteSession",
    "EngineView",
    "EnvError",
    "EnvReady",
    "ErrorEvent",
    "ErrorInfo",
    "Event",
    "EventPayload",
    "ExplainSession",
    "GetPreferences",
    "GetState",
    "HealthCheck",
    "HealthReport",
    "HealthStatus",
    "HealthView",
    "Lifecycle",
    "ListAgents",
    "ListAttention",
    "ListEvents",
    "ListSessions",
    "Metadata",
    "NextActionable",
    "Payload",
    "PreferenceChanged",
    "Prompt",
    "ReadLog",
    "ReadScreen",
    "Reply",
    "Resize",
    "ResolveItem",
    "RestartAgent",
    "ScreenFrame",
    "SearchScreen",
    "SendKeys",
    "SessionCreated",
    "SessionDeleted",
    "SessionHistory",
    "SessionListed",
    "SessionUpdated",
    "SessionUpdates",
    "SessionView",
    "SetFocus",
    "SetPreference",
    "Shutdown",
    "SnoozeItem",
    "StartAgent",
    "StateSnapshot",
    "StateView",
    "Status",
    "StatusChanged",
    "StatusProgress",
    "StopAgent",
    "SystemInfo",
    "SystemWarning",
    "ToggleMinimal",
    "UpdateSession",
    "command",
    "parse_command",
    "parse_payload",
]
