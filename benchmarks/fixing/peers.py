"""mini-swe-agent and aider from the package index, set up as their documentation says for a local server.

Why each setting is as it is stands in README.md beside this.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .systems import Job

_REPLY_TOKENS = 2048
"""No reply is longer than this, lest one that repeats itself for ever uses up a whole budget."""
_TEST_SECONDS = 30
_PLAIN = {
    "action_regex": r"```(?:mswea_bash_command|bash|sh)\s*\n(.*?)\n```",
    "format_error_template": (
        "Your answer held {{ actions | length }} commands, and nothing was run. Answer again: a short thought, then "
        "exactly one command in one block that begins with ```mswea_bash_command and ends with ```."
    ),
}
"""Settings of its documentation with which a small model has less to copy; also the usual names for a block count."""


def environment_of(cache: Path, name: str, *packages: str) -> Path:
    """The `bin` directory of an environment with packages, made if there is none."""
    place = cache / name
    made = place / "made"
    if not made.exists() or made.read_text(encoding="utf-8") != "\n".join(packages):
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", "3.11", str(place)], check=True)
        python = str(place / "bin" / "python")
        install = ["uv", "pip", "install", "-q", "--compile-bytecode"]  # where they run, they can't write it
        subprocess.run([*install, "--python", python, *packages], check=True)
        made.write_text("\n".join(packages), encoding="utf-8")
    return place / "bin"


def versions_of(bin_directory: Path, *packages: str) -> dict[str, str]:
    """Versions of packages in an environment."""
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {packages!r}}}))"
    told = subprocess.run([str(bin_directory / "python"), "-c", code], capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(told.stdout)
    return versions


@dataclass
class Mini:
    """mini-swe-agent on its local environment."""

    variant: str = "text"
    """`text`: a block in the reply is the command (mini_textbased.yaml), with `+plain` behind it `_PLAIN` besides;
    `tools`: native tool calls (mini.yaml)."""
    name: str = "mini-swe-agent"
    stops_itself: bool = False
    _bin: Path = field(default=Path(), init=False)

    def install(self, cache: Path) -> dict[str, str]:
        """Its environment."""
        self._bin = environment_of(cache, "mini-swe-agent", "mini-swe-agent", "mcp")  # litellm imports it for tools
        return versions_of(self._bin, "mini-swe-agent", "litellm", "mcp") | {"variant": self.variant}

    def environment(self, home: Path) -> dict[str, str]:
        """No questions at its first start; no price is known for the model."""
        return {
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_GLOBAL_CONFIG_DIR": str(home / "mini"),
            "MSWEA_SILENT_STARTUP": "1",
        }

    def work(self, job: Job) -> dict[str, object]:
        """One run, until it submits or is cut off."""
        tests = "".join(f" `{name}`" for name in job.task.shown)
        task = (
            f"{job.task.issue}\nThe repository is the current directory. Run its tests ({tests.strip()}) with "
            f"`{job.task.test_command}`; they are right: change the source, not the tests."
        )
        text, _, plain = self.variant.partition("+")
        model: dict[str, object] = {"model_kwargs": {"api_base": job.base_url, "max_tokens": _REPLY_TOKENS}}
        if text == "text":
            model |= {"model_class": "litellm_textbased"} | (_PLAIN if plain else {})
        settings = {"agent": {"max_consecutive_format_errors": 0}, "model": model}
        extra = job.home / "local.yaml"
        extra.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        trajectory = job.home / "trajectory.json"
        base = "mini_textbased.yaml" if text == "text" else "mini.yaml"
        code = job.call(
            [
                str(self._bin / "mini"), "-m", f"openai/{job.model}", "-c", base, "-c", str(extra), "-t", task, "-y",
                "--exit-immediately", "-l", "0", "-o", str(trajectory),
            ]
        )  # fmt: skip
        status = ""
        if trajectory.exists():
            status = json.loads(trajectory.read_text(encoding="utf-8"))["info"]["exit_status"]
            shutil.copy(trajectory, job.record / "trajectory.json")
        return {"exit": code, "status": status or "cut off"}


@dataclass
class Aider:
    """aider with the files to change on its command line, called again with the tests' output while they fail."""

    variant: str = "whole"
    """The edit format, `whole` or `diff`; with `+history` behind it a further call goes on in the same chat."""
    name: str = "aider"
    stops_itself: bool = False
    _bin: Path = field(default=Path(), init=False)

    def install(self, cache: Path) -> dict[str, str]:
        """Its environment."""
        self._bin = environment_of(cache, "aider", "aider-chat")
        return versions_of(self._bin, "aider-chat", "litellm") | {"variant": self.variant}

    def environment(self, home: Path) -> dict[str, str]:
        """Nothing besides."""
        return {}

    def work(self, job: Job) -> dict[str, object]:
        """A call, and further ones until the shown tests pass or the time or the tokens are used up."""
        names = ", ".join(f"`{name}`" for name in job.task.sources) or "the source"
        message = f"{job.task.issue}\nCorrect {names}. Keep the names of functions and classes. Change no tests.\n"
        test = f"timeout {_TEST_SECONDS} {job.task.test_command}"
        calls, code, passed = 0, None, False
        while not passed and job.seconds_left > 0 and job.tokens_left() > 0:
            code = self._call(job, message, test, calls)
            calls += 1
            if code is None:
                break
            output = job.record / f"tests-{calls}.txt"
            passed = job.jail.run(["sh", "-c", f"{test} 2>&1"], cwd=job.repo, log=output) == 0
            tail = output.read_text(encoding="utf-8", errors="replace")[-6000:]
            message = f"The tests fail:\n\n{tail}\n\nThe tests are right. Correct {names} so that they pass.\n"
        return {"exit": code, "calls": calls, "status": "tests pass" if passed else "cut off"}

    def _call(self, job: Job, message: str, test: str, calls: int) -> int | None:
        """One run of the program, with its own up to three corrections after the tests."""
        text, metadata = job.home / "message.md", job.home / "metadata.json"
        text.write_text(message, encoding="utf-8")
        model = f"openai/{job.model}"
        window = {"max_tokens": _REPLY_TOKENS, "max_input_tokens": job.window, "max_output_tokens": _REPLY_TOKENS}
        prices = {"input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": "openai", "mode": "chat"}
        metadata.write_text(json.dumps({model: window | prices}), encoding="utf-8")
        settings = job.home / "settings.yml"
        settings.write_text(
            json.dumps([{"name": "aider/extra_params", "extra_params": {"max_tokens": _REPLY_TOKENS}}]),
            encoding="utf-8",
        )
        edit_format, _, history = self.variant.partition("+")
        options = {
            "--model": model,
            "--openai-api-base": job.base_url,
            "--edit-format": edit_format,
            "--model-metadata-file": str(metadata),
            "--model-settings-file": str(settings),
            "--max-chat-history-tokens": str(job.window // 2),
            "--message-file": str(text),
            "--test-cmd": test,
            "--chat-history-file": str(job.home / "chat.md"),
            "--input-history-file": str(job.home / "input"),
        }
        if job.task.sources:
            options["--map-tokens"] = "0"
        switches = (
            "--auto-test --yes-always --no-auto-commits --no-dirty-commits --no-check-update --analytics-disable "
            "--no-show-model-warnings --no-show-release-notes --no-detect-urls --no-suggest-shell-commands --no-pretty "
            "--no-gitignore"
        )
        argv = [str(self._bin / "aider"), *switches.split(), *itertools.chain(*options.items())]
        if history and calls:
            argv.append("--restore-chat-history")
        for name in job.task.shown:
            argv += ["--read", name]
        argv += [*job.task.sources]
        code = job.call(argv)
        if (job.home / "chat.md").exists():
            shutil.copy(job.home / "chat.md", job.record / "chat.md")
        return code
