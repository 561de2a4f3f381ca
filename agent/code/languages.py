"""The languages whose structure is read: which files are which, their grammars, and parsing within bounds."""

from __future__ import annotations

import importlib
import time
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Point, Query, Tree

MAX_BYTES = 1 << 20
MAX_SECONDS = 1.0
"""Of CPU time, for parsing a file and again for reading the tree: source is data, and may be made to be slow."""

_CHUNK = 1 << 16
_SMALL = 1 << 15  # too short to take long
_QUERIES = Path(__file__).parent / "queries"
_GRAMMARS = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "csharp": ("tree_sitter_c_sharp", "language"),
}
# TypeScript adds to JavaScript, C++ to C; `tsx` is TypeScript read by another grammar.
_QUERY_FILES = {
    "typescript": ("javascript", "typescript"),
    "tsx": ("javascript", "typescript", "jsx"),
    "javascript": ("javascript", "javascript-only", "jsx"),
    "cpp": ("c", "cpp"),
}
_SUFFIXES = {
    "python": ".py .pyi .pyw",
    "javascript": ".js .jsx .mjs .cjs",
    "typescript": ".ts .mts .cts",
    "tsx": ".tsx",
    "go": ".go",
    "rust": ".rs",
    "java": ".java",
    "c": ".c .h",
    "cpp": ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .tpp",
    "ruby": ".rb .rake .gemspec",
    "php": ".php .phtml",
    "csharp": ".cs",
}
LANGUAGES = {suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_CPP_SIGNS = (b"\nclass ", b"\nnamespace ", b"\ntemplate", b"::", b"\npublic:", b"\nprivate:")


def suffix(path: str) -> str:
    """The end of a path that says its language: lower case, empty for a language that is not known."""
    end = PurePosixPath(path).suffix.lower()
    return end if end in LANGUAGES else ""


def language_of(path: str, data: bytes) -> str | None:
    """The language of a file; None for one that is not known, is binary, too large or was written by a program."""
    language = LANGUAGES.get(suffix(path))
    if language is None or len(data) > MAX_BYTES or b"\0" in data:
        return None
    if len(data) > 20_000 and data.count(b"\n") * 400 < len(data):  # minified
        return None
    if path.lower().endswith(".h") and any(sign in data for sign in _CPP_SIGNS):
        return "cpp"
    return language


@cache
def grammar(language: str) -> Language:
    """The grammar of a language, loaded when first asked for."""
    from tree_sitter import Language

    module, function = _GRAMMARS[language]
    return Language(getattr(importlib.import_module(module), function)())


@cache
def query(language: str) -> Query:
    """What is looked for in the trees of a language."""
    from tree_sitter import Query

    files = _QUERY_FILES.get(language, (language,))
    return Query(grammar(language), "\n".join((_QUERIES / f"{name}.scm").read_text("utf-8") for name in files))


def parse(language: str, data: bytes) -> Tree | None:
    """The tree, with errors in it where the text has them; None when reading it took too long."""
    from tree_sitter import Parser

    end = time.thread_time() + MAX_SECONDS

    def read(at: int, point: Point) -> bytes:
        return data[at : at + _CHUNK]

    def stop(at: int, has_error: bool) -> bool:
        return time.thread_time() > end

    parser = Parser(grammar(language))
    if len(data) <= _SMALL:
        return parser.parse(data)
    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError:
        return None
