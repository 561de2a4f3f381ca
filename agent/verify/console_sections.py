"""The sections of plain output that belong to failing tests: their text, message and locations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_TEXT, Case, bounded
from agent.verify.reports.errors import message_in
from agent.verify.runners.registry import BY_OUTPUT, RUNNERS, any_of

_SECTIONS = {runner.section: runner.section_id for runner in BY_OUTPUT if runner.section}  # runners may share one
_HEADERS = any_of(_SECTIONS)
_SECTION_IDS = tuple(_SECTIONS.values())  # by the number of the header's group
_END = re.compile(rf"^(?:{any_of(runner.section_end for runner in RUNNERS).pattern})", re.MULTILINE)
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
        group = match.lastindex or 1
        section_id = _SECTION_IDS[group - 1]
        name = section_id(match[group]) if section_id else match[group]
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
