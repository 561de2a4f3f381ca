"""Issues on GitHub. The token, if there is one, stays in this process."""

from __future__ import annotations

import os

from agent.errors import IssueUnreadable
from agent.forge.issue import Issue, issue_from_forge


def _token() -> str:
    return os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""


def fetch_issue(owner: str, name: str, number: int) -> Issue:
    """The issue from GitHub's REST API (`GET /repos/{owner}/{repo}/issues/{number}`). Raises `IssueUnreadable`."""
    import httpx2

    base = os.environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if _token():
        headers["Authorization"] = f"Bearer {_token()}"
    try:
        answer = httpx2.get(
            f"{base}/repos/{owner}/{name}/issues/{number}", headers=headers, timeout=20, follow_redirects=True
        )
    except httpx2.HTTPError as error:
        raise IssueUnreadable(f"GitHub can't be reached: {error}", hint="--issue also takes a file") from error
    if answer.status_code != 200:
        hint = {
            404: "is the name right? A private repository needs GITHUB_TOKEN",
            403: "the rate limit without GITHUB_TOKEN is 60 requests an hour",
            401: "GITHUB_TOKEN is not accepted",
        }.get(answer.status_code, "")
        raise IssueUnreadable(f"{owner}/{name}#{number}: GitHub answered {answer.status_code}", hint=hint)
    data = answer.json()
    source = f"https://github.com/{owner}/{name}/issues/{number}"
    return issue_from_forge(data["title"], data.get("body") or "", source, f"{owner}/{name}")
