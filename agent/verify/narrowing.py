"""A test command narrowed to some tests, in the syntax of its runner."""

from __future__ import annotations

from collections.abc import Sequence

from agent.verify.runners.base import RunnerInfo

_MAX_ADDED_CHARACTERS = 6000  # to a command: well below what a shell takes
_MAX_NAMES = 40


def for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    """The command for these tests alone, or for their files where they are many; empty where the runner can't."""
    if not info.takes_arguments or not names:
        return ""
    build = info.runner.for_names
    is_short = len(names) <= _MAX_NAMES and sum(map(len, names)) <= _MAX_ADDED_CHARACTERS
    narrowed = build(command, info, names) if build and is_short else ""
    if narrowed:
        return narrowed
    files = list(dict.fromkeys(name.partition("::")[0] for name in names if "::" in name))
    return for_files(command, info, files)


def for_files(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    """The command for these test files alone; empty where its runner takes none, or they are too many."""
    build = info.runner.for_files
    if build is None or not files or len(files) > _MAX_NAMES or sum(map(len, files)) > _MAX_ADDED_CHARACTERS:
        return ""
    return build(command, info, files)
