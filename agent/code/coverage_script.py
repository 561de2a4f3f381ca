"""Runs in the sandbox: runs another script, and prints which functions of the repository it called.

    python3 coverage_script.py SCRIPT MARK

in the repository's root. The last line of the output is MARK with a JSON list behind it: of each function the path
from the root, and its first line, with its decorators.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import signal
import sys
import threading
import types
from pathlib import Path
from typing import Any, NoReturn

_SECONDS = 20


def main(path: str, mark: str) -> NoReturn:
    """Run the script in `path`; what ends it, and what it prints, is of no interest."""
    root = f"{Path.cwd().resolve()}/"
    sys.path[:0] = [root.rstrip("/"), f"{root}src"]
    out, load = os.dup(1), builtins.__import__
    seen: dict[tuple[str, int], None] = {}

    def profile(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call":
            seen[frame.f_code.co_filename, frame.f_code.co_firstlineno] = None

    def unprofiled_import(*args: Any, **kwargs: Any) -> Any:  # what modules run at import, they run in any script
        before = sys.getprofile()
        sys.setprofile(None)
        try:
            return load(*args, **kwargs)
        finally:
            sys.setprofile(before)

    def report(*_: object) -> NoReturn:
        sys.setprofile(None)
        places = ((os.path.realpath(name), line) for name, line in list(seen) if name[:1] != "<")
        found = sorted({(name[len(root) :], line) for name, line in places if name.startswith(root)})
        os.write(out, f"\n{mark}{json.dumps(found)}".encode())
        os._exit(0)

    module = types.ModuleType("__main__")
    module.__file__ = path
    script = compile(Path(path).read_text("utf-8"), path, "exec")
    sys.modules["__main__"] = module
    builtins.__import__ = unprofiled_import
    signal.signal(signal.SIGALRM, report)
    signal.alarm(_SECONDS)
    threading.setprofile(profile)
    sys.setprofile(profile)
    with contextlib.suppress(BaseException):
        exec(script, module.__dict__)
    report()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
