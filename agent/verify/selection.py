"""The smallest useful selection of tests first: what failed, then the changed modules' tests, then all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from agent.code.paths import is_test_module
from agent.session.events import TestsRan
from agent.verify.narrowing import for_files, for_names
from agent.verify.runners import identify_runner

_MAX_FILES = 20
_NO_TESTS = re.compile(
    r"(?i)\bno tests (?:ran|found|were (?:found|executed)|to run)|no test files|not found: |no examples? found"
    r"|\b0 examples, |no tests executed|file or directory not found|no tests matching"
)
_UNITTEST_FAILURE = re.compile(r"^(?:FAIL|ERROR): [^\n]*", re.MULTILINE)


@dataclass(frozen=True)
class Selection:
    """A command that runs some of the tests; `about` says which."""

    command: str
    about: str
    kind: Literal["failing", "changed", "all"]


def selections(
    command: str,
    *,
    failing: Sequence[str] = (),
    changed: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
    package_json: str = "",
) -> list[Selection]:
    """What to run, in order, after a change to the paths `changed`; the last is always `command` itself.

    `failing` are names as `TestsRan.failures` has them, `sources` the repository's files, path → text. Where nothing
    can be added to the command, all is the only selection.
    """
    sources = sources or {}
    info = identify_runner(command, package_json or sources.get("package.json", ""))
    chosen: list[Selection] = []
    if info.takes_arguments:
        if failing and (narrowed := for_names(command, info, failing)):
            chosen.append(Selection(narrowed, "the tests that failed", "failing"))
        tests = test_files_of(changed, sources)
        if tests and (narrowed := for_files(command, info, tests)):
            chosen.append(Selection(narrowed, "the tests of what was changed", "changed"))
    distinct = {each.command: each for each in reversed(chosen) if each.command != command}
    return [*reversed(distinct.values()), Selection(command, "", "all")]


def ran_nothing(ran: TestsRan) -> bool:
    """Whether a run ended without running a test: it neither passes nor says anything about the code."""
    if ran.ended != "exited":
        return False
    if ran.tests == 0 or (ran.exit_code in {4, 5} and not ran.tests and "pytest" in ran.command):
        return True
    failures = _UNITTEST_FAILURE.findall(ran.output)
    if failures and all("_FailedTest" in line for line in failures):  # names that can't be loaded
        return True
    return not ran.failures and not ran.tests and bool(_NO_TESTS.search(ran.output))


def test_files_of(changed: Sequence[str], sources: Mapping[str, str]) -> list[str]:
    """The test files of changed modules: those named after them first, then those that import them; bounded."""
    own = [path for path in changed if is_test_module(path) and path in sources]
    stems = {PurePosixPath(path).stem for path in changed if not is_test_module(path)}
    stems |= {PurePosixPath(path).parent.name for path in changed if PurePosixPath(path).stem in {"__init__", "index"}}
    stems -= {"__init__", "index", "", "main", "conftest"}
    named: list[str] = []
    importing: list[str] = []
    names = "|".join(re.escape(stem) for stem in sorted(stems)[:_MAX_FILES])
    imports = re.compile(rf"(?:import|from|require|use)\b[^\n]{{0,200}}(?<!\w)(?:{names})(?!\w)") if names else None
    for path in sorted(sources):
        if not is_test_module(path) or path in own:
            continue
        bare = re.sub(r"^test_|_test$|_spec$|\.test$|\.spec$|Tests?$|IT$", "", PurePosixPath(path).stem)
        if bare in stems:
            named.append(path)
        elif imports and imports.search(sources[path]):
            importing.append(path)
    return [*own, *named, *importing][:_MAX_FILES]
