"""Which functions of the repository a script runs: the cause of what it shows is most likely in one of them."""

from __future__ import annotations

import json

from agent.strategy.work import Work
from tools.files import write_text

_SECONDS = 60.0
_MARK = "functions that ran: "
_PLACE, _TRACED = "executed.py", "traced.py"
_SCRIPT = """import ast, json, os, sys

sys.path[:0] = [os.getcwd(), os.path.join(os.getcwd(), "src")]
with open({place}) as file:
    body = ast.parse(file.read()).body
# what runs while modules are imported runs whatever the script does
first = next((at for at, node in enumerate(body) if not isinstance(node, (ast.Import, ast.ImportFrom))), len(body))
root, seen, space = os.getcwd() + os.sep, set(), {{"__name__": "__main__"}}


def run(nodes):
    exec(compile(ast.Module(nodes, []), "script", "exec"), space)


def called(frame, event, _):
    code = frame.f_code
    if event == "call" and code not in seen and code.co_filename.startswith(root):
        seen.add(code)


try:
    run(body[:first])
    sys.setprofile(called)
    run(body[first:])
except BaseException:
    pass
sys.setprofile(None)
found = sorted({{(code.co_filename[len(root):], code.co_firstlineno) for code in seen}})
sys.stdout = sys.__stdout__
print("\\n" + {mark} + json.dumps(found), flush=True)
os._exit(0)
"""


async def executed(work: Work, script: str) -> frozenset[tuple[str, int]]:
    """The functions that a script runs, as path and first line, with its decorators; empty where that can't be told.

    Raises `SandboxLost`.
    """
    private = work.sandbox.workspace.private
    await write_text(work.sandbox, private / _TRACED, script)
    text = _SCRIPT.format(place=repr(f"../{private.name}/{_TRACED}"), mark=repr(_MARK))
    await write_text(work.sandbox, private / _PLACE, text)
    command = f"PYTHONDONTWRITEBYTECODE=1 python3 ../{private.name}/{_PLACE}"
    ran = await work.sandbox.exec(command, timeout=_SECONDS, capture=1 << 20)
    _, mark, told = ran.output.text().rpartition(_MARK)
    try:
        return frozenset((str(path), int(line)) for path, line in json.loads(told)) if mark and ran.ok else frozenset()
    except (ValueError, TypeError):
        return frozenset()
