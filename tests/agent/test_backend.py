"""A model ready to be asked: the window that counts, the sampling of its profile, the mode that worked last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import GenericDouble, LlamaCppDouble, OllamaDouble, VllmDouble

from agent.backend import UNKNOWN_WINDOW, Backend, open_backend, usable_window
from agent.catalogue.profiles import find_profile
from agent.config import Settings
from agent.errors import BackendUnreachable
from agent.model.servers import Window
from agent.model.types import Sampling

QWEN = find_profile("qwen3-coder-next")
UNKNOWN = find_profile("no-such-model")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def opened(double: Any, **settings: Any) -> Backend:
    """The backend at a double, its connection closed again."""

    async def body() -> Backend:
        given = Settings.model_validate({"base_url": double.base_url, **settings})
        async with open_backend(given, log_path=Path("unused.log")) as backend:
            return backend

    return anyio.run(body)


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (Window(8192, None, 262_144), 8192),
        (Window(8192, 4096, 262_144), 4096),
        (Window(65_536, 131_072, 32_768), 32_768),
        (Window(1_048_576, None, None), 262_144),  # the profile's figure is what it was trained for
        (Window(None, 16_384, None), 16_384),
    ],
)
def test_the_smallest_figure_counts(window: Window, size: int) -> None:
    assert usable_window(window, QWEN) == (size, "")


@pytest.mark.parametrize("profile", [QWEN, UNKNOWN], ids=lambda profile: profile.name)
# peers row 28
def test_a_window_nobody_tells_is_assumed_and_that_is_told(profile: Any) -> None:
    size, told = usable_window(Window(), profile)
    assert size == UNKNOWN_WINDOW
    assert f"{size:,}" in told and "--context" in told
    assert usable_window(Window(trained=8192), profile)[0] == 8192


def test_a_server_that_tells_its_window_needs_no_warning() -> None:
    with VllmDouble(window=65_536) as double:
        backend = opened(double)
    assert (backend.window, backend.warnings) == (65_536, ())


def test_what_is_wrong_with_the_window_is_a_warning() -> None:
    with LlamaCppDouble(window=4096) as double:
        small = opened(double)
    assert small.window == 4096
    assert small.warnings == (small.server.advice,) and "--ctx-size" in small.server.advice
    with GenericDouble() as double:
        silent = opened(double)
    assert silent.window == UNKNOWN_WINDOW and len(silent.warnings) == 1


def test_a_context_that_is_asked_for_is_kept_to_and_where_it_can_be_set_it_is() -> None:
    with LlamaCppDouble(window=65_536) as double:
        assert opened(double, context=16_384).window == 16_384
    with GenericDouble() as double:
        backend = opened(double, context=16_384)
        assert (backend.window, backend.warnings) == (16_384, ())
    with OllamaDouble() as double:
        assert opened(double, context=65_536).window == 65_536
        assert double.loads == [65_536]


def test_the_profile_is_found_by_the_servers_name_for_the_model() -> None:
    with LlamaCppDouble(model="Qwen3-Coder-Next-Q4_K_M") as double:
        assert opened(double).profile is QWEN
        assert opened(double, model="alias-of-mine").profile is find_profile("alias-of-mine")
    with GenericDouble(model="whatever") as double:
        assert opened(double).profile is UNKNOWN


def test_sampling_is_the_profiles_but_for_what_the_user_says() -> None:
    with LlamaCppDouble(model="Qwen3-Coder-Next-Q4_K_M") as double:
        own = QWEN.sampling
        assert opened(double).sampling == Sampling(
            own.temperature, own.top_p, own.top_k, own.min_p, own.repeat_penalty, None
        )
        asked = opened(double, temperature=0.0, seed=7).sampling
    assert (asked.temperature, asked.seed, asked.top_p) == (0.0, 7, own.top_p)


def test_the_rung_that_worked_is_where_the_next_session_begins() -> None:
    with VllmDouble() as double:
        backend = opened(double)
        assert backend.tool_calls().mode == UNKNOWN.tool_calling
        backend.remember("begun", "it worked")
        assert opened(double).tool_calls().mode == "begun"
        assert opened(double, model="other").tool_calls().mode == UNKNOWN.tool_calling


def test_a_rung_that_is_gone_is_not_stood_on() -> None:
    with OllamaDouble() as double:
        opened(double).remember("native", "it worked")
        double.capabilities = ["completion"]
        policy = opened(double).tool_calls()
    assert "native" not in policy.modes and policy.mode == "text"


def test_nothing_that_answers_is_an_error_of_the_backend() -> None:
    with GenericDouble() as double:
        double.stop()
        with pytest.raises(BackendUnreachable):
            opened(double)
