"""A test command narrowed to some tests, in the syntax of its runner."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from agent.verify.runners import RunnerInfo, last_step, with_arguments

_MAX_ADDED_CHARACTERS = 6000  # to a command: well below what a shell takes
_MAX_NAMES = 40
_TAKES_VALUE = frozenset({"-k", "-m", "-n", "-p", "-c", "-o", "-W", "--rootdir", "--cov", "--ignore", "--deselect"})
_GO_NAME = re.compile(r"(?:(.*)\.)?((?:Test|Example|Fuzz)\w*)(?:/.*)?")


def for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    """The command for these tests alone, or for their files where they are many; empty where the runner can't."""
    if not info.takes_arguments or not names:
        return ""
    build = _BY_NAME.get(info.runner)
    is_short = len(names) <= _MAX_NAMES and sum(map(len, names)) <= _MAX_ADDED_CHARACTERS
    narrowed = build(command, info, names) if build and is_short else ""
    if narrowed:
        return narrowed
    files = list(dict.fromkeys(name.partition("::")[0] for name in names if "::" in name))
    return for_files(command, info, files)


def _quoted(names: Iterable[str]) -> list[str]:
    return [shlex.quote(name) for name in names]


def _without_targets(command: str, targets: Iterable[str]) -> str:
    """The command without the tests it names itself, beside which others would only be added."""
    tops = {target.partition("/")[0] for target in targets} | {"."}
    step = last_step(command)
    before = command[: command.rindex(step)] if step else command
    kept: list[str] = []
    seen_runner = False
    previous = ""
    for word in step.split():
        bare = word.strip("'\"").rstrip("/")
        named = ".py" in bare or bare.partition("/")[0] in tops
        if not (seen_runner and named and not bare.startswith("-") and previous not in _TAKES_VALUE):
            kept.append(word)
        seen_runner = seen_runner or bare.endswith(("pytest", "py.test"))
        previous = word
    return before + " ".join(kept)


def _pytest(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    return with_arguments(_without_targets(command, names), info, *_quoted(names))


def _unittest(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all(re.fullmatch(r"[\w.]+", name) for name in names):
        return ""
    match = re.search(r"\s-m\s+unittest\b(.*)$", command)
    if match is None:
        return ""
    start = re.search(r"(?:-s|--start-directory)[ =](\S+)", match[1])
    top = re.search(r"(?:-t|--top-level-directory)[ =](\S+)", match[1])
    base = (top or start or ["", "."])[1].rstrip("/")
    # discovered names are relative to the top folder, which then is on the path
    path = "" if base in {".", ""} else f"PYTHONPATH={base}:$PYTHONPATH "
    head = command[: match.end() - len(match[1])]
    step = last_step(head)
    return f"{head[: len(head) - len(step)]}{path}{step} {' '.join(names)}"


def _django(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    return with_arguments(command, info, *names) if all(re.fullmatch(r"[\w.]+", name) for name in names) else ""


def _go(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    found = [_GO_NAME.fullmatch(name) for name in names]
    tests = dict.fromkeys(re.escape(each[2]) for each in found if each)
    packages = dict.fromkeys(each[1] for each in found if each and each[1])
    if not all(found):  # a package that does not build
        return ""
    narrowed = _go_packages(command, packages) if packages else command
    return with_arguments(narrowed, info, "-run", shlex.quote(f"^({'|'.join(tests)})$"))


def _go_packages(command: str, packages: Iterable[str]) -> str:
    chosen = " ".join(_quoted(packages))
    return re.sub(r"(?<=\s)\./\.\.\.(?=\s|$)", lambda _: chosen, command)


def _cargo(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    separator = [] if " -- " in command else ["--"]
    return with_arguments(command, info, *separator, "--exact", *_quoted(names))


def _titled(option: str) -> Callable[[str, RunnerInfo, Sequence[str]], str]:
    """For runners that choose by file and a pattern over the titles."""

    def build(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
        files = list(dict.fromkeys(name.partition("::")[0] for name in names if "::" in name))
        titles = [name.partition("::")[2] or name for name in names]
        if len(files) != len(set(names)) and not files and any("::" in name for name in names):
            return ""
        pattern = "|".join(re.escape(title).replace(r"\ ", " ") for title in titles)
        return with_arguments(command, info, *_quoted(files), option, shlex.quote(f"({pattern})"))

    return build


def _rspec(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all("::" in name for name in names):
        return ""
    files = dict.fromkeys(name.partition("::")[0] for name in names)
    examples = [part for name in names for part in ("-e", shlex.quote(name.partition("::")[2]))]
    return with_arguments(command, info, *_quoted(files), *examples)


def _maven(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    if not all(re.fullmatch(r"[\w.$#]+", name) for name in names):
        return ""
    loose = ("-Dsurefire.failIfNoSpecifiedTests=false", "-DfailIfNoTests=false")
    return with_arguments(command, info, shlex.quote(f"-Dtest={','.join(names)}"), *loose)


def _gradle(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    names = [name.replace(" > ", ".").removesuffix("()") for name in names]
    if not re.search(r"(\s|:)test\s*$", command):  # --tests belongs to the task before it
        return ""
    return with_arguments(command, info, *(part for name in names for part in ("--tests", shlex.quote(name))))


def _phpunit(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    methods = [re.escape(name.rpartition("::")[2].partition(" ")[0]) for name in names]
    return with_arguments(command, info, "--filter", shlex.quote(f"/::({'|'.join(dict.fromkeys(methods))})( |$)/"))


_BY_NAME: dict[str, Callable[[str, RunnerInfo, Sequence[str]], str]] = {
    "pytest": _pytest,
    "unittest": _unittest,
    "django": _django,
    "go": _go,
    "cargo": _cargo,
    "jest": _titled("-t"),
    "vitest": _titled("-t"),
    "mocha": _titled("-g"),
    "rspec": _rspec,
    "maven": _maven,
    "gradle": _gradle,
    "phpunit": _phpunit,
}


def _unittest_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    modules = [path.removesuffix(".py").replace("/", ".") for path in files]
    return _unittest(command, info, modules) if " discover" not in command else ""


def _go_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    narrowed = _go_packages(command, dict.fromkeys(f"./{PurePosixPath(path).parent}" for path in files))
    return narrowed if narrowed != command else ""


def _maven_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    return _maven(command, info, [PurePosixPath(path).stem for path in files])


def _appended(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    return with_arguments(command, info, *_quoted(files))


_BY_FILE: dict[str, Callable[[str, RunnerInfo, Sequence[str]], str]] = {
    "pytest": _pytest,
    "unittest": _unittest_files,
    "go": _go_files,
    "jest": _appended,
    "vitest": _appended,
    "mocha": _appended,
    "rspec": _appended,
    "maven": _maven_files,
}


def for_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    """The command for these test files alone; empty where its runner takes none, or they are too many."""
    build = _BY_FILE.get(info.runner)
    if build is None or not files or len(files) > _MAX_NAMES or sum(map(len, files)) > _MAX_ADDED_CHARACTERS:
        return ""
    return build(command, info, files)
