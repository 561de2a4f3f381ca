"""What prepares a repository's environment is found by its test command and its files, and run as it would be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.environment.detect_setup import find_setup_command, prepare_python


@pytest.mark.parametrize(
    ("files", "test", "part"),
    [
        (["setup.py"], "python3 -m pytest -q", "-m venv"),
        ([], "pytest tests", "-m venv"),
        (["package.json"], "npm test --silent", "npm ci"),
        (["go.mod"], "go test ./...", "go mod download"),
        (["Cargo.toml"], "cargo test --quiet", "cargo fetch"),
        (["pom.xml"], "./mvnw -B test", "mvnw"),
        (["Gemfile"], "bundle exec rspec", "bundle install"),
        (["composer.json"], "vendor/bin/phpunit", "composer install"),
        (["tox.ini"], "tox -q", "tox"),
        (["noxfile.py"], "nox", "--install-only"),
    ],
)
def test_the_setup_fits_the_test_command(files: list[str], test: str, part: str) -> None:
    assert part in find_setup_command(files, test)


@pytest.mark.parametrize(("files", "test"), [([], "make test"), ([], "go test ./..."), (["go.mod"], "make test")])
def test_where_nothing_is_known_nothing_is_set_up(files: list[str], test: str) -> None:
    assert find_setup_command(files, test) == ""


def test_the_python_setup_is_a_script_that_bash_reads() -> None:
    subprocess.run(["bash", "-n"], input=prepare_python(), text=True, check=True)


def test_the_python_setup_finds_what_tests_need_in_every_place_it_is_written(tmp_path: Path) -> None:
    repo, home = tmp_path / "repo", tmp_path / "home"
    (repo / "requirements").mkdir(parents=True)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    home.mkdir()
    files = {
        "pyproject.toml": (
            '[build-system]\nrequires = ["setuptools-scm"]\n[project]\nname = "x"\n'
            '[project.optional-dependencies]\ntest = ["a"]\ndocs = ["b"]\n'
            '[dependency-groups]\ndev = ["in-dev", {include-group = "typing"}]\ntyping = ["in-typing"]\ndocs = ["c"]\n'
        ),
        "setup.cfg": "[options.extras_require]\ntesting =\n    d\n",
        "CHANGELOG.md": "# 4.5.6 (unreleased)\n# 4.5.5\n",
        "requirements/test.txt": "e\n",
    }
    for name, text in files.items():
        (repo / name).write_text(text)
    log = tmp_path / "log"
    python = tmp_path / "venv" / "bin" / "python"
    # a stand-in for the environment's Python: it writes down what pip is asked for, and runs the rest for real
    python.write_text(
        f'#!/bin/bash\nif [ "$1 $2" = "-m pip" ]; then shift 2; echo "$SETUPTOOLS_SCM_PRETEND_VERSION: $*" >>{log}\n'
        f'for last; do :; done; [ -f "$last" ] && cat "$last" >>{log}; exit 0; fi\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    subprocess.run(
        ["bash", "-c", prepare_python()], cwd=repo, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=True
    )
    said = log.read_text()
    assert "4.5.6: install -q -e .[test,testing]" in said
    assert "install -q -r requirements/test.txt\ne\n" in said
    assert said.endswith("in-dev\nin-typing\n")
