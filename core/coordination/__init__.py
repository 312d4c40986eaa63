"""Coordination: orchestrators, locks, sagas, votes and patterns.

Every name of the source document is found here, so that its one import line serves; names are loaded
at their first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.lazy import find_name

if TYPE_CHECKING:
    from ..messaging.bus import MessageBus
    from ..messaging.config import MessageBusConfig
    from ..messaging.messages import Message, MessagePriority, MessageType
    from ..safety.model import (
        ConstraintType,
        OperationContext,
        SafetyConfig,
        SafetyConstraint,
        SafetyLevel,
        ValidationResult,
    )
    from ..safety.monitor import SafetyMonitor
    from ..scheduling.model import (
        AgentCapacity,
        LoadBalanceStrategy,
        Task,
        TaskPriority,
        TaskSchedulerConfig,
        TaskState,
    )
    from ..scheduling.scheduler import TaskScheduler
    from .calling import CALL, CallContext
    from .consensus import ConsensusResult, Proposal, Vote
    from .faults import (
        AgentRefused,
        LockLost,
        LockTimeout,
        NoExecutor,
        ProposalInvalid,
        ProposalUnknown,
        SagaInvalid,
        VoteInvalid,
        VoteRefused,
    )
    from .layer import CoordinationConfig, CoordinationLayer, CoordinationStatistics
    from .locks import Grant
    from .orchestrator import (
        BaseOrchestrator,
        ExecutionResult,
        OrchestratorConfig,
        OrchestratorLifecycle,
        OrchestratorStatistics,
    )
    from .patterns import CoordinationPattern, PatternOutcome, PlannedStep
    from .saga import Saga, SagaResult, SagaStatus, SagaStep, StepStatus

_HOMES = {
    "AgentCapacity": "..scheduling.model",
    "AgentRefused": ".faults",
    "BaseOrchestrator": ".orchestrator",
    "CALL": ".calling",
    "CallContext": ".calling",
    "ConsensusResult": ".consensus",
    "ConstraintType": "..safety.model",
    "CoordinationConfig": ".layer",
    "CoordinationLayer": ".layer",
    "CoordinationPattern": ".patterns",
    "CoordinationStatistics": ".layer",
    "ExecutionResult": ".orchestrator",
    "Grant": ".locks",
    "LoadBalanceStrategy": "..scheduling.model",
    "LockLost": ".faults",
    "LockTimeout": ".faults",
    "Message": "..messaging.messages",
    "MessageBus": "..messaging.bus",
    "MessageBusConfig": "..messaging.config",
    "MessagePriority": "..messaging.messages",
    "MessageType": "..messaging.messages",
    "NoExecutor": ".faults",
    "OperationContext": "..safety.model",
    "OrchestratorConfig": ".orchestrator",
    "OrchestratorLifecycle": ".orchestrator",
    "OrchestratorStatistics": ".orchestrator",
    "PatternOutcome": ".patterns",
    "PlannedStep": ".patterns",
    "Proposal": ".consensus",
    "ProposalInvalid": ".faults",
    "ProposalUnknown": ".faults",
    "SafetyConfig": "..safety.model",
    "SafetyConstraint": "..safety.model",
    "SafetyLevel": "..safety.model",
    "SafetyMonitor": "..safety.monitor",
    "Saga": ".saga",
    "SagaInvalid": ".faults",
    "SagaResult": ".saga",
    "SagaStatus": ".saga",
    "SagaStep": ".saga",
    "StepStatus": ".saga",
    "Task": "..scheduling.model",
    "TaskPriority": "..scheduling.model",
    "TaskScheduler": "..scheduling.scheduler",
    "TaskSchedulerConfig": "..scheduling.model",
    "TaskState": "..scheduling.model",
    "ValidationResult": "..safety.model",
    "Vote": ".consensus",
    "VoteInvalid": ".faults",
    "VoteRefused": ".faults",
}

__all__ = [
    "CALL",
    "AgentCapacity",
    "AgentRefused",
    "BaseOrchestrator",
    "CallContext",
    "ConsensusResult",
    "ConstraintType",
    "CoordinationConfig",
    "CoordinationLayer",
    "CoordinationPattern",
    "CoordinationStatistics",
    "ExecutionResult",
    "Grant",
    "LoadBalanceStrategy",
    "LockLost",
    "LockTimeout",
    "Message",
    "MessageBus",
    "MessageBusConfig",
    "MessagePriority",
    "MessageType",
    "NoExecutor",
    "OperationContext",
    "OrchestratorConfig",
    "OrchestratorLifecycle",
    "OrchestratorStatistics",
    "PatternOutcome",
    "PlannedStep",
    "Proposal",
    "ProposalInvalid",
    "ProposalUnknown",
    "SafetyConfig",
    "SafetyConstraint",
    "SafetyLevel",
    "SafetyMonitor",
    "Saga",
    "SagaInvalid",
    "SagaResult",
    "SagaStatus",
    "SagaStep",
    "StepStatus",
    "Task",
    "TaskPriority",
    "TaskScheduler",
    "TaskSchedulerConfig",
    "TaskState",
    "ValidationResult",
    "Vote",
    "VoteInvalid",
    "VoteRefused",
]


def __getattr__(name: str) -> Any:
    return find_name(__name__, name, _HOMES)
