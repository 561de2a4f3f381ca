"""A command that wants a terminal, input, a program or a module that is not there ends at once, with what to do.

peers row 12: nothing is forbidden by name; interactive programs end by themselves, with a hint.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import anyio
import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import ExecResult
from tools.base import Observation, ToolContext
from tools.hints import terminal_hint
from tools.registry import Registry


def shell(directory: Path, *commands: str, seconds: float = 60) -> list[Observation]:
    """Run commands, one after another, in a sandbox on `directory`, each for so many seconds at the most."""

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory)
        try:
            context = ToolContext(sandbox, command_seconds=seconds)
            return [await Registry().run(context, "shell", json.dumps({"command": each})) for each in commands]
        finally:
            await sandbox.close(keep=True)

    return anyio.run(body)


def hint(seen: Observation) -> str:
    """The last line where it comes after how the command ended."""
    last = seen.text.splitlines()[-1]
    return "" if last.startswith("[exit code") else last


REPOSITORY = (
    "git init -q . && git config user.name t && git config user.email t@localhost && "
    "for n in 1 2 3; do echo $n >f; git add f; git commit -qm $n; done"
)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python3 -c 'input()'", "there is no input here: pipe it in"),
        ("python3 -c 'import getpass; getpass.getpass()' 2>&1 </dev/null", "there is no"),
        ("read answer", "there was nothing to read"),
        ("python3", "give a script or -c"),
        ("python3 -c 'import os; os.ttyname(0)'", "there is no terminal here"),
        ("python3 -c 'import sys, os; print(\"Continue? [y/N]\"); os.read(0, 1) or sys.exit(1)'", "use -y"),
        (f"{REPOSITORY}; git rebase -i HEAD~2", "no editor opens here"),
        (f"{REPOSITORY}; echo 4 >f; git add -p f", "nothing was chosen"),
        (f"{REPOSITORY}; echo 4 >f; git commit f", "give the message with -m"),
        ("git clone -q http://127.0.0.1:9/x.git 2>&1; echo \"fatal: could not read Username for 'http://x'\"; false", "no credentials"),
    ],
)  # fmt: skip
def test_what_wants_a_terminal_or_input_ends_and_says_what_to_do(tmp_path: Path, command: str, words: str) -> None:
    after, again = shell(tmp_path, command, "echo usable")
    assert words in hint(after), after.text
    assert again.text == "usable\n[exit code 0]"


def test_an_editor_that_is_there_ends_too_and_the_file_stays(tmp_path: Path) -> None:  # peers row 12
    """`vi`, where it is installed; where it is not, its absence is answered alike."""
    edited, after = shell(tmp_path, "mkdir a; echo text >a/x; cd a && vi x", "cat x; pwd", seconds=5)
    assert "edit_file or write_file" in hint(edited), edited.text
    assert after.text.startswith("text\n") and "/a\n" in after.text


def test_pagers_show_all_and_end(tmp_path: Path) -> None:
    log, paged = shell(tmp_path, f"{REPOSITORY}; git -p log --oneline", "seq 500 | ${PAGER:-less}")
    assert log.ok and log.text.count("\n") == 3 and hint(log) == ""
    assert paged.ok and "\n500\n[exit code 0]" in paged.text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("cd a && vim x.py", "edit_file"),  # peers row 12
        ("EDITOR=vi nano notes", "edit_file"),
        ("top", "ps"),
        ("git -c a=b rebase --interactive main", "git reset --soft"),
    ],
)
def test_an_interactive_program_is_known_by_its_command(command: str, words: str) -> None:
    assert words in terminal_hint(command, "whatever it printed", ExecResult(1))


@pytest.mark.parametrize(
    "command",
    ["make test", "git rebase main", "git add -A", "pytest -p no:cacheprovider", "grep -rn vim .", "git log -p", "stop x",
     "git commit -m 'add -p'", "python3 -m pytest -i"],
)  # fmt: skip
def test_what_needs_neither_gets_no_hint(command: str) -> None:  # peers row 12: `make test` is no blocked word
    assert terminal_hint(command, "1 failed\n", ExecResult(1)) == ""


def test_a_command_that_succeeded_is_not_read_for_words(tmp_path: Path) -> None:
    seen = shell(tmp_path, "echo 'are you sure? [y/n] not a tty'", "echo 'x: command not found'", "true")
    assert [hint(each) for each in seen] == ["", "", ""]


def test_looking_at_a_command_takes_no_time_that_grows_with_its_form() -> None:
    for piece in ("git -a ", "\n", "A=b ", "git rebase ", "; ", "read "):
        assert terminal_hint(piece * 50_000, "", ExecResult(0)) in {"", terminal_hint("read x", "", ExecResult(0))}


# ---------------------------------------------------------------- programs


def program(directory: Path, name: str) -> None:
    """A program in the workspace's own place for them."""
    place = directory / "venv" / "bin" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("#!/bin/sh\n")
    place.chmod(place.stat().st_mode | stat.S_IXUSR)


def test_a_missing_program_is_answered_with_the_nearest_installed(tmp_path: Path) -> None:
    program(tmp_path, "quux-lint-3")
    misspelt, piped, unlike = shell(tmp_path, "quux-lint --all", "quux-lint | tail -1", "no_such_program_at_all")
    assert hint(misspelt) == "[quux-lint is not installed here; nearest installed: quux-lint-3]"
    assert hint(piped) == hint(misspelt)  # the pipe's exit code is tail's
    assert hint(unlike) == "[no_such_program_at_all is not installed here; nothing with a like name is]"


def test_what_does_the_same_under_another_name_comes_first(tmp_path: Path) -> None:
    program(tmp_path, "xxdd")
    (seen,) = shell(tmp_path, "PATH=/nowhere; xxd f")
    assert hint(seen).startswith("[xxd is not installed here; nearest installed: od")
    assert "xxdd" in hint(seen)


def test_without_sudo_the_command_is_to_be_run_as_it_is(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "PATH=/nowhere; sudo make install")
    assert "run the command without it" in hint(seen)


def test_a_missing_editor_is_answered_with_the_tools_for_edits(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "PATH=/nowhere; micro")
    assert "edit_file or write_file" in hint(seen)


# ---------------------------------------------------------------- modules


def test_a_missing_module_is_said_to_be_missing(tmp_path: Path) -> None:
    gone, part, piped = shell(
        tmp_path,
        "python3 -c 'import no_such_module_x'",
        "python3 -m no_such_module_x.part",
        "python3 -c 'import no_such_module_x' 2>&1 | tail -1",
    )
    for seen in (gone, part, piped):
        assert hint(seen).startswith("[no_such_module_x is not installed here; do without it"), seen.text


def test_a_module_of_the_repository_is_said_to_be_there(tmp_path: Path) -> None:
    seen, _ = shell(
        tmp_path,
        "mkdir -p src/quux && touch src/quux/__init__.py && python3 -c 'import quux.part'",
        "true",
    )
    assert "the repository has src/quux: run from src, or put src on the import path" in hint(seen)
