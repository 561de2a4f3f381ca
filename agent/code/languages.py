"""The languages whose structure is read: their files, grammars and queries, and parsing within bounds.

To add a language:

1. a line in `_LANGUAGES`, and the grammar's wheel among the dependencies in pyproject.toml;
2. `queries/NAME.scm`, a tree-sitter query; what its captures mean is said in agent/code/structure.py;
3. a sample of it, with what is to be read, in tests/agent/code/test_structure.py;
4. `FORMAT` in agent/code/store.py raised, so that caches without the language's files are rebuilt.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Point, Query, Tree

MAX_BYTES = 1 << 20
"""A larger file is not read."""
MAX_SECONDS = 1.0
"""CPU time for parsing one file. Source code is untrusted data and may be made to be slow."""

_CHUNK_BYTES = 1 << 16  # between two checks of the time
_SMALL_BYTES = 1 << 15  # too short to take long: parsed without checks
_MINIFIED_BYTES = 20_000  # a file longer than this ...
_MINIFIED_LINE = 400  # ... with lines longer than this on average was written by a program
_QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True)
class _Language:
    """How files of one language are recognised and parsed.

    `module` is the Python module of the grammar's wheel, `function` the one in it that returns the grammar. `queries`
    are the files in `queries/` that make up the query, without `.scm`; the language's own name if empty. A line that
    begins with `attribute` belongs to the definition below it although the grammar has it outside.
    """

    name: str
    suffixes: str
    module: str
    function: str = "language"
    queries: tuple[str, ...] = ()
    attribute: str = ""


_LANGUAGES = (
    _Language("python", ".py .pyi .pyw", "tree_sitter_python"),
    _Language(
        "javascript",
        ".js .jsx .mjs .cjs",
        "tree_sitter_javascript",
        queries=("javascript", "javascript-only", "jsx"),
        attribute="@",
    ),
    _Language(
        "typescript",
        ".ts .mts .cts",
        "tree_sitter_typescript",
        "language_typescript",
        queries=("javascript", "typescript"),
        attribute="@",
    ),
    _Language(
        "tsx",
        ".tsx",
        "tree_sitter_typescript",
        "language_tsx",
        queries=("javascript", "typescript", "jsx"),
        attribute="@",
    ),
    _Language("go", ".go", "tree_sitter_go"),
    _Language("rust", ".rs", "tree_sitter_rust", attribute="#["),
    _Language("java", ".java", "tree_sitter_java"),
    _Language("c", ".c .h", "tree_sitter_c"),
    _Language("cpp", ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .tpp", "tree_sitter_cpp", queries=("c", "cpp")),
    _Language("ruby", ".rb .rake .gemspec", "tree_sitter_ruby"),
    _Language("php", ".php .phtml", "tree_sitter_php", "language_php"),
    _Language("csharp", ".cs", "tree_sitter_c_sharp"),
)
_BY_NAME = {language.name: language for language in _LANGUAGES}
LANGUAGES = {suffix: language.name for language in _LANGUAGES for suffix in language.suffixes.split()}
"""The name of the language by file suffix."""
_CPP_SIGNS = (b"\nclass ", b"\nnamespace ", b"\ntemplate", b"::", b"\npublic:", b"\nprivate:")


def suffix(path: str) -> str:
    """The suffix of a path in lower case, such as `.py`; empty if it is not that of a known language."""
    end = PurePosixPath(path).suffix.lower()
    return end if end in LANGUAGES else ""


def language_of(path: str, data: bytes) -> str | None:
    """The name of a file's language; None if it is unknown, or the file is binary, too large or minified."""
    language = LANGUAGES.get(suffix(path))
    if language is None or len(data) > MAX_BYTES or b"\0" in data:
        return None
    if len(data) > _MINIFIED_BYTES and data.count(b"\n") * _MINIFIED_LINE < len(data):
        return None
    if path.lower().endswith(".h") and any(sign in data for sign in _CPP_SIGNS):
        return "cpp"
    return language


def attribute_prefix(language: str) -> str:
    """How a line begins that belongs to the definition below it although the grammar has it outside; may be empty."""
    return _BY_NAME[language].attribute


@cache
def grammar(language: str) -> Language:
    """The grammar of a language, loaded when first asked for."""
    from tree_sitter import Language

    known = _BY_NAME[language]
    return Language(getattr(importlib.import_module(known.module), known.function)())


@cache
def query(language: str) -> Query:
    """The query that finds the definitions and used names in a tree of a language."""
    from tree_sitter import Query

    names = _BY_NAME[language].queries or (language,)
    return Query(grammar(language), "\n".join((_QUERIES / f"{name}.scm").read_text("utf-8") for name in names))


def parse(language: str, data: bytes) -> Tree | None:
    """The syntax tree, with error nodes where the text has errors; None if parsing takes over `MAX_SECONDS`."""
    from tree_sitter import Parser

    end = time.thread_time() + MAX_SECONDS

    def read(at: int, point: Point) -> bytes:
        return data[at : at + _CHUNK_BYTES]

    def stop(at: int, has_error: bool) -> bool:
        return time.thread_time() > end

    parser = Parser(grammar(language))
    if len(data) <= _SMALL_BYTES:
        return parser.parse(data)
    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError:
        return None
