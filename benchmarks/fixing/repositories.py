"""Real bugs in real repositories (SWE-bench's columns): the repository at its commit, its environment, and the score.

A row is SWE-bench's, with `requirements` (pins), `setup_cmd` and `test_cmd` beside it, in which `$VENV` and `$REQS`
stand for an environment and a file with the pins. Repositories are git directories below one folder, each as
`OWNER+NAME/repo`, `OWNER/NAME` or `OWNER__NAME`. The tests that decide come with `test_patch` and are not shown.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from agent.repo.diffs import read_diff
from agent.repo.host import HostRepository
from sandbox import open_sandbox

from .jail import Jail

SETUP_SECONDS = 1800.0
TEST_SECONDS = 1800.0
_VENV, _PINS = "../venv", "../requirements.txt"
"""Beside the repository: in a sandbox of ours that is in the workspace, and first on PATH."""
_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
_OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S+)", re.MULTILINE)
_IDENTITY = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@localhost", "-c", "commit.gpgSign=false")
_GOOD = frozenset({"PASSED", "XFAIL"})


@dataclass(frozen=True)
class Score:
    """How an answer did: the tests of each list that do not pass, and what was printed."""

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    log: str = field(repr=False)
    problem: str = ""

    @property
    def solved(self) -> bool:
        """Whether every test that has to pass does."""
        return not (self.fail_to_pass or self.pass_to_pass or self.problem)


@dataclass(frozen=True)
class RepositoryBug:
    """One row of the set; a task for `run.py`."""

    row: dict[str, Any] = field(repr=False)
    repositories: Path

    @property
    def name(self) -> str:
        """The instance's id."""
        return str(self.row["instance_id"])

    @property
    def issue(self) -> str:
        """The problem statement as it was written."""
        return str(self.row["problem_statement"])

    @property
    def test_command(self) -> str:
        """The test files of the fix, as they are before it; the environment lies beside the repository."""
        return self._command("test_cmd")

    @property
    def setup_command(self) -> str:
        """Writes the pins and makes the environment, run in the repository."""
        pins = "\n".join(self.row["requirements"])
        quick = "export PIP_NO_COMPILE=1"  # thousands of files that are mostly not imported
        return f"{quick}\ncat >{_PINS} <<'PINS'\n{pins}\nPINS\n{self._command('setup_cmd')}"

    @property
    def sources(self) -> tuple[str, ...]:
        """None: which files to change is a part of the task."""
        return ()

    @property
    def shown(self) -> tuple[str, ...]:
        """None of those that decide."""
        return ()

    def _command(self, column: str) -> str:
        return str(self.row[column]).replace("$VENV", _VENV).replace("$REQS", _PINS)

    def names(self, column: str) -> tuple[str, ...]:
        """The tests of `FAIL_TO_PASS` or `PASS_TO_PASS`; a list, or one written as JSON."""
        found = self.row[column]
        return tuple(json.loads(found) if isinstance(found, str) else found)

    def checkout(self, place: Path) -> None:
        """A new repository with the base commit alone: neither history nor what came later."""
        place.mkdir(parents=True, exist_ok=True)
        _git(place, "init", "-q", "-b", "main")
        _git(place, "fetch", "-q", "--depth", "1", "--no-tags", str(self._source()), self.row["base_commit"])
        _git(place, "checkout", "-q", "-B", "main", "FETCH_HEAD")

    def prepare(self, repo: Path) -> dict[str, str]:
        """The repository, and its environment beside it; run without a sandbox of ours, as the peers are."""
        self.checkout(repo)
        home = repo.parent / "setup-home"
        home.mkdir()
        passed = {key: value for key, value in os.environ.items() if not key.startswith(("SWE_AGENT_", "VIRTUAL_ENV"))}
        jail = Jail(repo.parent.resolve(), {**passed, "HOME": str(home)})
        argv = ["bash", "-c", self.setup_command]
        code = jail.run(argv, cwd=repo.resolve(), log=repo.parent / "setup.txt", seconds=SETUP_SECONDS)
        if code != 0:
            raise RuntimeError(f"{self.name}: the setup ended with {code}; see {repo.parent / 'setup.txt'}.err")
        return {"PATH": f"{repo.parent.resolve() / 'venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin"}

    def score(self, repo: Path) -> bool:
        """Whether what lies in a repository solves the task."""
        return self.judge(repo).solved

    def judge(self, repo: Path) -> Score:
        """The deciding tests over a copy of a directory's files, in a fresh environment in a sandbox."""
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch) / "repo"
            self.checkout(tree)
            # files that the repository ignores are no part of an answer, unless it has them
            _git(tree, f"--work-tree={repo.resolve()}", "add", "-A")
            _git(tree, "read-tree", "-u", "--reset", _git(tree, "write-tree").strip())
            try:
                self._put_tests(tree)
            except subprocess.CalledProcessError as error:
                return Score(self.names("FAIL_TO_PASS"), (), "", f"test_patch does not apply: {error.stderr}")
            _git(tree, *_IDENTITY, "commit", "-q", "--allow-empty", "-m", "The answer and the tests")
            return anyio.run(self._decide, HostRepository.open(tree), Path(scratch) / "sandbox")

    def _put_tests(self, tree: Path) -> None:
        """The files of `test_patch` as it makes them, whatever the answer made of them."""
        patch = self.row["test_patch"]
        touched = {path for file in read_diff(patch.encode()) for path in (file.path, file.old_path)}
        before = set(_git(tree, "ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0"))
        for path in sorted(touched):
            if path in before:
                _git(tree, "checkout", "-q", "HEAD", "--", path)
            else:
                _git(tree, "rm", "-q", "-r", "-f", "--ignore-unmatch", "--", path)
        _git(tree, "apply", "--index", "-", stdin=patch)

    async def _decide(self, repository: HostRepository, place: Path) -> Score:
        async with open_sandbox("bubblewrap", name="score", directory=place) as sandbox:
            unpacked = await sandbox.exec("tar -x --no-same-owner -f -", stdin=repository.tar(), timeout=600)
            await sandbox.network(True)
            made = await sandbox.exec(self.setup_command, timeout=SETUP_SECONDS)
            await sandbox.network(False)
            if not (unpacked.ok and made.ok):
                log = unpacked.output.text() + made.output.text()
                return Score(self.names("FAIL_TO_PASS"), (), log, "the setup failed")
            ran = await sandbox.exec(self.test_command, timeout=TEST_SECONDS, capture=16 << 20)
            log = ran.output.text()
        passing, failing = read_outcomes(log)
        return Score(
            _missing(self.names("FAIL_TO_PASS"), passing, failing),
            _missing(self.names("PASS_TO_PASS"), passing, failing),
            log,
        )

    def _source(self) -> Path:
        owner, name = str(self.row["repo"]).split("/")
        for shape in (f"{owner}+{name}/repo", f"{owner}/{name}", f"{owner}__{name}"):
            for place in (self.repositories / shape / ".git", self.repositories / shape):
                if (place / "objects").is_dir():
                    return place
        raise FileNotFoundError(f"{owner}/{name} is not below {self.repositories}")


def repositories(path: Path, directory: Path) -> Iterator[RepositoryBug]:
    """The rows of a JSON lines file, their repositories below `directory`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield RepositoryBug(json.loads(line), directory)


def read_outcomes(log: str) -> tuple[set[str], set[str]]:
    """The tests that pass and that do not, by the summary that `pytest -rA` ends with.

    Names are cut at the first blank, as SWE-bench cuts them; of several with one name all must pass.
    """
    found = list(_SUMMARY.finditer(log))
    outcomes = _OUTCOME.findall(log[found[-1].end() :]) if found else []
    failing = {name for status, name in outcomes if status not in _GOOD}
    return {name for status, name in outcomes if status in _GOOD} - failing, failing


def _missing(names: Iterable[str], passing: set[str], failing: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in passing or name in failing)


def _git(place: Path, *args: str, stdin: str = "") -> str:
    done = subprocess.run(["git", "-C", str(place), *args], check=True, capture_output=True, text=True, input=stdin)
    return done.stdout
