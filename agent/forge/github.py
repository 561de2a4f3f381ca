"""Reading issues and repositories from GitHub. The token, if there is one, stays in this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agent.errors import IssueUnreadable, RepositoryUnreadable
from agent.forge.issue import Issue, clean


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
    return Issue(clean(data["title"]), clean(data.get("body") or "").strip(), source, f"{owner}/{name}")


def clone(url: str, cache: Path) -> Path:
    """A clone of `url` under `cache`, brought up to date. Raises `RepositoryUnreadable`.

    Credentials come from the user's own git; submodules and hooks are left out.
    """
    name = url.removesuffix(".git").rstrip("/").replace("://", "/").replace(":", "/").strip("/")
    place = cache / "/".join(part for part in name.split("/") if part not in {"", ".", ".."})
    safe = ["-c", f"core.hooksPath={os.devnull}"]
    if (place / ".git").is_dir():
        steps = [["-C", str(place), "fetch", "--quiet", "--prune", "origin"]]
        steps += [["-C", str(place), "reset", "--quiet", "--hard", "origin/HEAD"]]
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        steps = [["clone", "--quiet", "--no-recurse-submodules", "--", url, str(place)]]
    for step in steps:
        done = subprocess.run(
            ["git", *safe, *step],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
        if done.returncode != 0:
            raise RepositoryUnreadable(f"{url} can't be cloned: {done.stderr.strip()[-300:]}")
    return place
