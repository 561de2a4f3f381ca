"""What `models serve` makes of what it is asked for; nothing is started here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent.bundled.plan import ServeOptions, prepare
from agent.bundled.server import BundledServer
from agent.catalogue.hardware import Machine
from agent.catalogue.profiles import Yarn, find_profile
from agent.errors import ModelUnavailable, UsageError


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str | None]]:
    """Every model is had at once; which were asked for."""
    asked: list[tuple[str, str | None]] = []

    async def pull(profile: Any, quantization: str | None, *, on_progress: object) -> Path:
        asked.append((profile.name, quantization))
        return tmp_path / f"{profile.name}.gguf"

    monkeypatch.setattr("agent.bundled.plan.pull", pull)
    return asked


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Makes this a machine of so many GiB without a GPU, and without a llama-server."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def give(gib: int) -> None:
        monkeypatch.setattr("agent.bundled.plan.this_machine", lambda: Machine.described(gib << 30))

    return give


def prepared(**wanted: Any) -> BundledServer:
    return anyio.run(partial(prepare, ServeOptions(**{"port": 0} | wanted), log_path=Path("unused.log")))


def test_by_default_two_slots_of_what_fits_sampled_as_the_model_should_be(
    pulled: list[tuple[str, str | None]], memory: Callable[[int], None]
) -> None:
    memory(1024)
    server = prepared(model="qwen3-coder-next:latest", quantization="UD-Q4_K_M")
    assert pulled == [("qwen3-coder-next", "UD-Q4_K_M")]
    assert (server.context, server.parallel, server.model_id) == (65_536, 2, "qwen3-coder-next")
    assert server.settings.sampling == find_profile("qwen3-coder-next").sampling
    assert (server.settings.host, server.settings.yarn, server.settings.kv_type) == ("127.0.0.1", None, "f16")


def test_the_window_is_what_memory_allows_up_to_the_trained_one(
    pulled: list[tuple[str, str | None]], memory: Callable[[int], None]
) -> None:
    memory(64)
    assert prepared(model="qwen2.5-coder-7b").context == 32_768
    memory(8)
    small = prepared(model="qwen2.5-coder-7b").context
    assert 4_096 <= small < 32_768
    assert small < prepared(model="qwen2.5-coder-7b", parallel=1).context
    assert small < prepared(model="qwen2.5-coder-7b", kv_type="q4_0").context
    memory(2)
    assert prepared(model="qwen2.5-coder-7b").context == 4_096


def test_a_file_is_served_under_its_own_name_and_found_in_the_catalogue(
    pulled: list[tuple[str, str | None]], tmp_path: Path
) -> None:
    for name in ("Qwen3-Coder-30B-A3B-Instruct-Q5_K_M.gguf", "unheard-of.gguf"):
        (tmp_path / name).touch()
    known = prepared(model=str(tmp_path / "Qwen3-Coder-30B-A3B-Instruct-Q5_K_M.gguf"))
    assert known.model_id == "Qwen3-Coder-30B-A3B-Instruct-Q5_K_M"
    assert known.settings.sampling == find_profile("qwen3-coder-30b").sampling
    unknown = prepared(model=str(tmp_path / "unheard-of.gguf"), context=500_000)
    assert (unknown.settings.sampling, unknown.context) == (None, 500_000)
    assert pulled == []


def test_yarn_stretches_from_the_trained_window_to_the_one_wanted(pulled: list[tuple[str, str | None]]) -> None:
    half = prepared(model="qwen3-coder-next", context=524_288, yarn=True)
    assert half.settings.yarn == Yarn(factor=2, original=262_144)
    server = prepared(model="qwen3-coder-next", context=1_048_576, yarn=True)
    assert (server.context, server.settings.yarn) == (1_048_576, Yarn(factor=4, original=262_144))


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ({"model": "no-such-model"}, "no-such-model", "qwen2.5-coder-1.5b"),
        ({"model": "qwen2.5-coder-1.5b", "context": 32_769}, "trained for 32768", "--context 32768"),
        ({"model": "qwen2.5-coder-1.5b", "context": 65_536, "yarn": True}, "not known", "leave --yarn out"),
        ({"model": "qwen3-coder-next", "context": 262_145}, "trained for 262144", "or --yarn"),
        ({"model": "qwen3-coder-next", "yarn": True}, "at most 1048576", "--context 1048576"),
        ({"model": "qwen3-coder-next", "yarn": True, "context": 262_144}, "at most 1048576", "--context 1048576"),
        ({"model": "qwen3-coder-next", "yarn": True, "context": 1_048_577}, "at most 1048576", "--context 1048576"),
        ({"host": "192.0.2.1"}, "192.0.2.1", "--port"),
        ({"port": 70_000}, "70000", "--port"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_downloaded(
    pulled: list[tuple[str, str | None]], wanted: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        prepared(**wanted)
    assert message in caught.value.message and hint in caught.value.hint
    assert pulled == []


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        prepared(model=str(tmp_path / "none.gguf"))
    assert "models pull" in caught.value.hint


def test_yarn_for_a_window_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unheard-of.gguf").touch()
    with pytest.raises(UsageError) as caught:
        prepared(model=str(tmp_path / "unheard-of.gguf"), yarn=True, context=100_000)
    assert "not known" in caught.value.message
