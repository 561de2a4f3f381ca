"""`swe-agent models serve` as a user runs it: the real runtime with the real 0.5B model, and a stand-in for it."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from support import swe_agent

from agent.catalogue.profiles import find_profile

SMALL = "qwen2.5-coder-0.5b"
WAIT_SECONDS = 600.0

STAND_IN = """#!{python}
import http.server, os, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(0)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            print("out of memory, sorry", flush=True)
            os._exit(1)
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(f"server is listening on http://0.0.0.0:{{server.server_port}}", flush=True)
server.serve_forever()
"""

Serve = Callable[..., tuple[subprocess.Popen[str], list[str]]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `models serve` and reads what it says until it has said all, or ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: str, path: Path | None = None) -> tuple[subprocess.Popen[str], list[str]]:
        environment = {**os.environ, "SWE_AGENT_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
        if path:
            environment["PATH"] = str(path)
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "models", "serve", *args],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        started.append(process)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line.rstrip())
            if "Ctrl-C" in line:
                break
        return process, said

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A directory with a llama-server of the test's own, and beside it `model.gguf`."""
    script = tmp_path / "bin" / "llama-server"
    script.parent.mkdir()
    script.write_text(STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    (tmp_path / "model.gguf").touch()
    return script.parent


def base_url(said: list[str]) -> str:
    found = re.search(r"base URL +(http://127\.0\.0\.1:\d+/v1)$", "\n".join(said), re.M)
    assert found, said
    return found[1]


@contextmanager
def children(pid: int) -> Iterator[list[int]]:
    """A file descriptor of each child of a process, which is readable once that child is gone."""
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    pids = [int(stat.split()[0]) for stat in stats if stat.rpartition(")")[2].split()[1] == str(pid)]
    descriptors = [os.pidfd_open(child) for child in pids]
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


# ---------------------------------------------------------------- the real server


@pytest.mark.usefixtures("real_model")
def test_it_serves_until_a_signal_and_leaves_nothing_behind(serve: Serve, tmp_path: Path) -> None:
    process, said = serve(SMALL, "--context", "2048", "--port", "0", "--kv-type", "q8_0")
    text = "\n".join(said)
    assert "2,048 tokens in each of 2 slots" in text and "q8_0 cache" in text
    url = base_url(said)
    assert f"swe-agent fix --base-url {url} --issue ISSUE" in text
    assert f"swe-agent models connect TOOL --base-url {url}" in text
    with httpx2.Client(trust_env=False, timeout=WAIT_SECONDS) as client:
        (entry,) = client.get(f"{url}/models").json()["data"]
        assert entry["id"] == SMALL
        slots = client.get(url.removesuffix("/v1") + "/slots").json()
        assert [slot["n_ctx"] for slot in slots] == [2048, 2048]
        params = client.get(url.removesuffix("/v1") + "/props").json()["default_generation_settings"]["params"]
        sampling = find_profile(SMALL).sampling
        assert params["temperature"] == pytest.approx(sampling.temperature) and params["top_k"] == sampling.top_k
        request = {"model": SMALL, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4}
        answer = client.post(f"{url}/chat/completions", json=request).json()
        assert answer["choices"][0]["message"]["content"] and answer["usage"]["completion_tokens"] <= 4
        # what Codex asks for
        answer = client.post(f"{url}/responses", json={"model": SMALL, "input": "Say hi.", "max_output_tokens": 4})
        assert answer.json()["output"][0]["content"][0]["text"]
    with children(process.pid) as descriptors:
        assert len(descriptors) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
        assert select.select(descriptors, [], [], WAIT_SECONDS)[0] == descriptors
    assert not list((tmp_path / "home" / "logs").iterdir())


# ---------------------------------------------------------------- a stand-in


def test_ctrl_c_ends_it_with_130(serve: Serve, stand_in: Path) -> None:
    process, said = serve(str(stand_in.parent / "model.gguf"), "--port", "0", path=stand_in)
    assert said[-7].startswith("  file") and "model.gguf" in said[-7]
    assert not any("careful" in line for line in said)
    with children(process.pid) as descriptors:
        assert len(descriptors) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 130
        assert select.select(descriptors, [], [], WAIT_SECONDS)[0] == descriptors


def test_a_server_open_to_the_network_without_a_key_is_warned_of(serve: Serve, stand_in: Path) -> None:
    file = str(stand_in.parent / "model.gguf")
    _, said = serve(file, "--port", "0", "--host", "0.0.0.0", path=stand_in)
    assert any(line.startswith("  careful") and "--api-key" in line for line in said)
    _, said = serve(file, "--port", "0", "--host", "0.0.0.0", "--api-key", "open-sesame", path=stand_in)
    assert not any("careful" in line or "open-sesame" in line for line in said)
    assert "--api-key KEY" in "\n".join(said)


def test_a_server_that_dies_is_reported_with_the_end_of_its_log(serve: Serve, stand_in: Path) -> None:
    process, said = serve(str(stand_in.parent / "model.gguf"), "--port", "0", path=stand_in)
    with httpx2.Client(trust_env=False) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get(base_url(said).removesuffix("/v1") + "/die")
    assert process.wait(WAIT_SECONDS) == 3
    assert process.stderr is not None
    rest = process.stderr.read()
    assert "ended with code 1" in rest and "out of memory, sorry" in rest


def test_a_port_in_use_is_reported_before_anything_is_started(stand_in: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = swe_agent("models", "serve", stand_in.parent / "model.gguf", "--port", port, home=tmp_path / "home")
    assert ran.returncode == 2
    assert port in ran.stderr and "--port 0" in ran.stderr and "Address already in use" in ran.stderr


def test_help_has_an_example(tmp_path: Path) -> None:
    ran = swe_agent("models", "serve", "--help", home=tmp_path)
    assert ran.returncode == 0 and "Example:  swe-agent models serve" in ran.stdout
