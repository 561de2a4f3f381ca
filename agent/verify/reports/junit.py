"""Reading JUnit XML, which the code under test can write: no entities, no doctype, bounded in size and depth."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from xml.parsers import expat

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_CASES, MAX_TEXT, Case, Status, bounded, merged

_MAX_DEPTH = 30
_STATUS: dict[str, Status] = {"failure": "failed", "error": "error", "skipped": "skipped"}


@dataclass
class _Element:
    """One `testcase` as it is read."""

    classname: str
    name: str
    file: str
    seconds: float | None
    status: Status = "passed"
    message: str = ""
    text: str = ""


class _Refused(Exception):
    """The file has what no test runner writes."""


class _Reader:
    """Collects the test cases of one document."""

    def __init__(self) -> None:
        self.found: list[_Element] = []
        self._depth = 0
        self._text: list[str] | None = None
        self._size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > _MAX_DEPTH or len(self.found) > MAX_CASES:
            raise _Refused
        if tag == "testcase":
            get = attributes.get
            classname = get("classname") or get("class") or ""
            self.found.append(_Element(classname, get("name", ""), get("file", ""), _seconds(get("time"))))
        elif tag in _STATUS and self.found:
            case = self.found[-1]
            if case.status == "passed":
                case.status = _STATUS[tag]
                case.message = attributes.get("message") or attributes.get("type") or ""
                self._text, self._size = [], 0

    def end(self, tag: str) -> None:
        """An element ends."""
        self._depth -= 1
        if tag in _STATUS and self._text is not None:
            self.found[-1].text = "".join(self._text)
            self._text = None

    def data(self, text: str) -> None:
        """Text within a failure."""
        if self._text is not None and self._size < 8 * MAX_TEXT:
            self._text.append(text)
            self._size += len(text)


def _seconds(written: str | None) -> float | None:
    try:
        seconds = float((written or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _refuse(*_: object) -> None:
    raise _Refused


def _elements(data: bytes) -> list[_Element] | None:
    """The test cases of a document; None for one that is broken or holds what no test runner writes."""
    parser = expat.ParserCreate()
    reader = _Reader()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return reader.found


def read_junit(data: bytes, runner: str, root: str) -> tuple[Case, ...] | None:
    """The cases of one or more documents, one after another, with names that `runner` takes as arguments.

    None when one of them can't be read.
    """
    documents = [part for part in re.split(rb"(?=<\?xml )", data) if part.strip()]
    elements: list[_Element] = []
    for document in documents:
        found = _elements(document)
        if found is None:
            return None
        elements += found
    modules = {_module(element.file): element.file for element in elements if element.file.endswith(".py")}
    cases = []
    for element in elements:
        text = bounded(element.text.strip("\n"), MAX_TEXT)
        message = element.message if len(element.message) > 1 else text.partition("\n")[0]
        locations = locations_in(element.text, root) if element.status in {"failed", "error"} else ()
        name = _name(element, runner, root, modules)
        cases.append(Case(name, element.status, bounded(message, 2000), text, locations, element.seconds))
    return merged(cases)


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _name(element: _Element, runner: str, root: str, modules: dict[str, str]) -> str:
    classname, name = element.classname, element.name
    if runner == "maven":
        return f"{classname}#{name.removesuffix('()')}"
    if runner == "gradle":
        return f"{classname}.{name.removesuffix('()')}"
    if runner == "phpunit":
        return f"{classname.replace('.', chr(92))}::{name}"
    if runner == "vitest":
        return f"{classname.removeprefix(root.rstrip('/') + '/')}::{name.replace(' > ', ' ')}"
    return _pytest_id(element, modules)


def _pytest_id(element: _Element, modules: dict[str, str]) -> str:
    """The node id of a case of pytest's: `classname` is the file's path with dots, then the classes.

    The attribute `file` is where the function stands: for an inherited test that is another file.
    """
    if not element.classname:  # a file that could not be collected
        return modules.get(element.name, element.name)
    parts = element.classname.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if module in modules:
            return "::".join([modules[module], *parts[end:], element.name])
    end = next((at for at, part in enumerate(parts) if at and part[:1].isupper()), len(parts))
    return "::".join(["/".join(parts[:end]) + ".py", *parts[end:], element.name])
