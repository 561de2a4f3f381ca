"""An issue, and its text without what a reader on the forge does not see. It is data, never instructions to trust."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.errors import IssueUnreadable

MAX_CHARACTERS = 100_000
_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad\U000e0000-\U000e007f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Issue:
    """What is to be fixed. `source` is where it came from; `repository` is `owner/name` for a GitHub issue."""

    title: str
    body: str
    source: str
    repository: str = ""

    @property
    def text(self) -> str:
        """Title and body as the model is shown them."""
        return f"{self.title}\n\n{self.body}".strip() if self.title else self.body.strip()


def clean(text: str) -> str:
    """Without what a reader on the forge would not see: HTML comments and invisible characters."""
    return _INVISIBLE.sub("", _COMMENT.sub("", text)).replace("\r\n", "\n")


def issue_from_text(text: str, source: str) -> Issue:
    """An issue from Markdown: a first-level heading at the top is its title. Raises `IssueUnreadable` if empty."""
    text = clean(text).strip()
    if not text:
        raise IssueUnreadable(f"the issue from {source} is empty")
    if len(text) > MAX_CHARACTERS:
        raise IssueUnreadable(f"the issue from {source} is longer than {MAX_CHARACTERS} characters")
    title, _, body = text.partition("\n")
    if title.startswith("# "):
        return Issue(title[2:].strip(), body.strip(), source)
    return Issue("", text, source)
