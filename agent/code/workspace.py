"""Keeping the index up to date with a sandbox: one command lists its source files, a second reads the changed ones."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Iterable

import anyio
from anyio import from_thread, to_thread

from agent.code.index import CodeIndex
from agent.code.languages import LANGUAGES, MAX_BYTES, suffix
from sandbox.protocol import Sandbox

SKIPPED_DIRECTORIES = (
    ".git",
    "node_modules",
    "__pycache__",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
)
_LISTING_BYTES = 32 << 20
_GROUP_BYTES = 32 << 20  # of files that are read at once
_MAX_CHANGED = 20_000  # files read by one refresh


class WorkspaceIndex:
    """A `CodeIndex` of a commit, overlaid with the files of the sandbox that works on it."""

    def __init__(self, index: CodeIndex, sandbox: Sandbox) -> None:
        self.index = index
        self._sandbox = sandbox
        self._stamps: dict[str, str] = {}  # path → modification time and size
        self._loaded = False
        self._lock = anyio.Lock()

    async def refresh(self) -> CodeIndex:
        """The index with the workspace's present files. Raises `SandboxLost`."""
        async with self._lock:
            if not self._loaded:
                await to_thread.run_sync(self.index.refresh, from_thread.check_cancelled)
                self._loaded = True
            listed = await self._list()
            if listed is not None:
                await self._update(listed)
        return self.index

    async def _list(self) -> dict[str, tuple[str, int]] | None:
        """Path → (modification time and size as one text, size in bytes); None if the listing is incomplete."""
        skipped = " -o ".join(f"-name {name}" for name in SKIPPED_DIRECTORIES)
        names = " -o ".join(f"-iname '*{end}'" for end in LANGUAGES)
        command = (
            f"export TZ=UTC0; find . \\( {skipped} \\) -prune -o -type f \\( {names} \\) "
            f"-size -{MAX_BYTES // 1024 + 1}k -exec stat -c '%y %s %n' {{}} + 2>/dev/null; echo end"
        )
        result = await self._sandbox.exec(command, timeout=120, capture=_LISTING_BYTES)
        if not result.ok or result.output.dropped or not result.output.whole.endswith(b"end\n"):
            return None
        found = {}
        for line in result.output.whole.decode("utf-8", "surrogateescape").split("\n"):
            parts = line.split(" ", 4)
            known = len(parts) == 5 and parts[4].startswith("./") and parts[3].isdecimal() and suffix(parts[4])
            if known and "\\" not in line:  # `tar -T` would take a backslash as an escape
                found[parts[4][2:]] = (" ".join(parts[:4]), int(parts[3]))
        return found

    async def _update(self, listed: dict[str, tuple[str, int]]) -> None:
        known = set(self.index.paths)
        changed: dict[str, bytes | None] = {}
        for path in known - listed.keys():
            if not set(path.split("/")) & set(SKIPPED_DIRECTORIES) and "\\" not in path and "\n" not in path:
                changed[path] = None
        wanted: list[tuple[str, int]] = []
        unpacked = (
            "" if self._stamps else _unpacking_time([stamp for path, (stamp, _) in listed.items() if path in known])
        )
        for path, (stamp, size) in sorted(listed.items()):
            before = self._stamps.get(path)
            if unpacked and path in known and stamp.startswith(unpacked):
                self._stamps[path] = stamp
            elif before != stamp and len(wanted) < _MAX_CHANGED:
                wanted.append((path, size))
        for group in _groups(wanted):
            for path, data in (await self._read(group)).items():
                self._stamps[path] = listed[path][0]
                if self.index.has_changed(path, data):
                    changed[path] = data
        if changed:
            await to_thread.run_sync(self.index.update, changed)

    async def _read(self, paths: list[str]) -> dict[str, bytes]:
        """The contents of those files that still exist."""
        names = "".join(f"./{path}\n" for path in paths).encode("utf-8", "surrogateescape")
        result = await self._sandbox.exec(
            "tar -cf - -T - 2>/dev/null", stdin=names, timeout=120, capture=4 * _GROUP_BYTES
        )
        found: dict[str, bytes] = {}
        if result.output.dropped:
            return found
        wanted = set(paths)
        try:
            with tarfile.open(fileobj=io.BytesIO(result.output.whole)) as tar:
                for member in tar:
                    path = member.name.removeprefix("./")
                    content = tar.extractfile(member) if member.isreg() and path in wanted else None
                    if content is not None:
                        found[path] = content.read(MAX_BYTES + 1)
        except tarfile.TarError:
            pass  # what was read so far counts
        return found


def _unpacking_time(stamps: list[str]) -> str:
    """The modification time that the commit's files were unpacked with; empty if they have none in common.

    It is a whole second that at least half of them have. An edited file has a time of its own, with a fraction.
    """
    times = Counter(stamp.rpartition(" ")[0] for stamp in stamps)
    time, count = max(times.items(), key=lambda each: each[1], default=("", 0))
    return f"{time} " if ".000000000 " in time and 2 * count >= len(stamps) else ""


def _groups(files: Iterable[tuple[str, int]]) -> list[list[str]]:
    """Paths in groups that are read by one command each; `files` are paths and sizes."""
    groups: list[list[str]] = []
    room = 0
    for path, size in files:
        if size + 2048 > room or not groups:
            groups.append([])
            room = _GROUP_BYTES
        groups[-1].append(path)
        room -= size + 2048
    return groups
