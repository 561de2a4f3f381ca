"""Reading JUnit XML, which the code under test can write: no entities, no doctype, bounded in size and depth."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.parsers import expat

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_CASES, MAX_TEXT, Case, Status, bounded, merged

_MAX_DEPTH = 30
_STATUS: dict[str, Status] = {"failure": "failed", "error": "error", "skipped": "skipped"}


@dataclass
class Element:
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
        self.found: list[Element] = []
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
            self.found.append(Element(classname, get("name", ""), get("file", ""), _seconds(get("time"))))
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


def _elements(data: bytes) -> list[Element] | None:
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


def junit_reader(
    name: Callable[[Element, str, dict[str, str]], str],
) -> Callable[[bytes, str], tuple[Case, ...] | None]:
    """A reader of one or more documents, one after another: from them and the repository's root, the cases.

    `name` gives a test's id in the form that the runner takes as an argument; its last argument has the path of each
    Python module that a document names. The reader returns None when one of the documents can't be read.
    """

    def read(data: bytes, root: str) -> tuple[Case, ...] | None:
        elements: list[Element] = []
        for document in re.split(rb"(?=<\?xml )", data):
            if not document.strip():
                continue
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
            id_ = name(element, root, modules)
            cases.append(Case(id_, element.status, bounded(message, 2000), text, locations, element.seconds))
        return merged(cases)

    return read


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
