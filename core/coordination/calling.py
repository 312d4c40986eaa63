"""Asking an agent to act: by its executor here, else by a COMMAND on the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..base.calling import Threads, is_async
from ..messaging.bus import MessageBus
from ..messaging.messages import Message, MessageType
from . import faults as f

Executor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class CallContext:
    """What an executor may want to know: the key is the same for every repetition of one action."""

    agent_id: str
    idempotency_key: str
    attempt: int = 1


CALL: ContextVar[CallContext | None] = ContextVar("quarterdeck_call", default=None)
"""The call that is being carried out; empty outside of one."""


class Agents:
    """Agents with their executors, sync or async, and the bus by which to reach the others."""

    def __init__(self, bus: MessageBus | None = None, sender_id: str = "coordinator") -> None:
        self.bus = bus
        self._sender_id = sender_id
        self._executors: dict[str, Executor] = {}
        self._threads = Threads(None)

    def register(self, agent_id: str, executor: Executor) -> None:
        """Let an agent act by ``executor``; a former one is replaced."""
        self._executors[agent_id] = executor

    def unregister(self, agent_id: str) -> None:
        """Forget an agent's executor."""
        self._executors.pop(agent_id, None)

    @property
    def known(self) -> list[str]:
        """Agents with an executor here."""
        return list(self._executors)

    async def call(self, action: Any, context: CallContext, timeout: float | None) -> Any:  # noqa: ASYNC109  # per attempt
        """What the agent's action gives.

        :raises NoExecutor: if it has no executor, and there is no bus.
        :raises TimeoutError: if it took longer than ``timeout`` seconds.
        """
        token = CALL.set(context)
        try:
            async with asyncio.timeout(timeout):
                return await self._call(action, context, timeout)
        finally:
            CALL.reset(token)

    async def _call(self, action: Any, context: CallContext, timeout: float | None) -> Any:  # noqa: ASYNC109  # the bus counts it too
        executor = self._executors.get(context.agent_id)
        if executor is not None:
            if is_async(executor):
                return await executor(action)
            return await self._threads.call(executor, action)
        if self.bus is None:
            raise f.NoExecutor(
                f"The agent {context.agent_id!r} has no executor, and there is no bus to ask it by. "
                "Call register_agent, or give the coordination layer a bus.",
                agent_id=context.agent_id,
            )
        return await self._ask(self.bus, action, context, timeout)

    async def _ask(
        self,
        bus: MessageBus,
        action: Any,
        context: CallContext,
        timeout: float | None,  # noqa: ASYNC109  # the bus counts it too
    ) -> Any:
        answer = await bus.request_response(
            Message(
                sender_id=self._sender_id,
                recipient_id=context.agent_id,
                message_type=MessageType.COMMAND,
                topic=f"agent.{context.agent_id}",
                payload={"action": action, "idempotency_key": context.idempotency_key},
            ),
            timeout_seconds=timeout or 30.0,
        )
        if answer.message_type is MessageType.ERROR:
            raise f.AgentRefused(
                f"The agent {context.agent_id!r} answered with an error: {answer.payload}.",
                agent_id=context.agent_id,
            )
        return answer.payload

    def close(self) -> None:
        """Let threads end."""
        self._threads.close()
