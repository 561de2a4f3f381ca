"""What all doubles share: a real HTTP server on loopback, a script of answers, the requests it saw, its breakdowns."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

Body = dict[str, Any]
Answer = Body | str | Callable[[Body], Any]
"""What a scripted model says: text; `content`, `calls` as (name, arguments), `reasoning`, `finish`; a function of the
request's body that gives one of these; or a fault (`doubles.faults`), which takes the answer's place."""
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")


def tokens_in(text: str) -> int:
    """The doubles' only tokenizer: a run of letters and digits is a token, and so is every sign but white space."""
    return len(_TOKEN.findall(text))


def rendered(body: Body) -> str:
    """The prompt that a request becomes: its tools, then its messages, as JSON."""
    tools = body.get("tools") or []
    return (json.dumps(tools) if tools else "") + "\n".join(map(json.dumps, body.get("messages") or []))


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class Reply:
    """A scripted answer in full."""

    content: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish: str = ""

    @classmethod
    def of(cls, answer: Body | str) -> Reply:
        """From what a script holds."""
        if isinstance(answer, str):
            return cls(answer, finish="stop")
        calls = list(answer.get("calls", []))
        finish = answer.get("finish", "tool_calls" if calls else "stop")
        return cls(answer.get("content") or "", answer.get("reasoning") or "", calls, finish)

    @property
    def tokens(self) -> int:
        """Generated tokens, by the doubles' count."""
        said = self.content + self.reasoning + "".join(name + arguments for name, arguments in self.calls)
        return tokens_in(said) or 1


class Exchange:
    """One request and the ways to answer it, well or badly."""

    def __init__(self, handler: _Handler, seen: Seen) -> None:
        self._handler = handler
        self.seen = seen
        self.body: Body = seen.body if isinstance(seen.body, dict) else {}

    def json(self, data: Any, status: int = 200, **headers: str) -> None:
        """A JSON document."""
        self.send(json.dumps(data).encode(), status, "application/json; charset=utf-8", **headers)

    def send(self, data: bytes, status: int = 200, kind: str = "text/plain", **headers: str) -> None:
        """A whole answer."""
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(data)), **headers})
        self._handler.wfile.write(data)

    def begin(self, kind: str, *, chunked: bool = True) -> None:
        """Begin a stream; without chunks, it ends with the connection and nobody can tell where it should have."""
        how = {"Transfer-Encoding": "chunked"} if chunked else {"Connection": "close"}
        self._head(200, {"Content-Type": kind, **how})
        self._chunked = chunked

    def write(self, data: bytes) -> None:
        """A piece of a stream."""
        wrapped = b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data
        self._handler.wfile.write(wrapped)
        self._handler.wfile.flush()

    def end(self) -> None:
        """The stream's proper end."""
        if self._chunked:
            self._handler.wfile.write(b"0\r\n\r\n")
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection where it is."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection with a reset, as a killed process does."""
        self._handler.close_connection = True
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.was_reset = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()


class Double:
    """A model server that says what its script says, in order; the last answer repeats.

    `requests` holds the bodies of requests for a reply, `seen` every request. `piece` is how many characters of text
    a chunk of a stream holds (None: all in one). With an `api_key`, requests without it are refused.
    """

    server_header = "double"
    routes: ClassVar[dict[tuple[str, str], str]] = {}
    """(method, path) → the name of the method that answers."""

    def __init__(self, *answers: Any, model: str = "scripted", window: int = 65_536) -> None:
        self.answers: list[Any] = list(answers)
        self.requests: list[Body] = []
        self.seen: list[Seen] = []
        self.mistakes: list[BaseException] = []
        self.model = model
        self.window = window
        self.api_key = ""
        self.piece: int | None = 8
        self.loading = 0  # so many requests to come are answered by 503
        self._prompt = ""
        self._lock = threading.RLock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.start()

    # ------------------------------------------------------------ life

    @property
    def root(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The address of the OpenAI-compatible API."""
        return f"{self.root}/v1"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = _Server(self, self.port)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Be gone, connections included, until started again: connecting is refused."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        server.server_close()
        server.drop_connections()
        self._thread.join()

    def close(self) -> None:
        """Stop for good; a mistake of the double itself is raised here."""
        self.stop()
        if self.mistakes:
            raise self.mistakes[0]

    def __enter__(self) -> Double:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    # ------------------------------------------------------------ answering

    def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        seen = exchange.seen
        with self._lock:
            self.seen.append(seen)
            loading = self.loading > 0
            self.loading -= loading
        if loading:
            self.still_loading(exchange)
        elif self.api_key and seen.headers.get("authorization") != f"Bearer {self.api_key}":
            self.refuse(exchange, 401, "Invalid API Key", "authentication_error")
        elif name := self.routes.get((seen.method, seen.path)):
            getattr(self, name)(exchange)
        else:
            self.not_found(exchange)

    def still_loading(self, exchange: Exchange) -> None:
        """The answer while the model loads."""
        self.refuse(exchange, 503, "Loading model", "unavailable_error")

    def not_found(self, exchange: Exchange) -> None:
        """The answer to an address it doesn't have."""
        self.refuse(exchange, 404, "Not Found", "not_found_error")

    def refuse(self, exchange: Exchange, status: int, message: str, kind: str = "invalid_request_error") -> None:
        """An error, in the server's own form."""
        exchange.json({"error": {"message": message, "type": kind, "code": status}}, status)

    def next_answer(self, body: Body) -> Any:
        """The script's next answer; a function of the body is called."""
        with self._lock:
            self.requests.append(body)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        return answer if hasattr(answer, "happen") or not callable(answer) else answer(body)

    def pieces(self, text: str) -> Iterator[str]:
        """A text as the stream carries it."""
        size = self.piece or max(len(text), 1)
        return (text[at : at + size] for at in range(0, len(text), size))

    def stream(self, reply: Reply, body: Body) -> Iterator[bytes]:
        """A reply as the pieces of the server's own stream."""
        raise NotImplementedError

    def kind(self, body: Body) -> str:
        """The media type of the stream that answers a request."""
        return "text/event-stream"

    def whole(self, reply: Reply, body: Body) -> Body:
        """A reply as one JSON document."""
        raise NotImplementedError

    def cached(self, prompt: str) -> int:
        """Tokens of a prompt that begin the last one too, which is forgotten for this one; never all of them."""
        with self._lock:
            common = 0
            for one, other in zip(self._prompt, prompt, strict=False):
                if one != other:
                    break
                common += 1
            self._prompt = prompt
        return min(tokens_in(prompt[:common]), max(tokens_in(prompt) - 1, 0))

    def answer(self, exchange: Exchange, body: Body, answer: Any) -> None:
        """Send an answer of the script, or let its fault happen."""
        if hasattr(answer, "happen"):
            answer.happen(self, exchange, body)
        elif isinstance(answer, dict) and "status" in answer:
            exchange.json(answer.get("body", {}), answer["status"])
        elif not body.get("stream"):
            exchange.json(self.whole(Reply.of(answer), body))
        else:
            exchange.begin(self.kind(body))
            for piece in self.stream(Reply.of(answer), body):
                exchange.write(piece)
            exchange.end()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, double: Double, port: int) -> None:
        self.double = double
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def drop_connections(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests; what else fails is a mistake of the double."""
        error = sys.exception()
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self.double.mistakes.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    was_reset = False

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        if self.was_reset:
            self.connection.close()  # with the linger option set: a reset
        super().finish()

    def version_string(self) -> str:
        return self.server.double.server_header

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, urlsplit(self.path).path, headers, body, raw)
        self.server.double.handle(Exchange(self, seen))

    do_POST = do_GET  # noqa: N815 - the library's name
