"""The message of a delivered commit. Title and summary come from an issue and a model: they are prose there, no more.

Forges and CI act on words in messages: trailers credit people, `Fixes #1` closes issues, `[skip ci]` turns checks off,
`@name` notifies, a line like `/tag` is a command.
"""

from __future__ import annotations

import re

from agent.text import printable, without_unseen

_TITLE_CHARACTERS = 100
_SUMMARY_CHARACTERS = 10_000
_TRAILER = re.compile(
    r"^[ \t>*+-]*(?:[A-Za-z]+(?:-[A-Za-z0-9]+)+"  # Co-authored-by, Change-Id, BREAKING-CHANGE
    r"|cc|bugs?|refs?|references|issues?|see|clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed)?"
    r"|link|pull request|merge request|skip-checks|reviewed|approved|(?:not )?verified by|autoclose)[ \t]*[:=].*$",
    re.IGNORECASE | re.MULTILINE,
)
_LONE_REFERENCE = re.compile(
    r"^[ \t>*+-]*(?:and |, )?(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing))[ \t]+(?:issues? )?"
    r"(?:[\w.-]+/[\w.-]+)?(?:#|GH-)?\d+[ \t.!]*$",
    re.IGNORECASE | re.MULTILINE,
)
_LINK = re.compile(r"https?://\S*?/(?:issues|pull|merge_requests|work_items|discussions)/\d+\S*", re.IGNORECASE)
_GITHUB_NUMBER = re.compile(r"GH-(?=\d)", re.IGNORECASE)
_REFERENCE = re.compile(r"#(?=\w)")
_MENTION = re.compile(r"(?<![\w.])@(?=\w)")
_DIRECTIVE = re.compile(
    r"\[(?:[\w-]+ )?(?:skip|no)[ -][\w -]+\]"
    r"|\[(?:ci|cd|actions|azurepipelines|appveyor|travis|circle)[ -](?:skip|off)\]"
    r"|\*\*\*NO_CI\*\*\*|\bskip-checks\b",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"^[ \t]*/(?=[a-z_]+\b(?!/))", re.MULTILINE)


def commit_message(title: str, summary: str, source: str, *, verified: bool, command: str) -> str:
    """The message: the issue's title, the summary, where the issue is from, and what verified the patch (or did not).

    It is UTF-8 text without control characters, whose only trailers are the program's own.
    """
    subject = " ".join(_as_prose(title).split())[:_TITLE_CHARACTERS].strip() or "the issue"
    body = re.sub(r"\n{3,}", "\n\n", _as_prose(summary[:_SUMMARY_CHARACTERS])).strip()
    parts = [f"Fix: {subject}", *([body] if body else [])]
    how = "verified by" if verified else "not verified by"
    parts.append(f"Issue: {_line(source)}\n{how}: {_line(command) or 'any test'}\n")
    return "\n\n".join(parts)


def _as_prose(text: str) -> str:
    """A text in which no forge finds anything to do."""
    text = "\n".join(
        map(without_unseen, printable(text.replace("\0", "").encode("utf-8", "replace").decode()).split("\n"))
    )
    before = ""
    while text != before:  # what is taken out may leave something behind that is to be taken out, too
        before = text
        for pattern in (_DIRECTIVE, _TRAILER, _LONE_REFERENCE, _GITHUB_NUMBER, _REFERENCE, _MENTION, _COMMAND):
            text = pattern.sub("", text)
        text = _LINK.sub("a link", text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _line(text: str) -> str:
    return " ".join(printable(text).split())
