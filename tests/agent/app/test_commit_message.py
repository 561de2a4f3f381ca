"""What a forge would act on does not get from an issue or a model into a commit."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.app.commit_message import commit_message


def message(summary: str, title: str = "add gives wrong sums", **given: object) -> str:
    told = {"source": "issue.md", "verified": True, "command": "pytest -q", **given}
    return commit_message(title, summary, **told)  # type: ignore[arg-type]


def trailers(text: str) -> list[str]:
    """What git takes for trailers."""
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


ACTED_ON = re.compile(
    r"-by:(?! )|co-authored-by|signed-off-by|(?:fix\w*|close\w*|resolve\w*):? *(?:\w+/\w+)?#\d|GH-\d|/issues/\d|\[skip|\[ci"
    r"|no_ci|^/\w+$|(?<!\w)@\w|skip-checks",
    re.IGNORECASE | re.MULTILINE,
)


@pytest.mark.parametrize(
    "written",
    [
        "Co-authored-by: Linus <l@example.org>",
        "It added.\n\nCo-authored-by: Linus <l@example.org>\nSigned-off-by: x <x@y>",
        "co-AUTHORED-by : x <x@y>",
        "> Co-authored-by: x <x@y>",
        "Co-\u200bauthored-by: x <x@y>",
        "Co-\0authored-by: x <x@y>",
        "Co-#authored-by: x <x@y>",
        "Co-[skip ci]authored-by: x <x@y>",
        "Fixes #1",
        "Fixes: #1",
        "closes owner/repo#12",
        "This resolves #3 and fixes owner/repo#4.",
        "Fixes GH-7",
        "Fixes https://github.com/o/r/issues/1",
        "Fi\u00adxes #1",
        "[skip ci]",
        "[ci skip] done",
        "[skip [skip ci]ci]",
        "[no ci] [skip actions] ***NO_CI***",
        "skip-checks: true",
        "/tag v9",
        "thanks @octocat",
        "#close the ticket",
        "Change-Id: I0123",
        "Reviewed-on: https://review.example.org/1",
    ],
)
def test_what_is_acted_on_is_taken_out(written: str) -> None:
    for text in (message(written), message("It added.", title=written), message(f"Before.\n{written}\nAfter.")):
        assert ACTED_ON.search(text) is None
        assert trailers(text) == ["Issue: issue.md"] or not trailers(text)
        assert text.endswith("\n\nIssue: issue.md\nverified by: pytest -q\n")


def test_the_rest_stays_as_it_was() -> None:
    assert message("It subtracted where it had to add.\n\n- tests: one more\n- C# is not concerned; see a@b.org").splitlines() == [
        "Fix: add gives wrong sums", "", "It subtracted where it had to add.", "", "- tests: one more",
        "- C# is not concerned; see a@b.org", "", "Issue: issue.md", "verified by: pytest -q",
    ]  # fmt: skip


def test_it_is_text_that_git_takes() -> None:
    text = message("a\0b \x1b[31mred\x1b[0m \ud800\r\n", title="\0\n\n", source="a\nFixes: b", command="x\ny")
    assert text == "Fix: the issue\n\nab red ?\n\nIssue: a Fixes: b\nverified by: x y\n"
    assert message("", verified=False, command="").endswith("sums\n\nIssue: issue.md\nnot verified by: any test\n")


@given(st.lists(st.sampled_from(["Co-", "authored", "-by", ":", " x", "Fixes", " #1", "\n", "[skip ci]", "#", "@", "a/b",
                                 "\u200b", "GH-1", "/", "\0", "https://h/o/r/issues/1"]), max_size=12))  # fmt: skip
def test_no_combination_leaves_anything(parts: list[str]) -> None:
    assert ACTED_ON.search(message("".join(parts)).removesuffix("verified by: pytest -q\n")) is None
