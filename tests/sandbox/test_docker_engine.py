"""What the Docker engine or the way to it raises is a sandbox's error, with the engine's own words."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException
from requests.exceptions import ConnectionError as HttpConnectionError

from agent.errors import SandboxError, SandboxLost, SandboxUnavailable
from sandbox import docker_engine
from sandbox.docker_engine import connect, engine_errors, engine_title


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (APIError("500 Server Error: frame", explanation="no space left"), "no space left"),
        (DockerException("not ours"), "not ours"),
        (HttpConnectionError("connection aborted"), "connection aborted"),
        (BrokenPipeError("broken pipe"), "broken pipe"),
    ],
)
@pytest.mark.parametrize("error_type", [SandboxError, SandboxLost, SandboxUnavailable])
def test_errors_of_the_engine_are_errors_of_the_sandbox(
    error_type: type[SandboxError], raised: Exception, words: str
) -> None:
    with pytest.raises(error_type) as caught, engine_errors(error_type, "it failed"):
        raise raised
    assert type(caught.value) is error_type and caught.value.message == f"it failed: {words}"
    assert caught.value.hint


def test_other_errors_are_let_through() -> None:
    with pytest.raises(ValueError, match="ours"), engine_errors(SandboxLost, "it failed"):
        raise ValueError("ours")


def test_an_address_where_no_engine_answers_is_an_unavailable_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers") as caught:
        connect()
    assert "--sandbox bubblewrap" in caught.value.hint


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither `DOCKER_HOST` nor a context, and sockets of the test's own; their directory."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(docker_engine, "_DEFAULT_SOCKET", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(docker_engine, "_SYSTEM_PODMAN", str(tmp_path / "podman.sock"))
    (tmp_path / "run" / "podman").mkdir(parents=True)
    return tmp_path


class Engine(BaseHTTPRequestHandler):
    """Answers what an engine is asked first."""

    protocol_version = "HTTP/1.1"
    kind = "Engine"

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        answers: dict[str, Any] = {
            "version": {"ApiVersion": "1.41", "Version": "9.8", "Components": [{"Name": self.kind}]},
            "info": {"SecurityOptions": ["name=rootless"]},
        }
        body = json.dumps(answers.get(name, "OK")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def engine_at(path: Path, kind: str = "Engine") -> Iterator[None]:
    """An engine that answers at a unix socket."""
    handler = type("Handler", (Engine,), {"kind": kind})

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            handler(request, ("local", 0), self)  # type: ignore[arg-type]

    server = Server(str(path), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


ORDER = ["docker.sock", "run/docker.sock", "run/podman/podman.sock", "podman.sock"]


@pytest.mark.parametrize("at", range(4))
def test_without_a_choice_the_first_that_answers_is_used(no_choice: Path, at: int) -> None:
    for dead in ORDER[:at]:
        with socket.socket(socket.AF_UNIX) as nobody_listens:
            nobody_listens.bind(str(no_choice / dead))
    with ExitStack() as running:
        for place in ORDER[at:]:
            running.enter_context(engine_at(no_choice / place, "Podman Engine" if "podman" in place else "Engine"))
        client = connect()
        kind = "Podman" if "podman" in ORDER[at] else "Docker"
        assert engine_title(client) == f"{kind} 9.8 (unix://{no_choice / ORDER[at]}; rootless)"
        client.close()


def test_every_place_that_was_tried_is_named(no_choice: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers") as caught:
        connect()
    for place in ORDER:
        assert f"{no_choice / place}: there is no such socket" in caught.value.message


def test_a_context_is_a_choice(no_choice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = no_choice / "chosen.sock"
    meta = no_choice / "config" / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": f"unix://{host}", "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": "mine", "Metadata": {}, "Endpoints": endpoint}))
    (no_choice / "config" / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    with engine_at(no_choice / "docker.sock"):
        with pytest.raises(SandboxUnavailable, match="the Docker context mine: there is no such socket"):
            connect()
        with engine_at(host):
            client = connect()
            assert str(host) in engine_title(client)
            client.close()
        monkeypatch.setenv("DOCKER_CONTEXT", "absent")
        with pytest.raises(SandboxUnavailable, match="no Docker context absent"):
            connect()
        monkeypatch.setenv("DOCKER_CONTEXT", "default")
        connect().close()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{no_choice / 'other.sock'}")
        with pytest.raises(SandboxUnavailable, match="tried DOCKER_HOST: "):
            connect()
