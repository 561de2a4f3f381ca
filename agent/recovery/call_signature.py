"""When two calls are the same: what differs in form alone is one call, and a result that only tells the time is one.

Looked at are the tool, its arguments and its result; never what the model thought.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shlex
from collections import deque
from functools import lru_cache
from typing import Any

_VARYING = re.compile(
    r"\b(?:\d[\d.]{0,11}(?: ?(?:ms|µs|us|ns|s|secs?|seconds?|mins?|minutes?)\b|:\d\d:\d\d(?:\.\d+)?"
    r"|-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?)?)"
    r"|0x[0-9a-f]+|tmp[\w.-]{6,12}\b|(?:pid|PID) \d+)|/\d+-\d+\.log"
)
_EDITS = {"edit_file", "apply_patch", "write_file"}
_PATHS = {"path", "target"}
_OF_NO_MATTER = {"timeout_seconds", "max_results"}
_LEADING_CD = re.compile(r"cd[ \t]+('[^']*'|\"[^\"$`\\]*\"|[^\s;&|'\"$`()<>]+)[ \t]*(?:&&|;|\n|$)\s*")
_FORM = re.compile(r"\s*2>&1|\s*\|\|\s*true\s*$|\s*\|\s*cat\s*$")
_LONG = 2000  # characters; a longer command is not taken to pieces, which would take longer than it is worth
_NUMBERED = re.compile(r"^(\d+)\t(.*)$", re.MULTILINE)
_SAME_OF_NEW, _SAME_OF_OLD = 0.8, 0.5  # lines that two readings share, for them to be one
_COMPARED = 8  # the latest readings of a file


@lru_cache(maxsize=4)
def normalize(text: str) -> str:
    """A text without what differs from run to run: durations, times, addresses, names of temporary files."""
    return _VARYING.sub("#", text)


class CallSignatures:
    """Gives each call a key; calls with equal keys are the same. It follows the shell's directory by leading `cd`s."""

    def __init__(self, repo: str = "") -> None:
        self._repo = repo.rstrip("/")
        self._directory = self._repo or "."
        self._reads: dict[str, deque[tuple[str, dict[str, str]]]] = {}

    def signature(self, name: str, arguments: str, result: str, *, ok: bool = True) -> str:
        """The key of a call that gave `result`. The same edit is the same whatever it showed of the file."""
        given = _object(arguments)
        if given is None:
            return _hash(name, arguments, normalize(result))
        if name in _EDITS:
            kept = {key: self._path(value) if key in _PATHS else value for key, value in given.items()}
            return _hash(name, json.dumps(kept, sort_keys=True), str(ok))
        kept = {key: self._value(key, value, result) for key, value in given.items() if _told(key, value)}
        if name == "read_file" and ok and (lines := dict(_NUMBERED.findall(result))):
            return self._reading(str(kept.get("path", "")), lines)
        return _hash(name, json.dumps(kept, sort_keys=True), normalize(result))

    def _value(self, key: str, value: Any, result: str) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:g}"
        if not isinstance(value, str):
            return value
        if key == "command":
            return self._command(value, result)
        return self._path(value) if key in _PATHS else value.strip()

    def _path(self, path: Any) -> Any:
        """A path relative to the repository's root, where it lies below it; what is no text as it is."""
        if not isinstance(path, str):
            return path
        path = posixpath.normpath(path.strip() or ".")
        if self._repo and (path == self._repo or path.startswith(f"{self._repo}/")):
            return path[len(self._repo) + 1 :] or "."
        return path

    def _command(self, command: str, result: str) -> list[str]:
        """The directory a command runs in, and its words without quotes and what only shapes its output."""
        rest, directory = command.strip(), self._directory
        while match := _LEADING_CD.match(rest):
            directory = posixpath.normpath(posixpath.join(directory, match[1].strip("'\"")))
            rest = rest[match.end() :]
        if not re.search(r"\bcd: ", result):
            self._directory = directory
        words = _words(_FORM.sub("", rest))
        return [directory, *(self._word(word) for word in words)]

    def _word(self, word: str) -> str:
        return self._path(word) if re.fullmatch(r"(\./|/)[\w./+@:-]*", word) else word

    def _reading(self, path: str, lines: dict[str, str]) -> str:
        """The key of a reading that shows these lines: an earlier one's, if it showed nearly the same of the file."""
        earlier = self._reads.setdefault(path, deque(maxlen=_COMPARED))
        for key, known in earlier:
            shared = lines.keys() & known.keys()
            enough = len(shared) >= max(_SAME_OF_NEW * len(lines), _SAME_OF_OLD * len(known))
            if enough and all(lines[number] == known[number] for number in shared):
                return key
        key = _hash("read_file", path, json.dumps(lines, sort_keys=True))
        earlier.append((key, lines))
        return key


def _object(arguments: str) -> dict[str, Any] | None:
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _told(key: str, value: Any) -> bool:
    """Whether an argument says anything: one that is left out and one that is empty are the same."""
    empty = value is None or value is False or (isinstance(value, str) and not value.strip())
    return key not in _OF_NO_MATTER and not empty


def _words(command: str) -> list[str]:
    if len(command) > _LONG:
        return command.split()
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is not closed
        return command.split()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
