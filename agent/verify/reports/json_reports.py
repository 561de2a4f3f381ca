"""Reading the JSON reports of go, jest and RSpec."""

from __future__ import annotations

import json
from typing import Any

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_CASES, MAX_MESSAGE, MAX_TEXT, Case, Status, bounded, merged

_JEST: dict[str, Status] = {"passed": "passed", "failed": "failed"}
_GO: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def _loaded(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def read_jest(data: bytes, root: str) -> tuple[Case, ...] | None:
    """The cases of jest's `--json`; a file that can't be loaded is one case. None for anything else."""
    loaded = _loaded(data)
    if not isinstance(loaded, dict) or "testResults" not in loaded:
        return None
    cases: list[Case] = []
    for suite in _dicts(loaded["testResults"]):
        file = str(suite.get("name", "")).removeprefix(root.rstrip("/") + "/")
        results = _dicts(suite.get("assertionResults"))
        for result in results:
            text = "\n".join(str(each) for each in result.get("failureMessages") or [])
            milliseconds = _number(result.get("duration"))
            cases.append(
                _case(
                    f"{file}::{result.get('fullName', '')}",
                    _JEST.get(str(result.get("status")), "skipped"),
                    text,
                    root,
                    seconds=None if milliseconds is None else milliseconds / 1000,
                )
            )
        if not results and suite.get("status") == "failed":
            cases.append(_case(file, "error", str(suite.get("message", "")), root))
        if len(cases) > MAX_CASES:
            return None
    return merged(cases)


def _case(name: str, status: Status, text: str, root: str, *, under: str = "", seconds: float | None = None) -> Case:
    from agent.text import printable

    if status == "passed":
        return Case(name, status, seconds=seconds)
    text = printable(text[: 8 * MAX_TEXT]).strip("\n")
    message = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Case(
        name, status, message[:MAX_MESSAGE], bounded(text, MAX_TEXT), locations_in(text, root, under), seconds
    )  # fmt: skip


def read_rspec(data: bytes, root: str) -> tuple[Case, ...] | None:
    """The cases of RSpec's JSON formatter, each named by its file and description. None for anything else."""
    loaded = _loaded(data)
    if not isinstance(loaded, dict) or "examples" not in loaded:
        return None
    cases: list[Case] = []
    for example in _dicts(loaded["examples"])[: MAX_CASES + 1]:
        status: Status = {"passed": "passed", "failed": "failed"}.get(str(example.get("status")), "skipped")  # type: ignore[assignment]
        raised = example.get("exception")
        text = ""
        if isinstance(raised, dict):
            trace = raised.get("backtrace") or []
            lines = [str(each) for each in trace] if isinstance(trace, list) else []
            # RSpec lists the innermost frame first; here it is the last, as everywhere
            text = "\n".join([f"{raised.get('class', '')}: {str(raised.get('message', '')).strip()}", *reversed(lines)])
        file = str(example.get("file_path", "")).removeprefix("./")
        name = f"{file}::{example.get('full_description', '')}"
        cases.append(_case(name, status, text, root, seconds=_number(example.get("run_time"))))
    outside = _number((loaded.get("summary") or {}).get("errors_outside_of_examples_count"))
    if outside:
        cases.append(Case("errors outside of examples", "error"))
    return merged(cases) if len(cases) <= MAX_CASES else None


def read_go(output: str, root: str, module: str = "") -> tuple[tuple[Case, ...], str]:
    """The cases of `go test -json`, and the output that it has without that option. `module` is go.mod's.

    A package that fails without a failing test (it does not build, it panicked) is a case of its own.
    """
    cases: list[Case] = []
    texts: dict[tuple[str, str], list[str]] = {}
    plain: list[str] = []
    failed_in: set[str] = set()
    for line in output.splitlines():
        event = _loaded(line) if line.startswith("{") else None
        if not isinstance(event, dict) or "Action" not in event:
            plain.append(line + "\n")
            continue
        package, test, action = (str(event.get(name, "")) for name in ("Package", "Test", "Action"))
        package = package or str(event.get("ImportPath", "")).partition(" ")[0]
        if action in {"output", "build-output"}:
            printed = str(event.get("Output", ""))
            if printed.startswith(("=== RUN", "=== PAUSE", "=== CONT", "=== NAME")):
                continue
            texts.setdefault((package, test), []).append(printed)
            if not printed.lstrip().startswith("--- PASS"):
                plain.append(printed)
        elif action in _GO and (test or action == "fail"):
            if not test and package in failed_in:
                continue
            failed_in |= {package} if action == "fail" else set()
            text = "".join(texts.get((package, test), [])) if action != "pass" else ""
            under = package.removeprefix(module).strip("/") if module and package.startswith(module) else ""
            name = f"{package}.{test}" if test else package
            status: Status = _GO[action] if test else "error"
            cases.append(_case(name, status, text, root, under=under, seconds=_number(event.get("Elapsed"))))
    return merged(cases[:MAX_CASES]), "".join(plain)
