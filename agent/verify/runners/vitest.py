"""Vitest."""

from __future__ import annotations

from agent.verify.reports.console import count_words, counted
from agent.verify.reports.junit import Element, junit_reader
from agent.verify.runners.base import START, Runner
from agent.verify.runners.commands import append, narrow_by_title, request_by_options


def _id(element: Element, root: str, _: dict[str, str]) -> str:
    return f"{element.classname.removeprefix(root.rstrip('/') + '/')}::{element.name.replace(' > ', ' ')}"


VITEST = Runner(
    name="vitest",
    command=rf"{START}vitest(?:\.mjs)?(?:\s|$)",
    shell_words="test",
    request=request_by_options(
        "report.xml", "--reporter=default", "--reporter=junit", "--outputFile.junit=FILE", chosen=r"--reporter\b"
    ),
    sign=None,
    read_report=junit_reader(_id),
    read_console=counted(
        r"^\s*Tests\s{1,4}([^\n]*\((\d+)\))", count_words, r"^ *FAIL {1,2}([^\n]{1,500} > [^\n]{1,500})$"
    ),
    section=r"^ *FAIL {1,2}([^\n]{1,500} > [^\n]{1,500})$",
    section_end=r"Test Files ",
    for_names=narrow_by_title("-t"),
    for_files=append,
    no_tests=r"no test files",
    missing=r"Cannot find module|ERR_MODULE_NOT_FOUND",
)
