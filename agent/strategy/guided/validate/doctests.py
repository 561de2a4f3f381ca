"""The examples in a Python module's documentation (`>>>`), held against a change that passes the tests.

Tests that are shown are often few, and a change may pass them and be wrong; what the documentation says of the changed
functions is a further word, from whoever wrote the code. It doubts, it does not decide: documentation may be old.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import shlex
from collections.abc import Collection, Mapping
from importlib.resources import files

from agent.code.python_ast import parse
from agent.code.python_modules import module_of
from agent.strategy.guided.state import GuidedState
from tools.files import write_text

MAX_EXAMPLES = 40
"""Of one module that are looked at."""
_SECONDS = 10.0
_MARK = "documented examples that fail:"
_SCRIPT = "doctest_script.py"


def documented_examples(source: str, names: Collection[str]) -> list[str]:
    """The texts of a module, docstrings or not, whose examples call one of the functions `names`; they are doctests."""
    tree = parse(source) if names and ">>>" in source else None
    found: list[str] = []
    count = 0
    for node in ast.walk(tree) if tree else ():
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and ">>>" in node.value):
            continue
        try:
            examples = doctest.DocTestParser().get_examples(node.value)
        except ValueError:  # an indentation that is no doctest's
            continue
        count += len(examples)
        if count <= MAX_EXAMPLES and any(re.search(_any_of(names), example.source) for example in examples):
            found.append(node.value)
    return found


def examples_beside(source: str, names: Collection[str], tests: str) -> list[str]:
    """The documented examples of the functions `names`, each a doctest of its own, whose calls `tests` don't have."""
    known = "".join(tests.split())
    found = []
    for text in documented_examples(source, names):
        for example in doctest.DocTestParser().get_examples(text):
            if re.search(_any_of(names), example.source) and "".join(example.source.split()) not in known:
                found.append(f">>> {example.source}{example.want}")
    return found


async def count_failing_examples(
    guided: GuidedState, path: str, names: Collection[str], examples: Collection[str]
) -> int:
    """How many of `examples` fail on a module in the workspace as it is now. Raises `SandboxLost`."""
    return await _run(guided, [module_of(path), _any_of(names), json.dumps(list(examples)), _MARK])


async def count_failing_doctests(
    guided: GuidedState, before: Mapping[str, str], changed: Collection[str], names: Collection[str]
) -> int:
    """How many documented examples of the functions `names` fail in the workspace as it is now.

    `before` has the texts whose documentation is believed, `changed` the paths of the files to look at. Examples that
    can't be run, since the module can't be imported or takes too long, count as none. Raises `SandboxLost`.
    """
    failed = 0
    for path in sorted(changed):
        texts = documented_examples(before.get(path, ""), names) if path.endswith(".py") else []
        if texts:
            failed += await count_failing_examples(guided, path, names, texts)
    return failed


async def _run(guided: GuidedState, arguments: list[str]) -> int:
    sandbox = guided.workspace.sandbox
    script = sandbox.workspace.private / _SCRIPT
    await write_text(sandbox, script, files(__package__).joinpath(_SCRIPT).read_text("utf-8"))
    command = f"PYTHONDONTWRITEBYTECODE=1 python3 {shlex.join([str(script), *arguments])}"
    ran = await sandbox.exec(command, timeout=_SECONDS, capture=1 << 16)
    last = ran.output.text().rstrip("\n").rpartition("\n")[2]
    number = last.removeprefix(_MARK).strip() if last.startswith(_MARK) else ""
    return int(number) if ran.ok and number.isdecimal() else 0


def _any_of(names: Collection[str]) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b"
