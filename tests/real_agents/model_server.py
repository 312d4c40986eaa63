"""A model service of our own for the tests with real agents: it says "Done." or calls a shell tool.

It speaks what four kinds of agents speak (Anthropic messages, OpenAI responses and chat, Gemini),
on the loopback device only. A prompt that holds ``run `COMMAND``` gets a call of the agent's own
shell tool; once that has its result, and for every other prompt, the answer is a word.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "Done."
ORDER = re.compile(r"run `([^`\n]+)`")
SHELLS = ("Bash", "bash", "exec_command", "shell_command", "run_shell_command")
RESULTS = ("tool_result", "function_call_output")
Json = dict[str, Any]
_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """An id that no other message has."""
    return f"{prefix}_{next(_numbers):06}"


@dataclass(frozen=True)
class Reply:
    """What the model says: words, or a call of the tool ``name``."""

    words: str = ANSWER
    name: str | None = None
    given: Json | None = None


def instance(schema: Any) -> Any:
    """The smallest value that fits a JSON schema, as far as agents use them."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        known = schema.get("properties", {})
        return {name: instance(known[name]) for name in schema.get("required", known)}
    simple: dict[str, Any] = {"string": "test", "array": [], "boolean": False}
    return simple.get(kind, schema.get("minimum", 0))


def wanted_schema(body: Json) -> Any:
    """The schema that the answer must fit, if the request names one."""
    google = body.get("generationConfig") or {}
    named = (body.get("text") or {}).get("format") or (body.get("output_config") or {}).get(
        "format"
    )
    plain = google.get("responseJsonSchema") or google.get("responseSchema")
    return plain or (named or {}).get("schema")


def parts_of(message: Json) -> Iterator[Json]:
    """A message and its parts, as dictionaries."""
    yield message
    content = message.get("content", message.get("parts"))
    for part in content if isinstance(content, list) else [{"text": content}]:
        if isinstance(part, dict):
            yield part


def open_order(body: Json) -> str | None:
    """The command that a user's message orders and no tool has run since."""
    order = None
    for message in body.get("messages") or body.get("input") or body.get("contents") or ():
        for part in parts_of(message):
            if (
                part.get("type") in RESULTS
                or message.get("role") == "tool"
                or "functionResponse" in part
            ):
                order = None
            elif message.get("role") == "user" and isinstance(part.get("text"), str):
                found = ORDER.findall(part["text"])
                order = found[-1] if found else order
    return order


def tools_of(body: Json) -> set[str]:
    """The names of the tools that the request offers."""
    named: set[str] = set()
    for tool in body.get("tools") or ():
        for each in tool.get("functionDeclarations", [tool]):
            named.add(str(each.get("name") or (each.get("function") or {}).get("name")))
    return named


def decide(body: Json) -> Reply:
    """What to answer."""
    schema = wanted_schema(body)
    if schema:
        return Reply(json.dumps(instance(schema)))
    order, offered = open_order(body), tools_of(body)
    shell = next((name for name in SHELLS if name in offered), None)
    if order is None or shell is None:
        return Reply()
    if shell == "exec_command":  # asked for outside its sandbox, or it would not ask at all
        outside = {"sandbox_permissions": "require_escalated", "justification": "A test."}
        return Reply("I will.", shell, {"cmd": order, **outside})
    return Reply("I will.", shell, {"command": order, "description": "A test"})


def messages(reply: Reply) -> Iterator[Json]:
    """Anthropic's stream."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    head: Json = {"id": fresh("msg"), "type": "message", "role": "assistant", "model": "test"}
    head |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    blocks: list[tuple[Json, Json]] = [
        ({"type": "text", "text": ""}, {"type": "text_delta", "text": reply.words})
    ]
    if reply.name:
        use = {"type": "tool_use", "id": fresh("toolu"), "name": reply.name, "input": {}}
        given = {"type": "input_json_delta", "partial_json": json.dumps(reply.given)}
        blocks.append((use, given))
    yield {"type": "message_start", "message": head}
    for index, (block, delta) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": "tool_use" if reply.name else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": usage}
    yield {"type": "message_stop"}


def responses(reply: Reply) -> Iterator[Json]:
    """OpenAI's stream of responses."""
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    response: Json = {"id": fresh("resp"), "object": "response", "model": "test", "output": []}
    item: Json = {"id": fresh("item"), "status": "completed"}
    if reply.name:
        call = {"name": reply.name, "arguments": json.dumps(reply.given)}
        item |= {"type": "function_call", "call_id": fresh("call"), **call}
    else:
        text = {"type": "output_text", "text": reply.words, "annotations": []}
        item |= {"type": "message", "role": "assistant", "content": [text]}
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    whole = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": whole}


def chat(reply: Reply) -> Iterator[Json]:
    """OpenAI's stream of chat completions."""
    base = {"id": fresh("chat"), "object": "chat.completion.chunk", "created": 1, "model": "test"}
    delta: Json = {"role": "assistant", "content": reply.words}
    if reply.name:
        function = {"name": reply.name, "arguments": json.dumps(reply.given)}
        call = {"index": 0, "id": fresh("call"), "type": "function", "function": function}
        delta["tool_calls"] = [call]
    yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    end = "tool_calls" if reply.name else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": end}], "usage": usage}


def google(reply: Reply) -> Iterator[Json]:
    """Gemini's stream, which is one piece here."""
    part: Json = {"text": reply.words}
    if reply.name:
        part = {"functionCall": {"name": reply.name, "args": reply.given}}
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    yield {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "test"}


DIALECTS = {
    "/messages": messages,
    "/responses": responses,
    "/chat/completions": chat,
    ":streamGenerateContent": google,
    ":generateContent": google,
}


class Handler(BaseHTTPRequestHandler):
    """Answers one request after the other."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._whole({"object": "list", "data": []})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        path = self.path.partition("?")[0]
        dialect = next((name for name in DIALECTS if path.endswith(name)), None)
        if dialect is None:
            self._whole({"input_tokens": 1, "totalTokens": 1})
        elif dialect == ":generateContent":
            self._whole(next(google(decide(body))))
        else:
            self._stream(DIALECTS[dialect](decide(body)))

    def _whole(self, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: Iterator[Json]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            named = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{named}data: {json.dumps(event)}\n\n".encode())
        if self.path.endswith("/chat/completions"):
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def serve() -> ThreadingHTTPServer:
    """A server on a free port of the loopback device; its ``serve_forever`` is the caller's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server
