"""`swe-agent fix` with the real bundled runtime and the real 0.5B model: the plumbing, not the model's wits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import swe_agent

pytestmark = pytest.mark.usefixtures("real_model")
MODEL = "qwen2.5-coder-0.5b"


def run(calc: Path, issue: Path, home: Path, *more: str) -> tuple[int, list[dict[str, object]]]:
    arguments = ["--issue", issue, "--repo", calc, "--sandbox", "bubblewrap", "--model", MODEL, "--seed", "1", "--json"]
    done = swe_agent("fix", *arguments, *more, home=home, timeout=1800)
    assert "Traceback" not in done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_guided_asks_and_tries_candidates(calc: Path, issue_file: Path, tmp_path: Path) -> None:
    code, events = run(calc, issue_file, tmp_path, "--strategy", "guided", "--max-steps", "3")
    result = events[-1]
    assert code in {0, 1, 5}
    assert result["kind"] == "result"
    assert [event for event in events if event["kind"] == "candidate_made"]
    assert result["usage"]["prompt_tokens"] > 100  # type: ignore[index]
    if result["steps"] != 1:
        assert result["usage"]["cached_tokens"] > 0  # type: ignore[index]


def test_an_agent_that_can_not_call_natively_is_held_to_the_schema(
    calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    code, events = run(calc, issue_file, tmp_path, "--strategy", "agent", "--max-steps", "3", "--max-tokens", "900")
    replies = [event for event in events if event["kind"] == "model_replied"]
    assert code in {0, 1, 5}
    assert replies
    whole = [reply for reply in replies if reply["finish_reason"] == "stop"]
    assert all(reply["parsed"] == "constrained" for reply in whole)
    names = {call["name"] for reply in whole for call in reply["tool_calls"]}  # type: ignore[attr-defined]
    known = {"read_file", "search", "edit_file", "write_file", "apply_patch", "shell", "run_tests", "submit"}
    assert names <= known
