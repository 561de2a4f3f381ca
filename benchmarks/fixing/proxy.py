"""A loopback proxy before a model server that counts and cuts generated tokens, the same way for every client.

Each task has one of its own. A request's reply is capped at what is left of the budget; once it is used up, requests
are refused with status 400.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_CAPS = ("max_tokens", "max_completion_tokens", "n_predict")
_REFUSAL = {"error": {"code": 400, "type": "invalid_request_error", "message": "the budget of tokens is used up"}}


@dataclass
class Meter:
    """What went through: tokens, milliseconds the server generated for, and requests by their fate."""

    budget: int
    generated: int = 0
    prompt: int = 0
    cached: int = 0
    timed_tokens: int = 0
    generating_ms: float = 0.0
    requests: int = 0
    refused: int = 0
    failed: int = 0
    unfinished: int = 0
    """Replies that the client did not wait for; of streamed ones the pieces are counted, of others nothing."""

    @property
    def left(self) -> int:
        """Tokens that may still be generated."""
        return max(0, self.budget - self.generated)

    def figures(self) -> dict[str, float]:
        """As a record, with the tokens generated a second."""
        speed = self.timed_tokens / self.generating_ms * 1000 if self.generating_ms else 0.0
        return {**asdict(self), "tokens_per_second": round(speed, 1)}


class Proxy:
    """Listens on a free loopback port while it is open."""

    def __init__(self, upstream: str, budget: int, log: Path | None = None) -> None:
        self.host = urlsplit(upstream).netloc
        self.path = urlsplit(upstream).path
        self.meter = Meter(budget)
        self._log = log
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        """What a client is told instead of the server's own address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
        self._server.shutdown()
        self._server.server_close()

    def abort(self) -> None:
        """Break off what the server still generates, so that it is idle for the next task."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def connect(self) -> tuple[HTTPConnection, socket.socket]:
        """A connection to the server."""
        connection = HTTPConnection(self.host, timeout=900)
        connection.connect()
        with self._lock:
            self._open.add(connection.sock)
        return connection, connection.sock

    def disconnect(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """Close it; the server stops generating for it."""
        with self._lock:
            self._open.discard(sock)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def count(self, reply: Reply, body: dict[str, Any]) -> None:
        """Add a reply up, and log it."""
        with self._lock:
            meter = self.meter
            meter.generated += reply.generated
            meter.prompt += reply.prompt
            meter.cached += reply.cached
            if reply.milliseconds:
                meter.timed_tokens += reply.timed
                meter.generating_ms += reply.milliseconds
            meter.unfinished += not reply.finished
            meter.failed += reply.failed
            if self._log:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({"request": body, "reply": reply.text, "tokens": reply.generated}) + "\n")


class Reply:
    """What one reply told of itself, gathered from its whole body or piece by piece."""

    def __init__(self) -> None:
        self.generated = self.prompt = self.cached = self.timed = self.pieces = 0
        self.milliseconds = 0.0
        self.finished = self.failed = self.counted = False
        self.text = ""

    def take(self, data: dict[str, Any]) -> None:
        """One JSON object of the reply."""
        for choice in data.get("choices") or []:
            said = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            words = "".join(str(said[key]) for key in ("reasoning_content", "content", "tool_calls") if said.get(key))
            self.text += words
            self.pieces += bool(words)
        if usage := data.get("usage"):
            self.generated = usage.get("completion_tokens") or 0
            self.prompt = usage.get("prompt_tokens") or 0
            self.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        if timings := data.get("timings"):
            self.timed = timings.get("predicted_n") or 0
            self.milliseconds = timings.get("predicted_ms") or 0.0
            self.cached = self.cached or timings.get("cache_n") or 0
            self.prompt = self.prompt or (timings.get("prompt_n") or 0) + self.cached

    def close(self) -> None:
        """No more comes: where the server gave no count, the pieces are one."""
        self.generated = self.generated or self.timed or self.pieces


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.proxy = proxy
    return Handler


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._forward(b"", None)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.path.split("?")[0].endswith(("/completions", "/completion")):
            self._forward(data, None)
            return
        meter = self.proxy.meter
        if not meter.left:
            meter.refused += 1
            self._send(400, "application/json", json.dumps(_REFUSAL).encode())
            return
        meter.requests += 1
        body = json.loads(data)
        told = [key for key in _CAPS if isinstance(body.get(key), int) and body[key] >= 0]
        for key in told or ["max_tokens"]:
            body[key] = min(body.get(key, meter.left), meter.left)
        self._forward(json.dumps(body).encode(), body)

    def _forward(self, data: bytes, body: dict[str, Any] | None) -> None:
        """Pass a request on; `body` is given where the reply is counted."""
        hide_usage = False
        if body and body.get("stream"):
            options = body.get("stream_options") or {}
            hide_usage = not options.get("include_usage")
            data = json.dumps({**body, "stream_options": {**options, "include_usage": True}}).encode()
        headers = {key: self.headers[key] for key in ("Content-Type", "Authorization", "Accept") if key in self.headers}
        reply = Reply()
        connection, sock = self.proxy.connect()
        try:
            connection.request(self.command, self.path, data or None, headers)
            response = connection.getresponse()
            reply.failed = response.status >= 400
            if body and body.get("stream") and not reply.failed:
                self._stream(response, reply, body, hide_usage=hide_usage)
            else:
                whole = response.read()
                reply.finished = True
                if body and not reply.failed:
                    reply.take(json.loads(whole))
                self._settle(reply, body)
                self._send(response.status, response.headers.get("Content-Type", "application/json"), whole)
        except (OSError, HTTPException):
            pass  # one of the two went away: what was generated until then is counted
        finally:
            self.proxy.disconnect(connection, sock)
            self._settle(reply, body)

    def _settle(self, reply: Reply, body: dict[str, Any] | None) -> None:
        """Count a reply, once; before the client has its end, so that its next request is held to what is left."""
        if body and not reply.counted:
            reply.counted = True
            reply.close()
            self.proxy.count(reply, body)

    def _stream(self, response: HTTPResponse, reply: Reply, body: dict[str, Any], *, hide_usage: bool) -> None:
        """Each line as it comes; the piece with the usage only to a client that asked for it."""
        self.send_response(response.status)
        self.send_header("Content-Type", response.headers.get("Content-Type", "text/event-stream"))
        self.end_headers()
        while line := response.readline():
            if line.startswith(b"data: {"):
                piece = json.loads(line[6:])
                reply.take(piece)
                if hide_usage and piece.get("usage") and not piece.get("choices"):
                    continue
            if line.startswith(b"data: [DONE]"):
                reply.finished = True
                self._settle(reply, body)
            self.wfile.write(line)
            self.wfile.flush()
        reply.finished = True

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
