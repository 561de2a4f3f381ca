"""`swe-agent models fit`: a table that fits the terminal, and command lines that can be pasted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.catalogue.download import on_disk
from agent.catalogue.hardware import GIB
from agent.catalogue.profiles import find_profile, load_catalogue
from agent.cli.models import models
from agent.errors import UsageError

MAC = ["--memory", "64GB", "--unified"]
WORKSTATION = ["--memory", "64GB", "--gpu-memory", "24GB"]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No model file is here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "swe-agent" / "models"


def asked(*arguments: str, columns: int = 100) -> Result:
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(models, ["fit", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result


def rows(output: str) -> dict[str, list[str]]:
    return {words[0]: words for line in output.splitlines() if (words := line.split())}


def commands(output: str) -> dict[str, list[str]]:
    """What a shell makes of the lines under every heading."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in output.replace("\\\n", " ").splitlines():
        if line.startswith("# ") and "Ollama's own" not in line:
            heading = line[2:]
        elif heading and line:
            found.setdefault(heading, []).append(line)
    return found


def options(line: str) -> dict[str, str]:
    """The options of a command line with their values, "" for those without."""
    words = shlex.split(line)
    after = [*words[1:], "--"]
    return {
        word: "" if following.startswith("--") else following
        for word, following in zip(words, after, strict=True)
        if word.startswith("-")
    }


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_has_a_line_for_every_model_and_fits_the_terminal(columns: int) -> None:
    output = asked(*MAC, columns=columns).stdout
    assert all(len(line.rstrip()) <= columns for line in output.splitlines())
    table = rows(output)
    assert {profile.name for profile in load_catalogue() if profile.gguf} <= table.keys()
    assert table["qwen3-coder-next"] == [
        "qwen3-coder-next", "UD-Q4_K_XL", "46.2", "GPU", *table["qwen3-coder-next"][4:],
    ]  # fmt: skip
    assert table["qwen2.5-coder-32b"][-3:] == ["32,768"] * 3
    assert table["deepseek-v3.2"][-3:] == ["-"] * 3
    assert "64.0 GiB of memory, 48.0 GiB of it for the GPU" in output


def test_this_machine_is_the_default() -> None:
    output = asked().stdout
    assert "GiB of memory" in output
    assert "qwen2.5-coder-0.5b" in rows(output)


def test_nothing_fitting_is_said_and_is_no_failure() -> None:
    assert "None of them fits." in asked("--memory", "256MB").stdout
    output = asked("qwen3-coder-480b", *WORKSTATION).stdout
    assert "does not fit, not even with 4,096 tokens" in output and "weights" in output
    assert not commands(output)


def test_llama_servers_line_places_the_experts_and_always_says_all_sampling() -> None:
    found = commands(asked("qwen3-coder-next", *WORKSTATION).stdout)
    (line,) = found["llama.cpp"]
    given = options(line)
    assert given["-hf"] == "unsloth/Qwen3-Coder-Next-GGUF:UD-Q4_K_XL"
    assert given["--ctx-size"] == "65536" and given["--parallel"] == "1"
    assert given["--n-gpu-layers"] == "999" and 0 < int(given["--n-cpu-moe"]) < 48
    assert [given[key] for key in ("--temp", "--top-p", "--top-k", "--min-p")] == ["1.0", "0.95", "40", "0.0"]
    assert "--jinja" in given and "--cache-type-k" not in given and "--rope-scaling" not in given


def test_a_quantized_cache_comes_with_flash_attention_everywhere() -> None:
    found = commands(asked("qwen3-coder-30b", *WORKSTATION, "--kv", "q8_0", "--parallel", "2").stdout)
    given = options(found["llama.cpp"][0])
    assert (given["--cache-type-k"], given["--cache-type-v"], given["--flash-attn"]) == ("q8_0", "q8_0", "on")
    server = next(line for heading in found for line in found[heading] if line.startswith("OLLAMA_"))
    settings = {"OLLAMA_NUM_PARALLEL=2", "OLLAMA_FLASH_ATTENTION=1", "OLLAMA_KV_CACHE_TYPE=q8_0"}
    assert settings <= set(server.split())
    own = options(next(lines[0] for heading, lines in found.items() if heading.startswith("swe-agent")))
    assert (own["--kv-type"], own["--parallel"]) == ("q8_0", "2")
    assert int(given["--ctx-size"]) == 2 * int(own["--context"])


def test_yarn_is_said_to_llama_server_and_to_us_and_ollama_has_none() -> None:
    large = ["--memory", "512GB", "--gpu-memory", "160GB"]
    found = commands(asked("qwen3-coder-next", *large, "--yarn", "--context", "1048576").stdout)
    given = options(found["llama.cpp"][0])
    assert (given["--rope-scaling"], given["--rope-scale"], given["--yarn-orig-ctx"]) == ("yarn", "4", "262144")
    assert not any("Ollama" in heading for heading in found)
    assert any("--yarn" in line for heading, lines in found.items() if "swe-agent" in heading for line in lines)


def test_the_modelfile_has_the_window_and_the_sampling() -> None:
    lines = commands(asked("qwen3-coder-30b", *MAC, "--context", "65536").stdout)["Ollama: the file Modelfile"]
    assert lines[0].startswith("# ")
    assert lines[1:] == [
        "FROM qwen3-coder:30b",
        "PARAMETER num_ctx 65536",
        "PARAMETER temperature 0.7",
        "PARAMETER top_p 0.8",
        "PARAMETER top_k 20",
        "PARAMETER min_p 0.0",
        "PARAMETER repeat_penalty 1.05",
    ]


def test_no_command_line_is_wide_and_a_split_model_is_fetched_first(empty_cache: Path) -> None:
    output = asked("glm-4.7", "--memory", "400GB", "--gpu-memory", "24GB", columns=60).stdout
    found = commands(output)
    fetch, serve = next(lines for heading, lines in found.items() if heading.startswith("swe-agent"))
    assert options(fetch) == {"--include": "Q4_K_M/GLM-4.7-Q4_K_M*", "--local-dir": str(empty_cache)}
    assert serve.startswith("swe-agent models serve glm-4.7 --context")
    assert not any("Ollama" in heading for heading in found), "it is not there, and split files it can't take"


def test_our_own_line_is_one_that_serve_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("agent.ui.models.serve.run_serve", lambda wanted: seen.append(wanted) or 0)
    output = asked("qwen3-coder-30b", "--memory", "64GB", "--gpu-memory", "18GB", "--kv", "q8_0").stdout
    line = next(lines[0] for heading, lines in commands(output).items() if heading.startswith("swe-agent"))
    words = shlex.split(line)
    assert words[:2] == ["swe-agent", "models"]
    assert CliRunner().invoke(models, words[2:], catch_exceptions=False).exit_code == 0
    (wanted,) = seen
    assert (wanted.model, wanted.quantization, wanted.kv_type) == ("qwen3-coder-30b", "UD-Q3_K_XL", "q8_0")
    assert wanted.context >= 32768 and wanted.parallel == 1


def test_little_memory_left_leaves_little_for_kept_prompts() -> None:
    found = commands(asked("qwen2.5-coder-1.5b", "--memory", "4GB").stdout)
    given = options(found["llama.cpp"][0])
    assert 0 < int(given["--cache-ram"]) < 2048
    assert "--n-gpu-layers" not in given
    assert "--cache-ram" not in options(
        commands(asked("qwen2.5-coder-1.5b", "--memory", "64GB").stdout)["llama.cpp"][0]
    )


def test_a_file_is_sized_from_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    path = on_disk(find_profile("qwen2.5-coder-1.5b"))
    if path is None:
        pytest.fail("the real model is missing: run `swe-agent models pull qwen2.5-coder-1.5b`")
    answer = json.loads(asked(str(path), "--memory", "16GB", "--context", "8192", "--json").stdout)
    (model,) = answer["models"]
    assert model["exact"] and model["name"] == path.stem
    assert model["bytes"]["weights"] == 1_111_370_240 and model["bytes"]["cache"] == 224 << 20
    assert options(model["commands"]["llama-server"].replace("\\\n", " "))["-m"] == str(path)
    assert model["commands"]["modelfile"].startswith(f"FROM {path}\n")
    assert str(path) in model["commands"]["serve"]


def test_json_says_the_same_in_bytes() -> None:
    answer = json.loads(asked(*MAC, "--json").stdout)
    assert answer["machine"] == {
        "ram_bytes": 64 * GIB, "gpu_bytes": 48 * GIB, "gpus": 1, "unified": True, "name": "",
    }  # fmt: skip
    found = {model["name"]: model for model in answer["models"]}
    next_ = found["qwen3-coder-next"]
    assert next_["fits"] and next_["placement"]["where"] == "GPU"
    assert next_["bytes"]["state"] == 79_036_416
    assert next_["bytes"]["cache"] == next_["context"] * 24 * 1024 * 17 // 32
    assert not found["glm-4.7"]["fits"] and "commands" not in found["glm-4.7"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-model"], "no model 'no-such-model'"),
        (["nowhere/model.gguf"], "no file nowhere/model.gguf"),
        (["glm-4.5-air"], "no file is known for glm-4.5-air"),
        (["qwen3-coder-30b", "--quantization", "Q1_0"], "qwen3-coder-30b in Q1_0"),
        (["qwen3-coder-30b", "--context", "300000"], "262144"),
        (["gpt-oss-20b", "--yarn"], "no YaRN"),
        (["--memory", "lots"], "not an amount of memory"),
        (["--quantization", "Q8_0"], "for one model"),
        (["--context", "300000"], "takes 300000 tokens"),
    ],
)
def test_wrong_usage_is_a_usage_error_with_a_way_on(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        CliRunner().invoke(models, ["fit", *arguments], catch_exceptions=False)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("arguments", [["--kv", "q2_0"], ["--parallel", "0"], ["--context", "12"]])
def test_options_that_can_not_be_are_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(models, ["fit", *arguments]).exit_code == 2


def test_help_has_an_example_and_says_every_option() -> None:
    output = CliRunner(env={"COLUMNS": "100"}).invoke(models, ["fit", "--help"]).stdout
    assert "swe-agent models fit qwen3-coder-next --memory 64GB --unified" in output
    for option in ("--memory", "--gpu-memory", "--unified", "--context", "--kv", "--parallel", "--yarn", "--json"):
        assert option in output
