"""Task sets as repositories: single functions (HumanEvalPack's columns) and the programs of QuixBugs.

Each becomes a small repository with a test that is shown, and one that decides and is never shown. Nothing of a set is
kept here: it is read from where it lies.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .jail import Jail

TEST_SECONDS = 20
"""Processor time a deciding test may take; buggy programs may loop for ever."""
_SLACK = 10
"""How many times as long it may take by the clock."""
_SHOWN_CASES = 3


class Task(Protocol):
    """What `run.py` runs a system on."""

    @property
    def name(self) -> str: ...

    @property
    def issue(self) -> str:
        """Markdown, the same for every system."""

    @property
    def test_command(self) -> str:
        """What runs the tests that a system may see."""

    @property
    def setup_command(self) -> str:
        """What makes the environment of the tests in a copy of the repository; empty where nothing is needed."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The files to change, for a system that has to be told; none where that would be too much said."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The tests a system may see."""

    def prepare(self, repo: Path) -> dict[str, str]:
        """Put the repository, one commit, into an empty directory. Returns what the environment needs besides."""

    def score(self, repo: Path) -> bool:
        """Whether what a system left in a repository is right. Changes nothing in it."""


@dataclass(frozen=True)
class Bug:
    """A repository with a bug: its files, what the issue says, and the test that decides (path → text)."""

    name: str
    issue: str
    files: dict[str, str]
    hidden: dict[str, str] = field(repr=False)
    source: str = ""
    reference: dict[str, str] = field(default_factory=dict, repr=False)
    test_command: str = "python3 -m pytest -q"
    setup_command: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The file with the bug."""
        return (self.source,)

    @property
    def shown(self) -> tuple[str, ...]:
        """The test modules of the repository."""
        return tuple(name for name in self.files if _is_test(name))

    def prepare(self, repo: Path) -> dict[str, str]:
        """The files in one commit."""
        write(self.files, repo)
        commit(repo)
        return {}

    def score(self, repo: Path) -> bool:
        """The deciding test on the sources as they lie there; tests that lie there count for nothing."""
        with tempfile.TemporaryDirectory() as place:
            write({name: text for name, text in self.files.items() if not _is_test(name)}, Path(place))
            for file in repo.glob("*.py"):
                if file.is_file() and not file.is_symlink() and not _is_test(file.name):
                    (Path(place) / file.name).write_bytes(file.read_bytes())
            return runs(Path(place), self.hidden)


def functions(path: Path) -> Iterator[Bug]:
    """The single functions of a JSON lines file with HumanEvalPack's columns."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        name = row["entry_point"]
        yield Bug(
            name=row["task_id"].replace("/", "-"),
            issue=_issue(name),
            files={f"{name}.py": row["buggy"].lstrip("\n"), f"test_{name}.py": _as_test(name, row["example_test"])},
            hidden={"test_hidden.py": _as_test(name, row["test"])},
            source=f"{name}.py",
            reference={f"{name}.py": row["reference"]},
        )


def _issue(name: str) -> str:
    return (
        f"# {name} gives wrong results\n\n"
        f"`{name}` in `{name}.py` does not do what its documentation says. `test_{name}.py` shows it.\n"
    )


def _as_test(name: str, code: str) -> str:
    """The set's `check(function)` and its call as a test module."""
    body, _, _ = code.rpartition(f"check({name})")
    head = f"from {name} import *\nfrom {name} import {name}\n"
    return f"{head}\n\n{body.strip()}\n\n\ndef test_{name}():\n    check({name})\n"


def quixbugs(names: Path, checkout: Path) -> Iterator[Bug]:
    """The programs a list names, out of a checkout of QuixBugs (a git directory will do).

    Shown are the first cases that the program fails, and the first it passes; programs whose tests are functions show
    the first that fails. All of them decide.
    """
    for name in names.read_text(encoding="utf-8").split():
        program = _show(checkout, f"python_programs/{name}.py")
        correct = _show(checkout, f"correct_python_programs/{name}.py")
        files = {f"{name}.py": program.lstrip("\n")}
        if "from .node import" in program or "node" in _show(checkout, f"python_testcases/test_{name}.py"):
            files["node.py"] = _show(checkout, "python_programs/node.py")
        shown, hidden = _quix_tests(name, checkout, files)
        yield Bug(
            name=f"quixbugs-{name}",
            issue=_issue(name),
            files={**files, f"test_{name}.py": shown},
            hidden={"test_hidden.py": hidden},
            source=f"{name}.py",
            reference={f"{name}.py": correct},
        )


def _show(checkout: Path, path: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(checkout), "show", f"HEAD:{path}"], capture_output=True, text=True, check=False
    )
    return done.stdout


def _quix_tests(name: str, checkout: Path, files: dict[str, str]) -> tuple[str, str]:
    """The shown and the deciding test module."""
    test = _show(checkout, f"python_testcases/test_{name}.py")
    body = test[test.index("\n\n", test.index("python_programs")) :]
    head = f"import pytest\n\nfrom {name} import {name}\n"
    if "from node import" in test:
        head = f"import pytest\n\nfrom node import Node\nfrom {name} import {name}\n"
    data = _show(checkout, f"json_testcases/{name}.json")
    if not data:
        parts = ("\n" + body).split("\ndef test")
        before, tests = parts[0], [f"def test{part.rstrip()}\n" for part in parts[1:]]
        first = next(each for each in tests if not _passes(files, f"{head}{before}\n\n{each}"))
        return f"{head}{before}\n\n{first}", f"{head}{before}\n\n" + "\n\n".join(tests)

    def module(cases: list[str]) -> str:
        rows = "".join(f"    {json.loads(case)!r},\n" for case in cases)
        rest = re.sub(r"^testdata = load.*$", "", body, flags=re.MULTILINE).replace("not pytest.run_slow and ", "")
        return f"{head}\ntestdata = [\n{rows}]\n\n\n{rest.strip()}\n"

    cases = [line for line in data.splitlines() if line.strip()]
    verdicts = [_passes(files, module([case])) for case in cases]
    failing = [case for case, passed in zip(cases, verdicts, strict=True) if not passed]
    passing = [case for case, passed in zip(cases, verdicts, strict=True) if passed]
    return module(failing[:1] + passing[: _SHOWN_CASES - 1]), module(cases)


def _passes(files: dict[str, str], test: str) -> bool:
    with tempfile.TemporaryDirectory() as place:
        write(files, Path(place))
        return runs(Path(place), {"test_shown.py": test}, seconds=5)


def _is_test(name: str) -> bool:
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def commit(repo: Path) -> None:
    """All that lies in a directory as the one commit of a new repository."""
    identity = ["-c", "user.name=Benchmark", "-c", "user.email=benchmark@localhost"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "As it is"]):
        subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True)


def write(files: dict[str, str], place: Path) -> None:
    """Files below a directory."""
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")


def runs(place: Path, tests: dict[str, str], *, seconds: int = TEST_SECONDS) -> bool:
    """Whether test modules pass on the code that lies in a directory."""
    write(tests, place)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as logs:
        argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        jail = Jail(place, environment, cpu_seconds=seconds)
        return jail.run(argv, cwd=place, log=Path(logs) / "log", seconds=seconds * _SLACK) == 0
