"""Runs commands in one process namespace for `sandbox.supervised_shell`, which sends this text to a Python of its own.

It is the first process of its namespace, or (without isolation) the reaper of everything below it. No command can
signal it, trace it or read its memory and descriptors: it is not dumpable. It uses the standard library only.

A request is one packet on standard input, a socket, of JSON with descriptors: the output, the command, standard input
if `input`, and for a persistent shell the state it takes over and a pipe for the state that it leaves. The replies are
JSON packets: `{"ready": true}`, then how each command ended. Any packet that comes in meanwhile
ends the command. What a command that is not persistent leaves behind is ended with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Collection
from typing import Any

_COMMAND, _STATE, _NEW_STATE = 200, 198, 199  # descriptors, in the command's shell
_WATCH_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SET_DUMPABLE, _SET_CHILD_SUBREAPER = 4, 36  # linux/prctl.h


def _children(pid: int) -> list[int]:
    """The process ids of a process's children, whichever of its threads made them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def _alive(pid: int) -> bool:
    """Whether there is such a process, which is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Supervisor:
    """One command at a time. `settings`: repo, persistent, runner, bash and limits, from the command line."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.namespace = os.getpid() == 1
        self.persistent = bool(settings["persistent"])
        self.socket = socket.socket(fileno=os.dup(0))
        libc = ctypes.CDLL(None, use_errno=True)
        for option, value in ((_SET_DUMPABLE, 0), (_SET_CHILD_SUBREAPER, 1)):
            if libc.prctl(option, value, 0, 0, 0) != 0:
                sys.exit("prctl failed")
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        limits = settings["limits"]
        each = dict(limits["each"])
        if self.namespace:  # it counts the namespace's own; root is exempt from it, and watched alone
            each["RLIMIT_NPROC"] = limits["processes"]
        for name, value in each.items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (allowed, allowed))
        self.memory, self.processes = limits["memory"], limits["processes"]
        self.free, self.inodes = limits["free_bytes"], limits["free_inodes"]
        self.statuses: dict[int, int] = {}
        self.wakeup, writer = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self.reap)
        self.poll = select.poll()
        self.poll.register(self.wakeup, select.POLLIN)
        self.poll.register(self.socket, select.POLLIN)

    def reap(self, *_: object) -> None:
        """Take the statuses of the children that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.statuses[pid] = status

    def send(self, **message: object) -> None:
        """Send one packet."""
        self.socket.send(json.dumps(message).encode())

    def serve(self) -> None:
        """Run commands until the other side of the socket is gone."""
        self.send(ready=True)
        while True:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 16, 8)
            if not data:
                break
            request = json.loads(data)
            if "run" not in request:
                continue
            self.send(**self.run(request, descriptors))
        self.end_all(set())

    def run(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, object]:
        """Run one command; how it ended."""
        before = set(self.below())
        try:
            child = self.start(request, descriptors)
        except OSError as error:
            os.write(descriptors[0], f"{error}\n".encode())
            self.end_all(before if self.persistent else ())
            return {"status": 126, "how": "exited", "background": 0, "limit": "processes"}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        how, limit = self.wait(child, request["limit"])
        if how != "exited" or limit:
            self.end(child, before)
        status = os.waitstatus_to_exitcode(self.statuses.pop(child))
        left = self.left(before)
        if left and not self.persistent:
            self.end_all(before)
            left = []
        self.statuses.clear()
        return {"status": 128 - status if status < 0 else status, "how": how, "background": len(left), "limit": limit}

    def start(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """Start a command; its process id. Raises `OSError` where no process can be made."""
        child = os.fork()
        if child:
            return child
        try:
            os.setpgid(0, 0)  # a session of its own would be a scheduling group of its own, too
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            given = list(descriptors)
            output, command = given.pop(0), given.pop(0)
            places = [(output, 1), (output, 2), (command, _COMMAND)]
            places.append((given.pop(0) if request["input"] else os.open(os.devnull, os.O_RDONLY), 0))
            if self.persistent:
                places += [(given.pop(0), _STATE), (given.pop(0), _NEW_STATE)]
            for source, target in places:
                os.dup2(source, target)
            try:
                os.chdir(self.settings["repo"])
            except OSError:
                os.chdir("/")
            bash = [self.settings["bash"], "--norc", "--noprofile"]
            script = [*bash, f"/dev/fd/{_COMMAND}"]
            if self.persistent:
                script = [*bash, "-c", self.settings["runner"]]
            os.execve(self.settings["bash"], script, {} if request["state"] else dict(os.environ))
        except BaseException as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(126)

    def wait(self, child: int, limit: float | None) -> tuple[str, str]:
        """Wait for the command; how it ended, and the limit that it ran into."""
        end = None if limit is None else time.monotonic() + limit
        while child not in self.statuses:
            rest = _WATCH_SECONDS if end is None else min(_WATCH_SECONDS, end - time.monotonic())
            if rest <= 0:
                return "stopped", ""
            for descriptor, _ in self.poll.poll(1000 * rest):
                if descriptor == self.wakeup:
                    os.read(self.wakeup, 1 << 16)
                elif child not in self.statuses:
                    self.socket.recv(1 << 16)
                    return "stopped", ""
            if child not in self.statuses and (hit := self.over()):
                return "exited", hit
        return "exited", ""

    def over(self) -> str:
        """Which limit of all processes together is passed; empty if none is."""
        try:
            disk = os.statvfs(self.settings["repo"])
            if disk.f_bavail * disk.f_frsize < self.free or (disk.f_files > 0 and disk.f_favail < self.inodes):
                return "disk"
        except OSError:
            pass
        below = self.below()
        if len(below) > self.processes:
            return "processes"
        pages = 0
        for pid in below:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:
                _, resident, shared, *_ = map(int, file.read().split())
                pages += resident - shared
        return "memory" if pages * _PAGE > self.memory else ""

    def below(self, skip: Collection[int] = ()) -> list[int]:
        """All processes below this one, without those in `skip` and what is below them."""
        found, todo, seen = list[int](), _children(os.getpid()), set[int]()
        while todo:
            pid = todo.pop()
            if pid in skip or pid in seen:
                continue
            seen.add(pid)
            found.append(pid)
            todo += _children(pid)
        return found

    def left(self, before: Collection[int]) -> list[int]:
        """The live processes below this one that came after `before` and not from there."""
        return [pid for pid in self.below(before) if _alive(pid)]

    def end(self, child: int, before: Collection[int]) -> None:
        """End the command and what it started: ask first, insist after a second."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
            os.killpg(child, signal.SIGCONT)
        asked = time.monotonic()
        while child not in self.statuses and time.monotonic() - asked < 1:
            self.poll.poll(20)
        self.end_all(before)
        while child not in self.statuses:
            self.poll.poll(20)

    def end_all(self, before: Collection[int]) -> None:
        """Kill every process below this one that was not there before, until none is left."""
        for _ in range(500):
            left = self.left(before)
            if not left:
                return
            if self.namespace and not before:
                os.kill(-1, signal.SIGKILL)  # all but this one at once: a fork bomb has no time to go on
            else:
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    for pid in left:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, number)
            time.sleep(0.002)


if __name__ == "__main__":
    Supervisor(json.loads(sys.argv[1])).serve()
