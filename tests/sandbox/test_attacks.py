"""What commands try on a sandbox: to forge their end, to stay, to break what runs them, to use everything up.

Cases are those of the project's list of thirty; each attack is bounded in count, memory and time from outside.
"""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from sandbox.bubblewrap import BubblewrapSandbox
from sandbox.docker import DockerSandbox
from sandbox.limits import Limits
from sandbox.protocol import ExecResult, Sandbox
from sandbox.snapshots import Snapshots

Body = Callable[[Sandbox], Awaitable[None]]
SMALL = Limits(memory=256 << 20, processes=64, file=64 << 20, output=1 << 20, tmp=16 << 20)


@pytest.fixture
def within(kind: str, tmp_path: Path) -> Callable[[Body], None]:
    """Runs a coroutine function with a fresh sandbox that may use little."""

    def run(body: Body) -> None:
        async def main() -> None:
            sandbox: Sandbox
            if kind == "docker":
                sandbox = await DockerSandbox.start(f"test-{secrets.token_hex(4)}", None, limits=SMALL)
            else:
                sandbox = await BubblewrapSandbox.start(tmp_path / "workspace", SMALL)
            try:
                with anyio.fail_after(120):
                    await body(sandbox)
            finally:
                await sandbox.close(keep=False)

        anyio.run(main)

    return run


async def sh(sandbox: Sandbox, command: str, timeout: float = 30) -> ExecResult:
    return await sandbox.exec(command, timeout=timeout, persistent=True)


async def usable(sandbox: Sandbox) -> None:
    """The next command of each shell works."""
    for persistent in (True, False):
        result = await sandbox.exec("echo usable", timeout=30, persistent=persistent)
        assert (result.output.whole, result.ended, result.limit) == (b"usable\n", "exited", ""), result


# Looks for its supervisor in every process: memory, descriptors, and whether it can be signalled or traced.
REACH = r"""
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
mine = os.getpid()
for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            ours = b"runner" in file.read() or pid == 1
    except OSError:
        continue
    if pid in (mine, os.getppid()) or not ours:
        continue
    for name in ("mem", "environ", "maps"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                file.read(1) if name != "mem" else None
            print("reached", pid, name)
        except OSError:
            pass
    for fd in range(300):
        for use in (os.readlink, lambda place: os.open(place, os.O_WRONLY | os.O_NONBLOCK)):
            try:
                use(f"/proc/{pid}/fd/{fd}")
                print("reached", pid, "fd")
            except OSError:
                pass
    if libc.ptrace(16, pid, 0, 0) == 0:
        print("reached", pid, "ptrace")
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""


@pytest.mark.parametrize("persistent", [True, False])
def test_case_5_the_supervisor_is_out_of_reach_and_an_end_cannot_be_forged(
    within: Callable[[Body], None], persistent: bool
) -> None:
    async def body(sandbox: Sandbox) -> None:
        tried = f"python3 -c '{REACH.replace(chr(39), chr(34))}'; exit 7"
        result = await sandbox.exec(tried, timeout=30, persistent=persistent)
        assert (result.exit_code, result.ended) == (7, "exited"), result
        assert "reached" not in result.output.text()
        forged = (
            'for fd in /proc/[0-9]*/fd/*; do printf \'{"status": 0, "how": "exited"}\' >$fd; done 2>/dev/null; exit 7'
        )
        result = await sandbox.exec(forged, timeout=30, persistent=persistent)
        assert result.exit_code == 7
        await usable(sandbox)

    within(body)


def test_case_7_what_a_command_of_the_program_leaves_behind_is_ended(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        loop = "while :; do echo NOISE; echo x >> /workspace/repo/alive; sleep 0.05; done"
        for start in (f"({loop}) &", f"setsid bash -c '{loop}' &", f"(setsid bash -c '({loop}) &' &) &"):
            result = await sandbox.exec(f"export SWE_AGENT_SHELL=1; {start} sleep 0.3", timeout=30)
            assert result.ok and result.background == 0
            await sandbox.exec("rm -f alive")
            for _ in range(5):
                assert (await sandbox.exec("printf content; sleep 0.1")).output.whole == b"content"
            assert not (await sandbox.exec("test -e alive")).ok

    within(body)


@pytest.mark.parametrize("persistent", [True, False])
def test_case_7_no_process_survives_the_limit(within: Callable[[Body], None], persistent: bool) -> None:
    async def body(sandbox: Sandbox) -> None:
        loop = "while :; do echo x >> /workspace/repo/alive; sleep 0.05; done"
        hidden = f"SWE_AGENT_SHELL=1 setsid bash -c '({loop}) &' & trap '' TERM; while :; do sleep 1; done"
        result = await sandbox.exec(hidden, timeout=1, persistent=persistent)
        assert result.ended == "timeout"
        await sandbox.exec("rm -f alive; sleep 0.3")
        assert not (await sandbox.exec("test -e alive")).ok

    within(body)


def test_case_6_a_background_job_lives_on_and_its_output_goes_to_its_own_file(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        started = await sh(sandbox, "(for n in $(seq 300); do echo tick; sleep 0.02; done) & echo $! > /tmp/job")
        assert started.background >= 1
        await sh(sandbox, "sleep 0.5")
        assert (await sh(sandbox, "kill -0 $(cat /tmp/job)")).ok
        assert int((await sandbox.exec(f"grep -c tick {started.saved}")).output.text()) > 5
        await sh(sandbox, "kill $(cat /tmp/job)")

    within(body)


def test_case_3_the_supervisor_is_not_the_commands_to_kill(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sh(sandbox, "cd /tmp")
        for hostile in ("kill -9 $PPID", "kill -9 -1", "kill -9 1", "kill -STOP $PPID 1"):
            await sh(sandbox, hostile)
            assert (await sh(sandbox, "pwd")).output.text() == "/tmp\n", hostile
        await usable(sandbox)

    within(body)


@pytest.mark.parametrize("persistent", [True, False])
def test_what_is_ours_in_the_workspace_is_not_the_commands_to_break(
    within: Callable[[Body], None], persistent: bool
) -> None:
    async def body(sandbox: Sandbox) -> None:
        await sandbox.exec("echo one > a.txt")
        snapshots = Snapshots(sandbox)
        base = await begun(snapshots)
        await sandbox.exec("echo two > a.txt")
        attack = """
            rm -rf /workspace/.[a-z]* 2>/dev/null
            for place in /workspace/.agent /workspace/.kept /workspace/.outputs /workspace/.control; do
              mv $place /workspace/moved; mkfifo $place; ln -s /etc $place; mkdir -p $place/shell/command
              ls $place/snapshots.git; echo x > $place/planted; chmod 000 $place
            done 2>/dev/null; true"""
        await sandbox.exec(attack, timeout=30, persistent=persistent)
        await usable(sandbox)
        patch = await snapshots.diff(base, await snapshots.take())
        assert b"+two" in patch
        await sandbox.close(keep=True)
        await sandbox.revive()
        await usable(sandbox)
        assert await snapshots.holds(base)

    async def begun(snapshots: Snapshots) -> str:
        await snapshots._run_checked("create", failure="create")
        await snapshots.keep_pristine()
        return await snapshots.take()

    within(body)


def test_saved_outputs_are_read_only(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        saved = (await sh(sandbox, "echo kept")).saved
        for hostile in (f"echo x > {saved}", f"rm -f {saved}", f"chmod 777 {saved}", f"mv {saved} /tmp/"):
            await sh(sandbox, hostile)
        assert (await sandbox.exec(f"head -n 1 {saved}")).output.whole == b"kept\n"

    within(body)


def test_case_9_past_its_cap_output_is_dropped_and_the_shell_lives(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        result = await sh(sandbox, "head -c 8000000 /dev/zero | tr '\\0' x; echo; echo last")
        assert result.ok and result.output.total == 8_000_006
        assert result.output.tail.endswith(b"last\n")
        size = int((await sandbox.exec(f"stat -c %s {result.saved}")).output.whole)
        assert 0 < size <= SMALL.output + 4096
        await usable(sandbox)

    within(body)


def test_case_11_a_fork_bomb_is_contained_and_named(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        for persistent in (True, False):
            result = await sandbox.exec("bomb() { bomb | bomb & }; bomb; sleep 5", timeout=10, persistent=persistent)
            assert result.limit == "processes", result
            if persistent:
                await sh(sandbox, "kill -9 -1")  # what lives on in the background is the shell's to end
            await usable(sandbox)

    within(body)


@pytest.mark.parametrize("persistent", [True, False])
def test_case_12_out_of_memory_is_named(within: Callable[[Body], None], persistent: bool) -> None:
    async def body(sandbox: Sandbox) -> None:
        # several processes that are small each
        eat = "for n in 1 2 3 4; do python3 -c 'x = bytearray(100 << 20); import signal; signal.pause()' & done; wait"
        result = await sandbox.exec(eat, timeout=30, persistent=persistent)
        assert result.limit == "memory", result
        await usable(sandbox)

    within(body)


def test_case_13_a_full_place_is_told_by_the_command_and_all_goes_on(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        full = await sh(sandbox, "head -c 100000000 /dev/zero > /tmp/full")
        assert not full.ok and "No space left" in full.output.text()
        await usable(sandbox)
        for place in ("/dev/shm/x", "/dev/x"):
            written = await sh(sandbox, f"head -c 400000000 /dev/zero > {place}")
            assert not written.ok, place
        await usable(sandbox)

    within(body)


def test_a_large_variable_costs_later_commands_nothing(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        result = await sh(sandbox, "cd /tmp; A=1; B=$(head -c 60000000 /dev/zero | tr '\\0' b); echo ${#B}", timeout=60)
        assert "60000000" in result.output.text() and "not kept" in result.output.text()
        assert (await sh(sandbox, "echo $PWD $A [$B]")).output.text() == "/tmp 1 []\n"

    within(body)


def test_names_of_the_loopback_resolve_and_git_has_an_identity(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        look = """import socket
for name in ("localhost", "ip6-localhost", socket.gethostname()):
    print(sorted({a[4][0] for a in socket.getaddrinfo(name, 80)}))
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server = socket.socket(family); server.bind((address, 0)); server.listen(1)
    socket.create_connection(server.getsockname()[:2]).close()
"""
        found = await sandbox.exec(f"python3 - <<'END'\n{look}END", timeout=30)
        assert found.ok, found.output.text()
        assert found.output.text().replace("['::1', '127.0.0.1']", "['127.0.0.1', '::1']").split("\n")[2] in (
            "['127.0.0.1', '::1']",
            "['127.0.0.1']",
        )
        commit = "git init -q x && cd x && git commit -q --allow-empty -m m && git log -1 --format=%an"
        assert (await sh(sandbox, commit)).output.text() == "swe-agent\n"

    within(body)


KERNEL = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
for family in (40, 38, 17):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM)
        print("family", family)
    except OSError:
        pass
numbers = {"x86_64": (250, 248, 249, 321, 298, 323, 425), "aarch64": (219, 217, 218, 280, 241, 282, 425)}
for number in numbers[os.uname().machine]:
    if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print("call", number)
if libc.unshare(0x10000000) == 0:
    print("namespace")
"""


def test_the_kernel_offers_commands_little(within: Callable[[Body], None]) -> None:
    async def body(sandbox: Sandbox) -> None:
        for persistent in (True, False):
            await sandbox.exec("cat > /tmp/kernel.py", stdin=KERNEL.encode(), persistent=persistent)
            tried = await sandbox.exec("python3 /tmp/kernel.py", timeout=30, persistent=persistent)
            assert tried.ok and tried.output.whole == b"", tried.output.text()

    within(body)


RACE = r"""
import ctypes, os
libc = ctypes.CDLL(None)
os.makedirs("/workspace/repo/d", exist_ok=True); open("/workspace/repo/d/canary", "w").close()
os.path.lexists("/workspace/repo/l") or os.symlink(os.environ["TARGET"], "/workspace/repo/l")
while True:
    libc.renameat2(-100, b"/workspace/repo/d", -100, b"/workspace/repo/l", 2)
"""


def test_a_copy_does_not_follow_a_link_that_a_process_swaps_in(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("of the host")

    async def main() -> None:
        sandbox = await BubblewrapSandbox.start(tmp_path / "workspace", SMALL)
        try:
            for _ in range(5):
                race = f"TARGET={tmp_path}/outside python3 -c '{RACE}' & sleep 0.3"
                await sandbox.exec(race, persistent=True, timeout=30)
                copy = await sandbox.fork()
                try:
                    repo = copy.directory / "files" / "repo"
                    for name in ("d", "l"):
                        if not (repo / name).is_symlink():
                            assert (repo / name / "canary").read_text() == ""
                finally:
                    await copy.close(keep=False)
        finally:
            await sandbox.close(keep=False)
        assert (tmp_path / "outside" / "canary").read_text() == "of the host"

    anyio.run(main)


def test_a_setuid_program_is_out_of_reach_of_other_users_and_is_cleared(tmp_path: Path) -> None:
    async def main() -> None:
        sandbox = await BubblewrapSandbox.start(tmp_path / "workspace", SMALL)
        try:
            plant = (
                "cp /bin/true /workspace/planted; chmod 6755 /workspace/planted; chmod 777 /workspace /workspace/repo"
            )
            assert (await sandbox.exec(plant, timeout=30)).ok
            assert stat.S_IMODE((tmp_path / "workspace").stat().st_mode) == 0o700
            copy = await sandbox.fork()
            try:
                assert stat.S_IMODE((tmp_path / "workspace-clean").stat().st_mode) == 0o700
                mode = (tmp_path / "workspace-clean" / "files" / "planted").stat().st_mode
                assert not mode & (stat.S_ISUID | stat.S_ISGID)
            finally:
                await copy.close(keep=False)
            await sandbox.close(keep=True)
            assert not (tmp_path / "workspace" / "files" / "planted").stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
        finally:
            await sandbox.close(keep=False)

    anyio.run(main)


def test_removal_touches_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (outside / "file").write_text("kept")

    async def main() -> None:
        sandbox = await BubblewrapSandbox.start(tmp_path / "workspace", SMALL)
        await sandbox.exec(f"ln -s {outside} link; mkdir -p a/b; ln -s {outside} a/b/c; chmod 000 a/b; chmod 000 a")
        await sandbox.close(keep=False)

    anyio.run(main)
    assert not (tmp_path / "workspace").exists()
    assert (outside / "file").read_text() == "kept" and stat.S_IMODE(outside.stat().st_mode) == 0o500


def test_an_ordinary_user_has_the_same_sandbox() -> None:
    program = """
import anyio, pathlib
from sandbox.bubblewrap import BubblewrapSandbox
async def main():
    s = await BubblewrapSandbox.start(pathlib.Path(sys.argv[1]) / "workspace")
    await s.exec("cd /tmp; X=5", persistent=True, timeout=20)
    r = await s.exec("echo $X $PWD; id -u; cat /proc/1/environ; kill -9 1", persistent=True, timeout=20)
    print(r.output.text())
    r = await s.exec("(sleep 100 &) ; exit 7", timeout=20)
    print(r.exit_code, r.background)
    c = await s.fork()
    await c.close(keep=False)
    await s.close(keep=False)
anyio.run(main)
"""
    # the interpreter of the tests may lie where only root can read; the system's has the same packages then
    packages = [str(Path(__file__).parents[2]), *(each for each in sys.path if each.endswith("site-packages"))]
    is_root = os.geteuid() == 0
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if is_root else []
    pythons = [sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"]
    tried = f"import sys; sys.path[:0] = {packages!r}; import sandbox.bubblewrap"
    able = [
        each
        for each in pythons
        if Path(each).exists()
        and subprocess.run([*user, each, "-c", tried], capture_output=True, cwd="/", env={}, check=False).returncode
        == 0
    ]
    assert able, (
        "no interpreter with these packages can be read by another user: put the checkout where others can read"
    )
    place = tempfile.mkdtemp()  # pytest's directories are closed to other users
    if is_root:
        os.chown(place, 65534, 65534)
    done = subprocess.run(
        [*user, able[0], "-c", f"import sys; sys.path[:0] = {packages!r}\n{program}", place],
        capture_output=True, text=True, timeout=100, check=False, cwd="/", env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["5 /tmp", "1000"], done.stderr
    assert "7 0" in done.stdout
    assert not list(Path(place).iterdir())
    Path(place).rmdir()
