"""The client over an endpoint that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from quarterdeck.core.base.errors import Category, ErrorInfo
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import OUTGOING_LIMIT, Client, CommandRefused
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol.commands import Command, ListSessions, command
from quarterdeck.core.protocol.events import Event, Metadata, SystemInfo
from quarterdeck.core.protocol.screen import ScreenFrame
from quarterdeck.core.protocol.views import EngineView
from quarterdeck.core.protocol.wire import (
    Bye,
    Follow,
    Frame,
    Goodbye,
    Hello,
    KeyInput,
    Output,
    Reply,
    SizeInput,
    Unwatch,
    Watch,
    Welcome,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = new_id()
ENGINE = EngineView(
    engine_id=ID,
    pid=1,
    version="0",
    protocol=1,
    state_dir="/s",
    store="x",
    headless=False,
    started_at=NOW,
)


class Played:
    """An endpoint: what the client sends is in ``sent``, what ``tell`` gives it receives."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.arrived = asyncio.Event()
        self.closed = False
        self.deaf = asyncio.Event()
        self.deaf.set()
        self._come: asyncio.Queue[Any] = asyncio.Queue()

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self._come.put_nowait(message)

    async def send(self, message: Any) -> None:
        await self.deaf.wait()
        if self.closed:
            raise LinkClosed("The engine is gone.")
        self.sent.append(message)
        self.arrived.set()

    async def receive(self) -> Any:
        message = await self._come.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def close(self) -> None:
        self.closed = True


def told(sequence: int = 1) -> Event:
    payload = SystemInfo(code="c", message="m")
    return Event(type=payload.type, metadata=Metadata(sequence=sequence), payload=payload)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
async def client(played: Played) -> AsyncIterator[Client]:
    played.tell(Welcome(client_id=ID, engine=ENGINE))
    attached = Client(played, "test", host=True)
    await attached.start()
    yield attached
    await attached.close()


async def test_a_greeting_tells_who_is_who(client: Client, played: Played) -> None:
    hello = played.sent[0]
    assert isinstance(hello, Hello)
    assert (hello.client, hello.host) == ("test", True)
    assert client.client_id == ID
    assert client.view.engine == ENGINE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Goodbye(reason="too old"), "too old"),
        (Reply(command_id=None, ok=True), "did not greet back"),
        (LinkClosed("gone"), "gone"),
    ],
)
async def test_a_greeting_that_is_refused_says_why(
    played: Played, answer: Any, reason: str
) -> None:
    played.tell(answer)
    with pytest.raises(LinkClosed, match=reason):
        await Client(played).start()


async def test_a_greeting_does_not_wait_for_ever(played: Played) -> None:
    with pytest.raises(LinkClosed, match=r"did not answer within 0.01 s"):
        await Client(played).start(patience=0.01)


async def test_a_command_gets_its_own_reply(client: Client, played: Played) -> None:
    first, second = command(ListSessions()), command(ListSessions(text="x"))
    calls = [asyncio.create_task(client.call_command(sent)) for sent in (first, second)]
    await turns()
    played.tell(Reply(command_id=second.id, ok=True, result={"n": 2}))
    played.tell(Reply(command_id=first.id, ok=True, result={"n": 1}))
    assert await asyncio.gather(*calls) == [{"n": 1}, {"n": 2}]


async def test_a_refusal_carries_what_the_engine_said(client: Client, played: Played) -> None:
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    error = ErrorInfo(
        code="rate_limited",
        category=Category.RESOURCE,
        message="Too fast.",
        details={"retry_after": 0.1},
    )
    played.tell(Reply(command_id=played.sent[-1].id, ok=False, error=error))
    with pytest.raises(CommandRefused, match="Too fast") as caught:
        await call
    assert caught.value.info() == error
    assert (caught.value.code, caught.value.category) == ("rate_limited", Category.RESOURCE)
    assert caught.value.details == {"retry_after": 0.1}


async def test_a_refusal_without_a_reason_is_one_all_the_same(
    client: Client, played: Played
) -> None:
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    played.tell(Reply(command_id=played.sent[-1].id, ok=False))
    with pytest.raises(CommandRefused, match="did not say why"):
        await call


async def test_one_command_sent_twice_at_once_answers_both(client: Client, played: Played) -> None:
    sent = command(ListSessions())
    calls = [asyncio.create_task(client.call_command(sent)) for _ in range(2)]
    await turns()
    assert [m for m in played.sent if isinstance(m, Command)] == [sent, sent]
    played.tell(Reply(command_id=sent.id, ok=True, result={"n": 1}))
    assert await asyncio.gather(*calls) == [{"n": 1}, {"n": 1}]


async def test_a_call_that_is_given_up_disturbs_nothing(client: Client, played: Played) -> None:
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    played.tell(Reply(command_id=played.sent[-1].id, ok=True), told())
    await turns()
    assert client.view.sequence == 1


async def test_a_reply_to_nobody_is_left_out(client: Client, played: Played) -> None:
    played.tell(Reply(command_id=None, ok=True), Reply(command_id=ID, ok=True), told())
    await turns()
    assert client.view.sequence == 1


async def test_pending_calls_end_with_the_link(client: Client, played: Played) -> None:
    call = asyncio.create_task(client.call(ListSessions()))
    reasons: list[str] = []
    client.on_closed = reasons.append
    await turns()
    played.tell(LinkClosed("The engine closed the link."))
    with pytest.raises(LinkClosed, match="The engine closed the link"):
        await call
    assert reasons == ["The engine closed the link."]
    with pytest.raises(LinkClosed, match="is closed"):
        await client.call(ListSessions())
    await client.close()
    assert reasons == ["The engine closed the link."]


async def test_a_call_under_way_as_the_link_ends_leaves_no_error_behind(
    client: Client, played: Played
) -> None:
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    played.deaf.clear()
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    played.tell(LinkClosed("gone"))
    await turns()
    played.closed = True
    played.deaf.set()
    with pytest.raises(LinkClosed):
        await call
    await turns()
    assert unhandled == []


async def test_listeners_hear_in_the_order_of_arrival(client: Client, played: Played) -> None:
    heard: list[Any] = []
    client.on_event = lambda event: heard.append((event, client.view.sequence))
    client.on_frame = heard.append
    client.on_output = heard.append
    client.on_goodbye = heard.append
    frame = ScreenFrame(session_id=ID, generation=1, cols=1, lines=1, rows={})
    output, bye = Output(session_id=ID, data=b"x"), Goodbye(reason="r")
    event = told(5)
    played.tell(event, Frame(frame=frame), output, bye)
    await turns()
    assert heard == [(event, 5), frame, output, bye]


async def test_a_listener_that_raises_is_reported_and_the_link_goes_on(
    client: Client, played: Played
) -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(_: Any) -> None:
        raise RuntimeError("no")

    client.on_event = fail
    client.on_closed = fail
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    played.tell(told(), Reply(command_id=played.sent[-1].id, ok=True, result={"n": 1}))
    assert await call == {"n": 1}
    played.tell(LinkClosed("gone"))
    await turns()
    assert [str(context["exception"]) for context in reported] == ["no", "no"]


async def test_an_engine_that_talks_nonsense_ends_the_link(client: Client, played: Played) -> None:
    reasons: list[str] = []
    client.on_closed = reasons.append
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    played.tell(LinkClosed("The engine can't be understood."))
    with pytest.raises(LinkClosed):
        await call
    assert reasons == ["The engine can't be understood."]


# What goes out in order


async def test_input_and_watches_go_out_in_order(client: Client, played: Played) -> None:
    client.watch(ID)
    client.watch(ID, raw=True)
    assert client.input(KeyInput(session_id=ID, keys=("a",)))
    client.unwatch(ID)
    await client.follow("session.*", since=3, snapshot=False)
    await turns()
    assert played.sent[1] == Follow(topics=("session.*",), since=3, snapshot=False)
    assert played.sent[2:] == [
        Watch(session_id=ID),
        Watch(session_id=ID, mode="bytes"),
        KeyInput(session_id=ID, keys=("a",)),
        Unwatch(session_id=ID),
    ]


async def test_of_several_sizes_the_last_one_counts(client: Client, played: Played) -> None:
    other = new_id()
    for cols in (80, 90, 100):
        client.input(SizeInput(session_id=ID, cols=cols, lines=24))
    client.input(SizeInput(session_id=other, cols=70, lines=24))
    await turns()
    sizes = [(m.session_id, m.cols) for m in played.sent if isinstance(m, SizeInput)]
    assert sizes == [(ID, 100), (other, 70)]


async def test_input_is_bounded_and_says_so(client: Client, played: Played) -> None:
    played.deaf.clear()
    key = KeyInput(session_id=ID, keys=("a",))
    taken = [client.input(key) for _ in range(OUTGOING_LIMIT + 2)]
    assert taken.count(True) == OUTGOING_LIMIT
    assert taken[-1] is False
    played.deaf.set()


async def test_a_closed_link_takes_no_input_and_holds_none(client: Client, played: Played) -> None:
    played.tell(LinkClosed("gone"))
    await turns()
    assert not client.input(KeyInput(session_id=ID, keys=("a",)))
    client.watch(ID)
    assert not client._outgoing


async def test_a_link_that_breaks_while_sending_ends_the_client(
    client: Client, played: Played
) -> None:
    reasons: list[str] = []
    client.on_closed = reasons.append
    played.closed = True
    client.watch(ID)
    await turns()
    assert reasons == ["The engine is gone."]


async def test_leaving_says_bye_and_closes(played: Played) -> None:
    played.tell(Welcome(client_id=ID, engine=ENGINE))
    client = Client(played)
    await client.start()
    call = asyncio.create_task(client.call(ListSessions()))
    await turns()
    await client.close()
    assert isinstance(played.sent[-1], Bye)
    assert played.closed
    with pytest.raises(LinkClosed, match="closed here"):
        await call
    await client.close()
