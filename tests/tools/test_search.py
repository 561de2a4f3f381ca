"""`search` finds lines by a regular expression, alike with ripgrep and with grep alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anyio
import pytest

from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry

FILES = {
    "b.py": "import os\nvalue = compute(1)\n",
    "a.py": "value = compute(2)\n# VALUE\n",
    "docs/a.md": "value = prose\n",
    ".hidden/c.py": "value = hidden\n",
    ".git/config": "value = git\n",
    "many.txt": "".join(f"row {number}\n" for number in range(200)),
    "wide.txt": "needle " + "x" * 2000 + "\n",
    "odd 'name'.txt": "odd-line --flag\n",
}
NEEDED = ("bash", "grep", "head", "cut", "mkdir", "mv", "cat", "tee")


@pytest.fixture(params=["rg", "grep"])
def finder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ripgrep, and a machine that has only grep."""
    if request.param == "rg":
        assert shutil.which("rg"), "install ripgrep"
    else:
        programs = tmp_path / "bin"
        programs.mkdir()
        for name in NEEDED:
            (programs / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(programs))
    return str(request.param)


def search(directory: Path, *calls: dict[str, object], tokens: int = 10_000) -> list[Observation]:
    """Make calls of search in a sandbox that holds `FILES`."""

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            repo = Path(str(sandbox.workspace.repo))
            for name, text in FILES.items():
                (repo / name).parent.mkdir(parents=True, exist_ok=True)
                (repo / name).write_text(text)
            (repo / "binary").write_bytes(b"value\0\n")
            context = ToolContext(sandbox, tokens)
            return [await Registry().run(context, "search", json.dumps(call)) for call in calls]
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_matches_are_shown_with_path_line_and_text(finder: str, tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": r"val[u]e\s+="})
    assert seen.ok
    assert sorted(seen.text.splitlines()) == [
        ".hidden/c.py:1:value = hidden",
        "a.py:1:value = compute(2)",
        "b.py:2:value = compute(1)",
        "docs/a.md:1:value = prose",
    ]


def test_ripgrep_gives_them_in_the_order_of_paths(tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": "compute"})
    assert seen.text == "a.py:1:value = compute(2)\nb.py:2:value = compute(1)"


def test_a_glob_chooses_files(finder: str, tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": "value", "glob": "*.md"})
    assert seen.text == "docs/a.md:1:value = prose"


def test_a_path_chooses_a_directory_or_a_file(finder: str, tmp_path: Path) -> None:
    folder, file = search(tmp_path, {"pattern": "value", "path": "docs"}, {"pattern": "value", "path": "b.py"})
    assert folder.text == "docs/a.md:1:value = prose"
    assert file.text == "b.py:2:value = compute(1)"


def test_no_match_is_said_and_is_no_failure(finder: str, tmp_path: Path) -> None:
    everywhere, somewhere = search(tmp_path, {"pattern": "nowhere"}, {"pattern": "nowhere", "path": "docs"})
    assert everywhere == Observation("nothing matches 'nowhere'")
    assert somewhere == Observation("nothing matches 'nowhere' in docs")


def test_a_bad_expression_is_refused_with_the_reason(finder: str, tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": "foo("})
    assert not seen.ok
    assert "regex parse error" in seen.text or "Unmatched (" in seen.text


def test_a_path_that_is_not_there_is_refused(finder: str, tmp_path: Path) -> None:
    missing, outside = search(tmp_path, {"pattern": "x", "path": "none"}, {"pattern": "x", "path": "/etc"})
    assert not missing.ok and "No such file" in missing.text
    assert not outside.ok and "outside the workspace" in outside.text


def test_more_matches_than_wanted_are_cut_and_said(finder: str, tmp_path: Path) -> None:
    five, exact = search(tmp_path, {"pattern": "row", "max_results": 5}, {"pattern": "row 19[0-4]", "max_results": 5})
    assert five.text.splitlines()[:5] == [f"many.txt:{n + 1}:row {n}" for n in range(5)]
    assert five.text.splitlines()[5:] == ["[... more than 5 lines match: narrow the pattern, path or glob ...]"]
    assert len(exact.text.splitlines()) == 5 and "more than" not in exact.text


def test_long_lines_are_cut(finder: str, tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": "needle"})
    assert seen.text.startswith("wide.txt:1:needle xxx") and len(seen.text) <= 420


def test_patterns_and_names_are_taken_literally_by_the_shell(finder: str, tmp_path: Path) -> None:
    flag, quoted = search(tmp_path, {"pattern": "--flag"}, {"pattern": "'; touch /x; '", "path": "odd 'name'.txt"})
    assert flag.text == "odd 'name'.txt:1:odd-line --flag"
    assert "nothing matches" in quoted.text


def test_an_empty_pattern_and_a_wrong_count_are_refused(tmp_path: Path) -> None:
    empty, none, many = search(
        tmp_path, {"pattern": ""}, {"pattern": "x", "max_results": 0}, {"pattern": "x", "max_results": 5000}
    )
    assert empty == Observation("the pattern is empty", ok=False)
    assert "greater than or equal to 1" in none.text and "less than or equal to 1000" in many.text


def test_the_observation_is_bounded(tmp_path: Path) -> None:
    (seen,) = search(tmp_path, {"pattern": "row", "max_results": 200}, tokens=100)
    assert "characters left out" in seen.text and len(seen.text) < 500
