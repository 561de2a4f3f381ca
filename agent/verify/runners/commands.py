"""Test commands with what runners add to them: requests for reports, tests and files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from agent.verify.runners.base import Narrow, ReportRequest, Request, RunnerInfo


def last_step(command: str) -> str:
    """The last of the commands joined by `&&` or `;`."""
    return re.split(r"&&|;", command)[-1].strip()


def with_arguments(command: str, info: RunnerInfo, *arguments: str) -> str:
    """The command with arguments, which are not quoted, at its end."""
    return " ".join([command.rstrip(), *filter(None, [info.separator]), *arguments])


def quoted(names: Iterable[str]) -> list[str]:
    """Each as one word of a shell command."""
    return [shlex.quote(name) for name in names]


def can_choose_output(command: str, info: RunnerInfo, chosen: str) -> bool:
    """Whether an option for the output can be added; `chosen` matches in a command that has one of its own."""
    return info.takes_arguments and not re.search(chosen, last_step(command))


def request_by_options(file: str, *options: str, chosen: str) -> Request:
    """By options, in which FILE stands for the report's path; for `chosen` see `can_choose_output`."""

    def request(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
        if not can_choose_output(command, info, chosen):
            return ReportRequest(command)
        arguments = [option.replace("FILE", shlex.quote(f"{folder}/{file}")) for option in options]
        return ReportRequest(with_arguments(command, info, *arguments), f"{folder}/{file}")

    return request


def request_files(pattern: str) -> Request:
    """For a runner that writes reports anyway, to paths that match `pattern`."""

    def request(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
        return ReportRequest(command, pattern=pattern)

    return request


def append(command: str, info: RunnerInfo, files: Sequence[str]) -> str:
    """For a runner that takes files as arguments."""
    return with_arguments(command, info, *quoted(files))


def narrow_by_title(option: str) -> Narrow:
    """For runners that choose by file and a pattern over the titles."""

    def narrow(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
        files = list(dict.fromkeys(name.partition("::")[0] for name in names if "::" in name))
        titles = [name.partition("::")[2] or name for name in names]
        if len(files) != len(set(names)) and not files and any("::" in name for name in names):
            return ""
        pattern = "|".join(re.escape(title).replace(r"\ ", " ") for title in titles)
        return with_arguments(command, info, *quoted(files), option, shlex.quote(f"({pattern})"))

    return narrow
