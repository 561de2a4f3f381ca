"""`swe-agent fix` from outside: the command line, a scripted model, real sandboxes, real git."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import CALC, call, digest, git, peak_memory, swe_agent

GOOD = [
    call("read_file", path="calc.py"),
    call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
    call("run_tests"),
    call("submit", summary="add subtracted"),
]


def result_of(done: Any) -> dict[str, Any]:
    """The last line of a run with --json."""
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    events = [json.loads(line) for line in lines]
    assert events[-1]["kind"] == "result"
    return events[-1]


def fix(scripted: Any, repo: Path, issue: Path, home: Path, *more: str | Path) -> Any:
    return swe_agent("fix", "--issue", issue, "--repo", repo, "--base-url", scripted.base_url, *more, home=home)


def test_a_fixed_bug_gives_a_verified_patch_that_git_takes(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = GOOD
    before = digest(calc)
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", kind, "--json")
    result = result_of(done)
    assert done.returncode == result["exit_code"] == 0, done.stderr
    assert result["status"] == "fixed"
    assert result["files"] == ["calc.py"]
    assert result["verification"]["before"]["failed"] == 2
    assert result["verification"]["after"] == {**result["verification"]["after"], "passed": True, "tests": 2}
    assert digest(calc) == before
    subprocess.run(["git", "apply", "--check", "-"], input=result["patch"], text=True, cwd=calc, check=True)


def test_without_json_only_the_patch_is_on_standard_output(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("diff --git a/calc.py b/calc.py")
    assert "fixed" in done.stderr


def test_a_wrong_fix_is_not_verified(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [
        call("edit_file", path="calc.py", old="return a - b", new="return a * b"),
        call("submit", summary="done"),
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    result = result_of(done)
    assert (done.returncode, result["status"]) == (1, "unverified")
    assert result["verification"]["after"]["passed"] is False
    assert "return a * b" in result["patch"]


def test_tests_that_pass_anyway_prove_nothing(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--test", "true")
    assert (done.returncode, result_of(done)["status"]) == (1, "unverified")


def test_a_test_that_the_patch_brings_counts_when_it_fails_without_the_fix(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    (calc / "test_calc.py").write_text(
        "import unittest\n\n\nclass Tests(unittest.TestCase):\n    def test_nothing(self):\n        pass\n"
    )
    git(calc, "commit", "-qam", "weaker tests")
    new_test = CALC["test_calc.py"]
    scripted.answers = [
        call("write_file", path="test_more.py", content=new_test),
        call("edit_file", path="calc.py", old="return a - b", new="return a + b"),
        call("submit", summary="with a test"),
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    result = result_of(done)
    assert (done.returncode, result["status"]) == (0, "fixed")
    assert result["verification"]["before"]["passed"] is False


FORGERY = r"""
mkdir -p /workspace/venv/bin
for name in python3 git bash; do printf '#!/bin/sh\nexit 0\n' > /workspace/venv/bin/$name; chmod +x /workspace/venv/bin/$name; done
find /workspace/.kept/pristine /workspace/repo -name 'test_*.py' -exec sh -c 'echo "import unittest" > {}' \;
git checkout test_calc.py
echo readme > README.md
"""


def test_what_the_agent_does_in_its_sandbox_does_not_reach_the_verification(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [call("shell", command=FORGERY), call("submit", summary="nothing was fixed")]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", kind, "--json")
    result = result_of(done)
    assert (done.returncode, result["status"]) == (1, "unverified"), done.stderr
    assert result["verification"]["after"]["failed"] == 2


def test_code_that_ends_the_test_run_is_no_fix(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [
        call("edit_file", path="calc.py", old="def add(", new="import os\n\nos._exit(0)\n\n\ndef add("),
        call("submit", summary="the tests end with 0"),
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", kind, "--json")
    result = result_of(done)
    assert (done.returncode, result["status"]) == (1, "unverified"), done.stderr
    assert "did not come to its own end" in result["verification"]["reason"]


def test_a_patch_that_guts_the_failing_test_is_no_fix(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [
        call(
            "write_file",
            path="test_calc.py",
            content="import unittest\n\nclass T(unittest.TestCase):\n    def test(self): pass\n",
        ),
        call("submit", summary="the tests pass now"),
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    assert (done.returncode, result_of(done)["status"]) == (1, "unverified")


# peers row 35
def test_prose_is_never_success(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [GOOD[1], "I have fixed the issue. All tests pass now. The task is complete."]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--strategy", "agent")
    result = result_of(done)
    assert done.returncode == 1
    assert result["status"] == "unverified"
    assert "no tool call" in result["error"]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "edit_file", "arguments": {"path": "calc.py", "old": "a - b", "new": "a + b"}}\n</tool_call>',
        "I'll mend it.\n<tool_call>\n<function=edit_file>\n<parameter=path>\ncalc.py\n</parameter>\n<parameter=old>\n"
        "a - b\n</parameter>\n<parameter=new>\na + b\n</parameter>\n</function>\n</tool_call>",
        '```json\n{"name": "edit_file", "arguments": {"path": "calc.py", "old": "a - b", "new": "a + b"}}\n```',
        "```bash\nsed -i 's/a - b/a + b/' calc.py\n```",
    ],
    ids=["hermes", "qwen3-coder", "json fence", "bash fence"],
)
# peers rows 5 and 36
def test_calls_written_as_text_are_run(text: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [text, call("submit", summary="done")]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_model_that_never_calls_is_asked_under_a_schema(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    calls = [
        json.dumps({"name": name, "arguments": json.loads(arguments)})
        for answer in [*GOOD, GOOD[-1]]
        for name, arguments in answer["calls"]
    ]
    rest = iter(calls)
    scripted.answers = [lambda body: next(rest) if "response_format" in body else "Let me think about this."]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tools" in scripted.requests[0]
    assert scripted.requests[-1]["response_format"]["type"] == "json_schema"


def test_a_server_that_knows_no_tools_is_asked_without(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    made = [made for answer in [*GOOD, GOOD[-1]] for made in answer["calls"]]
    calls = iter(json.dumps({"name": name, "arguments": json.loads(arguments)}) for name, arguments in made)
    refusal = {"status": 400, "body": {"error": {"message": "this model does not support tools"}}}
    scripted.answers = [
        lambda body: refusal if "tools" in body or "response_format" in body else f"```json\n{next(calls)}\n```"
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


# peers row 27
def test_the_prompt_only_grows(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [*GOOD[:3], call("shell", command="git log --oneline | cat; ls"), GOOD[3]]
    fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap")
    bodies = [json.dumps(request["messages"]) for request in scripted.requests]
    assert len(bodies) == 6
    for earlier, later in itertools.pairwise(bodies):
        assert later.startswith(earlier[:-1])
    assert len({json.dumps(request["tools"]) for request in scripted.requests}) == 1


HOSTILE = r"""
cd /workspace/repo
mkdir -p .git/hooks
for hook in pre-commit post-checkout post-index-change fsmonitor-watchman; do
  printf '#!/bin/sh\ntouch %s/owned\n' "$CANARY" > .git/hooks/$hook; chmod +x .git/hooks/$hook
done
printf '[core]\n\tfsmonitor = touch %s/owned\n[filter "x"]\n\tclean = touch %s/owned\n[diff]\n\texternal = touch %s/owned\n' "$CANARY" "$CANARY" "$CANARY" >> .git/config
printf '* filter=x\n' > .gitattributes
ln -s /etc/passwd link
ln -s ../../../.. up
mkdir nested && git -C nested init -q && git -C nested -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
"""


def test_the_host_is_untouched_whatever_is_planted(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.mkdir()
    scripted.answers = [
        call("shell", command=f"export CANARY={canary}\n{HOSTILE}"),
        *GOOD,
    ]
    before = digest(calc)
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", kind, "--json")
    result = result_of(done)
    assert done.returncode == 6  # links and a repository within it may not leave the sandbox
    assert result["patch"] == ""
    assert digest(calc) == before
    assert not list(canary.iterdir())


def test_later_history_remotes_and_credentials_are_not_in_the_sandbox(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    base = git(calc, "rev-parse", "HEAD").strip()
    (calc / "calc.py").write_text("the fix of the future\n")
    git(calc, "commit", "-qam", "the fix")
    git(calc, "remote", "add", "origin", "https://user:token-of-the-user@example.org/x.git")
    scripted.answers = [
        call(
            "shell",
            command="git log --all --format=%s; git remote -v; cat .git/config; grep -r 'fix of the future' . ; env",
        ),
        call("submit", summary="-"),
        call("submit", summary="-"),
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--base", base)
    seen = next(json.loads(line) for line in done.stdout.splitlines() if '"observed"' in line)["content"]
    assert seen.startswith("base\n")
    for secret in ("the fix", "token-of-the-user", "origin"):
        assert secret not in seen


# peers row 4
def test_half_a_gigabyte_of_output_stays_small_in_memory_record_and_prompt(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [call("shell", command="yes 'a line of output' | head -c 500000000"), *GOOD]
    arguments = ["fix", "--issue", issue_file, "--repo", calc, "--base-url", scripted.base_url, "--sandbox", kind]
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    command = [sys.executable, "-m", "agent", *map(str, arguments)]
    code, kibibytes = peak_memory(command, {**keep, "SWE_AGENT_HOME": str(tmp_path / "data")})
    assert code == 0
    assert kibibytes < 200 * 1024
    (journal,) = (tmp_path / "data" / "sessions").glob("*/journal.jsonl")
    assert journal.stat().st_size < 300_000
    assert len(json.dumps(scripted.requests[-1])) < 100_000


def test_outputs_apply_and_branch_change_the_repository_as_asked(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--output", "branch")
    assert done.returncode == 0, done.stderr
    assert git(calc, "status", "--porcelain") == ""
    branch = git(calc, "branch", "--list", "swe-agent/*", "--format=%(refname:short)").strip()
    assert "return a + b" in git(calc, "show", f"{branch}:calc.py")
    scripted.requests.clear()
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--output", "apply")
    assert done.returncode == 0, done.stderr
    assert git(calc, "status", "--porcelain") == " M calc.py\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--sandbox", "moon"], 2),
        (["--max-steps", "0"], 2),
        (["--no-such-flag"], 2),
        (["--repo", "/nowhere"], 6),
        (["--base", "no-such-ref"], 6),
        (["--issue", "/nowhere/issue.md"], 6),
        (["--sandbox", "docker", "--image", "no-such-image-at-all:none"], 4),
    ],
)
def test_exit_codes_of_what_cannot_begin(
    arguments: list[str], code: int, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = GOOD
    done = fix(scripted, calc, issue_file, tmp_path, *arguments, "--json")
    assert done.returncode == code, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_a_dead_server_is_told_in_one_line(calc: Path, issue_file: Path, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        done = swe_agent("fix", "--issue", issue_file, "--repo", calc, "--base-url", url, "--json", home=tmp_path)
    assert done.returncode == 3
    assert url in done.stderr.splitlines()[-1]
    assert result_of(done)["status"] == "error"


# peers row 23: a result line, however it ends
def test_budgets_end_a_session_with_its_work_kept(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [GOOD[1], lambda body: call("shell", command=f"echo {len(body['messages'])}")]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--max-steps", "5")
    result = result_of(done)
    assert (done.returncode, result["status"], result["steps"]) == (5, "budget", 5)
    assert "return a + b" in result["patch"]


def test_a_time_limit_ends_a_session(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    hanging = ("--setup", "sleep 600", "--time-limit", "1s")
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", *hanging)
    result = result_of(done)
    assert (done.returncode, result["status"], scripted.requests) == (5, "budget", [])
    assert "the time limit of 1 s is over" in done.stderr


def test_the_same_call_again_and_again_is_stopped(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    scripted.answers = [call("search", pattern="nothing_like_this")]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--strategy", "agent")
    result = result_of(done)
    assert (done.returncode, result["status"], result["steps"]) == (1, "no_patch", 6)
    assert any("try something else" in json.dumps(request["messages"]) for request in scripted.requests)


def test_guided_fixes_a_function_from_its_failing_tests(
    kind: str, scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    scripted.answers = [
        "```python\ndef add(a, b):\n    return a * b\n```",
        '```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```',
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", kind, "--json", "--strategy", "guided")
    result = result_of(done)
    assert done.returncode == 0, done.stderr
    assert (result["status"], result["attempts"], result["strategy"]) == ("fixed", 2, "guided")


def test_guided_reproduces_by_the_issues_call_where_all_tests_pass(
    scripted: Any, calc: Path, issue_file: Path, tmp_path: Path
) -> None:
    (calc / "test_calc.py").write_text(
        "import unittest\n\n\nclass Tests(unittest.TestCase):\n    def test_nothing(self):\n        pass\n"
    )
    git(calc, "commit", "-qam", "weaker tests")
    scripted.answers = [
        '{"must_be_true": "add(2, 3) == 5"}',  # of what fails now, what the issue means; asked in two orders
        '{"must_be_true": "add(2, 3) == 5"}',
        "```python\ndef add(a, b):\n    return a + b\n```",
    ]
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--strategy", "guided")
    result = result_of(done)
    assert done.returncode == 0, done.stderr
    assert result["files"] == ["calc.py"]
    assert "result = add(2, 3)\nassert result == 5" in result["verification"]["reproduction"]


def test_guided_keeps_line_endings(scripted: Any, calc: Path, issue_file: Path, tmp_path: Path) -> None:
    (calc / "calc.py").write_bytes(CALC["calc.py"].replace("\n", "\r\n").encode())
    git(calc, "-c", "core.autocrlf=false", "commit", "-qam", "CRLF")
    scripted.answers = ['```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```']
    done = fix(scripted, calc, issue_file, tmp_path, "--sandbox", "bubblewrap", "--json", "--strategy", "guided")
    patch = result_of(done)["patch"]
    assert done.returncode == 0, done.stderr
    assert [line for line in patch.splitlines() if line.startswith(("-  ", "+  "))] == [
        "-    return a - b",
        "+    return a + b",
    ]
    assert "+    return a + b\r\n" in patch
