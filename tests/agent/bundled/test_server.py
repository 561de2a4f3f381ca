"""The bundled runtime: the real llama.cpp with the real 0.5B model, and a stand-in for a user's llama-server."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import httpx2
import pytest

from agent.bundled import server as bundled
from agent.bundled.options import RuntimeSettings
from agent.bundled.plan import ServeOptions, prepare
from agent.bundled.server import BundledServer, threads
from agent.catalogue.profiles import Sampling, Yarn
from agent.errors import ModelUnavailable

SMALL = "qwen2.5-coder-0.5b"
WAIT_SECONDS = 600.0

STAND_IN = """#!{python}
import http.server, os, signal, sys
if sys.argv[1:] == ["--version"]:
    sys.exit({version_code})
print(" ".join(sys.argv[1:]), flush=True)
{before}
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(f"main: server is listening on http://127.0.0.1:{{server.server_port}}", flush=True)
server.serve_forever()
"""


@pytest.fixture
def model(real_model: Path) -> Path:
    return real_model


@pytest.fixture
def embedded_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No llama-server on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Puts a llama-server of the test's own on PATH; returns a model file for it."""

    def install(*, version_code: int = 0, before: str = "") -> Path:
        script = tmp_path / "bin" / "llama-server"
        script.parent.mkdir()
        script.write_text(STAND_IN.format(python=sys.executable, version_code=version_code, before=before))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent))
        (tmp_path / "model.gguf").touch()
        return tmp_path / "model.gguf"

    return install


def inside(
    model: Path,
    log: Path,
    look: Callable[[BundledServer], Awaitable[None]],
    *,
    context: int = 1024,
    parallel: int = 1,
    settings: RuntimeSettings | None = None,
) -> BundledServer:
    """Runs `look` while the server runs; returns the server, stopped."""
    given = settings or RuntimeSettings()

    async def run() -> BundledServer:
        async with BundledServer(model, context=context, parallel=parallel, log_path=log, settings=given) as server:
            await look(server)
        return server

    return anyio.run(run)


async def nothing(server: BundledServer) -> None:
    assert server.failure() is None


def refused(model: Path, log: Path) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        inside(model, log, nothing)
    return caught.value


def gone(descriptor: int) -> bool:
    """Waits until the process behind a pidfd has ended."""
    return bool(select.select([descriptor], [], [], WAIT_SECONDS)[0])


# ---------------------------------------------------------------- the real server


def test_every_slot_has_the_whole_context_and_the_model_answers(
    model: Path, embedded_only: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pids = []

    async def look(server: BundledServer) -> None:
        assert server.pid is not None
        pids.append(server.pid)
        assert server.kind == "xllamacpp"
        root = server.base_url.removesuffix("/v1")
        assert root.startswith("http://127.0.0.1:")
        async with httpx2.AsyncClient(timeout=WAIT_SECONDS) as client:
            slots = (await client.get(f"{root}/slots")).json()
            assert [slot["n_ctx"] for slot in slots] == [1024, 1024]
            props = (await client.get(f"{root}/props")).json()
            assert props["default_generation_settings"]["n_ctx"] == 1024
            models = await client.get(f"{root}/v1/models", headers={"Origin": "https://a-page.example"})
            assert [entry["id"] for entry in models.json()["data"]] == [server.model_id]
            assert not [name for name in models.headers if name.startswith("access-control-allow-origin")]
            assert (await client.get(root)).status_code == 404, "the web page is on"
            request = {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4}
            answer = await client.post(f"{root}/v1/chat/completions", json=request)
            assert answer.json()["choices"][0]["message"]["content"]

    server = inside(model, tmp_path / "log" / "server.log", look, parallel=2)
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert "listening on" in (tmp_path / "log" / "server.log").read_text()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kv_type", ["q8_0", "q4_0"])
def test_cache_type_yarn_sampling_name_and_key_are_as_asked(
    kv_type: Literal["q8_0", "q4_0"], model: Path, embedded_only: None, tmp_path: Path
) -> None:
    settings = RuntimeSettings(
        name="mine",
        host="0.0.0.0",
        kv_type=kv_type,
        yarn=Yarn(factor=2, original=32_768),
        sampling=Sampling(temperature=0.5, top_p=0.75, top_k=7, min_p=0.25, repeat_penalty=1.5),
        api_key="open-sesame",
    )

    async def look(server: BundledServer) -> None:
        assert server.base_url.startswith("http://127.0.0.1:"), "no address to call"
        assert b"open-sesame" not in await anyio.Path(f"/proc/{server.pid}/cmdline").read_bytes()
        root = server.base_url.removesuffix("/v1")
        async with httpx2.AsyncClient(timeout=WAIT_SECONDS, trust_env=False) as client:
            assert (await client.get(f"{root}/props")).status_code == 401
            client.headers["Authorization"] = "Bearer open-sesame"
            props = (await client.get(f"{root}/props")).json()
            assert [entry["id"] for entry in (await client.get(f"{root}/v1/models")).json()["data"]] == ["mine"]
            request = {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4}
            answer = await client.post(f"{root}/v1/chat/completions", json=request)
            assert answer.json()["choices"][0]["message"]["content"]
        # beyond the trained 32,768, in a cache that only flash attention reads
        assert props["default_generation_settings"]["n_ctx"] == 36_864
        params = props["default_generation_settings"]["params"]
        names = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
        assert [params[name] for name in names] == [0.5, 0.75, 7, 0.25, 1.5]

    inside(model, tmp_path / "server.log", look, context=36_864, settings=settings)


def test_how_it_ended_can_be_waited_for(model: Path, embedded_only: None, tmp_path: Path) -> None:
    async def look(server: BundledServer) -> None:
        assert server.pid is not None
        with anyio.move_on_after(0) as scope:
            await server.ended()
        assert scope.cancelled_caught
        os.kill(server.pid, signal.SIGKILL)
        with anyio.fail_after(WAIT_SECONDS):
            assert "was killed by SIGKILL" in await server.ended()

    inside(model, tmp_path / "server.log", look)


def test_a_server_that_dies_is_told_with_the_end_of_its_log(model: Path, embedded_only: None, tmp_path: Path) -> None:
    async def look(server: BundledServer) -> None:
        assert server.pid is not None and server.failure() is None
        descriptor = os.pidfd_open(server.pid)
        os.kill(server.pid, signal.SIGSEGV)
        assert gone(descriptor)
        os.close(descriptor)
        failure = server.failure()
        assert failure is not None
        assert "SIGSEGV" in failure and "listening on" in failure and str(tmp_path / "server.log") in failure

    inside(model, tmp_path / "server.log", look)


def test_a_file_that_is_no_model_is_told_with_the_servers_words(embedded_only: None, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    failure = refused(tmp_path / "broken.gguf", tmp_path / "server.log")
    assert "broken.gguf" in failure.message and failure.hint


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it is Linux's")
@pytest.mark.parametrize("kind", ["xllamacpp", "llama-server"])
def test_the_server_ends_when_its_parent_is_killed(
    kind: str, model: Path, stand_in: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "xllamacpp":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        model = stand_in()
    script = (
        "import anyio, sys; from pathlib import Path; from agent.bundled.server import BundledServer\n"
        "async def main():\n"
        "    async with BundledServer(Path(sys.argv[1]), context=512, log_path=Path(sys.argv[2])) as server:\n"
        "        print(server.kind, server.pid, flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(model), str(tmp_path / "server.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        words = parent.stdout.readline().split()
        assert words[0].decode() == kind
        descriptor = os.pidfd_open(int(words[1]))
        parent.kill()
        assert gone(descriptor)
        os.close(descriptor)


# ---------------------------------------------------------------- a user's llama-server


def test_a_llama_server_on_path_comes_first(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    model = stand_in(before="print(os.environ['OMP_WAIT_POLICY'], flush=True)")

    async def look(server: BundledServer) -> None:
        assert (server.kind, server.model_id) == ("llama-server", "model")

    inside(model, tmp_path / "server.log", look, context=2048, parallel=3)
    given, policy = (tmp_path / "server.log").read_text().splitlines()[:2]
    assert policy == "passive"
    for option in (
        "--host 127.0.0.1",
        "--port 0",
        "--ctx-size 6144",
        "--parallel 3",
        "--no-webui",
        "--slots",
    ):
        assert option in given


def test_a_llama_server_is_told_the_same_as_the_embedded_one(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    before = "print({name: os.environ.get(name) for name in ('LLAMA_ARG_FLASH_ATTN', 'LLAMA_API_KEY')}, flush=True)"
    settings = RuntimeSettings(
        name="mine",
        port=8123,
        kv_type="q8_0",
        yarn=Yarn(factor=4, original=262_144),
        sampling=Sampling(temperature=1.0, top_p=0.95, top_k=40, min_p=0.0),
        api_key="open-sesame",
    )
    inside(stand_in(before=before), tmp_path / "server.log", nothing, settings=settings)
    given, environment = (tmp_path / "server.log").read_text().splitlines()[:2]
    for option in (
        "--alias mine",
        "--port 8123",
        "--cache-type-k q8_0",
        "--cache-type-v q8_0",
        "--rope-scaling yarn --rope-scale 4.0 --yarn-orig-ctx 262144",
        "--temp 1.0 --top-p 0.95 --top-k 40 --min-p 0.0",
    ):
        assert option in given
    assert "open-sesame" not in given and "--repeat-penalty" not in given
    assert environment == "{'LLAMA_ARG_FLASH_ATTN': 'on', 'LLAMA_API_KEY': 'open-sesame'}"


def test_one_that_does_not_run_is_passed_over(stand_in: Callable[..., Path], model: Path, tmp_path: Path) -> None:
    stand_in(version_code=127)

    async def look(server: BundledServer) -> None:
        assert server.kind == "xllamacpp"

    inside(model, tmp_path / "server.log", look)


def test_one_that_dies_while_starting_is_told_with_its_words(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("from an earlier run\n")
    failure = refused(stand_in(before="sys.exit('out of memory, sorry')"), log)
    assert "ended with code 1" in failure.message and "out of memory, sorry" in failure.message
    assert "earlier run" not in failure.message
    assert log.read_text().startswith("from an earlier run\n")


def test_one_that_does_nothing_is_given_up(
    stand_in: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "STALL_SECONDS", 1.0)
    failure = refused(stand_in(before="signal.pause()"), tmp_path / "server.log")
    assert "has done nothing" in failure.message


def test_without_the_kernels_help_the_end_of_stdin_ends_it(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    stand_in()
    script = "import runpy, sys; sys.platform = 'other'; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    child_arguments = '{"parent": 0, "command": ["%s", "given"]}' % (tmp_path / "bin" / "llama-server")
    child = Path(bundled.__file__).with_name("_child.py")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(child), child_arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"given\n"
        process.stdin.close()
        # Both hold its output open: it ends when both are gone.
        process.stdout.read()
        assert process.wait(WAIT_SECONDS) == 0


# ---------------------------------------------------------------- what is missing


def test_without_a_runtime_it_says_what_to_install_before_downloading(
    embedded_only: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opening = partial(prepare, ServeOptions(SMALL, context=1024, port=0), log_path=tmp_path / "server.log")
    with pytest.raises(ModelUnavailable) as caught:
        anyio.run(opening)
    assert 'pip install "swe-agent[local]"' in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_opening_gives_a_server_for_the_profiles_file(model: Path, embedded_only: None, tmp_path: Path) -> None:
    opening = partial(prepare, ServeOptions(SMALL, context=1024, port=0), log_path=tmp_path / "server.log")
    server = anyio.run(opening)
    assert (server.model_path, server.context, server.pid) == (model, 1024, None)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    failure = refused(tmp_path / "none.gguf", tmp_path / "server.log")
    assert "none.gguf" in failure.message and "models pull" in failure.hint


@pytest.mark.parametrize(
    ("cores", "per_core", "expected"), [(1, 1, (1, 1)), (2, 1, (2, 2)), (8, 2, (4, 8)), (1, 2, (1, 1))]
)
def test_generating_takes_one_thread_a_core(cores: int, per_core: int, expected: tuple[int, int]) -> None:
    assert threads(cores, per_core) == expected


def test_it_uses_no_more_cores_than_it_may() -> None:
    assert 1 <= threads()[0] <= threads()[1] <= (os.cpu_count() or 1)
