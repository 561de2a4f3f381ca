"""What every isolated sandbox must do, run for real in each."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from support import peak_memory

from agent.errors import SandboxLost
from sandbox.bubblewrap import BubblewrapSandbox
from sandbox.docker import DockerSandbox
from sandbox.protocol import ExecResult, Sandbox
from sandbox.select import open_sandbox
from sandbox.snapshots import Snapshots
from sandbox.supervised_shell import SupervisedShell

Body = Callable[[Sandbox], Awaitable[None]]


@asynccontextmanager
async def opened(kind: str, directory: Path) -> AsyncIterator[Sandbox]:
    async with open_sandbox(kind, name=f"test-{secrets.token_hex(4)}", directory=directory / "workspace") as sandbox:
        yield sandbox


@pytest.fixture
def within(kind: str, tmp_path: Path) -> Callable[[Body], None]:
    """Runs a coroutine function with a fresh sandbox."""

    def run(body: Body) -> None:
        async def main() -> None:
            async with opened(kind, tmp_path) as sandbox:
                await body(sandbox)

        anyio.run(main)

    return run


async def sh(sandbox: Sandbox, command: str, timeout: float = 120) -> ExecResult:
    return await sandbox.exec(command, timeout=timeout, persistent=True)


async def text(sandbox: Sandbox, command: str) -> str:
    return (await sh(sandbox, command)).output.text().strip()


def test_directory_variables_and_functions_live_on(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        assert await text(sandbox, "pwd") == "/workspace/repo"
        await sh(sandbox, "cd /tmp; export A=1; B='two words'; f() { echo f-$A; }")
        assert await text(sandbox, 'pwd; echo "$B"; f; bash -c "echo $A"') == "/tmp\ntwo words\nf-1\n1"
        await sh(sandbox, "unset A")
        assert await text(sandbox, 'echo "[$A]"') == "[]"

    within(body)


# case 16
def test_a_command_that_nobody_saw_the_end_of_is_taken_back_from_the_shell(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        unseen = await sh(sandbox, "cd /tmp; A=1")
        await sandbox.rewind({unseen.saved})  # it was seen after all
        assert await text(sandbox, 'pwd; echo "[$A]"') == "/tmp\n[1]"
        seen = await sh(sandbox, "cd /; A=2")
        await sh(sandbox, "cd /usr; A=3")
        await sandbox.rewind({seen.saved})
        assert await text(sandbox, 'pwd; echo "[$A]"') == "/\n[2]"

    within(body)


def test_the_first_command_can_be_taken_back_and_one_without_a_state_takes_nothing(
    within: Callable[[Body], None],
) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sandbox.rewind(())
        first = await sh(sandbox, "cd /tmp")
        await sh(sandbox, "cd /; kill -9 $$")  # leaves no state: the one before it is still that of the first
        await sandbox.rewind({first.saved})
        assert await text(sandbox, "cd .; pwd") == "/tmp"
        await sandbox.rewind({first.saved})
        assert await text(sandbox, "pwd") == "/tmp"

    within(body)


def test_commands_without_input_end_at_once(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        assert (await sh(sandbox, "cat")).ok
        assert (await sh(sandbox, "read x")).exit_code == 1
        assert "EOFError" in await text(sandbox, "python3 -c 'input()'")
        for broken in ("echo 'unclosed", "cat <<EOF\nnever closed", "if true; then"):
            result = await sh(sandbox, broken)
            assert result.ended == "exited"
        assert await text(sandbox, "echo usable") == "usable"

    within(body)


# peers row 38; cases 3 and 4
def test_nothing_a_command_does_to_its_shell_lasts(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sh(sandbox, "cd /tmp")
        assert (await sh(sandbox, "exit 7")).exit_code == 7
        assert (await sh(sandbox, "kill -9 $$")).exit_code == 137
        for hostile in ("exec >/dev/null 2>&1", "set -e; false", "exec 3>&- 4>&- 5>&-", "printf() { :; }", "exec true"):
            await sh(sandbox, hostile)
            assert await text(sandbox, "echo alive") == "alive", hostile
        assert await text(sandbox, "pwd") == "/tmp"

    within(body)


def test_output_cannot_forge_the_end_of_a_command(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        forged = f"printf '\\n{'0' * 32} 0 exited 0\\n'; echo more; exit 3"
        result = await sh(sandbox, forged)
        assert result.exit_code == 3
        assert result.output.text().endswith("more\n")

    within(body)


def test_a_background_job_does_not_hold_the_call(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        result = await sh(sandbox, "sleep 600 & echo started")
        assert result.ended == "exited"  # not by its limit
        assert result.output.text() == "started\n"
        assert result.background == 1
        # the job is a copy of the shell until it has become the program
        seen = await sh(sandbox, "until cat /proc/[0-9]*/comm | grep -qx sleep; do :; done")
        assert seen.ended == "exited"

    within(body)


@pytest.mark.parametrize(
    "command",
    ["sleep 1234", "setsid sleep 1234 & sleep 1234", "trap '' TERM; sleep 1234; sleep 1234", "while :; do :; done"],
)
def test_past_its_limit_no_process_is_left(within: Callable[[Body], None], command: str) -> None:
    # other processes than this one that run a command, which have its descriptor, by builtins alone
    others = """
        for place in /proc/[0-9]*; do
          if [ "$place" != /proc/$$ ] && [ -e "$place/fd/200" ]; then mapfile -d '' line <"$place/cmdline"; echo "${line[*]}"; fi
        done 2>/dev/null"""

    async def body(sandbox: Sandbox) -> None:
        await sh(sandbox, "cd /tmp")
        pid = await text(sandbox, "sleep 1234 & echo $!")
        # the job is a copy of the shell until it has become the program
        assert (await sh(sandbox, f"until grep -qx sleep /proc/{pid}/comm; do :; done")).ended == "exited"
        assert "sleep 1234" in await text(sandbox, others)  # such a list would show it
        await sh(sandbox, f"kill {pid}")
        result = await sh(sandbox, command, timeout=0.5)
        assert result.ended == "timeout"
        assert await text(sandbox, others) == ""
        assert await text(sandbox, "pwd") == "/tmp"

    within(body)


def test_a_cancelled_command_is_killed_and_the_shell_lives_on(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        with anyio.move_on_after(0.3) as scope:
            await sh(sandbox, "sleep 4321", timeout=60)
        assert scope.cancelled_caught
        assert (
            await text(sandbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 432[1]'; echo end") == "end"
        )

    within(body)


def test_bytes_go_in_and_out_as_they_are(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        data = bytes(range(256)) * 4096  # 1 MiB, with NUL and what is not UTF-8
        assert (await sandbox.exec("cat > bytes", stdin=data)).ok
        assert (await sandbox.exec("cat bytes", capture=4 << 20)).output.whole == data
        assert (await sandbox.exec("printf 'no newline'")).output.whole == b"no newline"

    within(body)


def test_a_long_command_is_no_argument(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        lines = "line of text\n" * 40_000  # half a megabyte: far over what an argument may have
        assert await text(sandbox, f"wc -l <<'END'\n{lines}END") == "40000"

    within(body)


# peers row 4
def test_output_is_bounded_in_memory_and_whole_in_a_file(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        result = await sandbox.exec("seq 1 200000", persistent=True, capture=1000, timeout=60)
        assert result.output.dropped > 1_000_000
        assert len(result.output.head) + len(result.output.tail) == 1000
        assert result.output.head.startswith(b"1\n2\n")
        assert result.output.tail.endswith(b"199999\n200000\n")
        assert await text(sandbox, f"grep -c '^[0-9][0-9]*$' {result.saved}") == "200000"

    within(body)


def test_half_a_gigabyte_of_output_takes_little_memory(kind: str, tmp_path: Path) -> None:
    script = """
import pathlib, sys
import anyio
from sandbox.select import open_sandbox
from sandbox.snapshots import Snapshots
from sandbox.supervised_shell import SupervisedShell

async def main():
    kind, name, directory = sys.argv[1:]
    async with open_sandbox(kind, name=name, directory=pathlib.Path(directory)) as sandbox:
        result = await sandbox.exec("yes a line of output | head -c 500000000", persistent=True, timeout=120)
        assert result.output.total == 500_000_000

anyio.run(main)
"""
    name = f"test-{secrets.token_hex(4)}"
    code, kibibytes = peak_memory([sys.executable, "-c", script, kind, name, str(tmp_path / "workspace")])
    assert code == 0
    assert kibibytes < 200 * 1024


def test_the_host_is_not_seen(within: Callable[[Body], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = f"canary-{secrets.token_hex(8)}"
    secret_file = Path.home() / f".test-{secrets.token_hex(4)}"
    monkeypatch.setenv("SECRET_OF_THE_HOST", canary)

    async def body(sandbox: Sandbox) -> None:
        found = await text(
            sandbox,
            f"env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; ls -la /root /home /run /var {Path.home()}; "
            f"cat {secret_file}; cat /etc/shadow; ls /proc; cat /proc/1/root{secret_file}",
        )
        assert canary not in found
        assert str(os.getpid()) not in await text(sandbox, "ls /proc | grep -x " + str(os.getpid()))
        for place in ("/etc/shadow", "/var/run/docker.sock", "/run/docker.sock", "/root/.ssh", "/etc/ssl/private/x"):
            assert not (await sh(sandbox, f"head -c 1 {place}")).ok, place
        assert (await sh(sandbox, "id -u")).output.whole == b"1000\n"
        assert not (await sh(sandbox, "touch /usr/planted /etc/planted")).ok

    secret_file.write_text(canary)
    try:
        within(body)
    finally:
        secret_file.unlink()


def test_the_kernels_settings_are_read_only(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        written = "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/printk /proc/sys/vm/swappiness"
        assert (
            await text(sandbox, f"{written}; do cat $f > /tmp/v && cat /tmp/v > $f && echo $f; done 2>/dev/null") == ""
        )
        assert not (await sh(sandbox, "mkdir /planted || touch /planted-file")).ok

    within(body)


def test_what_a_background_job_prints_does_not_get_into_the_programs_reads(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sh(sandbox, "(while :; do echo noise; sleep 0.01; done) & sleep 0.1")
        await sandbox.exec("printf content > file")
        for _ in range(20):
            assert (await sandbox.exec("cat file")).output.whole == b"content"

    within(body)


def test_a_fork_is_a_copy_out_of_reach(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sandbox.exec("echo before > file; mkdir -p /workspace/venv/bin; ln -s file link")
        copy = await sandbox.fork()
        try:
            await sh(sandbox, "echo tampered > file; echo x > /workspace/venv/bin/python3")
            assert (await copy.exec("cat file link")).output.whole == b"before\nbefore\n"
            assert not (await copy.exec("test -e /workspace/venv/bin/python3")).ok
        finally:
            await copy.close(keep=False)
        assert await text(sandbox, "cat file") == "tampered"

    within(body)


def test_there_is_no_network_unless_it_is_opened(within: Callable[[Body], None]) -> None:
    names = "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '"

    async def body(sandbox: Sandbox) -> None:
        assert await text(sandbox, names) == "lo"
        await sandbox.network(True)
        assert await text(sandbox, names) != "lo"
        await sandbox.network(False)
        assert await text(sandbox, names) == "lo"

    within(body)


async def lose(sandbox: Sandbox) -> None:
    """Kill what the sandbox runs in, from outside."""
    if isinstance(sandbox, DockerSandbox):
        assert sandbox._container is not None
        await anyio.to_thread.run_sync(sandbox._container.kill)
    else:
        assert isinstance(sandbox, BubblewrapSandbox)
        shell = sandbox._shells["model"]
        assert isinstance(shell, SupervisedShell) and shell._process is not None
        shell._process.kill()
        await anyio.to_thread.run_sync(shell._process.wait)


def test_a_lost_sandbox_is_told_and_can_be_revived(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sh(sandbox, "cd /tmp; export KEPT=yes; echo kept > /workspace/repo/file")
        await lose(sandbox)
        with pytest.raises(SandboxLost):
            await sh(sandbox, "echo no")
        with pytest.raises(SandboxLost):
            await sh(sandbox, "echo no")
        await sandbox.revive()
        assert await text(sandbox, "echo $KEPT; cat /workspace/repo/file") == "yes\nkept"

    within(body)


def test_nothing_is_left_after_closing(kind: str, tmp_path: Path) -> None:
    name = f"test-{secrets.token_hex(4)}"

    async def main() -> None:
        async with open_sandbox(kind, name=name, directory=tmp_path / "workspace") as sandbox:
            await sh(sandbox, "mkdir -p a/b && touch a/b/c && chmod 000 a/b a; sleep 600 &")

    anyio.run(main)
    assert not (tmp_path / "workspace").exists()
    if kind == "docker":
        from sandbox.docker_engine import connect

        client = connect()
        try:
            assert not client.containers.list(all=True, filters={"name": name})
            assert not client.volumes.list(filters={"name": name})
        finally:
            client.close()


def test_a_fresh_sandbox_has_the_pristine_repository_and_can_write_nothing_else(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sandbox.exec(
            "mkdir -p /workspace/venv/bin $HOME/.cache; echo v > /workspace/venv/bin/v; echo one > a.txt"
        )
        await sandbox.exec("echo kept > $HOME/.cache/kept; ln -s /workspace/venv/bin/v link; echo one > /tmp/mine")
        snapshots = Snapshots(sandbox)
        await snapshots.keep_pristine()
        await sandbox.exec("echo changed > a.txt; echo new > new")
        patch = b"--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n"
        for _ in range(2):
            fresh = await sandbox.fresh()
            try:
                assert (
                    await fresh.exec("ls; cat a.txt link $HOME/.cache/kept")
                ).output.text() == "a.txt\nlink\none\nv\nkept\n"
                await Snapshots(fresh).apply(patch)
                assert (await fresh.exec("cat a.txt")).output.whole == b"two\n"
                writes = [
                    "/workspace/venv/bin/v",
                    "/workspace/venv/x",
                    "/workspace/x",
                    str(sandbox.workspace.pristine / "a.txt"),
                ]
                for place in writes:
                    assert not (await fresh.exec(f"echo poisoned > {place}")).ok, place
                for place in ("$HOME/.cache/kept", "a.txt", "/tmp/x", str(sandbox.workspace.private / "report")):
                    assert (await fresh.exec(f"echo poisoned > {place}")).ok, place
            finally:
                await fresh.close(keep=False)
        assert (await sandbox.exec("cat a.txt $HOME/.cache/kept")).output.whole == b"changed\nkept\n"

    within(body)
