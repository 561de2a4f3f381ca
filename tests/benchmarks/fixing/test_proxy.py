"""The proxy counts what a server generates and cuts it at the budget, streaming or not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from benchmarks.fixing.proxy import Proxy

TIMINGS = {"predicted_n": 5, "predicted_ms": 500.0, "prompt_n": 7, "cache_n": 3}


@contextmanager
def server() -> Iterator[tuple[str, list[dict]]]:
    """A server that says five words to everything, and what it was asked."""
    asked: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            self.answer(b'{"status": "ok"}')

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            usage = {"prompt_tokens": 10, "completion_tokens": 5}
            if not body.get("stream"):
                message = {"content": "five words as they are"}
                self.answer(
                    json.dumps({"choices": [{"message": message}], "usage": usage, "timings": TIMINGS}).encode()
                )
                return
            pieces = [{"choices": [{"delta": {"content": word}}]} for word in ["five", "words", "as", "they", "are"]]
            if body["stream_options"]["include_usage"] and not body.get("silent"):
                pieces.append({"choices": [], "usage": usage, "timings": TIMINGS})
            self.answer("".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces).encode() + b"data: [DONE]\n\n")

        def answer(self, data):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}/v1", asked
    finally:
        http.shutdown()
        http.server_close()


def ask(proxy: Proxy, body: dict | None, path: str = "/v1/chat/completions") -> tuple[int, str]:
    """The status and the body of an answer."""
    connection = HTTPConnection(urlsplit(proxy.base_url).netloc, timeout=30)
    connection.request("POST" if body is not None else "GET", path, json.dumps(body) if body is not None else None)
    response = connection.getresponse()
    told = response.status, response.read().decode()
    connection.close()
    return told


def test_counts_a_whole_reply():
    with server() as (url, _), Proxy(url, 100) as proxy:
        status, text = ask(proxy, {"messages": []})
    assert status == 200
    assert json.loads(text)["choices"][0]["message"]["content"] == "five words as they are"
    figures = proxy.meter.figures()
    assert (figures["generated"], figures["prompt"], figures["cached"]) == (5, 10, 3)
    assert figures["tokens_per_second"] == 10.0


def test_usage_of_a_stream_is_asked_for_and_kept_from_a_client_that_did_not_ask():
    with server() as (url, asked), Proxy(url, 100) as proxy:
        quiet = ask(proxy, {"messages": [], "stream": True})[1]
        wanted = ask(proxy, {"messages": [], "stream": True, "stream_options": {"include_usage": True}})[1]
    assert [body["stream_options"]["include_usage"] for body in asked] == [True, True]
    assert "usage" not in quiet
    assert "usage" in wanted
    assert quiet.endswith("data: [DONE]\n\n")
    assert proxy.meter.generated == 10


def test_pieces_are_counted_where_the_server_tells_nothing():
    with server() as (url, _), Proxy(url, 100) as proxy:
        ask(proxy, {"messages": [], "stream": True, "silent": True})
    assert proxy.meter.generated == 5


def test_a_reply_is_counted_before_its_client_has_it():
    with server() as (url, asked), Proxy(url, 200) as proxy:
        for number in range(20):
            ask(proxy, {"messages": [], "stream": bool(number % 2)})
            assert proxy.meter.generated == 5 * (number + 1)
    assert len(asked) == 20


def test_replies_are_capped_at_what_is_left_and_then_refused():
    with server() as (url, asked), Proxy(url, 8) as proxy:
        ask(proxy, {"messages": [], "max_tokens": 6})
        ask(proxy, {"messages": [], "max_completion_tokens": 6})
        ask(proxy, {"messages": []})
        refused = ask(proxy, {"messages": []})
    assert [body.get("max_tokens") or body.get("max_completion_tokens") for body in asked] == [6, 3]
    assert refused[0] == 400
    assert proxy.meter.requests == 2
    assert proxy.meter.refused == 2


def test_other_paths_pass_and_cost_nothing(tmp_path):
    with server() as (url, _), Proxy(url, 1, tmp_path / "wire.jsonl") as proxy:
        assert ask(proxy, None, "/health") == (200, '{"status": "ok"}')
        assert proxy.meter.generated == 0
        ask(proxy, {"messages": []})
    kept = json.loads((tmp_path / "wire.jsonl").read_text())
    assert kept["reply"] == "five words as they are"
