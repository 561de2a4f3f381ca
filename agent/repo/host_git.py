"""Git on the host, run by GitPython: what each command gets as configuration, environment and bounds.

`isolated` is for repositories that are only data: hooks, global configuration, fetching and the `GIT_*` variables of
this process are off, since a repository or its surroundings can name commands in them. `of_user` is the user's own
git, with the user's configuration and credentials, for what is done in the user's name.
"""

from __future__ import annotations

import importlib
import io
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from agent.errors import PatchRejected, RepositoryUnreadable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from git import Git

PATCH_SECONDS = 120.0
"""Wall time of one command that works on a patch nobody has looked at."""
PATCH_ADDRESS_BYTES = 2 << 30
"""Address space of such a command: a patch may be made to blow up."""
PATCH_OUTPUT_BYTES = 64 << 20
"""Output of such a command, which this process holds in memory; a change that leaves the sandbox has at most 4 MiB."""
_MAX_ERROR_CHARACTERS = 300
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
_ISOLATED_OPTIONS = (
    *_NO_HOOKS, "-c", "core.fsmonitor=false", "-c", "safe.directory=*", "-c", "core.quotePath=false",
    # whatever the repository says of what people apply there
    "-c", "apply.whitespace=nowarn", "-c", "apply.ignoreWhitespace=no", "-c", "i18n.commitEncoding=UTF-8",
)  # fmt: skip
# git maps packs as a whole where it may: within a bound of address space in windows
_SMALL_WINDOWS = ("-c", "core.packedGitWindowSize=32m", "-c", "core.packedGitLimit=512m")
_ISOLATED_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


_import_lock = threading.Lock()


def _gitpython() -> type[Git]:
    """GitPython's class, imported when first needed, without the check for a git program that its import makes."""
    name = "GIT_PYTHON_REFRESH"
    with _import_lock:  # of two threads, one would put back what the other has set
        if "git.cmd" not in sys.modules:
            before = os.environ.get(name)
            os.environ[name] = "quiet"
            try:
                importlib.import_module("git")
            finally:
                os.environ.pop(name)
                if before is not None:
                    os.environ[name] = before
        from git import Git

    return Git


@dataclass(frozen=True)
class GitResult:
    """How a command ended: exit status, standard output, and the last 300 characters of standard error."""

    status: int
    output: bytes
    error: str

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0

    @property
    def line(self) -> str:
        """The output as one line of text: an object's id, say."""
        return self.output.decode("utf-8", "replace").strip()


class HostGit:
    """Runs git commands; every method raises `RepositoryUnreadable` where git is not installed."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str], *, inherit_git_variables: bool) -> None:
        if shutil.which("git") is None:
            raise RepositoryUnreadable("git is not installed", hint="apt install git")
        self._git = _gitpython()()
        self._git.update_environment(**environment)
        self._options = tuple(options)
        self._inherit = inherit_git_variables

    @classmethod
    def isolated(
        cls, directory: Path, *, settings: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> HostGit:
        """Git in a repository whose configuration is not trusted; `settings` are added, each as `key=value`."""
        added = [part for setting in settings for part in ("-c", setting)]
        options = [*_ISOLATED_OPTIONS, *added, "-C", str(directory)]
        return cls(options, {**_ISOLATED_ENVIRONMENT, **(environment or {})}, inherit_git_variables=False)

    @classmethod
    def of_user(cls, directory: Path | None = None) -> HostGit:
        """The user's own git without hooks and without prompts; `GIT_*` variables count where no directory is given."""
        where = [] if directory is None else ["-C", str(directory)]
        return cls([*_NO_HOOKS, *where], {"GIT_TERMINAL_PROMPT": "0"}, inherit_git_variables=directory is None)

    def run(
        self, *arguments: str, stdin: bytes | None = None, environment: Mapping[str, str] | None = None
    ) -> GitResult:
        """The outcome of one command, whatever its exit status."""
        with _file_of(stdin) if stdin else nullcontext() as given:
            status, output, error = self._git.execute(
                self._argv(arguments, environment),
                istream=given,
                env=environment,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        return GitResult(status, output, error.strip()[-_MAX_ERROR_CHARACTERS:])

    def must(
        self, *arguments: str, stdin: bytes | None = None, environment: Mapping[str, str] | None = None
    ) -> GitResult:
        """The outcome of a command that has to succeed. Raises `RepositoryUnreadable`."""
        result = self.run(*arguments, stdin=stdin, environment=environment)
        if not result.ok:
            raise RepositoryUnreadable(f"git {arguments[0]} failed in {self._options[-1]}: {result.error}")
        return result

    def bounded(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str]) -> bytes:
        """The output of a command that reads, or works on, a patch that nobody has looked at.

        Raises `PatchRejected` where git does not take it or goes beyond a bound of time, memory or output.
        """
        command = self._argv([*_SMALL_WINDOWS, *arguments], environment)
        output = _BoundedOutput()
        with _file_of(stdin) as given, tempfile.NamedTemporaryFile() as errors:
            # errors go to a file: GitPython reads that pipe last, and git may complain of every file of a patch
            limit = f'ulimit -v {PATCH_ADDRESS_BYTES >> 10}; exec "$@" 2>"$0"'
            status, *_ = self._git.execute(
                ["sh", "-c", limit, errors.name, *command],
                istream=given,
                env=environment,
                with_extended_output=True,
                with_exceptions=False,
                output_stream=output,
                max_chunk_size=1 << 20,
                kill_after_timeout=PATCH_SECONDS,
            )
            error = errors.read().decode("utf-8", "replace").strip()[-_MAX_ERROR_CHARACTERS:]
        if status == -signal.SIGKILL:
            raise PatchRejected(f"git did not read the patch within {PATCH_SECONDS:.0f} s")
        if status != 0:
            raise PatchRejected(f"git does not take the patch: {error}")
        if output.exceeded:
            raise PatchRejected(f"the patch comes to more than {PATCH_OUTPUT_BYTES >> 20} MiB")
        return output.getvalue()

    @contextmanager
    def output_of(self, *arguments: str, stdin: bytes) -> Iterator[BinaryIO]:
        """The standard output of a command while it runs; it is ended when the block is left."""
        with _file_of(stdin) as given:
            # GitPython ends the process when the last reference to it goes
            process = self._git.execute(self._argv(arguments, None), istream=given, as_process=True)
            yield process.stdout

    def _argv(self, arguments: Sequence[str], environment: Mapping[str, str] | None) -> list[str]:
        """The command line; behind `env` where this process has `GIT_*` variables, since GitPython passes them all."""
        given = {*self._git.environment(), *(environment or {})}
        inherited = [] if self._inherit else [name for name in os.environ if name.startswith("GIT_")]
        unset = [part for name in inherited if name not in given for part in ("-u", name)]
        return [*(["env", *unset] if unset else []), "git", *self._options, *arguments]


class _BoundedOutput(io.BytesIO):
    """Keeps at most `PATCH_OUTPUT_BYTES`, and notes whether there were more."""

    exceeded = False

    def write(self, data: ReadableBuffer) -> int:
        """Take what is within the bound; the number of bytes that were given."""
        size = len(memoryview(data))
        self.exceeded = self.exceeded or self.tell() + size > PATCH_OUTPUT_BYTES
        return size if self.exceeded else super().write(data)


@contextmanager
def _file_of(data: bytes) -> Iterator[BinaryIO]:
    """A file with `data`, read from its beginning: git's standard input."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield cast(BinaryIO, file)
