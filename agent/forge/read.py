"""Reads the issue that a command line names: a file, standard input, or an issue on GitHub."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from agent.errors import IssueUnreadable
from agent.forge.issue import Issue, issue_from_text

_GITHUB_URL = re.compile(r"^https?://github\.com/([\w.-]+)/([\w.-]+)/issues/(\d+)(?:[/?#].*)?$")


_GITHUB_SHORT = re.compile(r"^([\w.-]+)/([\w.-]+)#(\d+)$")


def read_issue(source: str) -> Issue:
    """The issue `source` names: a GitHub URL, `owner/repo#N`, a file, or `-`. Raises `IssueUnreadable`."""
    github = _GITHUB_URL.match(source) or _GITHUB_SHORT.match(source)
    if github and not Path(source).exists():
        from agent.forge.github import fetch_issue

        return fetch_issue(github[1], github[2], int(github[3]))
    if source.startswith(("http://", "https://")):
        raise IssueUnreadable(f"{source} is not the address of a GitHub issue")
    if source == "-":
        text, name = sys.stdin.buffer.read().decode("utf-8", "replace"), "standard input"
    else:
        name = source
        try:
            text = Path(source).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise IssueUnreadable(f"the issue {source} can't be read: {error.strerror}") from error
    return issue_from_text(text, name)
