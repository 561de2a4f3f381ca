"""The sections of plain output that belong to failing tests: their text, message and locations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_TEXT, Case, bounded
from agent.verify.reports.console import unittest_id
from agent.verify.reports.errors import message_in

_HEADERS = re.compile(
    r"^_{2,} (?:ERROR (?:at setup of|at teardown of|collecting) )?(?P<pytest>[^\n]{1,500}?) _{2,}$"
    r"|^(?:FAIL|ERROR): (?P<unittest>[^\n]{1,500})\n(?:[^\n]{0,500}\n){0,3}?-{70}$"
    r"|^---- (?P<cargo>\S{1,500}) stdout ----$"
    r"|^\s*--- FAIL: (?P<go>\S{1,500})[^\n]*$"
    r"|^  ● (?P<jest>[^\n]{1,500})$"
    r"|^ *FAIL {1,2}(?P<vitest>[^\n]{1,500} > [^\n]{1,500})$"
    r"|^ {0,2}\d{1,5}\) (?P<numbered>[^\n]{1,500}(?:\n {7,}[^\n]{1,200}:$)?)"
    r"|^(?P<gradle>\w[\w.$]* > [^\n]{1,300}) FAILED$"
    r"|^✖ (?P<node>[^\n]{1,500}?)(?: \([\d.]+ms\))?$",
    re.MULTILINE,
)
_END = re.compile(
    r"^(?:={5,}|failures:$|-{70}\nRan \d|Test Suites:|Test Files |test result:|Finished in |FAILURES!|FAIL$|FAIL\t"
    r"|ok  \t)",
    re.MULTILINE,
)
_MAX_SECTIONS = 200


def with_sections(cases: Iterable[Case], output: str, root: str) -> tuple[Case, ...]:
    """The cases, each failing one that has no text with its section of the output, where there is one."""
    found = _sections(output)

    def with_section(case: Case) -> Case:
        if not case.failed or case.text or not found:
            return case
        text = found.get(_key(case.id)) or next((text for name, text in found.items() if _ends(case.id, name)), "")
        locations = locations_in(text[: 8 * MAX_TEXT], root)
        return replace(case, message=message_in(text), text=bounded(text, MAX_TEXT), places=locations)

    return tuple(with_section(case) for case in cases)


def _sections(output: str) -> dict[str, str]:
    """Name → text of every failure that stands under a header; the longest where there are several."""
    found: dict[str, str] = {}
    for count, match in enumerate(_HEADERS.finditer(output)):
        if count > _MAX_SECTIONS:
            break
        following = _HEADERS.search(output, match.end())
        end = _END.search(output, match.end())
        stop = min(each.start() if each else len(output) for each in (following, end))
        name = next(text for text in match.groups() if text)
        if match["unittest"]:
            name = unittest_id(name)
        text = output[match.end() : stop].strip("\n")
        key = _key(" ".join(part.strip() for part in name.splitlines()).removesuffix(":"))
        if len(text) > len(found.get(key, "")):
            found[key] = text
    return found


def _key(name: str) -> str:
    """What a test's name in its section's header and its name elsewhere have in common."""
    if ".py::" in name:
        name = name.partition(".py::")[2]
    return re.sub(r"[\s:.›>/]+", ".", name).strip(".")


def _ends(name: str, section: str) -> bool:
    return _key(name).endswith(section) or name.endswith(section.replace(".", "/")) or section.endswith(_key(name))
