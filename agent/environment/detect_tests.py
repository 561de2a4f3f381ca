"""The command that runs a repository's tests, from the files it has."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from agent.code.paths import is_test_module

ReadFile = Callable[[str], bytes | None]

_PYTEST_MARKS = re.compile(r"^\s*(import pytest|from pytest)|^(async )?def test_|@pytest\.", re.MULTILINE)
_MAX_TESTS_READ = 40


def _text(read: ReadFile, path: str) -> str:
    return (read(path) or b"").decode("utf-8", "replace")


def _python_tests(files: Sequence[str], read: ReadFile) -> str:
    tests = [path for path in files if path.endswith(".py") and is_test_module(path)]
    configured = "pytest.ini" in files or any(PurePosixPath(path).name == "conftest.py" for path in files)
    if "pyproject.toml" in files:
        try:
            tool = tomllib.loads(_text(read, "pyproject.toml")).get("tool", {})
        except (tomllib.TOMLDecodeError, RecursionError):
            tool = {}
        configured = configured or "pytest" in tool
    configured = configured or any(
        mark in _text(read, name) for name, mark in (("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]"))
        if name in files
    )  # fmt: skip
    if not tests and not configured:
        return ""
    if configured or any(_PYTEST_MARKS.search(_text(read, path)) for path in tests[:_MAX_TESTS_READ]):
        return "python3 -m pytest -q"
    if "manage.py" in files:
        return "python3 manage.py test"
    tops = {PurePosixPath(path).parts[0] if "/" in path else "." for path in tests}
    if len(tops) == 1:
        top = tops.pop()
        if top == ".":
            return "python3 -m unittest"
        where = f"-s {top} -t ." if f"{top}/__init__.py" in files else f"-s {top}"
        return f"python3 -m unittest discover {where}"
    return "python3 -m pytest -q"


def _json(read: ReadFile, path: str) -> dict[str, Any]:
    try:
        loaded = json.loads(_text(read, path))
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _node_tests(read: ReadFile) -> str:
    """`npm test` where the package has it, else the runner that it depends on."""
    package = _json(read, "package.json")
    script = str(_table(package, "scripts").get("test", ""))
    if script and "no test specified" not in script:
        return "npm test --silent"
    needs = _table(package, "devDependencies") | _table(package, "dependencies")
    for name, command in (("vitest", "npx vitest run"), ("jest", "npx jest"), ("mocha", "npx mocha")):
        if name in needs:
            return command
    return ""


def _jvm_tests(names: set[str]) -> str:
    if "pom.xml" in names:
        return f"{'./mvnw' if 'mvnw' in names else 'mvn'} -B test"
    if names & {"build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"}:
        return f"{'./gradlew' if 'gradlew' in names else 'gradle'} --no-daemon test"
    return ""


def _ruby_tests(names: set[str]) -> str:
    if not any(name.startswith("spec/") and name.endswith("_spec.rb") for name in names):
        return ""
    return "bundle exec rspec" if "Gemfile" in names else "rspec"


def _php_tests(names: set[str], read: ReadFile) -> str:
    composer = _json(read, "composer.json") if "composer.json" in names else {}
    needs = _table(composer, "require-dev") | _table(composer, "require")
    if names & {"phpunit.xml", "phpunit.xml.dist"} or "phpunit/phpunit" in needs:
        return "vendor/bin/phpunit" if composer else "phpunit"
    return ""


def _make_tests(names: set[str], read: ReadFile) -> str:
    for makefile in ("Makefile", "makefile", "GNUmakefile"):
        if makefile in names and (target := re.search(r"^(test|check):", _text(read, makefile), re.MULTILINE)):
            return f"make {target[1]}"
    return ""


def find_test_command(files: Sequence[str], read: ReadFile) -> str:
    """The test command for a repository with `files` (paths from its root), or an empty string.

    Knows pytest, unittest, Django, npm, vitest, jest, mocha, go, cargo, Maven, Gradle, RSpec, PHPUnit, make, tox, nox.
    """
    names = set(files)
    found = _python_tests(files, read)
    if not found and "package.json" in names:
        found = _node_tests(read)
    if not found and "go.mod" in names:
        found = "go test ./..."
    if not found and "Cargo.toml" in names:
        found = "cargo test --no-fail-fast"
    found = found or _jvm_tests(names) or _ruby_tests(names) or _php_tests(names, read) or _make_tests(names, read)
    if not found and "tox.ini" in names:
        found = "tox -q"
    return found or ("nox" if "noxfile.py" in names else "")
