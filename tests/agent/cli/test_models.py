"""`swe-agent models`: a table to read, a path to use."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.catalogue.profiles import GgufFile, find_profile
from agent.cli.models import models
from agent.errors import UsageError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = tmp_path / "swe-agent" / "models"
    directory.mkdir(parents=True)
    return directory


def small_file() -> GgufFile:
    file = find_profile("qwen2.5-coder-0.5b").gguf_file()
    assert file is not None
    return file


def test_the_list_tells_size_strategy_window_and_what_is_here(cache: Path) -> None:
    with (cache / small_file().name).open("wb") as sparse:
        sparse.truncate(small_file().bytes)
    result = CliRunner().invoke(models, ["list"], catch_exceptions=False)
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert rows["qwen2.5-coder-0.5b"].split() == [
        "qwen2.5-coder-0.5b", "Q4_K_M", "0.5", "GB", "yes", "guided", "32,768",
    ]  # fmt: skip
    assert " no " in rows["qwen3-coder-next"] and "262,144" in rows["qwen3-coder-next"]
    assert "(default)" in rows["qwen2.5-coder-1.5b"]
    assert "generic" not in rows


def test_pull_prints_the_path_and_nothing_else(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    async def pull(profile: object, quantization: str | None, *, on_progress: object) -> Path:
        asked.append((getattr(profile, "name", ""), quantization))
        return cache / "model.gguf"

    monkeypatch.setattr("agent.catalogue.download.pull", pull)
    result = CliRunner().invoke(
        models, ["pull", "qwen3-coder-next:latest", "--quantization", "UD-Q4_K_M"], catch_exceptions=False
    )
    assert result.stdout == f"{cache / 'model.gguf'}\n"
    assert asked == [("qwen3-coder-next", "UD-Q4_K_M")]


def test_an_unknown_name_is_a_usage_error_that_names_the_models(cache: Path) -> None:
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(models, ["pull", "no-such-model"], catch_exceptions=False)
    assert "no-such-model" in caught.value.message and "qwen2.5-coder-1.5b" in caught.value.hint


@pytest.mark.parametrize("command", [[], ["list"], ["pull"]])
def test_every_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(models, [*command, "--help"])
    assert result.exit_code == 0
    assert "swe-agent models" in result.stdout
