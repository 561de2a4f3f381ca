"""Which files of a change say how tests run, or take the place of the test runner's own code.

The deciding run leaves them out: with them, a change could make its tests pass without mending anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from agent.code.paths import is_test
from agent.repo.diffs import read_changed_lines

_NAMES = re.compile(
    r"conftest\.py|\.?pytest\.(ini|toml)|tox\.ini|setup\.cfg|pyproject\.toml|noxfile\.py|\.coveragerc|nose\.cfg|"
    r"(run_?|all_?)tests?\.\w+|manage\.py|(site|user)customize\.py|.+\.(pth|egg-link)|entry_points\.txt|"
    r"(gnu)?makefile|.+\.mk|justfile|taskfile\.ya?ml|rakefile|gemfile|\.rspec|(spec|rails)_helper\.rb|"
    r"package\.json|\.?(jest|vitest|vite|mocharc|babelrc|karma|ava|nycrc|cypress|playwright|babel)(\.(config|conf|setup))?"
    r"(\.\w+)*|setup_?tests?\.\w+|tsconfig.*\.json|\.(npm|yarn|pnpm)rc(\.\w+)?|\.pnp\.\w+|bunfig\.toml|deno\.jsonc?|"
    r"cargo\.toml|build\.rs|rust-toolchain(\.toml)?|go\.(mod|work)|pom\.xml|(build|settings)\.gradle(\.kts)?|"
    r"gradle\.properties|mvnw(\.cmd)?|gradlew(\.bat)?|phpunit.*\.xml(\.dist)?|composer\.json|cmakelists\.txt|.+\.cmake|"
    r"meson\.build|build(\.bazel)?|workspace(\.bazel)?|module\.bazel|\.bazelrc|\.env(rc|\..+)?|\.python-version|"
    r"\.tool-versions",
    re.IGNORECASE,
)
_DIRECTORIES = re.compile(
    r"(^|/)(\.cargo|\.mvn|\.venv|venv|node_modules|vendor/bin|\.bundle|[^/]+\.(egg|dist)-info)/", re.IGNORECASE
)
# what pytest and its usual plugins load beside the standard library
_RUNNER_MODULES = frozenset({
    "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "exceptiongroup", "tomli", "pygments", "xdist",
    "execnet", "coverage", "pytest_cov", "pytest_asyncio", "anyio", "hypothesis", "nose", "nose2", "tox", "nox",
    "typing_extensions", "colorama", "sortedcontainers", "attr", "attrs", "mock",
    "swe_agent_pytest", "swe_agent_unittest", "swe_agent_script",
})  # fmt: skip
_SHADOWED = frozenset(sys.stdlib_module_names) | _RUNNER_MODULES
_MODULE = re.compile(r"\.(py[cdwo]?|so|[\w-]+\.so)$")
_RUNNERS = r"(?:_?pytest|unittest|pluggy|nose2?)"
_IMPORTS_RUNNER = re.compile(
    rf"\bimport\b[^#]*(?<![\w.]){_RUNNERS}\b|\bfrom\s+{_RUNNERS}\b|^\s*{_RUNNERS}\b(?!\s*=)|['\"]{_RUNNERS}(?:\.[\w.]+)?['\"]"
)


def files_that_say_how_tests_run(paths: Iterable[str], command: str, files: Collection[str] = ()) -> list[str]:
    """Those of a change's `paths` that the deciding run leaves out, in their order.

    `command` is the test command: a file that it names is one of them. `files` are the repository's, for which
    directories are packages: a module in a package takes the place of no other.
    """
    paths = list(paths)
    packages = {str(PurePosixPath(path).parent) for path in (*files, *paths) if path.endswith("/__init__.py")}
    known = set(files)
    return [
        path
        for path in paths
        if _NAMES.fullmatch(PurePosixPath(path).name)
        or _DIRECTORIES.search(path)
        or _is_named(path, command)
        or (path not in known and _shadows(path, packages))
    ]


def _is_named(path: str, command: str) -> bool:
    """Whether the test command names a file that is no test: a script that runs them."""
    name = re.escape(PurePosixPath(path).name)
    return not is_test(path) and bool(re.search(rf"(?:^|[\s/='\"]){name}(?:$|[\s;&|'\"])", command))


def _shadows(path: str, packages: Collection[str]) -> bool:
    """Whether a new file is a top-level module, or in a package, of a name that the test runner imports."""
    parts = PurePosixPath(path).parts
    for at, part in enumerate(parts):
        name = _MODULE.sub("", part)
        is_module = at + 1 == len(parts) and name != part
        in_package = str(PurePosixPath(*parts[:at])) in packages if at else False
        if name in _SHADOWED and (is_module or _is_package_directory(parts, at)) and not in_package:
            return True
    return False


def _is_package_directory(parts: tuple[str, ...], at: int) -> bool:
    """Whether Python can import the directory at this place of a path; one without `__init__.py`, too."""
    return at + 1 < len(parts) and bool(_MODULE.search(parts[-1]))


def files_that_import_the_runner(patch: bytes) -> list[str] | None:
    """The files outside the tests whose added lines import the test runner, which they did not do before.

    None for a patch of which that can't be said: one that can't be read, or is beyond 1 MiB.
    """
    lines = read_changed_lines(patch)
    if lines is None:
        return None
    found = {line.path for line in lines if line.sign == "+" and _imports_runner(line.text)}
    before = {line.path for line in lines if line.sign == "-" and _imports_runner(line.text)}
    return sorted(path for path in found - before if path.endswith(".py") and not is_test(path))


def _imports_runner(line: str) -> bool:
    return not line.lstrip().startswith("#") and bool(_IMPORTS_RUNNER.search(line))
