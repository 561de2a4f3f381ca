"""`shell` runs commands in one lasting bash and says how each ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anyio
import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import ExecResult, Output
from tools.base import Observation, ToolContext
from tools.registry import Registry
from tools.shell import command_observation, describe_ending


def shell(directory: Path, *calls: str | dict[str, object], tokens: int = 10_000) -> list[Observation]:
    """Make calls of shell, one after another, in a sandbox on `directory`, which is kept."""

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory)
        try:
            context = ToolContext(sandbox, tokens)
            given = [{"command": call} if isinstance(call, str) else call for call in calls]
            return [await Registry().run(context, "shell", json.dumps(call)) for call in given]
        finally:
            await sandbox.close(keep=True)

    return anyio.run(body)


def test_output_and_exit_code_are_told(tmp_path: Path) -> None:
    good, bad = shell(tmp_path, "echo out; echo err >&2", "echo no; exit 3")
    assert good.text == "out\nerr\n[exit code 0]" and good.ok
    assert bad.text == "no\n[exit code 3]" and not bad.ok
    saved = bad.meta.pop("saved")
    assert bad.meta == {"exit_code": 3, "ended": "exited", "bytes": 3}
    assert Path(saved).read_text().startswith("no\n")


def test_a_command_without_output_shows_its_end_alone(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "true")
    assert seen.text == "[exit code 0]"


def test_it_starts_in_the_repository(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "pwd")
    assert seen.text == f"{tmp_path.resolve()}/repo\n[exit code 0]"


def test_directory_variables_and_functions_last(tmp_path: Path) -> None:
    *_, seen = shell(tmp_path, "mkdir d; cd d; export A='x y'; B=2; f() { echo called; }", 'pwd; echo "$A $B"; f')
    assert seen.text == f"{tmp_path.resolve()}/repo/d\nx y 2\ncalled\n[exit code 0]"


# peers row 38; case 3
def test_exit_does_not_end_the_shell(tmp_path: Path) -> None:
    *_, seen = shell(tmp_path, "cd /; A=1; exit 7", "pwd; echo $A")
    assert seen.text == "/\n1\n[exit code 0]"


def test_a_command_over_its_limit_is_killed_and_said_to_be(tmp_path: Path) -> None:
    late, after = shell(tmp_path, {"command": "echo begun; sleep 60", "timeout_seconds": 2}, "echo still here")
    assert late.text.startswith("begun\n") and late.text.endswith("[killed: it ran longer than 2 s]")
    assert not late.ok and late.meta["ended"] == "timeout"
    assert after.text == "still here\n[exit code 0]"


def test_processes_left_in_the_background_are_told(tmp_path: Path) -> None:
    left, gone = shell(tmp_path, "sleep 60 >/dev/null 2>&1 & job=$!; echo started", "kill $job && echo over")
    assert left.text == "started\n[exit code 0; 1 process(es) of it still run in the background]"
    assert gone.text.startswith("over\n[exit code 0")


def test_big_output_is_cut_and_kept_whole_in_a_file(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "seq 1 100000", tokens=300)
    assert seen.text.startswith("1\n2\n3\n") and "\n99999\n100000\n[exit code 0]" in seen.text
    assert len(seen.text) < 1500 and seen.meta["bytes"] == 588_895
    found = re.search(r"the whole output is in (\S+\.log)", seen.text)
    whole = b"".join(b"%d\n" % number for number in range(1, 100_001))
    assert found and Path(found[1]).read_bytes().startswith(whole)


def test_a_command_that_is_not_there_is_explained(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "no-such-command")
    assert "[exit code 127, command not found]" in seen.text and not seen.ok


def test_there_is_no_input_and_no_terminal(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, "cat; test -t 0 || echo none")
    assert seen.text == "none\n[exit code 0]"


def test_programs_that_want_a_terminal_end_and_what_to_do_is_told(tmp_path: Path) -> None:
    asking, plain = shell(tmp_path, "cd . && python3 -c 'input()'", "echo not a tty")
    assert not asking.ok and "EOFError" in asking.text
    assert asking.text.endswith("or use options (-y, --no-input) or a file]")
    assert plain.text == "not a tty\n[exit code 0]"


def test_escapes_and_bytes_that_are_no_text_are_made_harmless(tmp_path: Path) -> None:
    (seen,) = shell(tmp_path, r"printf '\033[31mred\033[0m \377\n10%%\r20%%\n'")
    assert seen.text == "red \ufffd\n20%\n[exit code 0]"


@pytest.mark.parametrize("command", ["", "  \n"])
def test_an_empty_command_is_refused(tmp_path: Path, command: str) -> None:
    (seen,) = shell(tmp_path, command)
    assert seen == Observation("the command is empty", ok=False)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (ExecResult(0), "exit code 0"),
        (ExecResult(137), "exit code 137, killed by SIGKILL: probably out of memory"),
        (ExecResult(139), "exit code 139, ended by signal 11"),
        (ExecResult(0, background=2), "exit code 0; 2 process(es) of it still run in the background"),
        (ExecResult(143, ended="timeout"), "killed: it ran longer than 90 s"),
    ],
)
def test_how_a_command_ended_is_said_in_words(result: ExecResult, words: str) -> None:
    assert describe_ending(result, 90) == words


def test_output_that_was_dropped_is_said_to_be_in_the_file() -> None:
    output = Output(b"head\n", b"tail\n", 1000)
    seen = command_observation(ExecResult(0, output, saved="/ws/1.log"), 10_000, None)
    assert seen.text == (
        "head\n\n[... 1000 bytes left out ...]\ntail\n[the whole output, 1010 bytes, is in /ws/1.log]\n[exit code 0]"
    )
