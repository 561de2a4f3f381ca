"""Known fixes replayed through the product: does it find, prepare, run and believe the tests of real repositories?

::

    python -m benchmarks.fixing.replay --tasks FILE --repositories DIR --mode given --out DIR [--only NAME ...]
    python -m benchmarks.fixing.replay --out DIR --table

`swe-agent fix` runs in bubblewrap against a scripted server whose model knows the answer: it applies the tests of the
fix, runs them, applies the fix, runs them, submits. Mode `given` hands the task's own setup and test command over,
`found` leaves both to the product. A task whose record is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .repositories import RepositoryBug, repositories

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import ScriptedModel, call  # type: ignore[import-not-found]  # noqa: E402 - the tests' scripted server

MODES = ("given", "found")
_STEPS = 20


def script(task: RepositoryBug) -> list[dict[str, Any]]:
    """What a model says that knows the answer; the last reply repeats."""
    files = sorted({name.partition("::")[0] for name in task.names("FAIL_TO_PASS")})
    tests = [call("run_tests", target=file) for file in files]
    patches = [call("apply_patch", patch=task.row[column]) for column in ("test_patch", "patch")]
    return [patches[0], *tests, patches[1], *tests, call("submit", summary="Done as upstream did it.")]


def replay(task: RepositoryBug, mode: str, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One task through the product; its record."""
    shutil.rmtree(place, ignore_errors=True)
    repo = place / "repo"
    task.checkout(repo)
    (place / "issue.md").write_text(task.issue, encoding="utf-8")
    given = ["--setup", task.setup_command, "--test", task.test_command] if mode == "given" else []
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    environment = {**keep, "SWE_AGENT_HOME": str(place / "home"), "XDG_CONFIG_HOME": str(place / "config")}
    environment["PYTHONPATH"] = str(options.product.resolve())
    if options.test_timeout:
        environment["SWE_AGENT_TEST_TIMEOUT"] = options.test_timeout
    begun = time.monotonic()
    with ScriptedModel() as server:
        server.answers = script(task)
        argv = [
            sys.executable, "-P", "-m", "agent", "fix", "--repo", str(repo), "--issue", str(place / "issue.md"),
            "--json", "--sandbox", "bubblewrap", "--strategy", "agent", "--base-url", server.base_url,
            "--max-steps", str(_STEPS), *given,
        ]  # fmt: skip
        with (place / "events.jsonl").open("wb") as out, (place / "stderr.txt").open("wb") as err:
            subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=place, check=False
            )
    record = _record(place / "events.jsonl")
    record |= {
        "name": task.name,
        "mode": mode,
        "product": options.product.name,
        "seconds": round(time.monotonic() - begun, 1),
    }
    record["exact"] = _same_tree(task, repo, record.pop("patch"))
    shutil.rmtree(repo)
    return record


def _record(events: Path) -> dict[str, Any]:
    """What is worth knowing of a session."""
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    result: dict[str, Any] = lines[-1] if lines and lines[-1]["kind"] == "result" else {"status": "crashed"}
    kept = ("phase", "command", "exit_code", "ended", "tests", "failed", "seconds")
    return {
        "status": result["status"],
        "error": result.get("error"),
        "own": result.get("seconds", {}).get("own"),
        "setups": [
            {"exit_code": each["exit_code"], "seconds": each["seconds"], "output": each["output"][-600:]}
            for each in lines if each["kind"] == "setup_ran"
        ],
        "tests": [
            {**{key: each[key] for key in kept}, "failures": each["failures"][:20]}
            for each in lines if each["kind"] == "tests_ran"
        ],
        "calls": [
            {"name": each["name"], "ok": each["ok"], "seconds": each["seconds"], "content": each["content"][:1500]}
            for each in lines if each["kind"] == "observed"
        ],
        "warnings": [each["message"] for each in lines if each["kind"] == "warned"],
        "verification": result.get("verification"),
        "patch": result.get("patch") or "",
    }  # fmt: skip


def _same_tree(task: RepositoryBug, repo: Path, patch: str) -> bool:
    """Whether a patch makes of the repository exactly what git makes of it with the fix and its tests."""
    trees = []
    for patches in ([task.row["test_patch"], task.row["patch"]], [patch]):
        with tempfile.TemporaryDirectory() as scratch:
            environment = {**os.environ, "GIT_INDEX_FILE": f"{scratch}/index"}
            git = ["git", "-C", str(repo)]
            subprocess.run([*git, "read-tree", "HEAD"], check=True, env=environment)
            for each in filter(None, patches):
                subprocess.run(
                    [*git, "apply", "--cached", "-"], input=each.encode(), check=True, capture_output=True,
                    env=environment,
                )  # fmt: skip
            done = subprocess.run([*git, "write-tree"], check=True, capture_output=True, env=environment)
            trees.append(done.stdout)
    return trees[0] == trees[1]


def _counts(outcome: dict[str, Any] | None) -> str:
    if not outcome:
        return "–"
    if outcome["tests"] is None:
        return f"exit {outcome['exit_code']}"
    return f"{outcome['failed']} of {outcome['tests']} fail"


def table(out: Path) -> str:
    """The records below a directory as a Markdown table."""
    rows = ["| task | mode | status | exact | seconds | setup | before | after | why not |", "|---" * 9 + "|"]
    for file in sorted(out.glob("*/*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        seen = record["verification"] or {}
        first = next((each for each in record["tests"] if each["phase"] == "before"), None)
        setup = ", ".join(f"{each['exit_code']} in {each['seconds']:.0f} s" for each in record["setups"]) or "–"
        why = (record["error"] or "").replace("|", "/").replace("\n", " ")[:160]
        rows.append(
            f"| {record['name']} | {record['mode']} | {record['status']} | {'yes' if record['exact'] else 'no'} "
            f"| {record['seconds']:.0f} | {setup} | {_counts(seen.get('before') or first)} "
            f"| {_counts(seen.get('after'))} | {why} |"
        )
    return "\n".join(rows)


def main() -> int:
    """Replay what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--tasks", type=Path, metavar="FILE", help="JSON lines with SWE-bench's columns")
    add("--repositories", type=Path, metavar="DIR", help="git directories, OWNER+NAME/repo or OWNER/NAME")
    add("--mode", choices=MODES, default="given", help="setup and tests given, or found by the product")
    add("--only", action="append", default=[], metavar="TEXT", help="only tasks with this in their name; repeatable")
    add("--test-timeout", default="", metavar="DUR", help="the product's limit for one run of the tests")
    add("--again", action="store_true", help="run those again that were not verified")
    add("--product", type=Path, default=ROOT, metavar="DIR", help="another checkout of swe-agent than this")
    add("--score", action="store_true", help="decide the fix by the set's own lists instead of replaying it")
    add("--out", type=Path, required=True, metavar="DIR", help="where records go: DIR/MODE/TASK.json")
    add("--table", action="store_true", help="print what is there and end")
    options = parser.parse_args()
    if options.table:
        print(table(options.out))
        return 0
    missed = 0
    for task in repositories(options.tasks, options.repositories):
        if options.only and not any(each in task.name for each in options.only):
            continue
        if options.score:
            missed += not _scored(task)
            continue
        file = options.out / options.mode / f"{task.name}.json"
        if file.exists() and not (options.again and json.loads(file.read_text())["status"] != "fixed"):
            continue
        record = replay(task, options.mode, options.out.resolve() / options.mode / task.name, options)
        file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        missed += record["status"] != "fixed"
        print(f"{task.name}: {record['status']} in {record['seconds']} s, {record['error'] or 'verified'}", flush=True)
    return 1 if missed else 0


def _scored(task: RepositoryBug) -> bool:
    """The fix as an answer, scored; and the repository as it is, which must not count as solved."""
    with tempfile.TemporaryDirectory() as scratch:
        repo = Path(scratch) / "repo"
        task.checkout(repo)
        before = task.judge(repo)
        subprocess.run(["git", "-C", str(repo), "apply", "-"], input=task.row["patch"].encode(), check=True)
        after = task.judge(repo)
    print(
        f"{task.name}: as it is {'SOLVED' if before.solved else 'not solved'}, with the fix "
        f"{'solved' if after.solved else f'NOT SOLVED {after.problem} {after.fail_to_pass} {after.pass_to_pass}'}",
        flush=True,
    )
    return after.solved and not before.solved


if __name__ == "__main__":
    sys.exit(main())
