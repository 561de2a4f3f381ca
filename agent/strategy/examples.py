"""The examples an issue gives: calls of the repository's code, and the values it names, as they are written.

A small model makes results up when it writes a test; asked to choose among what the reporter wrote, it seldom errs.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from agent.strategy.localise import is_test
from agent.strategy.regions import parse

MAX_CALLS = 6
MAX_VALUES = 8
_SPAN = re.compile(r"```[\w+-]*\n(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
_OPENING = re.compile(r"[\w.]*[\[({]")
_CHAINED = re.compile(r"\.\w+\(")
_ATOM = re.compile(r"(?<![\w.\])])(?:-?\d+(?:\.\d+)?|None|True|False|'[^'\n]*'|\"[^\"\n]*\")(?![\w(\[]|\.\w)")
_WORD = re.compile(r"\w+")
_EXPECTED = re.compile(r"\b(?:should|expect\w*|correct\w*|instead of|must|want\w*|right)\b[^.;]{0,60}", re.IGNORECASE)
_SET = re.compile(r"(?<![=!<>])=$")
"""Before the value of a named argument."""
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.|In \[\d+\]:)\s?")


@dataclass(frozen=True)
class Example:
    """A call and a value that the issue names; `at` is how far apart they stand in it, in characters."""

    call: str
    value: str
    distance: int

    @property
    def check(self) -> str:
        """Both as a comparison."""
        return f"{self.call} == {self.value}"


def definitions(sources: Mapping[str, str], issue: str = "") -> dict[str, str]:
    """The functions and classes at the top of the repository's Python modules: name → module to import it from.

    Of several with one name it is the one whose module the issue names, else the first.
    """
    found: dict[str, str] = {}
    words = set(_WORD.findall(issue))
    for path, text in sorted(sources.items(), key=lambda source: module_of(source[0]).rpartition(".")[2] not in words):
        tree = parse(text) if path.endswith(".py") and not is_test(path) else None
        for node in tree.body if tree else []:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.setdefault(node.name, module_of(path))
    return found


def module_of(path: str) -> str:
    """The name a file is imported by, from the repository's root or its `src`."""
    return path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").replace("/", ".")


def _expression(text: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _balanced(text: str, at: int) -> int:
    """The place after the bracket that closes the one at `at`; -1 when none does."""
    depth, quote = 0, ""
    for place in range(at, min(len(text), at + 2000)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[({":
            depth += 1
        elif letter in "])}":
            depth -= 1
            if depth == 0:
                return place + 1
    return -1


def _pieces(text: str) -> list[tuple[int, str]]:
    """Stretches of the issue that may be an expression: code spans, lines of blocks, bracketed text, plain values."""
    found: list[tuple[int, str]] = []
    for match in _SPAN.finditer(text):
        if match["span"]:
            found.append((match.start(), match["span"]))
            continue
        at = match.start("block")
        for line in match["block"].splitlines(keepends=True):
            found.append((at, _PROMPT.sub("", line).strip()))
            at += len(line)
    chained: list[tuple[int, int]] = []
    for match in _OPENING.finditer(text):
        end = _balanced(text, match.end() - 1)
        while end > 0 and (more := _CHAINED.match(text, end)):  # `Box(2).area()`
            end = _balanced(text, more.end() - 1)
        if end > 0 and not any(start <= match.start() < stop for start, stop in chained):
            chained.append((match.start(), end))
            found.append((match.start(), text[match.start() : end].strip(".")))
    found += [(match.start(), match[0]) for match in _ATOM.finditer(text)]
    return found


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def find_examples(issue: str, known: Mapping[str, str]) -> list[Example]:
    """Pairs of a call and a value, nearest first; calls use no names but those in `known`."""
    calls: dict[str, list[int]] = {}
    values: dict[str, list[int]] = {}
    inside: list[tuple[int, int]] = []
    for at, piece in _pieces(issue):
        node = _expression(piece)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            node = node.left
        if isinstance(node, ast.Call) and _names(node) and _names(node) <= set(known):
            calls.setdefault(ast.unparse(node), []).append(at)
            inside.append((at, at + len(piece)))
        elif node is not None and _is_literal(node):
            values.setdefault(ast.unparse(node), []).append(at)
    _drop_arguments(values, inside)
    _drop_parts(values)
    pairs = [
        Example(call, value, min(abs(a - b) for a in calls[call] for b in values[value]))
        for call in list(calls)[:MAX_CALLS]
        for value in list(values)[:MAX_VALUES]
    ]
    return sorted(pairs, key=lambda pair: (pair.distance, pair.call, pair.value))


def find_values(text: str, *, expected: bool = False) -> list[str]:
    """The values that a text names; only those behind a word such as `should` where it is about what is expected."""
    values: dict[str, list[int]] = {}
    inside: list[tuple[int, int]] = []
    for at, piece in _pieces(text):
        node = _expression(piece)
        if isinstance(node, ast.Call):
            inside.append((at, at + len(piece)))
        elif node is not None and _is_literal(node) and not _SET.search(text, 0, at):
            values.setdefault(ast.unparse(node), []).append(at)
    _drop_arguments(values, inside)
    _drop_parts(values)
    if expected:
        spans = [match.span() for match in _EXPECTED.finditer(text)]
        return [each for each in values if any(start < at < end for at in values[each] for start, end in spans)]
    return sorted(values, key=lambda each: min(values[each]))[:MAX_VALUES]


def _drop_arguments(values: dict[str, list[int]], inside: list[tuple[int, int]]) -> None:
    """Leave out values that stand only in calls: what is a call's own argument is no result."""
    for written, places in list(values.items()):
        free = [at for at in places if not any(start < at < end for start, end in inside)]
        if free:
            values[written] = free
        else:
            del values[written]


def _drop_parts(values: dict[str, list[int]]) -> None:
    """Leave out values that stand only inside a longer one: the `540` of `[(540, 660)]`."""
    longest = sorted(values, key=len, reverse=True)
    taken: list[tuple[int, int]] = []
    for written in longest:
        places = [at for at in values[written] if not any(start <= at < end for start, end in taken)]
        if places:
            values[written] = places
            taken += [(at, at + len(written) + 2) for at in places]
        else:
            del values[written]


def script_for(example: Example, known: Mapping[str, str]) -> str:
    """A script that holds the code to an example."""
    node = _expression(example.call)
    names = sorted(_names(node)) if node is not None else []
    imports = "".join(f"from {known[name]} import {name}\n" for name in names)
    return f"{imports}\nresult = {example.call}\nassert result == {example.value}, result\n"
