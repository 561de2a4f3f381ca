"""Which functions of the repository a script runs: the cause of what it shows is most likely in one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection

from agent.strategy.guided.state import GuidedState
from tools.files import write_text

_SECONDS = 60.0
_MOST_FILES = 60
_MARK = "functions that ran: "
_PLACE, _TRACED = "executed.py", "traced.py"
_SCRIPT = """import builtins, json, os, signal, sys, threading, types

root = os.path.realpath(os.getcwd()) + os.sep
sys.path[:0] = [root.rstrip(os.sep), os.path.join(root, "src")]
out, seen, load = os.dup(1), {{}}, builtins.__import__


def called(frame, event, _):
    if event == "call":
        code = frame.f_code
        seen[code.co_filename, code.co_firstlineno] = None


def imported(*args, **kwargs):  # what runs while modules are imported runs whatever the script does
    before = sys.getprofile()
    sys.setprofile(None)
    try:
        return load(*args, **kwargs)
    finally:
        sys.setprofile(before)


def tell(*_):
    sys.setprofile(None)
    places = ((os.path.realpath(path), line) for path, line in list(seen) if path[:1] != "<")
    found = sorted({{(path[len(root):], line) for path, line in places if path.startswith(root)}})
    os.write(out, ("\\n" + {mark} + json.dumps(found)).encode())
    os._exit(0)


main = types.ModuleType("__main__")
main.__file__ = {place}
with open({place}) as file:
    script = compile(file.read(), {place}, "exec")
sys.modules["__main__"] = main
builtins.__import__ = imported
signal.signal(signal.SIGALRM, tell)
signal.alarm(20)
threading.setprofile(called)
sys.setprofile(called)
try:
    exec(script, main.__dict__)
except BaseException:
    pass
tell()
"""


async def executed(guided: GuidedState, script: str) -> frozenset[tuple[str, int]]:
    """The functions that a script runs, as path and first line, with its decorators; empty where that can't be told.

    Raises `SandboxLost`.
    """
    private = guided.workspace.sandbox.workspace.private
    await write_text(guided.workspace.sandbox, private / _TRACED, script)
    text = _SCRIPT.format(place=repr(f"../{private.name}/{_TRACED}"), mark=repr(_MARK))
    await write_text(guided.workspace.sandbox, private / _PLACE, text)
    command = f"PYTHONDONTWRITEBYTECODE=1 python3 ../{private.name}/{_PLACE}"
    ran = await guided.workspace.sandbox.exec(command, timeout=_SECONDS, capture=1 << 20)
    _, mark, told = ran.output.text().rpartition(_MARK)
    try:
        return frozenset((str(path), int(line)) for path, line in json.loads(told)) if mark and ran.ok else frozenset()
    except (ValueError, TypeError):
        return frozenset()


def files_of(ran: Collection[tuple[str, int]]) -> set[str]:
    """The files of functions that ran, at most `_MOST_FILES`: those with the most of them."""
    return {path for path, _ in Counter(path for path, _ in ran).most_common(_MOST_FILES)}
