"""Deciding whether two tool calls are the same, by a signature of their tool, arguments and result.

Calls that differ in form only (quotes, `./`, default values) are the same, and so are results that differ in times and
addresses only. What the model wrote beside a call does not matter.
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
_EDIT_TOOLS = {"edit_file", "apply_patch", "write_file"}
_PATH_ARGUMENTS = {"path", "target"}
_IGNORED_ARGUMENTS = {"timeout_seconds", "max_results"}
_LEADING_CD = re.compile(r"cd[ \t]+('[^']*'|\"[^\"$`\\]*\"|[^\s;&|'\"$`()<>]+)[ \t]*(?:&&|;|\n|$)\s*")
_OUTPUT_FORM = re.compile(r"\s*2>&1|\s*\|\|\s*true\s*$|\s*\|\s*cat\s*$")
_MAX_PARSED = 2000  # characters; a longer command is only split at blanks, since parsing it would take too long
_NUMBERED_LINE = re.compile(r"^(\d+)\t(.*)$", re.MULTILINE)
_MIN_SHARED_OF_NEW, _MIN_SHARED_OF_OLD = 0.8, 0.5  # shares of lines, for two readings of a file to be the same
_MAX_READINGS = 8  # of a file that are compared, the latest ones


@lru_cache(maxsize=4)
def normalize(text: str) -> str:
    """A text with what varies from run to run (durations, times, addresses, temporary names) replaced by `#`."""
    return _VARYING.sub("#", text)


class CallSignatures:
    """Computes the signatures of one session's calls, whose repository is at the path `repo`.

    It remembers the shell's directory, which leading `cd` commands change, and the latest readings of each file.
    """

    def __init__(self, repo: str = "") -> None:
        self._repo = repo.rstrip("/")
        self._directory = self._repo or "."
        self._reads: dict[str, deque[tuple[str, dict[str, str]]]] = {}

    def signature(self, name: str, arguments: str, result: str, *, ok: bool = True) -> str:
        """The signature of a call with its result; equal for calls that are the same.

        Edits are the same whatever they show of the file, so only whether they succeeded matters.
        """
        given = _object(arguments)
        if given is None:
            return _hash(name, arguments, normalize(result))
        if name in _EDIT_TOOLS:
            kept = {key: self._path(value) if key in _PATH_ARGUMENTS else value for key, value in given.items()}
            return _hash(name, json.dumps(kept, sort_keys=True), str(ok))
        kept = {key: self._value(key, value, result) for key, value in given.items() if _is_given(key, value)}
        if name == "read_file" and ok and (lines := dict(_NUMBERED_LINE.findall(result))):
            return self._reading(str(kept.get("path", "")), lines)
        return _hash(name, json.dumps(kept, sort_keys=True), normalize(result))

    def _value(self, key: str, value: Any, result: str) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:g}"
        if not isinstance(value, str):
            return value
        if key == "command":
            return self._command(value, result)
        return self._path(value) if key in _PATH_ARGUMENTS else value.strip()

    def _path(self, path: Any) -> Any:
        """A path relative to the repository, if it is inside; anything but text is returned as it is."""
        if not isinstance(path, str):
            return path
        path = posixpath.normpath(path.strip() or ".")
        if self._repo and (path == self._repo or path.startswith(f"{self._repo}/")):
            return path[len(self._repo) + 1 :] or "."
        return path

    def _command(self, command: str, result: str) -> list[str]:
        """The directory a command runs in, and its words without quotes and without redirections of its output."""
        rest, directory = command.strip(), self._directory
        while match := _LEADING_CD.match(rest):
            directory = posixpath.normpath(posixpath.join(directory, match[1].strip("'\"")))
            rest = rest[match.end() :]
        if not re.search(r"\bcd: ", result):
            self._directory = directory
        words = _words(_OUTPUT_FORM.sub("", rest))
        return [directory, *(self._word(word) for word in words)]

    def _word(self, word: str) -> str:
        return self._path(word) if re.fullmatch(r"(\./|/)[\w./+@:-]*", word) else word

    def _reading(self, path: str, lines: dict[str, str]) -> str:
        """The signature of a reading: that of an earlier one with nearly the same lines, else a new one."""
        earlier = self._reads.setdefault(path, deque(maxlen=_MAX_READINGS))
        for signature, known in earlier:
            shared = lines.keys() & known.keys()
            enough = len(shared) >= max(_MIN_SHARED_OF_NEW * len(lines), _MIN_SHARED_OF_OLD * len(known))
            if enough and all(lines[number] == known[number] for number in shared):
                return signature
        signature = _hash("read_file", path, json.dumps(lines, sort_keys=True))
        earlier.append((signature, lines))
        return signature


def _object(arguments: str) -> dict[str, Any] | None:
    """The arguments as a JSON object; None if they are not one."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _is_given(key: str, value: Any) -> bool:
    """Whether an argument matters; an empty one is the same as one that is left out."""
    empty = value is None or value is False or (isinstance(value, str) and not value.strip())
    return key not in _IGNORED_ARGUMENTS and not empty


def _words(command: str) -> list[str]:
    """The words and operators of a command, without quotes."""
    if len(command) > _MAX_PARSED:
        return command.split()
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is not closed
        return command.split()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
