"""What an issue calls by its name, and how much that says of the code that is called so."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_CODE_SPAN = re.compile(r"`([^`\n]+)`|```.*?```", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w+")
_FILE_NAME = re.compile(
    r"\b\w+\.(?:pyx?|pyi|jsx?|tsx?|go|rs|java|rb|php|c|h|cc|cpp|hpp|cs|sh|rst|md|txt|cfg|toml|ya?ml|ini)\b"
)
_PLAIN_WORD = 0.2
_DIRECTORY = 2.0


class Named:
    """What an issue names, and how many points that gives to code that is called so."""

    def __init__(self, issue: str) -> None:
        self._issue = issue
        text = _FILE_NAME.sub(" ", issue)
        self._words = set(_WORD.findall(text))
        self._title = set(_WORD.findall(issue.strip().partition("\n")[0]))
        self._code = {word for span in _CODE_SPAN.finditer(text) for word in _WORD.findall(span[0])}
        self._any = {*_WORD.findall(issue), *map(str.lower, _WORD.findall(issue))}

    def name(self, name: str) -> float:
        """Points for a function or class; fewer for a word of the language that is not shown as code."""
        plain = name.islower() and "_" not in name and name not in self._code
        points = 3.0 * (name in self._words) + 3.0 * (name in self._code) + 2.0 * (name in self._title)
        return _PLAIN_WORD * points if plain else points

    def path(self, path: str) -> float:
        """Points for what stands in a file."""
        pure = PurePosixPath(path)
        points = 2.0 if pure.stem in self._any or path in self._issue else 0.0
        return points + (_DIRECTORY if any(part.lower() in self._any for part in pure.parts[1:-1]) else 0.0)
