"""`swe-agent doctor` as a user runs it: its lines, its JSON, its exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import LlamaCppDouble
from rich.console import Console
from support import ScriptedModel, call, make_repository, swe_agent

from agent.config import Settings
from agent.doctor import Check, Report
from agent.ui.doctor import print_report

NAMES = [
    "configuration", "backend", "window", "native tool calls", "calls in the text", "a begun reply",
    "a constrained reply", "tool calling", "prefix cache", "speed", "sandbox", "Docker", "bubblewrap", "git", "disk",
    "bundled runtime", "memory",
]  # fmt: skip


@pytest.fixture(autouse=True)
def without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bubblewrap starts sooner, and what is said of a broken Docker is seen everywhere."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


def lines(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in report["checks"]}


def test_json_is_one_object_and_all_else_goes_to_standard_error(scripted: ScriptedModel, tmp_path: Path) -> None:
    scripted.answers = [call("read_file", path="src/parser.py")] * 4 + ["one\ntwo\nthree"]
    scripted.window = 16_384
    done = swe_agent("doctor", "--json", "--base-url", scripted.base_url, home=tmp_path, cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["exit_code"]) == (0, True, 0)
    assert [check["name"] for check in report["checks"]] == NAMES
    assert all(check["state"] in {"ok", "warn"} for check in report["checks"])
    server = {"name": "generic", "version": "", "url": scripted.base_url, "model": "scripted", "profile": "generic"}
    assert report["server"] == server
    assert report["window"] == {"held": 16_384, "asked": None, "trained": None, "used": 16_384}
    assert report["rungs"]["native"]["works"] is True
    assert report["rungs"]["used"] == "native"
    assert set(report["speed"]) >= {"prompt_tokens_per_second", "generated_tokens_per_second", "source"}
    assert set(report["prefix_cache"]) >= {"reused", "cached_tokens", "source"}
    assert (report["sandbox"]["kind"], report["sandbox"]["network_off"]) == ("bubblewrap", True)
    assert "measuring native tool calls" in done.stderr
    remembered = json.loads((tmp_path / "data" / "models.json").read_text())
    assert list(remembered.values()) == [{"rung": "native", "why": "measured by doctor"}]


def test_lines_for_a_person(tmp_path: Path) -> None:
    with LlamaCppDouble(call("read_file", path="a.py"), model="[bold]m\x1b[2J", window=4096) as double:
        done = swe_agent("doctor", "--quick", "--base-url", double.base_url, home=tmp_path, cwd=tmp_path)
        assert double.requests == []  # nothing was asked of the model
    assert done.returncode == 0
    assert done.stdout.endswith("All that is needed works.\n")
    assert "[bold]m" in done.stdout
    assert "\x1b" not in done.stdout
    assert "--ctx-size" in done.stdout  # what to do about a window of 4,096 tokens
    assert not (tmp_path / "data" / "models.json").exists()


def test_nobody_at_the_address(tmp_path: Path) -> None:
    done = swe_agent("doctor", "--base-url", "http://127.0.0.1:9/v1", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 3
    assert "no model server answers at http://127.0.0.1:9/v1" in " ".join(done.stdout.split())
    assert "swe-agent models serve" in done.stdout
    assert "bubblewrap" in done.stdout  # the other checks went on
    assert done.stdout.endswith("Needed, and not working: backend\n")


def test_a_key_that_is_refused_is_not_shown(tmp_path: Path) -> None:
    with LlamaCppDouble("hello") as double:
        double.api_key = "sesame-open"
        args = ("--base-url", double.base_url, "--api-key", "wrong-sesame")
        done = swe_agent("doctor", "--json", *args, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 3
    assert "--api-key" in lines(json.loads(done.stdout))["backend"]["mend"]
    assert "wrong-sesame" not in done.stdout + done.stderr


def test_without_a_model_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = swe_agent("doctor", "--json", home=tmp_path, cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (3, 3)
    assert lines(report)["backend"]["state"] == "fail"
    assert lines(report)["backend"]["mend"] == "swe-agent models pull qwen2.5-coder-1.5b"
    assert report["server"] == {}
    assert not (tmp_path / "cache").exists()


def test_the_sandbox_asked_for_does_not_work(scripted: ScriptedModel, tmp_path: Path) -> None:
    args = ("--quick", "--base-url", scripted.base_url, "--sandbox", "docker")
    done = swe_agent("doctor", *args, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 4
    assert "systemctl start docker" in done.stdout


def test_a_configuration_that_can_not_be_right(tmp_path: Path) -> None:
    done = swe_agent("doctor", "--json", "--context", "5", home=tmp_path, cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (2, 2)
    assert "context (flag)" in lines(report)["configuration"]["value"]
    assert lines(report)["git"]["state"] == "ok"


def test_each_value_with_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_repository(tmp_path / "project", {".swe-agent.toml": 'max_steps = 7\nsandbox = "local"\n'})
    user = tmp_path / "config" / "swe-agent" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('api_key = "sesame-open"\ntest = "[red]make check[/red]"\n')
    monkeypatch.setenv("COLUMNS", "200")
    done = swe_agent("doctor", "--config", "--context", "8192", home=tmp_path, cwd=place)
    found = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert done.returncode == 0
    assert found["context"] == ["8192", "flag"]
    assert found["max_steps"] == ["7", "project", "file"]
    assert found["sandbox"] == ["auto", "default"]
    assert found["api_key"] == ["********", "user", "file", f"({user})"]
    assert found["test"][:2] == ["[red]make", "check[/red]"]
    assert f"    # {Settings.model_fields['max_steps'].description}" in done.stdout.splitlines()
    assert "sandbox is not a setting a repository may make" in done.stderr
    done = swe_agent("doctor", "--config", "--json", "--context", "8192", home=tmp_path, cwd=place)
    report = json.loads(done.stdout)
    assert report["settings"]["context"] == {"value": 8192, "origin": "flag"}
    assert report["settings"]["api_key"]["value"] == "********"
    assert report["user_file"] == str(user)
    assert report["descriptions"]["max_steps"] == Settings.model_fields["max_steps"].description
    assert len(report["warnings"]) == 1


def test_a_value_that_is_not_valid_is_reported_with_its_origin(tmp_path: Path) -> None:
    done = swe_agent("doctor", "--config", "--json", "--sandbox", "cage", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2
    assert "sandbox (flag)" in done.stderr


@pytest.mark.parametrize("width", [40, 80, 120])
def test_long_lines_are_wrapped_and_commands_are_not(width: int) -> None:
    report = Report()
    remedy = "start llama-server with " + "--override-kv a.b.c=int:1 " * 10 + "--ctx-size 32768"
    report.add(Check("backend", "fail", "[link=x]the reason[/link] " + "which is long " * 12, remedy))
    report.add(Check("bundled runtime", "warn", "\n".join(f"log line {n}" for n in range(40))))
    out = io.StringIO()
    print_report(report, Console(file=out, width=width))
    printed = out.getvalue()
    assert f"→ {remedy}\n" in printed
    assert "[link=x]the reason[/link]" in " ".join(printed.split())
    rest = [line for line in printed.splitlines() if "→" not in line]
    assert max(len(line) for line in rest) <= max(width, 80)
    assert "log line 39" not in printed
    assert "[…]" in printed


@pytest.mark.usefixtures("real_model")  # doctor itself gets none
def test_the_real_model(tmp_path: Path) -> None:
    args = ("--model", "qwen2.5-coder-0.5b", "--context", "4096", "--json")
    done = swe_agent("doctor", *args, home=tmp_path, cwd=tmp_path, timeout=1800)
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert (report["server"]["name"], report["server"]["profile"]) == ("bundled", "qwen2.5-coder-0.5b")
    assert report["window"] == {"held": 4096, "asked": 4096, "trained": 32_768, "used": 4096}
    assert report["rungs"]["constrained"]["works"] is True
    assert report["rungs"]["used"] == "constrained"
    assert report["prefix_cache"]["reused"] is True
    assert report["prefix_cache"]["source"] == "server"
    assert report["speed"]["source"] == "server"
    assert report["speed"]["prompt_tokens_per_second"] > report["speed"]["generated_tokens_per_second"] > 0
    assert not list((tmp_path / "data" / "logs").iterdir())
