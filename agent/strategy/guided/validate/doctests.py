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

from agent.code.python_ast import parse
from agent.code.python_modules import module_of
from agent.strategy.guided.state import GuidedState
from tools.files import write_text

MOST = 40
"""Examples of one module that are looked at."""
_SECONDS = 10.0
_MARK = "documented examples that fail:"
_PLACE = "documented.py"

_SCRIPT = """import doctest, importlib, json, re, sys

sys.path[:0] = [".", "src"]
place = vars(importlib.import_module({module}))
names = re.compile({names})
wrong = 0


class Runner(doctest.DocTestRunner):
    def count(self, example):
        global wrong
        wrong += bool(names.search(example.source))

    def report_start(self, out, test, example): pass
    def report_success(self, out, test, example, got): pass
    def report_failure(self, out, test, example, got): self.count(example)
    def report_unexpected_exception(self, out, test, example, exc_info): self.count(example)


flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
for text in json.loads({texts}):
    test = doctest.DocTestParser().get_doctest(text, dict(place), "documentation", None, 0)
    Runner(verbose=False, optionflags=flags).run(test, out=lambda text: None)
print({mark}, wrong)
"""


def documented(source: str, names: Collection[str]) -> list[str]:
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
        if count <= MOST and any(_naming(names).search(example.source) for example in examples):
            found.append(node.value)
    return found


async def doubts(
    guided: GuidedState, before: Mapping[str, str], changed: Collection[str], names: Collection[str]
) -> int:
    """How many documented examples of the functions `names` fail in the workspace as it is now.

    `before` has the texts whose documentation is believed, `changed` the paths of the files to look at. Examples that
    can't be run, since the module can't be imported or takes too long, say nothing.
    """
    wrong = 0
    for path in sorted(changed):
        texts = documented(before.get(path, ""), names) if path.endswith(".py") else []
        if texts:
            wrong += await _wrong(guided, module_of(path), texts, names)
    return wrong


async def _wrong(guided: GuidedState, module: str, texts: list[str], names: Collection[str]) -> int:
    script = _SCRIPT.format(
        module=repr(module), names=repr(_naming(names).pattern), texts=repr(json.dumps(texts)), mark=repr(_MARK)
    )
    place = guided.workspace.sandbox.workspace.private / _PLACE
    await write_text(guided.workspace.sandbox, place, script)
    command = f"PYTHONDONTWRITEBYTECODE=1 python3 {shlex.quote(str(place))}"
    ran = await guided.workspace.sandbox.exec(command, timeout=_SECONDS, capture=1 << 16)
    lines = ran.output.text().splitlines()
    told = lines[-1].removeprefix(_MARK).strip() if lines and lines[-1].startswith(_MARK) else ""
    return int(told) if ran.ok and told.isdecimal() else 0


def _naming(names: Collection[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
