"""The model server's checks without a request to the model: which server, which window, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from doubles import GenericDouble, LlamaCppDouble

from agent.catalogue.profiles import find_profile
from agent.config import Settings
from agent.doctor.model import check_model, missing_model
from agent.doctor.report import Check, Report

SMALL = "qwen2.5-coder-0.5b"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models directory."""
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = tmp_path / "swe-agent" / "models"
    directory.mkdir(parents=True)
    return directory


def quick(**settings: Any) -> tuple[Report, dict[str, Check]]:
    report = Report()

    async def run() -> None:
        await check_model(report, Settings.model_validate(settings), quick=True, on_progress=lambda _: None)

    anyio.run(run)
    return report, {check.name: check for check in report.checks}


def test_a_server_is_described_without_a_request_to_its_model() -> None:
    with LlamaCppDouble("unused", model=SMALL, window=32_768, trained=32_768) as double:
        report, checks = quick(base_url=double.base_url)
        assert double.requests == []
    assert [check.state for check in report.checks] == ["ok", "ok", "ok"]
    assert report.parts["server"]["profile"] == SMALL
    assert report.parts["window"]["held"] == report.parts["window"]["used"]
    assert f"profile {SMALL}" in checks["backend"].value
    assert report.parts["rungs"]["why"] == "profile"


def test_a_window_that_the_server_does_not_report_is_a_warning() -> None:
    with GenericDouble("unused") as double:
        report, checks = quick(base_url=double.base_url)
    assert report.parts["window"]["held"] is None
    assert checks["window"].state == "warn"
    assert "held unknown" in checks["window"].value
    assert "none asked for" in checks["window"].value


def test_a_server_that_can_not_be_reached_is_one_failed_check() -> None:
    report, checks = quick(base_url="http://127.0.0.1:9/v1")
    assert list(checks) == ["backend"]
    assert (checks["backend"].state, report.exit_code) == ("fail", 3)
    assert "swe-agent models serve" in checks["backend"].remedy


def test_the_bundled_runtime_needs_its_models_file(cache: Path) -> None:
    _, checks = quick(model=SMALL)
    assert (checks["backend"].state, checks["backend"].remedy) == ("fail", f"swe-agent models pull {SMALL}")
    file = find_profile(SMALL).gguf_file()
    assert file is not None
    with (cache / file.name).open("wb") as sparse:
        sparse.truncate(file.bytes)
    _, checks = quick(model=SMALL)
    assert checks["backend"].state == "ok"


@pytest.mark.parametrize("name", ["unheard-of", "/models/own.gguf"])
def test_of_other_names_nothing_is_said_in_advance(name: str) -> None:
    assert missing_model(Settings(model=name)) is None


def test_a_model_of_several_files_is_downloaded_by_the_hubs_tool() -> None:
    missing = missing_model(Settings(model="qwen3-coder-480b"))
    assert missing is not None
    assert missing.hint.startswith("hf download ")
