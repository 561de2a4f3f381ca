"""The index kept up with a sandbox: one command lists its source files, one more reads those that changed."""

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

SKIPPED = (".git", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache")
_LISTING_BYTES = 32 << 20
_READ_BYTES = 32 << 20
_MAX_CHANGED = 20_000


class WorkspaceIndex:
    """A `CodeIndex` of a commit and the sandbox that works on it."""

    def __init__(self, index: CodeIndex, sandbox: Sandbox) -> None:
        self.index = index
        self._sandbox = sandbox
        self._seen: dict[str, str] = {}  # path → time and size
        self._began = False
        self._lock = anyio.Lock()

    async def refresh(self) -> CodeIndex:
        """The index as the workspace is now. Raises `SandboxLost`."""
        async with self._lock:
            if not self._began:
                await to_thread.run_sync(self.index.refresh, from_thread.check_cancelled)
                self._began = True
            listed = await self._list()
            if listed is not None:
                await self._update(listed)
        return self.index

    async def _list(self) -> dict[str, tuple[str, int]] | None:
        """Path → time and size as one text, size. None when the listing can't be had whole."""
        skipped = " -o ".join(f"-name {name}" for name in SKIPPED)
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
            if known and "\\" not in line:  # which tar would read in its own way
                found[parts[4][2:]] = (" ".join(parts[:4]), int(parts[3]))
        return found

    async def _update(self, listed: dict[str, tuple[str, int]]) -> None:
        known = set(self.index.paths)
        changed: dict[str, bytes | None] = {}
        for path in known - listed.keys():
            if not set(path.split("/")) & set(SKIPPED) and "\\" not in path and "\n" not in path:
                changed[path] = None
        wanted: list[tuple[str, int]] = []
        unpacked = "" if self._seen else _unpacked([stamp for path, (stamp, _) in listed.items() if path in known])
        for path, (stamp, size) in sorted(listed.items()):
            before = self._seen.get(path)
            if unpacked and path in known and stamp.startswith(unpacked):
                self._seen[path] = stamp
            elif before != stamp and len(wanted) < _MAX_CHANGED:
                wanted.append((path, size))
        for group in _groups(wanted):
            for path, data in (await self._read(group)).items():
                self._seen[path] = listed[path][0]
                if self.index.has_changed(path, data):
                    changed[path] = data
        if changed:
            await to_thread.run_sync(self.index.update, changed)

    async def _read(self, paths: list[str]) -> dict[str, bytes]:
        """The content of files, as far as they are still there."""
        names = "".join(f"./{path}\n" for path in paths).encode("utf-8", "surrogateescape")
        result = await self._sandbox.exec(
            "tar -cf - -T - 2>/dev/null", stdin=names, timeout=120, capture=4 * _READ_BYTES
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


def _unpacked(stamps: list[str]) -> str:
    """The time that files of the commit were unpacked with: a whole second that most of them have; else empty.

    What is edited has a time of its own, with a fraction.
    """
    times = Counter(stamp.rpartition(" ")[0] for stamp in stamps)
    time, count = max(times.items(), key=lambda each: each[1], default=("", 0))
    return f"{time} " if ".000000000 " in time and 2 * count >= len(stamps) else ""


def _groups(files: Iterable[tuple[str, int]]) -> list[list[str]]:
    """The files in groups that are read at once."""
    groups: list[list[str]] = []
    room = 0
    for path, size in files:
        if size + 2048 > room or not groups:
            groups.append([])
            room = _READ_BYTES
        groups[-1].append(path)
        room -= size + 2048
    return groups
