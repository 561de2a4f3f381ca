"""The issue is read from wherever it is, without what a reader on the forge would not see."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.errors import IssueUnreadable
from agent.forge.issue import MAX_CHARACTERS, Issue, issue_from_text
from agent.forge.read import read_issue


def refused(source: str) -> IssueUnreadable:
    with pytest.raises(IssueUnreadable) as caught:
        read_issue(source)
    assert caught.value.exit_code == 6
    return caught.value


# ---------------------------------------------------------------- text


def test_a_heading_at_the_top_is_the_title() -> None:
    issue = issue_from_text("\n# add is wrong \n\n`add(1, 2)` gives -1.\n\n## More\n", "issue.md")
    assert issue == Issue("add is wrong", "`add(1, 2)` gives -1.\n\n## More", "issue.md")
    assert issue.text == "add is wrong\n\n`add(1, 2)` gives -1.\n\n## More"


@pytest.mark.parametrize("text", ["just text\n# not a title", "## second level\nx", "#hashtag\nx"])
def test_without_a_heading_at_the_top_there_is_no_title(text: str) -> None:
    assert issue_from_text(text, "-") == Issue("", text, "-")
    assert issue_from_text(text, "-").text == text


@pytest.mark.parametrize("text", ["", " \n\t", "<!-- only a template -->\n", "\u200b\ufeff"])
def test_an_issue_in_which_nothing_is_seen_is_refused(text: str) -> None:
    with pytest.raises(IssueUnreadable, match="the issue from x is empty"):
        issue_from_text(text, "x")


def test_an_issue_that_is_too_long_is_refused() -> None:
    assert len(issue_from_text("a" * MAX_CHARACTERS, "x").body) == MAX_CHARACTERS
    with pytest.raises(IssueUnreadable, match="longer than 100000 characters"):
        issue_from_text("a" * (MAX_CHARACTERS + 1), "x")


# ---------------------------------------------------------------- files and standard input


def test_a_file_is_read(tmp_path: Path) -> None:
    place = tmp_path / "issue.md"
    place.write_bytes(b"\xef\xbb\xbf# T\xc3\xa9\r\n\r\nbody \xff\r\n")
    assert read_issue(str(place)) == Issue("Té", "body \ufffd", str(place))


def test_a_file_that_looks_like_a_reference_is_read_as_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bug#3").write_text("from the file")
    assert read_issue("notes/bug#3") == Issue("", "from the file", "notes/bug#3")


def test_standard_input_is_read_whatever_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("# T\n\né \0".encode() + b"\xff"), encoding="ascii"))
    assert read_issue("-") == Issue("T", "é \ufffd", "standard input")


def test_what_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    assert "can't be read: No such file" in refused(str(tmp_path / "none.md")).message
    assert "can't be read: Is a directory" in refused(str(tmp_path)).message


@pytest.mark.parametrize(
    "url", ["https://gitlab.com/o/r/-/issues/1", "https://github.com/o/r/pull/1", "https://github.com/o/r", "http://x"]
)
def test_addresses_of_other_things_are_refused(url: str) -> None:
    assert "is not the address of a GitHub issue" in refused(url).message


# ---------------------------------------------------------------- GitHub


class Forge(ThreadingHTTPServer):
    """GitHub's API, with one issue."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = 200
        self.data: Any = {"title": "add<!-- x --> is wrong", "body": "It \u200bfails.\r\n<!-- template"}
        self.seen: list[tuple[str, str | None]] = []


class Answer(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        body = json.dumps(self.server.data).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Forge() as server:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "source",
    [
        "own-er/re.po#12",
        "https://github.com/own-er/re.po/issues/12",
        "http://github.com/own-er/re.po/issues/12/",
        "https://github.com/own-er/re.po/issues/12#issuecomment-3",
        "https://github.com/own-er/re.po/issues/12?x=1",
    ],
)
def test_an_issue_on_github_is_fetched_and_cleaned(forge: Forge, source: str) -> None:
    assert read_issue(source) == Issue(
        "add is wrong", "It fails.", "https://github.com/own-er/re.po/issues/12", "own-er/re.po"
    )
    assert forge.seen == [("/repos/own-er/re.po/issues/12", None)]


def test_a_token_is_sent(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", "t0ken")
    read_issue("o/r#1")
    assert forge.seen == [("/repos/o/r/issues/1", "Bearer t0ken")]


def test_an_issue_without_a_body_has_its_title(forge: Forge) -> None:
    forge.data = {"title": "t", "body": None}
    assert read_issue("o/r#1").text == "t"


@pytest.mark.parametrize(("status", "hint"), [(404, "private"), (403, "60 requests"), (401, "not accepted"), (500, "")])
def test_what_github_refuses_is_told_with_what_to_do(forge: Forge, status: int, hint: str) -> None:
    forge.status = status
    error = refused("o/r#1")
    assert error.message == f"o/r#1: GitHub answered {status}" and hint in error.hint


def test_what_was_taken_out_is_told(forge: Forge) -> None:
    assert sorted(read_issue("o/r#1").removed) == ["HTML comments: 1", "invisible characters: 1"]


def test_an_issue_that_is_too_long_there_is_refused_too(forge: Forge) -> None:
    forge.data = {"title": "t", "body": "a" * (MAX_CHARACTERS + 1)}
    assert "longer than 100000 characters" in refused("o/r#1").message


def test_where_github_can_not_be_reached_a_file_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    error = refused("o/r#1")
    assert "GitHub can't be reached" in error.message and "file" in error.hint
