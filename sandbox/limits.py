"""What a sandbox's commands may use, in all sandboxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of all processes of a sandbox together; sizes are in bytes.

    A command that makes its sandbox pass one is ended, and its result names it. `free` and `free_inodes` are what has
    to be left on the disk of the workspace, `file` is the size of one file, `output` that of a file with a command's
    whole output, after which output is dropped.
    """

    memory: int = 8 << 30
    processes: int = 1024
    file: int = 4 << 30
    output: int = 1 << 30
    tmp: int = 1 << 30
    free: int = 256 << 20
    free_inodes: int = 1000
