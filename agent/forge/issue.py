"""An issue, and its text without what a reader on the forge does not see. It is data, never instructions to trust."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.errors import IssueUnreadable
from agent.forge.hidden_text import clean_text

MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Issue:
    """What is to be fixed. `source` is where it came from; `repository` is `owner/name` for a GitHub issue.

    `removed` says in words what was taken out of the text since no reader on a forge sees it.
    """

    title: str
    body: str
    source: str
    repository: str = ""
    removed: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """Title and body as the model is shown them."""
        return f"{self.title}\n\n{self.body}".strip() if self.title else self.body.strip()


def issue_from_text(text: str, source: str) -> Issue:
    """An issue from Markdown: a first-level heading at the top is its title. Raises `IssueUnreadable` if empty."""
    cleaned = clean_text(_bounded(text.strip("\ufeff"), source))
    text = cleaned.text.strip()
    if not text:
        raise IssueUnreadable(f"the issue from {source} is empty")
    title, _, body = text.partition("\n")
    if title.startswith("# "):
        return Issue(title[2:].strip(), body.strip(), source, removed=cleaned.removed)
    return Issue("", text, source, removed=cleaned.removed)


def issue_from_forge(title: str, body: str, source: str, repository: str) -> Issue:
    """An issue as a forge has it. Raises `IssueUnreadable` where it is too long."""
    top, rest = clean_text(_bounded(title, source)), clean_text(_bounded(body, source))
    removed = dict.fromkeys((*top.removed, *rest.removed))
    return Issue(" ".join(top.text.split()), rest.text.strip(), source, repository, tuple(removed))


def _bounded(text: str, source: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise IssueUnreadable(f"the issue from {source} is longer than {MAX_CHARACTERS} characters")
    return text
